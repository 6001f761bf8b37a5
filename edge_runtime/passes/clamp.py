"""Clamps as a part of the operation before them."""

from __future__ import annotations

from dataclasses import replace

from edge_runtime.graph import Activation, DType, Graph, Node
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Activated, Clamp, Linear, Pool2D, Reshape, Transpose
from edge_runtime.passes.draft import Draft


def clamp(activation: Activation) -> Clamp:
    """An activation as a node of its own."""
    return Clamp(*activation.bounds)


def fuse_clamps(graph: Graph) -> Graph:
    """Fuse nodes that only clamp into the linear operation, arithmetic or pool before them."""
    draft = Draft(graph)
    for node in draft.nodes():
        if isinstance(node.op, Clamp):
            _fuse(draft, node, node.op)
    return verify(draft.finish())


def _fuse(draft: Draft, node: Node, op: Clamp) -> None:
    target = _target(draft, node)
    if target is None or not isinstance(target.op, Activated | Linear | Pool2D):
        return
    image, output = draft.tensors[node.inputs[0]], draft.tensors[node.output]
    if image.quantization != output.quantization or image.dtype is DType.INT32:
        return
    fused = target.op
    low, high = fused.activation.bounds
    bounds = max(low, op.low), min(high, op.high)
    activation = next((other for other in Activation if other.bounds == bounds), None)
    if activation is not None:
        draft.replace(target, replace(target, op=replace(fused, activation=activation)))
        draft.bypass(node)


def _target(draft: Draft, node: Node) -> Node | None:
    """The node that can clamp for `node`: only layout changes, each read once, lie between."""
    tensor = node.inputs[0]
    while draft.is_private(tensor):
        maker = draft.maker(tensor)
        if maker is None or not isinstance(maker.op, (Reshape, Transpose)):
            return maker
        tensor = maker.inputs[0]
    return None
