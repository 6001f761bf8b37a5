"""Padding as a part of the convolutions and pools that read it."""

from __future__ import annotations

from dataclasses import replace

from edge_runtime.graph import Graph, Node, Op, Tensor, Window
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Conv2D, DepthwiseConv2D, MaxPool2D, Pad
from edge_runtime.passes.draft import Draft


def fold_pads(graph: Graph) -> Graph:
    """Widen the windows of convolutions that read real zeros, and of pools that read the least.

    A pad stays where anything else reads it.
    """
    draft = Draft(graph)
    for node in draft.nodes():
        if isinstance(node.op, Pad):
            _fold(draft, node, node.op)
    return verify(draft.finish())


def _fold(draft: Draft, node: Node, pad: Pad) -> None:
    image = draft.tensors[node.inputs[0]]
    readers = [(reader, _widened(reader.op, pad, image)) for reader in draft.readers(node.output)]
    if draft.is_output(node.output) or any(op is None for _, op in readers):
        return
    for reader, op in readers:
        if op is not None:
            draft.replace(reader, replace(reader, op=op, inputs=(image.name, *reader.inputs[1:])))


def _widened(op: Op, pad: Pad, image: Tensor) -> Op | None:
    """`op` on what was padded by `pad`, as an operation on `image`; None where there is none."""
    if len(image.shape) != 4 or any((pad.before[0], pad.after[0], pad.before[3], pad.after[3])):
        return None
    zero = 0 if image.dtype.is_float else image.quant.zero_point
    if isinstance(op, (Conv2D, DepthwiseConv2D)) and pad.value == zero:
        return replace(op, window=_wider(op.window, pad))
    least = float("-inf") if image.dtype.is_float else image.dtype.range[0]
    if not isinstance(op, MaxPool2D) or pad.value > least:
        return None
    window = _wider(op.window, pad)
    narrow = all(max(window.pad_before[i], window.pad_after[i]) < op.kernel[i] for i in (0, 1))
    return replace(op, window=window) if narrow else None


def _wider(window: Window, pad: Pad) -> Window:
    before, after = window.pad_before, window.pad_after
    return replace(
        window,
        pad_before=(before[0] + pad.before[1], before[1] + pad.before[2]),
        pad_after=(after[0] + pad.after[1], after[1] + pad.after[2]),
    )
