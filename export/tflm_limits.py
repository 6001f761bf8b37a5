"""What TensorFlow Lite Micro has no kernel for though the file format has: found by trying.

`tests/export/test_tflm_limits.py` tries all of it on TensorFlow Lite Micro itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime import ops
from edge_runtime.errors import Problem
from edge_runtime.graph import DType, Graph, Node, Op, Tensor

_NEVER: tuple[type[Op], ...] = (ops.Gelu, ops.ReduceProd, ops.Round, ops.Sign, ops.Tile)
_FLOAT_ONLY: tuple[type[Op], ...] = (
    *(ops.Ceil, ops.Cos, ops.Exp, ops.Floor, ops.Log, ops.Neg, ops.Sin, ops.Sqrt, ops.Square),
)
_NO_INT16: tuple[type[Op], ...] = (
    *(ops.ArgReduce, ops.BatchToSpace, ops.DepthToSpace, ops.Elu, ops.Gather, ops.HardSwish),
    *(ops.MirrorPad, ops.ReduceMax, ops.ReduceMin, ops.ResizeBilinear, ops.SpaceToBatch),
    ops.SpaceToDepth,
)


def tflm_refusals(graph: Graph) -> tuple[Problem, ...]:
    """The nodes for which TensorFlow Lite Micro refuses the file that `to_tflite` writes."""
    found = ((node, _refusal(graph, node)) for node in graph.nodes)
    return tuple(Problem(node.name, node.op.NAME, reason) for node, reason in found if reason)


def _refusal(graph: Graph, node: Node) -> str:
    op, inputs = node.op, graph.node_inputs(node)
    dtype = inputs[0].dtype
    if isinstance(op, _NEVER):
        return "it has no such kernel"
    if isinstance(op, _FLOAT_ONLY) and not dtype.is_float:
        return f"{dtype.value}; it has float32 only"
    if isinstance(op, _NO_INT16) and dtype is DType.INT16:
        return "int16; it has float32 and int8 only"
    return _limit(op, inputs)


def _limit(op: Op, inputs: Sequence[Tensor]) -> str:
    """What a kernel that it has does not take."""
    match op:
        case ops.Reverse(axes=axes) if len(axes) > 1:
            return f"{len(axes)} axes; it takes one"
        case ops.Gather() if inputs[1].dtype is DType.INT16:
            return "int16 indices; it takes int32 and int64"
        case ops.FullyConnected() if inputs[1].dtype is DType.INT4 and _by_channel(inputs[1]):
            return "int4 weights with a scale a channel"
    return ""


def _by_channel(weights: Tensor) -> bool:
    return len(weights.quant.scales) > 1
