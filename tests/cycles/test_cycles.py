"""Estimated cycles against sums worked out by hand."""

from __future__ import annotations

import pytest
from snippets import line

from edge_runtime.cycles import Kind, cycle_model
from edge_runtime.cycles.m0plus import M0PLUS
from edge_runtime.cycles.m4 import M4
from edge_runtime.cycles.m7 import M7
from edge_runtime.errors import BoardError, EmulationError

CORES = ["cortex-m0plus", "cortex-m4", "cortex-m33", "cortex-m7"]


def cycles(core, *lines):
    return cycle_model(core).cycles(lines)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["movs r0, #1", "adds r0, r0, r1", "smlad r0, r1, r2, r0", "ssat r0, #8, r1"], 4),
        (["smull r0, r1, r2, r3"], 1),
        (["ldr r0, [r1]"], 2),
        (["ldr r0, [r1]", "ldr r2, [r3]"], 3),  # the second is pipelined
        (["ldr r0, [r1]", "ldr r2, [r0]"], 4),  # it needs the first for its address
        (["str r2, [r3]", "ldr r0, [r1]"], 2),
        (["ldr r0, [r1]", "str r2, [r3]", "ldr r0, [r1]"], 4),
        (["ldr r0, [r1], #4", "ldr r2, [r1], #4"], 4),  # the first moves the second's base
        (["ldr r0, [r1]", "movs r0, #1", "ldr r2, [r3]"], 5),
        (["str r0, [r1]"], 1),
        (["ldrd r0, r1, [r2]"], 3),
        (["strd r0, r1, [r2]"], 3),
        (["ldm r0!, {r1, r2, r3}"], 4),
        (["push {r4, r5, lr}"], 4),
        (["it eq"], 1),
        (["vmul.f32 s0, s1, s2"], 1),
        (["vmla.f32 s0, s1, s2"], 3),
        (["vdiv.f32 s0, s1, s2"], 14),
        (["vmov r0, s0"], 2),
        (["vldr s0, [r1]"], 2),
        (["vpush {d8, d9}"], 5),
        (["sdiv r0, r1, r2"], 7),
    ],
)
def test_m4_straight(texts, expected):
    assert cycles("cortex-m4", line(*texts)) == expected


@pytest.mark.parametrize(
    ("text", "taken", "expected"),
    [("bne", 0, 10), ("bne", 9, 28), ("b", 10, 30), ("bl", 10, 30), ("bx lr", 10, 30)],
)
def test_m4_jumps(text, taken, expected):
    assert cycles("cortex-m4", line(text, executions=10, taken=taken)) == expected


def test_m4_return():
    assert cycles("cortex-m4", line("pop {r4, r5, pc}", taken=1)) == 1 + 3 + 2
    assert cycles("cortex-m4", line("ldr.w pc, [r0]", taken=1)) == 2 + 2
    assert cycles("cortex-m4", line("tbb [pc, r0]", taken=1)) == 2 + 2


def test_m4_loop():
    body = line("ldr r0, [r1]", "ldr r2, [r3]", "subs r0, #1", "bne", executions=100, taken=99)
    assert cycles("cortex-m4", body) == 100 * (2 + 1 + 1 + 1) + 99 * 2


@pytest.mark.parametrize(
    ("texts", "taken", "expected"),
    [
        (["movs r0, #1", "adds r0, r0, r1", "muls r0, r1, r0"], 0, 3),
        (["ldr r0, [r1]", "ldr r2, [r3]"], 0, 4),  # nothing is pipelined
        (["str r0, [r1]", "strb r0, [r1]"], 0, 4),
        (["ldm r0!, {r1, r2, r3}"], 0, 4),
        (["push {r4, r5, lr}"], 0, 4),
        (["pop {r4, r5}"], 0, 3),
        (["pop {r4, r5, pc}"], 1, 3 + 3),
        (["bne"], 0, 1),
        (["bne"], 1, 2),
        (["b"], 1, 2),
        (["bl"], 1, 3),
        (["bx lr"], 1, 2),
        (["mrs r0, primask"], 0, 3),
        (["dsb sy"], 0, 3),
    ],
)
def test_m0plus(texts, taken, expected):
    assert cycles("cortex-m0plus", line(*texts, taken=taken)) == expected


