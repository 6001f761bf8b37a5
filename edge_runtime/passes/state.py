"""State tensors read and written where they lie, rather than by way of copies."""

from __future__ import annotations

from dataclasses import replace

from edge_runtime.graph import Graph, Kind, Node
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Copy, Reshape
from edge_runtime.passes.draft import Draft


def settle_state(graph: Graph) -> Graph:
    """Without the copies from and to state tensors that make no difference.

    A copy from state is needed if what it made is used after the state was written again; a copy to
    state, if the old value is used after the new one was made.
    """
    draft = Draft(graph)
    for node in draft.nodes():
        current = draft.current(node)
        if current is None or not isinstance(current.op, Copy):
            continue
        if draft.tensors[current.inputs[0]].kind is Kind.STATE:
            _read_in_place(draft, current)
        elif draft.tensors[current.output].kind is Kind.STATE:
            _make_in_place(draft, current)
    return verify(draft.finish())


def _read_in_place(draft: Draft, copy: Node) -> None:
    state = copy.inputs[0]
    if draft.tensors[copy.output].kind is Kind.STATE:
        return
    order = draft.nodes()
    start = order.index(copy)
    names = _shown(draft, copy.output)
    last = max((i for i, node in enumerate(order) if names & set(node.inputs)), default=start)
    shown_outside = any(draft.is_output(name) for name in names)
    written = any(state in node.outputs for node in order[start : last + 1])
    if not written and not shown_outside:
        draft.redirect(copy.output, state)
        draft.remove(copy)


def _make_in_place(draft: Draft, copy: Node) -> None:
    made, state = copy.inputs[0], copy.output
    maker = draft.maker(made)
    if maker is None or isinstance(maker.op, Reshape) or draft.tensors[made].kind is Kind.STATE:
        return
    order = draft.nodes()
    start, end = order.index(maker), order.index(copy)
    old = _shown(draft, state)
    reads = any(old & set(node.inputs) for node in order[start:end])
    writes = any(state in node.outputs for node in (*order[start:end], *order[end + 1 :]))
    shown_outside = any(draft.is_output(name) for name in _shown(draft, made))
    if reads or writes or shown_outside:
        return
    draft.remove(copy)
    outputs = tuple(state if name == made else name for name in maker.outputs)
    draft.replace(maker, replace(maker, output=outputs[0], also=outputs[1:]))
    draft.redirect(made, state)


def _shown(draft: Draft, name: str) -> set[str]:
    """A tensor and its views."""
    names, waiting = {name}, [name]
    while waiting:
        for node in draft.readers(waiting.pop()):
            if isinstance(node.op, Reshape) and node.output not in names:
                names.add(node.output)
                waiting.append(node.output)
    return names
