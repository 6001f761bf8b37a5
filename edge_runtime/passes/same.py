"""Quantize nodes that change nothing."""

from __future__ import annotations

from edge_runtime.graph import Graph
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Quantize
from edge_runtime.passes.draft import Draft


def drop_same_quantization(graph: Graph) -> Graph:
    """Without nodes that quantize integers to the same type, scale and zero point."""
    draft = Draft(graph)
    for node in draft.nodes():
        if not isinstance(node.op, Quantize) or draft.is_output(node.output):
            continue
        source, made = draft.tensors[node.inputs[0]], draft.tensors[node.output]
        if source.dtype is made.dtype and source.quantization == made.quantization:
            draft.redirect(made.name, source.name)
            draft.remove(node)
    return verify(draft.finish())
