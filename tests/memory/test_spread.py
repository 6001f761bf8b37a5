"""One arena over several memories: nothing meets that must not, and what is hot is in the first."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from builder import Builder
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime import api
from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.errors import BudgetError
from edge_runtime.export.firmware import Options, compile_graph
from edge_runtime.kernels import choose
from edge_runtime.memory import Placement, Plan, plan, spread


def places(found: Plan) -> dict[tuple[str, str], Placement]:
    return {
        **{("tensor", name): place for name, place in found.placements.items()},
        **{("scratch", name): place for name, place in found.scratch.items()},
    }


def shared(found: Plan) -> set[tuple[tuple[str, str], tuple[str, str], int]]:
    """Pairs that hold a byte at the same time, and how far apart they start."""
    return {
        (one, other, b.offset - a.offset)
        for (one, a), (other, b) in combinations(places(found).items(), 2)
        if a.offset < b.offset + b.bytes
        and b.offset < a.offset + a.bytes
        and a.first <= b.last
        and b.first <= a.last
    }


def part_of(found: Plan, place: Placement) -> int:
    """The memory that a placement is in; it must not cross into the next."""
    start = 0
    for number, size in enumerate(found.parts):
        if start <= place.offset and place.offset + place.bytes <= start + size:
            return number
        start += size
    raise AssertionError(f"{place} lies across {found.parts}")


def network(side: int, channels: int) -> Builder:
    b = Builder(seed=3)
    x = b.conv(b.input(1, side, side, 3), channels)
    x = b.add(b.depthwise(x), x)
    b.dense(b.mean(b.conv(x, 2 * channels), 1, 2), 4)
    return b


@settings(deadline=None, max_examples=30)
@given(st.integers(4, 9), st.integers(1, 6), st.floats(0.1, 1.1), st.floats(0.3, 1.5))
def test_what_shared_bytes_still_does_and_nothing_else(side, channels, first, second):
    b = network(side, channels)
    graph = b.graph(f"t{len(b.nodes) - 1}")
    whole = plan(graph, choose(graph, ("dsp", "ref")))
    capacities = [int(first * whole.arena_bytes), int(second * whole.arena_bytes)]
    found = spread(whole, capacities)
    if found is None:
        assert sum(capacities) < 2.5 * whole.arena_bytes
        return
    assert shared(found) == shared(whole)
    assert places(found).keys() == places(whole).keys()
    used = [0, 0]
    start = 0
    for place in places(found).values():
        number = part_of(found, place)
        start = sum(found.parts[:number])
        used[number] = max(used[number], place.offset + place.bytes - start)
    assert all(
        at <= size <= limit for at, size, limit in zip(used, found.parts, capacities, strict=True)
    )
    assert found.arena_bytes == sum(found.parts) >= whole.lower_bound


def test_scratch_is_in_the_first_memory():
    b = network(12, 8)
    graph = b.graph(f"t{len(b.nodes) - 1}")
    whole = plan(graph, choose(graph, ("dsp", "ref")))
    assert whole.scratch
    found = spread(whole, [whole.arena_bytes // 2, whole.arena_bytes])
    assert {part_of(found, place) for place in found.scratch.values()} == {0}
    assert {part_of(found, place) for place in found.placements.values()} == {0, 1}


def test_what_fits_nowhere():
    b = network(6, 4)
    graph = b.graph(f"t{len(b.nodes) - 1}")
    whole = plan(graph, choose(graph, ("ref",)))
    largest = max(place.bytes for place in whole.placements.values())
    assert spread(whole, [largest - 4, largest - 4]) is None


def large(side: int) -> Builder:
    """One convolution and what it reads, of 8 and of 3 bytes a pixel."""
    b = Builder(seed=5)
    b.mean(b.conv(b.input(1, side, side, 3), 8, (1, 1)), 1, 2)
    return b


@pytest.mark.parametrize(
    ("side", "arrays"),
    [
        (80, []),  # 70 KB: in DTCM
        (160, [0, 1]),  # 282 KB: the input in DTCM, the result in AXI SRAM
        (250, [0, 1, 2]),  # 688 KB: the result, of 500, fills AXI SRAM alone
    ],
)
def test_a_model_over_the_memories_of_a_board(tmp_path, side, arrays):
    b = large(side)
    graph = b.graph("t1")
    options = Options(keep_dead_channels=True)
    exported = api.export(graph, "nucleo_h743zi", tmp_path / "firmware", options=options)
    assert exported.image.ram_bytes == exported.manifest.ram_bytes
    source = (tmp_path / "firmware" / "model" / "model.c").read_text()
    assert [i for i in range(4) if f"uint8_t model_arena_{i}[" in source] == arrays
    given = {"in0": b.values("in0")[np.newaxis]}
    cases = Cases.of([graph.tensors["in0"]], given, streaming=False)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.exact == result.compared


def test_a_model_too_large_for_all_memories_is_refused_with_their_sizes():
    b = large(420)
    with pytest.raises(BudgetError, match="131,072 in dtcm and 524,288 in axi-sram"):
        compile_graph(b.graph("t1"), load_board("nucleo_h743zi"), Options(ram=None))


def test_one_memory_is_used_to_the_byte():
    """As before there were boards with several: planned against all of the RAM."""
    compiled = compile_graph(large(60).graph("t1"), load_board("rpi_pico"))
    assert not compiled.plan.parts and not compiled.elsewhere
