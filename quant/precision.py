"""How many bits the parts of a network get, and which of them can be integers at all."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.graph import Array, DType, Graph, Kind, Node, Op, Quantization, Scaling, Tensor
from edge_runtime.ops import Cast, Gru, Linear, Lstm, Quantize, Recurrent
from edge_runtime.quant.columns import is_known


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
    if precision is Precision.W4 and not (has_weights(graph, node) and is_known(graph, node)):
        return f"{node.op.NAME} has no kernel for int4 weights"
    if reason := _no_integers(node.op):
        return reason
    unreachable = _unreachable(precision.activations)
    if unreachable:
        return "; ".join(unreachable)
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


def _no_integers(op: Op) -> str:
    """Why an operation has no integer form that the quantizer makes; empty where it may have."""
    if isinstance(op, Gru | Lstm):
        return "no file format has it in integers without keeping its state between calls"
    if isinstance(op, Recurrent):
        return f"there is no integer {op.NAME}"
    if isinstance(op, Cast):
        return "it changes real numbers to whole ones or to truth values, or back"
    return ""


def _unreachable(dtype: DType) -> list[str]:
    """Why int8 cannot be turned into activations of this type."""
    narrow, wide = (Tensor("", (1,), each, quantization=_PLAIN) for each in (DType.INT8, dtype))
    return Quantize().problems([narrow], wide)


_PLAIN = Quantization.per_tensor(1 / 128)
"""Any will do to ask which types are legal."""


def _outputs(graph: Graph, node: Node, dtype: DType) -> list[Tensor]:
    fixed = node.op.SCALING is Scaling.FIXED
    quantization = node.op.fixed_quantization(dtype) if fixed else _PLAIN
    return [
        replace(tensor, dtype=dtype, quantization=quantization) if tensor.dtype.is_float else tensor
        for tensor in graph.node_outputs(node)
    ]


def has_weights(graph: Graph, node: Node) -> bool:
    """Whether `node` is a layer with constant weights."""
    return isinstance(node.op, Linear) and graph.node_inputs(node)[1].data is not None


def _inputs(graph: Graph, node: Node, precision: Precision) -> Iterator[list[Tensor]]:
    """The inputs as they would be: a bias of a layer with weights may be of several types."""
    given = graph.node_inputs(node)
    if not isinstance(node.op, Linear) or not has_weights(graph, node):
        yield [_stored(tensor, precision.activations) for tensor in given]
        return
    image, weights, *bias = given
    axis = node.op.weight_axis
    channels = weights.shape[axis] if axis < len(weights.shape) else 1
    grid = Quantization((1 / 128,) * channels, (0,) * channels, axis)
    narrow = [_stored(image, precision.activations), _stored(weights, precision.weights, grid)]
    for dtype in BIAS_TYPES[precision.activations]:
        yield [*narrow, *(_stored(tensor, dtype, replace(grid, axis=0)) for tensor in bias)]


BIAS_TYPES = {
    DType.INT8: (DType.INT32,),
    DType.INT16: (DType.INT64, DType.INT32),
}
"""What a bias may be stored in, the better first: sums of int16 outgrow 32 bits."""


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
    types = BIAS_TYPES[precision.activations]
    for dtype, inputs in zip(types, _inputs(graph, node, precision), strict=True):
        if not node.op.node_problems(inputs, outputs):
            return dtype
    return types[0]
