"""The graph that an ONNX file becomes, as far as it has been built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.graph import Array, DType, Graph, Node, Op, Quantization, Shape, Tensor
from edge_runtime.graph.names import UniqueNames
from edge_runtime.importers.onnx.file import File, FileInput, FileNode
from edge_runtime.importers.onnx.values import Axes, Known, Placed, Value, natural
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Reshape, Transpose

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

    def integers(self, name: str) -> tuple[int, ...]:
        """The values of a short constant list of integers."""
        array = self.known(name).array
        if array.dtype.kind not in "iu" or array.size > 64:
            raise UnsupportedError(f"input {name} is no short list of integers")
        return tuple(int(value) for value in array.ravel())

    def constant(self, name: str, array: Array, quantization: Quantization | None = None) -> str:
        """Add a constant; returns the name of its tensor."""
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise UnsupportedError(f"constant {name} holds values that are not finite")
        if array.dtype.name not in _TYPES:
            raise UnsupportedError(f"constant {name} is {array.dtype.name}")
        return self._add(Tensor.constant(name, array, quantization))

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

        The type is that of the first input unless `dtype` says otherwise.
        """
        sources = [self._tensors[name] for name in inputs]
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
        """Add a node that moves elements and leaves type and quantization as they are."""
        kept = self._tensors[tensor].quantization
        return self.emit(output, op, [tensor], output, quantization=kept)

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
        shape = tuple(1 if axis is None else value.shape[axis] for axis in axes)
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

    def reshaped(self, value: Placed, shape: Shape, output: str) -> Placed:
        """The same elements in ONNX's order under another ONNX shape."""
        tensor = self.arranged(value, natural(value.rank))
        made = self.move(Reshape(shape), tensor, output)
        return Placed(made, shape, natural(len(shape)))

    def graph(self, name: str, outputs: Sequence[str]) -> Graph:
        """The graph whose outputs are these ONNX values, under their own names."""
        self._reserved = frozenset()
        inputs = [source.name for source in self.file.inputs]
        made = [self._output(output) for output in outputs]
        return Graph.build(name, self._tensors.values(), self._nodes, inputs, made)

    def _output(self, name: str) -> str:
        value = self.placed(name)
        tensor = self.arranged(value, natural(value.rank))
        if tensor == name:
            return tensor
        # A pass gives the name to the node before it and takes the reshape out again.
        return self.move(Reshape(value.shape), tensor, name)

    def _add(self, tensor: Tensor) -> str:
        suffix = "_value" if tensor.name in self._reserved else ""
        name = self._tensor_name(tensor.name + suffix)
        self._tensors[name] = replace(tensor, name=name)
        return name
