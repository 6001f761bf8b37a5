"""ReLU and ReLU6 as a part of the operation before them."""

from __future__ import annotations

from dataclasses import replace

from edge_runtime.graph import Activation, Graph, Node, Window
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Add, Linear, MaxPool2D, Pool2D, Reshape, Transpose
from edge_runtime.passes.draft import Draft


def clamp(activation: Activation) -> MaxPool2D:
    """An activation as a node of its own: a pool over single pixels does nothing but clamp."""
    return MaxPool2D(activation=activation)


def fuse_clamps(graph: Graph) -> Graph:
    """Fuse nodes that only clamp into the linear operation, addition or pool before them."""
    draft = Draft(graph)
    for node in draft.nodes():
        if _clamps(node):
            _fuse(draft, node)
    return verify(draft.finish())


def _clamps(node: Node) -> bool:
    op = node.op
    return isinstance(op, MaxPool2D) and op.kernel == (1, 1) and op.window == Window()


def _fuse(draft: Draft, node: Node) -> None:
    target = _target(draft, node)
    op = node.op
    if target is None or not isinstance(op, MaxPool2D):
        return
    fused = target.op
    if not isinstance(fused, (Add, Linear, Pool2D)):
        return
    both = {fused.activation, op.activation} - {Activation.NONE}
    narrowest = Activation.RELU6 if Activation.RELU6 in both else next(iter(both), Activation.NONE)
    draft.replace(target, replace(target, op=replace(fused, activation=narrowest)))
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
