"""The values of an ONNX model in the making: each tensor's layouts, its stored and real form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edge_runtime.graph import Array, Graph, Shape, Tensor

TO_PLANAR = (0, 3, 1, 2)
FROM_PLANAR = (0, 2, 3, 1)

Attribute = int | float | str | list[int] | list[str]


@dataclass(frozen=True)
class Step:
    """One ONNX node of a chain: its first input is what the step before made."""

    kind: str
    inputs: Sequence[str] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    domain: str = ""


class Values:
    """Nodes and initializers, and under which name each tensor of the graph can be had.

    `stored` is a tensor as the graph has it, float32 or int8; `real` is the float32 it stands for.
    Either can be had `planar` (NCHW) where the tensor is an image. What is missing is made, once.
    """

    def __init__(self, graph: Graph) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._stored: dict[tuple[str, bool], str] = {(name, False): name for name in graph.inputs}
        self._real: dict[tuple[str, bool], str] = {}
        self._scales: dict[str, list[str]] = {}
        # Every tensor's own name is kept for its NHWC form.
        self._taken = set(graph.tensors)

    def unique(self, name: str) -> str:
        """A name for a value: `name`, or one like it."""
        count, found = 1, name
        while found in self._taken:
            count += 1
            found = f"{name}_{count}"
        self._taken.add(found)
        return found

    def _append(self, step: Step, first: str, made: str, name: str) -> None:
        inputs = [first, *step.inputs]
        self.node(step.kind, inputs, [made], name, step.attributes, step.domain)

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        name: str,
        attributes: Mapping[str, Attribute],
        domain: str = "",
    ) -> None:
        """Add a node."""
        node = helper.make_node(kind, inputs, outputs, name, domain=domain)
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in sorted(attributes.items())
        )
        self.nodes.append(node)

    def chain(self, name: str, first: str, steps: Sequence[Step]) -> str:
        """Add nodes that make a value of no tensor out of `first`; what it is called."""
        for step in steps:
            made = self.unique(f"{name}/{step.kind}")
            self._append(step, first, made, made)
            first = made
        return first

    def initializer(self, name: str, data: Array) -> str:
        """Add constant data under `name`, or a name like it; the one it got."""
        made = self.unique(name)
        self.initializers.append(numpy_helper.from_array(np.array(data, order="C"), made))
        return made

    def make(
        self, tensor: Tensor, planar: bool, first: str, steps: Sequence[Step], name: str
    ) -> None:
        """Add the chain of nodes that makes the stored form of `tensor` out of `first`."""
        for step in steps[:-1]:
            made = self.unique(f"{tensor.name}/{step.kind}")
            self._append(step, first, made, made)
            first = made
        made = self.unique(f"{tensor.name}/planar") if planar else tensor.name
        self._append(steps[-1], first, made, name)
        self._stored[tensor.name, planar] = made

    def alias(self, tensor: Tensor, planar: str) -> None:
        """Let a value that is there be the NCHW form of `tensor`."""
        self._stored[tensor.name, True] = planar

    def is_planar(self, tensor: Tensor) -> bool:
        """Whether `tensor` is at hand as NCHW only, so that NHWC would cost a transpose."""
        return (tensor.name, True) in self._stored and (tensor.name, False) not in self._stored

    def stored(self, tensor: Tensor, planar: bool) -> str:
        """`tensor` as the graph stores it."""
        key = (tensor.name, planar)
        if key not in self._stored and tensor.data is not None:
            data = _planar(tensor.data) if planar else tensor.data
            self._stored[key] = self.initializer(f"{tensor.name}/constant", data)
        if key not in self._stored:
            other = self._stored[tensor.name, not planar]
            turn = Step("Transpose", (), {"perm": list(TO_PLANAR if planar else FROM_PLANAR)})
            self.make(tensor, planar, other, [turn], f"{tensor.name}/Transpose")
        return self._stored[key]

    def real(self, tensor: Tensor, planar: bool) -> str:
        """What `tensor` stands for: float32, or what it holds where it has no scale."""
        key = (tensor.name, planar)
        if key not in self._real:
            self._real[key] = self._dequantized(tensor, self.stored(tensor, planar))
        return self._real[key]

    def real_as(self, tensor: Tensor, shape: Shape) -> str:
        """What `tensor` stands for under another shape of the same elements."""
        if tensor.shape == shape:
            return self.real(tensor, False)
        made = self.unique(f"{tensor.name}/rows")
        self._append(self.reshape(tensor.name, shape), self.flat(tensor), made, made)
        return self._dequantized(tensor, made)

    def _dequantized(self, tensor: Tensor, stored: str) -> str:
        if tensor.dtype.is_float or tensor.quantization is None:
            return stored
        made = self.unique(f"{tensor.name}/real")
        self._append(Step("DequantizeLinear", self.scale(tensor)), stored, made, made)
        return made

    def flat(self, tensor: Tensor) -> str:
        """`tensor` as stored, in whichever layout at hand has its elements in NHWC's order."""
        shape = tensor.shape
        either = len(shape) == 4 and (shape[3] == 1 or shape[1:3] == (1, 1))
        return self.stored(tensor, either and self.is_planar(tensor))

    def reshape(self, name: str, shape: Shape) -> Step:
        """A step that reshapes to `shape`."""
        return Step("Reshape", [self.initializer(f"{name}/shape", np.array(shape, np.int64))])

    def scale(self, tensor: Tensor) -> list[str]:
        """The initializers of the per-tensor scale and zero point of `tensor`."""
        if tensor.name not in self._scales:
            scale = np.array(tensor.quant.scale, np.float32)
            zero = np.array(tensor.quant.zero_point, tensor.dtype.numpy)
            self._scales[tensor.name] = self._scale_of(tensor.name, scale, zero)
        return self._scales[tensor.name]

    def _scale_of(self, name: str, scale: Array, zero: Array) -> list[str]:
        return [
            self.initializer(f"{name}/scale", scale),
            self.initializer(f"{name}/zero_point", zero),
        ]

    def weights(self, tensor: Tensor, order: tuple[int, ...], axis: int = 0) -> str:
        """Constant weights transposed by `order`, which puts the output channels at `axis`."""
        name = self.initializer(f"{tensor.name}/constant", tensor.values.transpose(order))
        if tensor.dtype.is_float:
            return name
        return self._symmetric(tensor.name, name, tensor.quant.scales, tensor.dtype.numpy, axis)

    def turned(self, tensor: Tensor, real: str) -> str:
        """`real`, which stands for `tensor`, with its last two dimensions exchanged."""
        made = self.unique(f"{tensor.name}/turned")
        *others, rows, columns = range(len(tensor.shape))
        self._append(Step("Transpose", (), {"perm": [*others, columns, rows]}), real, made, made)
        return made

    def bias(self, tensor: Tensor, image: Tensor, weights: Tensor) -> str:
        """A constant bias, in integer form in units of the scale of `image` times `weights`."""
        name = self.initializer(f"{tensor.name}/constant", tensor.values.reshape(-1))
        if tensor.dtype.is_float:
            return name
        scales = [image.quant.scale * scale for scale in weights.quant.scales]
        return self._symmetric(tensor.name, name, scales, tensor.dtype.numpy)

    def _symmetric(
        self,
        name: str,
        stored: str,
        scales: Sequence[float],
        kind: np.dtype[np.generic],
        axis: int = 0,
    ) -> str:
        values = np.array(scales if len(scales) > 1 else scales[0], np.float32)
        parameters = self._scale_of(name, values, np.zeros(values.shape, kind))
        made = self.unique(f"{name}/real")
        attributes: dict[str, Attribute] = {"axis": axis} if len(scales) > 1 else {}
        self._append(Step("DequantizeLinear", parameters, attributes), stored, made, made)
        return made


def _planar(data: Array) -> Array:
    """Constant data that is to meet NCHW images, by NumPy's rules of broadcasting."""
    return data.reshape((1,) * (4 - data.ndim) + data.shape).transpose(TO_PLANAR)
