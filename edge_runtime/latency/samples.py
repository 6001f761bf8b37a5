"""Operations to measure: for every kernel of a core's list, random ones that it serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_runtime.graph import Graph, Op
from edge_runtime.kernels import KERNELS, Choice, Site, choose_one
from edge_runtime.latency.draw import Draw, Limits
from edge_runtime.latency.makers import maker_of
from edge_runtime.ops import (
    BatchMatMul,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Pool2D,
    Reduce,
    TransposeConv2D,
)

_TRIES = 120
"""So many draws of an operation show which kernels serve it; as many in vain end the search."""


_WANTED: tuple[tuple[type[object], int], ...] = (
    (Conv2D, 30),
    (DepthwiseConv2D, 30),
    (FullyConnected, 30),
    (Concat, 10),
    (TransposeConv2D, 8),
    (Pool2D, 8),
    (BatchMatMul, 6),
    (Reduce, 5),
)
"""How many operations the first choice for int8 needs, which has the most parameters."""
_PLAIN = 6
_SHARED = 2


def _wanted(kind: type[Op], found: Mapping[str, Sequence[Graph]]) -> dict[str, int]:
    """How many operations each of the kernels of one kind needs, which serve what was drawn.

    The most for the one on int8 that serves the most of them; a third for others.
    """
    count = next((count for base, count in _WANTED if issubclass(kind, base)), _PLAIN)
    first = max(found, key=lambda name: ("_s8_" in name, len(found[name])), default="")
    few = max(_PLAIN, -(-count // 3))
    return {name: count if name == first else few for name in found}


def operations(isas: Sequence[str], seed: int, limits: Limits) -> list[tuple[str, Graph]]:
    """Kernel names, and operations of one node that they serve.

    Those on bytes come first, and of each kernel as large a share as of any other, so that a part
    from the start serves too. Kernels that none of the tries reaches are left out: they serve
    nothing on a core that has better ones, or have no maker.
    """
    draw = Draw(seed, limits)
    kinds = dict.fromkeys(kernel.op for kernel in KERNELS if kernel.isa in isas)
    drawn: dict[str, list[Graph]] = {}
    for kind in kinds:
        for name, graphs in _of_kind(kind, isas, draw).items():
            known = drawn.setdefault(name, [])
            # A kernel that many operations share, such as one that looks up a table.
            known += graphs[:1] if len(known) >= _SHARED * _PLAIN else graphs
    ranked = [
        (not ("_s8" in name or "_x8_" in name), place / len(graphs), name, graph)
        for name, graphs in drawn.items()
        for place, graph in enumerate(graphs)
    ]
    ranked.sort(key=lambda each: each[:2])
    return [(name, graph) for _, _, name, graph in ranked]


def _of_kind(kind: type[Op], isas: Sequence[str], draw: Draw) -> dict[str, list[Graph]]:
    """Operations of one kind by the kernel that serves them."""
    make = maker_of(kind)
    found: dict[str, list[Graph]] = {}
    if make is None:
        return found
    idle = drawn = 0
    wanted: dict[str, int] = {}
    while idle < _TRIES:
        graph = make(kind, draw)
        idle += 1
        choice = None if graph is None else choose_one(Site.of(graph, graph.nodes[0]), isas)
        if graph is None or not isinstance(choice, Choice):
            continue
        name = choice.kernel.name
        drawn += 1
        found.setdefault(name, []).append(graph)
        if drawn >= _TRIES:
            wanted = _wanted(kind, found)
        if len(found[name]) <= wanted.get(name, _TRIES):
            idle = 0
    return {name: graphs[: wanted.get(name, _PLAIN)] for name, graphs in found.items()}