def test_m0plus_has_no_such_instruction():
    with pytest.raises(EmulationError, match=r"sdiv.*cortex-m0plus has no"):
        cycles("cortex-m0plus", line("sdiv r0, r1, r2"))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["adds r2, r3, r3", "adds r4, r3, r3"], 1),  # a pair
        (["adds r2, r3, r3", "adds r4, r3, r3", "cmp r0, r1"], 2),
        (["adds r0, r0, r1", "adds r2, r0, r0"], 2),  # the second needs the first
        (["movs r0, #1", "str r0, [r1]"], 1),  # what is stored may come from its partner
        (["movs r0, #1", "str r0, [r0]"], 3),  # an address may not, and comes a cycle later
        (["sxtb16 r0, r1", "sxtb16 r2, r3"], 2),  # one unit for both
        (["sxtb16 r0, r1", "adds r2, r3, r3"], 1),
        (["adds r2, r3, r3", "sxtb16 r0, r1"], 2),  # it can only be the first of two
        (["smlad r0, r1, r2, r0", "adds r2, r3, r3"], 1),
        (["smlad r0, r1, r2, r0", "smlad r3, r4, r5, r3"], 2),  # one multiplier
        (["smlad r0, r1, r2, r0", "smlad r3, r4, r5, r0"], 2),  # sums follow each other
        (["smlad r0, r1, r2, r0", "adds r2, r0, r0"], 3),  # other uses wait a cycle
        (["smlad r0, r1, r2, r0", "str r2, [r3]"], 2),
        (["add.w r0, r1, r2, lsl #3", "add.w r3, r4, r5, lsl #1"], 2),  # one shifter
        (["ldr r0, [r1]", "ldr r2, [r3]"], 1),
        (["ldr r0, [r1]", "adds r2, r0, r0"], 2),
        (["ldrb r0, [r1]", "adds r2, r0, r0"], 3),  # bytes take longer
        (["ldr r0, [r1]", "ldr r2, [r0]"], 3),
        (["ldr r0, [r1], #4", "ldr r2, [r1], #4"], 2),  # the base has moved by the next cycle
        (["str r0, [r1]", "str r2, [r3]"], 2),  # one store
        (["ldm r0!, {r1, r2, r3}"], 2),  # two words a cycle
        (["push {r4, r5, lr}", "movs r0, #1"], 3),  # alone
        (["ldrd r0, r1, [r2]"], 1),
        (["subs r0, #1", "bne"], 1),
        (["sdiv r0, r1, r2"], 7),
        (["vmul.f32 s0, s1, s2", "vmul.f32 s0, s1, s2"], 2),
    ],
)
def test_m7_pairs(texts, expected):
    assert cycles("cortex-m7", line(*texts)) == expected


def test_m7_prediction():
    def loop(taken):
        return cycles("cortex-m7", line("bne", executions=10, taken=taken))

    assert loop(10) == loop(0) == 10
    assert loop(9) == loop(1) == 10 + 6
    assert loop(5) == 10 + 5 * 6


def test_m33_is_a_scaled_m4():
    body = line("ldr r0, [r1]", "subs r0, #1", "bne", executions=10_000, taken=9_999)
    m4 = cycles("cortex-m4", body)
    assert cycles("cortex-m33", body) == round(m4 * 26 / 25)
    assert cycles("cortex-m33", line("nop")) == 1


@pytest.mark.parametrize("core", CORES)
def test_many_lines_add_up(core):
    lines = [line("ldr r0, [r1]", "bne", executions=25 * n, taken=20 * n) for n in range(1, 9)]
    assert cycles(core, *lines) == sum(cycles(core, each) for each in lines)
    assert isinstance(cycles(core, *lines), int)


@pytest.mark.parametrize("core", CORES)
def test_a_model_says_where_it_is_from(core):
    assert cycle_model(core).core == core
    assert len(cycle_model(core).manual) > 10


def test_every_cost_has_a_source():
    for table in (M4, M0PLUS):
        assert all(cost.source for cost in table.costs.values())


def test_every_kind_has_a_cost():
    assert set(M4.costs) == set(M7.issues) == set(Kind)


def test_an_unknown_core():
    with pytest.raises(BoardError, match=r"cortex-m55.*cortex-m33"):
        cycle_model("cortex-m55")
