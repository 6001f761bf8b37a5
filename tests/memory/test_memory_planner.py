from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned_memory import Maker, PlannedMemory, makers

from edge_runtime.errors import GraphError
from edge_runtime.graph import Graph, Node, Tensor
from edge_runtime.interpreter import Interpreter
from edge_runtime.kernels import Choice
from edge_runtime.memory import Plan, plan
from edge_runtime.memory.offsets import Block, Part, load, pack
from edge_runtime.memory.order import least_peak
from edge_runtime.memory.problem import Effort, problem_of
from edge_runtime.memory.views import views_of
from edge_runtime.ops import Concat, Reshape, Slice


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


def shared(graph: Graph, parts: bool) -> tuple[dict[str, str], set[str]]:
    """The tensor that each lies in, and the nodes that have nothing to do."""
    root = {name: name for name in graph.tensors}
    offset = dict.fromkeys(graph.tensors, 0)
    free = set()

    def put(name: str, within: str, at: int) -> None:
        for each in [each for each in root if root[each] == name]:
            root[each], offset[each] = root[within], offset[within] + offset[each] + at

    for node in graph.nodes:
        begin = node.op.begin[0] if isinstance(node.op, Slice) else 0
        if isinstance(node.op, Reshape) or (parts and isinstance(node.op, Slice) and not begin % 4):
            put(node.output, node.inputs[0], begin)
            free.add(node.name)
    for node in graph.nodes:
        if not parts or not isinstance(node.op, Concat):
            continue
        roots = [root[name] for name in node.inputs]
        sizes = [graph.tensors[name].bytes for name in node.inputs]
        alone = len(set(roots)) == len(roots) and not set(roots) & set(graph.inputs)
        whole = all(graph.tensors[r].bytes == size for r, size in zip(roots, sizes, strict=True))
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        own = all(offset[r] == 0 and root[r] == r for r in roots)
        if alone and whole and own and not any(start % 4 for start in starts):
            for each, start in zip(roots, starts, strict=True):
                put(each, node.output, start)
            free.add(node.name)
    return root, free


def layouts(
    graph: Graph, choices: Mapping[str, Choice], order: tuple[str, ...], parts: bool
) -> Iterator[list[list[tuple[int, int, int]]]]:
    """For each choice of overwriting, the blocks as lists of (first, last, units)."""
    nodes = {node.name: node for node in graph.nodes}
    root, free = shared(graph, parts)
    first = dict.fromkeys(graph.inputs, -1)
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
        sizes = [graph.tensors[read].bytes for read in node.inputs]
        working = name not in free and root[node.output] == node.output
        allowed = choices[name].demand.in_place if working else ()
        whole = [i for i in allowed if sizes[i] == graph.tensors[roots[i]].bytes]
        may = [roots[i] for i in whole if roots.count(roots[i]) == 1]
        options.append([None, *(r for r in may if r not in outputs and last[r] == step)])
    for chosen in itertools.product(*options):
        blocks: dict[str, list[tuple[int, int, int]]] = {}
        home: dict[str, str] = {}
        for name in graph.inputs:
            home[name] = name
        for name, over in zip(order, chosen, strict=True):
            made = root[nodes[name].output]
            if name not in free:
                home.setdefault(made, made if over is None else home[over])
        for name, where in home.items():
            part = (first[name], last[name], units(graph.tensors[name].bytes))
            blocks.setdefault(where, []).append(part)
        scratch = [
            [(step, step, units(choices[name].demand.scratch_bytes))]
            for step, name in enumerate(order)
            if name in choices and choices[name].demand.scratch_bytes
        ]
        yield [*blocks.values(), *scratch]


def cells(block: list[tuple[int, int, int]]) -> dict[int, int]:
    tall: dict[int, int] = {}
    for first, last, size in block:
        for step in range(first, last + 1):
            tall[step] = max(tall.get(step, 0), size)
    return tall


