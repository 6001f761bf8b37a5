"""In which types a model computes: what a report must not leave to be guessed."""

from __future__ import annotations

from collections.abc import Container, Iterable

from edge_runtime.graph import DType, Graph, Kind, Node

_COUNTED = (DType.FLOAT32, DType.INT8, DType.INT16)
MIXED = "mixed"


def node_type(graph: Graph, node: Node) -> str:
    """float32, int8 or int16, by the activations of `node`; empty where it only converts.

    Weights of another type are told: "float32 by int8". Shapes and indices do not count.
    """
    tensors = (*graph.node_inputs(node), *graph.node_outputs(node))
    kinds = {t.dtype for t in tensors if t.kind is not Kind.CONSTANT and t.dtype in _COUNTED}
    if len(kinds) != 1:
        return ""
    kind = kinds.pop()
    inputs = graph.node_inputs(node)
    stored = inputs[1].dtype if len(inputs) > 1 and inputs[1].data is not None else kind
    told = kind is DType.FLOAT32 and stored in (DType.INT8, DType.FLOAT16)
    return f"{kind.value} by {stored.value}" if told else kind.value


def combined(types: Iterable[str]) -> str:
    """The type of a whole model: that of all its nodes, or mixed."""
    found = sorted(set(types) - {""})
    return found[0] if len(found) == 1 else MIXED if found else "none"


def arithmetic_of(graph: Graph, working: Container[str]) -> str:
    """The type of all nodes of `graph` whose names are among `working`."""
    return combined(node_type(graph, node) for node in graph.nodes if node.name in working)
