"""What the constants of a graph take in flash, packed as the kernels read them."""

from __future__ import annotations

from edge_runtime.boards import CORES
from edge_runtime.errors import Problem
from edge_runtime.graph import Graph, Node, Tensor
from edge_runtime.kernels import Choice, Site, choose_one
from edge_runtime.ops import Reshape

ISAS = CORES["cortex-m4"].isas
"""Others pack weights into the same bytes but for a few that fill up."""
ALIGNMENT = 4


def flash_bytes(graph: Graph) -> int:
    """What the constants of `graph` take in flash: weights, biases, multipliers, tables.

    They are counted as the chosen kernels have them packed, so that a build has the same. Left out
    is code: the kernels', and one function and one struct of parameters for each layer.
    """
    shared: dict[str, int] = {}
    packed = 0
    for node in graph.nodes:
        choice = _choice(graph, node)
        packed += _packed(choice)
        shared |= {tensor.name: _filled(tensor.bytes) for tensor in _read(graph, node, choice)}
    return packed + sum(shared.values())


def node_bytes(graph: Graph, name: str) -> int:
    """The part of `flash_bytes` that is of one node alone."""
    return _packed(_choice(graph, next(node for node in graph.nodes if node.name == name)))


def _choice(graph: Graph, node: Node) -> Choice | None:
    """The kernel of `node`; None where there is none."""
    if isinstance(node.op, Reshape):
        return None
    made = choose_one(Site.of(graph, node), ISAS)
    return None if isinstance(made, Problem) else made


def _packed(choice: Choice | None) -> int:
    if choice is None:
        return 0
    return sum(_filled(array.nbytes) for array in choice.demand.constants.values())


def _read(graph: Graph, node: Node, choice: Choice | None) -> list[Tensor]:
    """Constants that are read as they are."""
    names = choice.operands(node) if choice is not None else node.inputs
    return [graph.tensors[name] for name in names if graph.tensors[name].data is not None]


def _filled(count: int) -> int:
    return -(-count // ALIGNMENT) * ALIGNMENT