def live(blocks: list[list[tuple[int, int, int]]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for block in blocks:
        for step, size in cells(block).items():
            total[step] = total.get(step, 0) + size
    return total


def fits(blocks: list[list[tuple[int, int, int]]], height: int) -> bool:
    """Whether the blocks fit below `height`, all offsets tried."""
    if max(live(blocks).values()) > height:
        return False

    def place(rest: list[dict[int, int]], taken: frozenset[tuple[int, int]]) -> bool:
        if not rest:
            return True
        for offset in range(height - max(rest[0].values()) + 1):
            cover = {(s, offset + u) for s, size in rest[0].items() for u in range(size)}
            if not cover & taken and place(rest[1:], taken | cover):
                return True
        return False

    tallest = sorted(map(cells, blocks), key=lambda tall: -sum(tall.values()))
    return place(tallest, frozenset())


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
    for parts in (False, True):
        least = 1 << 30
        for order in orders(graph):
            for blocks in layouts(graph, maker.choices, order, parts):
                assert not fits(blocks, smaller), (order, blocks)
                least = min(least, 4 * max(live(blocks).values()))
        problem = problem_of(graph, maker.choices, 4, views=views_of(graph, parts=parts))
        assert least_peak(problem, Effort(1_000_000))[1] == least


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
        [Block(tuple(Part(*part) for part in block)) for block in parts], Effort(10_000_000)
    )
    assert proved
    for (i, one), (j, two) in itertools.combinations(enumerate(parts), 2):
        for (a, b, size), (c, d, other) in itertools.product(one, two):
            low, high = found.offsets[i], found.offsets[j]
            assert a > d or c > b or low + size <= high or high + other <= low
    assert not fits(parts, found.bytes - 1)


def test_a_packing_that_must_waste_is_proved() -> None:
    sizes = [(1, 2, 3), (7, 10, 3), (2, 5, 2), (2, 3, 1), (0, 1, 3), (3, 6, 2), (5, 7, 2)]
    wasteful = [Block((Part(*size),)) for size in sizes]
    found, proved = pack(wasteful, Effort(1_000_000))
    assert (found.bytes, max(load(wasteful).values()), proved) == (7, 6, True)
    assert not pack(wasteful, Effort(0))[1]


def test_each_layer_of_a_chain_overwrites_the_one_before() -> None:
    maker = Maker(image=100)
    maker.mix("wide", 400, "image", scratch=10)
    maker.mix("deep", 400, "wide", in_place=(0,))
    maker.mix("half", 200, "deep", in_place=(0,))
    maker.mix("last", 300, "half", scratch=50)
    graph = maker.graph("last")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert result.arena_bytes == 200 + 300 + 52
    assert result.optimal
    assert result.aliases == {"deep": "wide", "half": "deep"}
    assert (result.peak.node, result.peak.op, result.peak.bytes) == ("make_last", "MIX", 552)
    assert {t.name: t.bytes for t in result.peak.tensors} == {"half": 200, "last": 300}
    assert result.peak.scratch_bytes == 50
    assert result.live_bytes == (512, 400, 400, 552)
    assert result.ram_bytes == 552


def test_an_input_with_other_readers_is_overwritten_by_the_last_of_them() -> None:
    maker = Maker(image=100)
    maker.mix("a", 100, "image", in_place=(0,))
    maker.mix("b", 100, "image", in_place=(0,))
    maker.mix("sum", 100, "a", "b", in_place=(0, 1))
    graph = maker.graph("sum")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert result.arena_bytes == 200
    assert result.aliases[graph.nodes[1].output] == "image"


def test_an_operand_read_twice_is_not_overwritten() -> None:
    maker = Maker(image=100)
    maker.mix("a", 100, "image")
    maker.mix("double", 100, "a", "a", in_place=(0, 1))
    maker.view("flat", "double")
    maker.mix("more", 100, "double", "flat", in_place=(0, 1))
    result = plan(maker.graph("more"), maker.choices)
    check(maker.graph("more"), result)
    assert result.aliases == {"flat": "double"}


def test_outputs_are_kept_to_the_end() -> None:
    maker = Maker(image=100)
    maker.mix("early", 40, "image", in_place=(0,))
    maker.mix("late", 40, "early", in_place=(0,))
    maker.mix("last", 40, "late", in_place=(0,))
    graph = maker.graph("last", "early", "image")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert result.arena_bytes == 100 + 40 + 40
    assert result.placements["image"].last == result.placements["early"].last == 3


def test_overwriting_is_not_always_best() -> None:
    """Had t3 to start where t2 does, it would not fit under 40 bytes in any order."""
    maker = Maker(i=20)
    maker.mix("t0", 4, "i", in_place=(0,))
    maker.mix("t1", 8, "i", scratch=4, in_place=(0,))
    maker.mix("t2", 4, "t1", "i", scratch=4)
    maker.mix("t3", 24, "t2", "t0", in_place=(0,))
    graph = maker.graph("t3")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert (result.arena_bytes, result.optimal) == (36, True)
    assert result.aliases == {"t0": "i"}


def test_the_order_is_chosen() -> None:
    maker = Maker(image=40)
    maker.mix("big_a", 400, "image")
    maker.mix("big_b", 400, "image")
    maker.mix("small_a", 4, "big_a")
    maker.mix("small_b", 4, "big_b")
    maker.mix("sum", 4, "small_a", "small_b")
    result = plan(maker.graph("sum"), maker.choices)
    check(maker.graph("sum"), result)
    assert result.arena_bytes == 444
    assert [name[5:] for name in result.order] in (
        ["big_a", "small_a", "big_b", "small_b", "sum"],
        ["big_b", "small_b", "big_a", "small_a", "sum"],
    )


def test_views_share_what_they_show() -> None:
    maker = Maker(image=40)
    maker.view("rows", "image")
    maker.mix("made", 40, "rows")
    maker.view("flat", "made")
    maker.view("again", "flat")
    graph = maker.graph("rows", "flat", "again")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert result.arena_bytes == 80
    assert result.aliases == {"rows": "image", "flat": "made", "again": "made"}


def test_what_is_joined_is_made_in_its_place() -> None:
    maker = Maker(image=8)
    maker.mix("a", 40, "image")
    maker.mix("b", 20, "image", scratch=12)
    maker.view("shown", "b")
    maker.mix("c", 8, "shown")
    maker.join("inner", "b", "c")
    maker.join("all", "inner", "a")
    maker.cut("part", "all", 28, 30)
    graph = maker.graph("all", "part")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert {"make_inner", "make_all", "make_part", "make_shown"} == set(result.free)
    assert result.arena_bytes == 8 + 68 + 12
    offsets = {name: place.offset for name, place in result.placements.items()}
    start = offsets["all"]
    assert (offsets["b"], offsets["c"], offsets["a"]) == (start, start + 20, start + 28)
    assert (offsets["shown"], offsets["part"]) == (start, start + 28)


def test_what_is_joined_is_copied_where_that_takes_less() -> None:
    """In its place, the result would be there while scratch is needed for its parts."""
    maker = Maker(image=8)
    maker.mix("a", 40, "image", scratch=80)
    maker.mix("b", 40, "a", scratch=40)
    maker.join("all", "a", "b")
    graph = maker.graph("all")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert result.arena_bytes == 128
    assert result.free == ()


def test_what_is_used_otherwise_too_is_not_moved() -> None:
    maker = Maker(image=40)
    maker.mix("a", 40, "image")
    maker.mix("odd", 6, "image")
    for name, sources in (("twice", "aa"), ("input", ("a", "image")), ("odd_first", ("odd", "a"))):
        maker.join(name, *sources)
    graph = maker.graph("twice", "input", "odd_first")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert result.free == ()


def test_a_view_of_a_constant_stays_in_flash() -> None:
    maker = Maker(image=40)
    maker.tensors["table"] = Tensor.constant("table", np.arange(40, dtype=np.uint8))
    maker.view("shown", "table")
    maker.mix("made", 40, "image", "shown", in_place=(1, 0))
    graph = maker.graph("made", "shown")
    result = plan(graph, maker.choices)
    check(graph, result)
    assert result.arena_bytes == 40
    assert result.aliases == {"shown": "table", "made": "image"}
    assert "shown" not in result.placements


def test_a_graph_without_nodes() -> None:
    result = plan(Maker(a=5, b=6).graph("b"), {})
    assert (result.arena_bytes, result.optimal, result.live_bytes) == (16, True, ())
    assert (result.peak.op, result.peak.bytes) == ("INPUTS", 16)
    assert [tensor.name for tensor in result.peak.tensors] == ["a", "b"]


def test_an_input_that_nothing_reads_is_still_written() -> None:
    maker = Maker(used=8, unused=80)
    maker.mix("made", 40, "used")
    result = plan(maker.graph("made"), maker.choices)
    check(maker.graph("made"), result)
    assert result.arena_bytes == 88


def streaming() -> Maker:
    maker = Maker(sample=10)
    maker.state("ring", 30)
    maker.state("count", 2)
    maker.mix("old", 30, "ring")
    maker.mix("ring", 30, "ring", "sample", in_place=(0,))
    maker.mix("seen", 10, "ring", "old")
    maker.mix("count", 2, "seen")
    maker.mix("out", 10, "seen", "count", in_place=(0,))
    return maker


def test_state_lives_apart_and_is_read_before_it_is_written() -> None:
    maker = streaming()
    graph = maker.graph("out")
    result = plan(graph, maker.choices)
    check(graph, result, runs=4)
    assert result.state_bytes == 36
    assert {name: place.offset for name, place in result.state.items()} == {"ring": 0, "count": 32}
    assert result.order.index("make_old") < result.order.index("make_ring")
    assert result.ram_bytes == result.arena_bytes + 36
    assert not set(result.state) & set(result.placements)


def test_a_view_of_state_is_read_before_the_state_is_written() -> None:
    maker = Maker(sample=8)
    maker.state("ring", 8)
    maker.view("shown", "ring")
    maker.mix("out", 8, "shown")
    maker.mix("ring", 8, "sample")
    result = plan(maker.graph("out"), maker.choices)
    check(maker.graph("out"), result, runs=3)
    assert result.state["shown"] == result.state["ring"]


def misuse(*steps: str) -> Maker:
    maker = Maker(sample=8)
    maker.state("ring", 8)
    made = {
        "view": lambda: maker.view("shown", "ring"),
        "write": lambda: maker.mix("ring", 8, "sample"),
        "read": lambda: maker.mix("out", 8, "shown"),
        "update": lambda: maker.mix("ring", 8, "ring", "sample", in_place=(1,)),
        "copy": lambda: maker.nodes.append(Node("copy", Reshape((8,)), ("sample",), "ring")),
    }
    for step in steps:
        made[step]()
    return maker


@pytest.mark.parametrize(
    ("steps", "output", "message"),
    [
        (("view", "write", "read"), "out", "make_out reads shown after its state ring was written"),
        (("view", "write"), "shown", "output shown shows state ring, written later"),
        (("update",), "sample", "make_ring updates ring, but its kernel cannot in place"),
        (("copy",), "sample", "copy reshapes into state ring"),
    ],
)
def test_state_that_no_order_can_serve(steps: tuple[str, ...], output: str, message: str) -> None:
    maker = misuse(*steps)
    with pytest.raises(GraphError, match=message):
        plan(maker.graph(output), maker.choices)


def test_a_node_without_a_kernel_is_refused() -> None:
    maker = Maker(image=8)
    maker.mix("made", 8, "image")
    with pytest.raises(GraphError, match="no kernel is chosen for make_made"):
        plan(maker.graph("made"), {})


def test_alignment() -> None:
    maker = Maker(a=5, b=6)
    maker.mix("c", 7, "a", "b", scratch=9)
    result = plan(maker.graph("c"), maker.choices, alignment=8)
    check(maker.graph("c"), result)
    assert result.arena_bytes == 8 + 8 + 8 + 16
    places = [*result.placements.values(), *result.scratch.values()]
    assert all(place.offset % 8 == 0 for place in places)
    assert result.scratch["make_c"].bytes == 9


def wide(branches: int, length: int) -> Maker:
    maker = Maker(image=64)
    ends = []
    for branch in range(branches):
        last = "image"
        for depth in range(length):
            name = f"b{branch}_{depth}"
            maker.mix(name, 10 + (branch * 7 + depth * 13) % 50, last, scratch=depth)
            last = name
        ends.append(last)
    for number, end in enumerate(ends[1:]):
        maker.mix(f"sum{number}", 60, ends[0] if number == 0 else f"sum{number - 1}", end)
    return maker


def test_hundreds_of_nodes_and_a_bounded_effort() -> None:
    maker = wide(8, 6)
    graph = maker.graph("sum6")
    result = plan(graph, maker.choices, effort=50_000)
    check(graph, result, runs=1)
    assert not result.optimal
    assert result.lower_bound < result.arena_bytes
    assert result == plan(graph, maker.choices, effort=50_000)
    chain = Maker(image=64)
    for number in range(1200):
        chain.mix(f"t{number}", 64 + number % 9, f"t{number - 1}" if number else "image")
    assert plan(chain.graph("t1199"), chain.choices, effort=50_000).arena_bytes >= 140
