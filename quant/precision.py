"""How many bits the parts of a network get, and which of them can be integers at all."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.graph import Array, DType, Graph, Kind, Node, Quantization, Scaling, Tensor
from edge_runtime.ops import Linear


class Precision(enum.Enum):
    """What one node computes with. The value is the name used in options and reports."""

    W8 = "w8"
    """int8 weights and activations."""
    W4 = "w4"
    """int4 weights, int8 activations."""
    A16 = "a16"
    """int8 weights, int16 activations."""

    @property
    def weights(self) -> DType:
        """The type of constant weights."""
        return DType.INT4 if self is Precision.W4 else DType.INT8

    @property
    def activations(self) -> DType:
        """The type of what is read and made."""
        return DType.INT16 if self is Precision.A16 else DType.INT8


@dataclass(frozen=True)
class Forms:
    """The precision of each node by name; `floats` says why some stay float32."""

    precisions: Mapping[str, Precision]
    floats: Mapping[str, str]

    @staticmethod
    def of(graph: Graph, wanted: Mapping[str, Precision] | None = None) -> Forms:
        """For each node of the float `graph` the wanted precision where it has it, else int8.

        Whether an operation has an integer form is asked of itself: `Op.node_problems`.
        """
        precisions, floats = {}, {}
        for node in graph.nodes:
            tried = [(wanted or {}).get(node.name, Precision.W8), Precision.W8]
            reasons = [refused(graph, node, each) for each in tried]
            if None in reasons:
                precisions[node.name] = tried[reasons.index(None)]
            else:
                floats[node.name] = reasons[-1] or ""
        return Forms(precisions, floats)

    def activations(self, node: Node) -> DType:
        """The type in which `node` computes."""
        precision = self.precisions.get(node.name)
        return DType.FLOAT32 if precision is None else precision.activations


def refused(graph: Graph, node: Node, precision: Precision) -> str | None:
    """Why `node` of a float graph has no form of this precision; None where it has one."""
    if precision is Precision.W4 and not isinstance(node.op, Linear):
        return f"{node.op.NAME} has no weights"
    try:
        outputs = _outputs(graph, node, precision.activations)
    except ValueError as error:
        return str(error)
    reasons: list[str] = []
    for inputs in _inputs(graph, node, precision):
        reasons = node.op.node_problems(inputs, outputs)
        if not reasons:
            return None
    return "; ".join(reasons)


_PLAIN = Quantization.per_tensor(1 / 128)
"""Any will do to ask which types are legal."""


def _outputs(graph: Graph, node: Node, dtype: DType) -> list[Tensor]:
    fixed = node.op.SCALING is Scaling.FIXED
    quantization = node.op.fixed_quantization(dtype) if fixed else _PLAIN
    return [
        replace(tensor, dtype=dtype, quantization=quantization) if tensor.dtype.is_float else tensor
        for tensor in graph.node_outputs(node)
    ]


def _inputs(graph: Graph, node: Node, precision: Precision) -> Iterator[list[Tensor]]:
    """The inputs as they would be: a bias of a layer with weights may be of several types."""
    given = graph.node_inputs(node)
    if not isinstance(node.op, Linear):
        yield [_stored(tensor, precision.activations) for tensor in given]
        return
    image, weights, *bias = given
    channels = len_of(weights.shape, node.op.weight_axis) if weights.data is not None else 1
    grid = Quantization((1 / 128,) * channels, (0,) * channels, node.op.weight_axis)
    narrow = [_stored(image, precision.activations), _stored(weights, precision.weights, grid)]
    for dtype in BIAS_TYPES if bias else BIAS_TYPES[:1]:
        yield [*narrow, *(_stored(tensor, dtype, grid_of_bias(grid)) for tensor in bias)]


BIAS_TYPES = (DType.INT32, DType.INT64)


def len_of(shape: Sequence[int], axis: int) -> int:
    """The length along `axis`, 1 where there is no such axis."""
    return shape[axis] if axis < len(shape) else 1


def grid_of_bias(grid: Quantization) -> Quantization:
    """Scales of channels, along a bias's only axis."""
    return replace(grid, axis=0)


def _stored(tensor: Tensor, dtype: DType, quantization: Quantization = _PLAIN) -> Tensor:
    if not tensor.dtype.is_float:
        return tensor
    data: Array | None = None
    if tensor.kind is Kind.CONSTANT:
        data = np.zeros(tensor.shape, dtype.numpy)
    return replace(tensor, dtype=dtype, quantization=quantization, data=data)


def bias_type(graph: Graph, node: Node, precision: Precision) -> DType:
    """The type that the bias of `node`, which has this form, is stored in."""
    outputs = _outputs(graph, node, precision.activations)
    for dtype, inputs in zip(BIAS_TYPES, _inputs(graph, node, precision), strict=False):
        if not node.op.node_problems(inputs, outputs):
            return dtype
    return DType.INT32
