from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned_memory import Maker, PlannedMemory, makers

from edge_runtime.errors import GraphError
from edge_runtime.graph import Graph, Tensor
from edge_runtime.interpreter import Interpreter
from edge_runtime.kernels import Choice
from edge_runtime.memory import Plan, plan
from edge_runtime.memory.offsets import Block, Part, load, pack
from edge_runtime.memory.problem import Effort
from edge_runtime.ops import Reshape


def check(graph: Graph, result: Plan, runs: int = 2) -> None:
    """The plan computes what the graph means, again and again."""
    assert sorted(result.order) == sorted(node.name for node in graph.nodes)
    generator = np.random.default_rng(0)
    plain, planned = Interpreter(graph), PlannedMemory(graph, result)
    for _ in range(runs):
        inputs = {
            name: generator.integers(0, 256, graph.tensors[name].shape, np.uint8)
            for name in graph.inputs
        }
        expected, got = plain.run(inputs), planned.run(inputs)
        for name in graph.outputs:
            np.testing.assert_array_equal(got[name], expected[name], name)


def units(size: int) -> int:
    return -(-size // 4)


# Brute force: every order, every choice of overwriting, every offset.


def orders(graph: Graph) -> Iterator[tuple[str, ...]]:
    for nodes in itertools.permutations(graph.nodes):
        made = set(graph.inputs)
        for node in nodes:
            if not made.issuperset(node.inputs):
                break
            made.add(node.output)
        else:
            yield tuple(node.name for node in nodes)


def layouts(
    graph: Graph, choices: Mapping[str, Choice], order: tuple[str, ...]
) -> Iterator[list[list[tuple[int, int, int]]]]:
    """For each choice of overwriting, the blocks as lists of (first, last, units)."""
    nodes = {node.name: node for node in graph.nodes}
    root = {name: name for name in graph.tensors}
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            root[node.output] = root[node.inputs[0]]
    first = {name: -1 for name in graph.inputs}
    last = dict(first)
    for step, name in enumerate(order):
        node = nodes[name]
        first.setdefault(root[node.output], step)
        for read in (*node.inputs, node.output):
            last[root[read]] = step
    outputs = {root[name] for name in graph.outputs}
    last.update(dict.fromkeys(outputs, len(order)))
    options: list[list[str | None]] = []
    for step, name in enumerate(order):
        node = nodes[name]
        roots = [root[read] for read in node.inputs]
        allowed = [] if isinstance(node.op, Reshape) else choices[name].demand.in_place
        may = [roots[i] for i in allowed if roots.count(roots[i]) == 1]
        options.append([None, *(r for r in may if r not in outputs and last[r] == step)])
    for chosen in itertools.product(*options):
        blocks: dict[str, list[tuple[int, int, int]]] = {}
        home: dict[str, str] = {}
        for name in graph.inputs:
            home[name] = name
        for name, over in zip(order, chosen, strict=True):
            made = nodes[name].output
            if root[made] == made:
                home[made] = made if over is None else home[over]
        for name, where in home.items():
            part = (first[name], last[name], units(graph.tensors[name].bytes))
            blocks.setdefault(where, []).append(part)
        scratch = [
            [(step, step, units(choices[name].demand.scratch_bytes))]
            for step, name in enumerate(order)
            if name in choices and choices[name].demand.scratch_bytes
        ]
        yield [*blocks.values(), *scratch]


def fits(blocks: list[list[tuple[int, int, int]]], height: int) -> bool:
    """Whether the blocks fit below `height`, all offsets tried."""
    live: dict[int, int] = {}
    cells = []
    for block in blocks:
        tall: dict[int, int] = {}
        for first, last, size in block:
            for step in range(first, last + 1):
                tall[step] = max(tall.get(step, 0), size)
        for step, size in tall.items():
            live[step] = live.get(step, 0) + size
        cells.append(tall)
    if max(live.values(), default=0) > height:
        return False

    def place(rest: list[dict[int, int]], taken: frozenset[tuple[int, int]]) -> bool:
        if not rest:
            return True
        for offset in range(height - max(rest[0].values()) + 1):
            cover = {(s, offset + u) for s, size in rest[0].items() for u in range(size)}
            if not cover & taken and place(rest[1:], taken | cover):
                return True
        return False

    return place(sorted(cells, key=lambda tall: -sum(tall.values())), frozenset())


@settings(max_examples=300, deadline=None)
@given(makers(most_nodes=5))
def test_no_order_and_no_offsets_are_better(made: tuple[Maker, tuple[str, ...]]) -> None:
    maker, outputs = made
    graph = maker.graph(*outputs)
    result = plan(graph, maker.choices)
    check(graph, result)
    assert result.optimal
    assert result.lower_bound == result.arena_bytes
    assert result.arena_bytes % 4 == 0
    smaller = result.arena_bytes // 4 - 1
    for order in orders(graph):
        for blocks in layouts(graph, maker.choices, order):
            assert not fits(blocks, smaller), (order, blocks)


@settings(max_examples=60, deadline=None)
@given(makers(most_nodes=14, most_units=40), st.sampled_from([0, 10, 3_000]))
def test_whatever_the_effort_the_plan_is_right(
    made: tuple[Maker, tuple[str, ...]], effort: int
) -> None:
    maker, outputs = made
    graph = maker.graph(*outputs)
    result = plan(graph, maker.choices, effort=effort)
    check(graph, result, runs=1)
    assert max(result.live_bytes) <= result.peak.bytes <= result.arena_bytes
    assert result.lower_bound <= result.arena_bytes
    assert result.optimal == (result.lower_bound == result.arena_bytes)
    best = plan(graph, maker.choices, effort=6_000)
    assert result.lower_bound <= best.arena_bytes


blocks = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(1, 4), st.integers(0, 3)),
    min_size=1,
    max_size=7,
)


@settings(max_examples=300, deadline=None)
@given(blocks)
def test_no_packing_is_lower(sizes: list[tuple[int, int, int, int]]) -> None:
    """Blocks of one part, or of two with a second, smaller or larger one over its end."""
    parts = [
        [(a, a + more, size)] + ([(a + more, a + more + 1, second)] if second else [])
        for a, more, size, second in sizes
    ]
    found, proved = pack(
        [Block(tuple(Part(*part) for part in block)) for block in parts], 1000, Effort(100_000)
    )
    assert found is not None
    assert proved
    for (i, one), (j, two) in itertools.combinations(enumerate(parts), 2):
        for (a, b, size), (c, d, other) in itertools.product(one, two):
            low, high = found.offsets[i], found.offsets[j]
            assert a > d or c > b or low + size <= high or high + other <= low
    assert not fits(parts, found.bytes - 1)


def test_a_packing_that_must_waste_is_proved() -> None:
    """The load is 4 throughout, but whichever block lies at the bottom splits the others' room."""
    found, proved = pack(WASTEFUL, 100, Effort(10_000))
    assert found is not None
    assert proved
    assert found.bytes > max(load(WASTEFUL).values())


WASTEFUL: list[Block] = []
