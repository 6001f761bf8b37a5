"""Tensors that are views of others: they share their bytes."""

from __future__ import annotations

from edge_runtime.errors import GraphError
from edge_runtime.graph import Graph, Kind
from edge_runtime.ops import Reshape


def roots_of(graph: Graph) -> dict[str, str]:
    """Each tensor to the one whose bytes it is: itself, or what Reshapes made it from.

    GraphError: a Reshape writes state, which would need a copy.
    """
    roots = {name: name for name in graph.tensors}
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            if graph.node_output(node).kind is Kind.STATE:
                raise GraphError(f"{node.name} reshapes into state {node.output}: a copy is needed")
            roots[node.output] = roots[node.inputs[0]]
    return roots
