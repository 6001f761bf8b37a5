"""What TensorFlow Lite Micro has no kernel for though the file format has: found by trying.

`tests/export/test_tflm_limits.py` tries all of it on TensorFlow Lite Micro itself.
"""

from __future__ import annotations

from edge_runtime import ops
from edge_runtime.errors import Problem
from edge_runtime.graph import DType, Graph, Node, Op

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
    if isinstance(op, ops.Reverse) and len(op.axes) > 1:
        return f"{len(op.axes)} axes; it takes one"
    if isinstance(op, ops.Gather) and inputs[1].dtype is DType.INT16:
        return "int16 indices; it takes int32 and int64"
    if isinstance(op, ops.FullyConnected) and inputs[1].dtype is DType.INT4:
        return "int4 weights with a scale a channel" if len(inputs[1].quant.scales) > 1 else ""
    return ""
