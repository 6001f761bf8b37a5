"""Convolutions between space-to-batch and batch-to-space as what they are: dilated ones."""

from __future__ import annotations

from dataclasses import replace

from edge_runtime.graph import Graph, Node, Shape, Window
from edge_runtime.graph.verify import verify
from edge_runtime.ops import BatchToSpace, Conv2D, DepthwiseConv2D, Reshape, Slice, SpaceToBatch
from edge_runtime.passes.draft import Draft


def fold_dilations(graph: Graph) -> Graph:
    """Dilate the windows of convolutions that run over every n-th pixel, and pad them less.

    Matches space-to-batch, reshape that adds a dimension of one (or none), convolution of stride 1
    without padding, the reshape back, batch-to-space. What is cut off the end of a convolution of
    stride 1 is then taken off its padding.
    """
    draft = Draft(graph)
    for node in draft.nodes():
        if isinstance(node.op, BatchToSpace):
            _fold(draft, node, node.op.block)
    return verify(draft.finish())


def fold_crops(graph: Graph) -> Graph:
    """Pad a convolution of stride 1 less where the end of its result is cut off."""
    draft = Draft(graph)
    for node in draft.nodes():
        if isinstance(node.op, Slice):
            _crop(draft, node, node.op)
    return verify(draft.finish())


def _private_maker(draft: Draft, tensor: str) -> Node | None:
    return draft.maker(tensor) if draft.is_private(tensor) else None


def _fold(draft: Draft, last: Node, block: Shape) -> None:
    conv, after = _skip_reshape(draft, last.inputs[0])
    if conv is None or not isinstance(conv.op, Conv2D | DepthwiseConv2D):
        return
    first, before = _skip_reshape(draft, conv.inputs[0])
    if first is None or not isinstance(first.op, SpaceToBatch) or first.op.block != block:
        return
    added = _added_axis(draft, first, conv) if before is not None else None
    if (before is None) != (after is None) or (before is not None and added is None):
        return
    dilation = block if added is None else (1, *block) if added == 1 else (*block, 1)
    if conv.op.window != Window() or len(dilation) != 2:
        return
    op = replace(conv.op, window=Window(dilation=(dilation[0], dilation[1])))
    _replace(draft, first, conv, last, op, added)


def _skip_reshape(draft: Draft, tensor: str) -> tuple[Node | None, Node | None]:
    """What made a tensor, and the reshape in between, if there is one."""
    maker = _private_maker(draft, tensor)
    if maker is None or not isinstance(maker.op, Reshape):
        return maker, None
    return _private_maker(draft, maker.inputs[0]), maker


def _added_axis(draft: Draft, first: Node, conv: Node) -> int | None:
    """Which of height (1) and width (2) a reshape of a sequence added."""
    sequence, image = draft.tensors[first.output].shape, draft.tensors[conv.inputs[0]].shape
    for axis in (1, 2):
        if len(sequence) == 3 and image == (*sequence[:axis], 1, *sequence[axis:]):
            return axis
    return None


def _replace(
    draft: Draft,
    first: Node,
    conv: Node,
    last: Node,
    op: Conv2D | DepthwiseConv2D,
    added: int | None,
) -> None:
    """`op` where `last` stands, on what `first` reads."""
    source, made = draft.tensors[first.inputs[0]], draft.tensors[last.output]
    if added is None:
        inputs = (source.name, *conv.inputs[1:])
        draft.replace(last, replace(last, op=op, inputs=inputs))
        return
    shape, out = _with_one(source.shape, added), _with_one(made.shape, added)
    image = draft.add_tensor(replace(source, name=f"{source.name}_image", shape=shape))
    result = draft.add_tensor(replace(made, name=f"{made.name}_image", shape=out))
    draft.replace_by(
        last,
        Node(draft.new_name(image), Reshape(shape), (source.name,), image),
        Node(draft.new_name(result), op, (image, *conv.inputs[1:]), result),
        replace(last, op=Reshape(made.shape), inputs=(result,)),
    )


def _with_one(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], 1, *shape[axis:])


def _crop(draft: Draft, node: Node, cut: Slice) -> None:
    conv, view = _skip_reshape(draft, node.inputs[0])
    if conv is None or not isinstance(conv.op, Conv2D | DepthwiseConv2D):
        return
    window, whole = conv.op.window, draft.tensors[conv.output].shape
    if view is not None or window.stride != (1, 1) or any(cut.begin) or set(cut.strides) != {1}:
        return
    less = [whole[axis] - cut.size[axis] for axis in range(4)]
    after = (window.pad_after[0] - less[1], window.pad_after[1] - less[2])
    if less[0] or less[3] or min(after) < 0:
        return
    op = replace(conv.op, window=replace(window, pad_after=after))
    draft.replace(node, replace(node, op=op, inputs=conv.inputs))
