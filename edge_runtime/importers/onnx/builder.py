"""The graph that an ONNX file becomes, as far as it has been built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnx.helper

from edge_runtime.graph import Array, DType, Graph, Node, Op, Quantization, Shape, Tensor
from edge_runtime.graph.names import UniqueNames
from edge_runtime.graph.op import Scaling
from edge_runtime.importers.onnx.constants import narrowed
from edge_runtime.importers.onnx.file import File, FileInput
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import (
    Axes,
    Known,
    Placed,
    Value,
    channels_last,
    natural,
    regrouped,
    shape_of,
    sizes,
)
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Copy, Dequantize, Quantize, Reshape, Transpose

Converter = Callable[["Builder", FileNode], Value | Sequence[Value] | None]
"""Makes the values that a node puts out; None where it is written in other operations."""

_TYPES = frozenset(dtype.value for dtype in DType)


class Builder:
    """Takes tensors and nodes in, and knows what stands behind every ONNX name so far."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.values: dict[str, Value] = {}
        self.unknown: set[str] = set()
        self._tensors: dict[str, Tensor] = {}
        self._nodes: list[Node] = []
        self._tensor_name = UniqueNames()
        self._node_name = UniqueNames()
        self._arranged: dict[tuple[str, Axes, Shape], str] = {}
        self._reserved: frozenset[str] = frozenset()
        for source in file.inputs:
            self.values[source.name] = self.activation(source)
        for source in file.empty:
            self.values[source.name] = Known(np.empty(source.shape, source.dtype.numpy))
        self._reserved = frozenset(file.outputs)

    def activation(self, source: FileInput) -> Placed:
        """A tensor that no node makes."""
        name = self._add(Tensor(source.name, source.shape, source.dtype))
        return Placed(name, source.shape, natural(len(source.shape)))

    def tensor(self, name: str) -> Tensor:
        """A tensor of the graph by its name."""
        return self._tensors[name]

    def annotate(self, name: str, quantization: Quantization) -> None:
        """Give the integers of a model's input their meaning, before a reshape as behind it."""
        self._tensors[name] = replace(self._tensors[name], quantization=quantization)
        for node in self._nodes:
            if node.output == name and self._tensors[node.inputs[0]].quantization is None:
                self.annotate(node.inputs[0], quantization)

    def value(self, name: str) -> Value:
        """What an ONNX name stands for; UnsupportedError where nothing has made it."""
        if name not in self.values and self.file.is_constant(name):
            self.values[name] = Known(self.file.constant(name))
        if name not in self.values:
            raise UnsupportedError(f"input {name or 'that is left out'} is not made by any node")
        return self.values[name]

    def placed(self, name: str) -> Placed:
        """An activation; UnsupportedError for a constant."""
        value = self.value(name)
        if isinstance(value, Known):
            raise UnsupportedError(f"input {name} is a constant; allowed: an activation")
        return value

    def known(self, name: str) -> Known:
        """A constant; UnsupportedError for an activation."""
        value = self.value(name)
        if isinstance(value, Placed):
            raise UnsupportedError(
                f"input {name} is computed at run time; it must be a constant",
                "make it an initializer",
            )
        return value

    def type_of(self, name: str) -> Any:
        """The ONNX type of a value, for functions that depend on it; empty for none."""
        if not name:
            return onnx.TypeProto()
        value = self.value(name)
        if isinstance(value, Known):
            dtype = value.array.dtype
        else:
            dtype = self._tensors[value.tensor].dtype.numpy
        number = onnx.helper.np_dtype_to_tensor_dtype(dtype)
        return onnx.helper.make_tensor_type_proto(number, shape_of(value))

    def integers(self, name: str) -> tuple[int, ...]:
        """The values of a short constant list of integers."""
        array = self.known(name).array
        if array.dtype.kind not in "iu" or array.size > 64:
            raise UnsupportedError(f"input {name} is no short list of integers")
        return tuple(int(value) for value in array.ravel())

    def number(self, name: str) -> float:
        """The value of a constant of one element."""
        array = self.known(name).array
        if array.size != 1 or array.dtype.kind not in "iufb":
            raise UnsupportedError(f"input {name} is no single number")
        return float(array.reshape(()))

    def constant(self, name: str, array: Array, quantization: Quantization | None = None) -> str:
        """Add a constant; returns the name of its tensor."""
        array = narrowed(array, name)
        if array.dtype.name not in _TYPES:
            raise UnsupportedError(f"constant {name} is {array.dtype.name}")
        return self._add(Tensor.constant(name, array, quantization))

    def emit_all(
        self, node: FileNode, op: Op, inputs: Sequence[str], outputs: Sequence[str]
    ) -> tuple[str, ...]:
        """Add a node with several outputs, of the first input's type; returns their names."""
        sources = [self._tensors[name] for name in inputs]
        made = [Tensor(output, (), sources[0].dtype) for output in outputs]
        reasons = op.node_problems(sources, made)
        if reasons:
            raise UnsupportedError("; ".join(reasons))
        shapes = op.output_shapes(sources)
        names = [self._add(replace(t, shape=s)) for t, s in zip(made, shapes, strict=True)]
        self._nodes.append(
            Node(self._node_name(node.name), op, tuple(inputs), names[0], tuple(names[1:]))
        )
        return tuple(names)

    def emit(
        self,
        node: FileNode | str,
        op: Op,
        inputs: Sequence[str],
        output: str,
        *,
        dtype: DType | None = None,
        quantization: Quantization | None = None,
    ) -> str:
        """Add a node; returns the name of the tensor it makes.

        The type is that of the first input unless `dtype` says otherwise; so is the quantization of
        operations that keep it.
        """
        sources = [self._tensors[name] for name in inputs]
        if quantization is None and op.SCALING in (Scaling.KEPT, Scaling.SHARED):
            quantization = sources[0].quantization
        made = Tensor(output, (), dtype or sources[0].dtype, quantization=quantization)
        reasons = op.problems(sources, made)
        if reasons:
            raise UnsupportedError("; ".join(reasons))
        shape = op.output_shape(sources)
        if not all(size > 0 for size in shape):
            raise UnsupportedError(f"its output has the shape {shape}")
        name = self._add(replace(made, shape=shape))
        wanted = node if isinstance(node, str) else node.name
        self._nodes.append(Node(self._node_name(wanted), op, tuple(inputs), name))
        return name

    def move(self, op: Op, tensor: str, output: str) -> str:
        """Add a node of one input that is named after its output."""
        return self.emit(output, op, [tensor], output)

    def arranged(self, value: Placed, axes: Axes) -> str:
        """The tensor that holds `value` in the order `axes`, made from its tensor if need be."""
        if axes == value.axes:
            return value.tensor
        key = (value.tensor, axes, value.shape)
        if key not in self._arranged:
            self._arranged[key] = self._rearrange(value, axes)
        return self._arranged[key]

    def _rearrange(self, value: Placed, axes: Axes) -> str:
        target = Placed("", value.shape, axes)
        shape = sizes(axes, value.shape)
        if value.moved() == target.moved():
            return self.move(Reshape(shape), value.tensor, f"{value.tensor}_shaped")
        plain = [axis for axis in value.axes if axis is not None]
        tensor = value.tensor
        if len(plain) != len(value.axes):
            squeezed = tuple(value.shape[axis] for axis in plain)
            tensor = self.move(Reshape(squeezed), tensor, f"{tensor}_squeezed")
        order = tuple(plain.index(axis) for axis in axes if axis is not None)
        tensor = self.move(Transpose(order), tensor, f"{value.tensor}_transposed")
        if None not in axes:
            return tensor
        return self.move(Reshape(shape), tensor, f"{tensor}_expanded")

    def image(self, tensor: str, rank: int) -> Placed:
        """The ONNX image, or sequence, that an NHWC tensor holds."""
        batch, height, width, depth = self._tensors[tensor].shape
        shape: Shape = (batch, depth, height, width) if rank == 4 else (batch, depth, width)
        return Placed(tensor, shape, channels_last(rank))

    def reshaped(self, value: Placed, shape: Shape, output: str) -> Placed:
        """The same elements in ONNX's order under another ONNX shape."""
        if shape == value.shape:
            return value
        before, axes = regrouped(value.shape, value.moved(), shape)
        tensor = value.tensor
        if Placed("", value.shape, before).moved() != value.moved():
            tensor = self.arranged(value, before)
        return Placed(self.move(Reshape(sizes(axes, shape)), tensor, output), shape, axes)

    def widened(self, value: Placed, rank: int) -> Placed:
        """A value with axes of size 1 put in front until there are `rank`, as broadcasting does."""
        return self.reshaped(value, _widened(value.shape, rank), f"{value.tensor}_wide")

    def broadcast(self, name: str, value: Value, axes: Axes) -> str:
        """The tensor of an operand that is broadcast, in the order `axes` of the result.

        A constant is called `name`.
        """
        rank = sum(axis is not None for axis in axes)
        if isinstance(value, Placed):
            return self.arranged(self.widened(value, rank), axes)
        shape = _widened(shape_of(value), rank)
        order = [axis for axis in axes if axis is not None]
        stored = value.stored
        narrow = stored is not None and stored.integers.dtype.itemsize < 4
        if stored is None or stored.quantization.axis is not None or not narrow:
            array = value.array.reshape(shape).transpose(order).reshape(sizes(axes, shape))
            return self.constant(name, array)
        integers = stored.integers.reshape(shape).transpose(order).reshape(sizes(axes, shape))
        constant = self.constant(f"{name}_stored", integers, stored.quantization)
        return self.emit(name, Dequantize(), [constant], name, dtype=DType.FLOAT32)

    def rest(self, name: str) -> Graph:
        """All that was taken in, where some nodes were not."""
        return Graph.build(name, self._tensors.values(), self._nodes, (), ())

    def graph(self, name: str, outputs: Sequence[str]) -> Graph:
        """The graph whose outputs are these ONNX values, under their own names."""
        self._reserved = frozenset()
        inputs = [source.name for source in self.file.inputs]
        made = [self._output(output) for output in outputs]
        return Graph.build(name, self._tensors.values(), self._nodes, inputs, made)

    def _output(self, name: str) -> str:
        value = self.value(name)
        if isinstance(value, Known) and not value.array.size:
            raise UnsupportedError(f"output {name} of shape {value.array.shape} has no elements")
        if isinstance(value, Known):
            return self.move(Copy(), self.constant(f"{name}_constant", value.array), name)
        value = self._of_declared_type(name, value)
        tensor = self.arranged(value, natural(value.rank))
        if tensor == name:
            return tensor
        # A pass gives the name to the node before it and takes the reshape out again.
        return self.move(Reshape(value.shape), tensor, name)

    def _of_declared_type(self, name: str, value: Placed) -> Placed:
        """The uint8 that the file declares for what is int8 here."""
        tensor = self._tensors[value.tensor]
        grid = tensor.quantization
        if self.file.output_type(name) is not DType.UINT8 or tensor.dtype is not DType.INT8:
            return value
        if grid is None:
            raise UnsupportedError(f"output {name} is uint8 without a scale")
        unsigned = Quantization(grid.scales, tuple(point + 128 for point in grid.zero_points))
        made = self.emit(
            f"{name}_uint8",
            Quantize(),
            [value.tensor],
            f"{name}_uint8",
            dtype=DType.UINT8,
            quantization=unsigned,
        )
        return replace(value, tensor=made)

    def _add(self, tensor: Tensor) -> str:
        suffix = "_value" if tensor.name in self._reserved else ""
        name = self._tensor_name(tensor.name + suffix)
        self._tensors[name] = replace(tensor, name=name)
        return name


def _widened(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape
