"""Constants computed here rather than on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.graph import Array, Graph, Kind, Node, Op, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.passes.draft import Draft

MOST_ELEMENTS = 1 << 22
"""Of a result that becomes a constant."""
MOST_MACS = 1 << 28


def folded(op: Op, inputs: Sequence[Tensor], output: Tensor) -> Array | None:
    """What `op` makes of constants; None where some input is none, or it would be too much.

    None, too, where the node is not legal, which is for others to tell.
    """
    if op.OUTPUTS != 1 or not inputs or any(tensor.data is None for tensor in inputs):
        return None
    if not op.INPUTS[0] <= len(inputs) <= op.INPUTS[1] or op.problems(inputs, output):
        return None
    if output.elements > MOST_ELEMENTS or output.shape != op.output_shape(inputs):
        return None
    if op.macs(inputs, output) > MOST_MACS:
        return None
    with np.errstate(all="ignore"):
        return op.evaluate([tensor.values for tensor in inputs], inputs, output)


def fold_constants(graph: Graph) -> Graph:
    """Every node whose inputs are all constant as a constant, but those that make outputs."""
    draft = Draft(graph)
    for node in draft.nodes():
        _fold(draft, node)
    return verify(draft.finish())


def _fold(draft: Draft, node: Node) -> None:
    output = draft.tensors[node.output]
    if draft.is_output(node.output) or output.kind is not Kind.ACTIVATION:
        return
    data = folded(node.op, [draft.tensors[name] for name in node.inputs], output)
    if data is not None:
        constant = replace(output, kind=Kind.CONSTANT, data=np.ascontiguousarray(data))
        draft.tensors[node.output] = constant
        draft.remove(node)
