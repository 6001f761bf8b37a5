"""Masks of attention, brought within reach of integers.

What must not be seen is given a score of minus infinity, or another far below all others. A range
that held it would leave nothing for those that count; yet a softmax makes the same of any score far
enough below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edge_runtime.graph import Array, Graph, Node, Scaling, Tensor
from edge_runtime.graph.names import UniqueNames
from edge_runtime.ops import Add, Select, Softmax
from edge_runtime.passes.simplify import drop_unused
from edge_runtime.quant.samples import spread, values_of

MASKED = -1000.0
"""Constants up to this are masks: no scores come near it."""
BELOW = 10.0
"""Masks are put this far below all scores that count; exp(-10) is a hundredth of an int8 step."""
SAMPLES = 32


def bounded(graph: Graph, arrays: Mapping[str, Array]) -> Graph:
    """`graph` with masks that are as low as the scores on these samples ask for, and no lower.

    Constants are looked at that are added to scores, or stand in their place, before a softmax.
    """
    found = {node.name: mask for node in graph.nodes if (mask := _mask(graph, node)) is not None}
    if not found:
        return graph
    values = values_of(graph, spread(arrays, SAMPLES))
    unique = UniqueNames(tuple(graph.tensors))
    tensors, nodes = dict(graph.tensors), []
    for node in graph.nodes:
        if (mask := found.get(node.name)) is None:
            nodes.append(node)
            continue
        made = Tensor.constant(unique(f"{mask.name}/bounded"), _lifted(graph, node, mask, values))
        tensors[made.name] = made
        inputs = tuple(made.name if name == mask.name else name for name in node.inputs)
        nodes.append(replace(node, inputs=inputs))
    return drop_unused(Graph(graph.name, tensors, tuple(nodes), graph.inputs, graph.outputs))


def _mask(graph: Graph, node: Node) -> Tensor | None:
    """The constant operand of `node` that masks what a softmax reads; None where there is none.

    A row that is masked altogether is left alone, as it may mean anything.
    """
    if not isinstance(node.op, (Add, Select)) or not _only_softmax_reads(graph, node.output):
        return None
    constants = [t for t in graph.node_inputs(node) if t.data is not None and t.dtype.is_float]
    if len(constants) != 1 or not (constants[0].values <= MASKED).any():
        return None
    seen = np.atleast_1d(constants[0].values > MASKED).any(-1)
    return constants[0] if isinstance(node.op, Select) or seen.all() else None


def _only_softmax_reads(graph: Graph, name: str) -> bool:
    if name in graph.outputs:
        return False
    return all(
        isinstance(reader.op, Softmax)
        or (reader.op.SCALING is Scaling.KEPT and _only_softmax_reads(graph, reader.output))
        for reader in graph.consumers(name)
    )


def _lifted(graph: Graph, node: Node, mask: Tensor, values: Mapping[str, Array]) -> Array:
    """The mask of `node`, its low values as high as they may be."""
    operands = [each for each in graph.node_inputs(node) if each.data is None]
    scores = next(values[each.name] for each in operands if each.dtype.is_float)
    lowest = float(scores.min()) - BELOW
    if isinstance(node.op, Add):
        made = values[node.output]
        seen = made[np.broadcast_to(mask.values > MASKED, made.shape)]
        lowest = float(seen.min()) - BELOW - float(scores.max())
    return np.where(mask.values <= MASKED, np.float32(lowest), mask.values)
