"""Fewer moves of data: reshapes of reshapes, slices of slices, transposes that weights swallow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_runtime.graph import Graph, Node
from edge_runtime.graph.verify import verify
from edge_runtime.ops import FullyConnected, Reshape, Slice, Transpose
from edge_runtime.passes.draft import Draft


def merge_reshapes(graph: Graph) -> Graph:
    """One reshape instead of a chain, and none where the shape stays."""
    draft = Draft(graph)
    for node in draft.nodes():
        current = draft.current(node)
        if current is not None and isinstance(current.op, Reshape):
            _merge(draft, current)
    return verify(draft.finish())


def _merge(draft: Draft, node: Node) -> None:
    before = draft.maker(node.inputs[0])
    if before is not None and isinstance(before.op, Reshape):
        node = replace(node, inputs=before.inputs)
        draft.replace(node, node)
    source, result = draft.tensors[node.inputs[0]], draft.tensors[node.output]
    if source.shape != result.shape:
        return
    if not draft.is_output(node.output):
        draft.redirect(node.output, source.name)
    elif draft.maker(source.name) is not None and not draft.is_output(source.name):
        draft.bypass(node)
        draft.redirect(source.name, node.output)


def merge_slices(graph: Graph) -> Graph:
    """One slice instead of a chain of which nothing else reads the first."""
    draft = Draft(graph)
    for node in draft.nodes():
        if isinstance(node.op, Slice):
            _merge_slices(draft, node, node.op)
    return verify(draft.finish())


def _merge_slices(draft: Draft, node: Node, second: Slice) -> None:
    before = draft.maker(node.inputs[0])
    if before is None or not isinstance(before.op, Slice) or not draft.is_private(node.inputs[0]):
        return
    first = before.op
    parts = zip(first.begin, first.strides, second.begin, second.strides, strict=True)
    begin, strides = zip(*((a + b * s, s * t) for a, s, b, t in parts), strict=True)
    merged = Slice(begin, second.size, strides)
    draft.replace(node, replace(node, op=merged, inputs=before.inputs))


def absorb_transposes(graph: Graph) -> Graph:
    """Permute the columns of fully connected weights rather than the activations they read.

    Matches transpose, any reshapes, fully connected, where a row is all but the first dimension.
    """
    draft = Draft(graph)
    for node in draft.nodes():
        if isinstance(node.op, FullyConnected) and not node.op.keep_dims:
            _absorb(draft, node)
    return verify(draft.finish())


def _absorb(draft: Draft, node: Node) -> None:
    transpose = _transpose_before(draft, node)
    if transpose is None or not isinstance(transpose.op, Transpose):
        return
    order = transpose.op.order
    moved = draft.tensors[transpose.output]
    weights = draft.tensors[node.inputs[1]]
    columns = weights.shape[1]
    if order[0] != 0 or moved.elements != moved.shape[0] * columns:
        return
    positions = np.arange(columns).reshape((1, *moved.shape[1:])).transpose(np.argsort(order))
    permuted = draft.add_tensor(
        replace(weights, data=np.ascontiguousarray(weights.values[:, positions.ravel()]))
    )
    flat = draft.add_tensor(
        replace(moved, name=f"{transpose.inputs[0]}_rows", shape=(moved.shape[0], columns))
    )
    reshape = Node(
        draft.new_name(flat), Reshape((moved.shape[0], columns)), transpose.inputs[:1], flat
    )
    draft.replace_by(node, reshape, replace(node, inputs=(flat, permuted, *node.inputs[2:])))


def _transpose_before(draft: Draft, node: Node) -> Node | None:
    maker = draft.maker(node.inputs[0])
    while maker is not None and isinstance(maker.op, Reshape):
        maker = draft.maker(maker.inputs[0])
    return maker
