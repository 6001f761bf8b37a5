"""Lines depend on what ran, not on how an emulator cut it into blocks."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snippets import code

from edge_runtime.cycles import Block, Tracer, instructions

BASE = 0x1000
PROGRAM = (
    *("movs r0, #1", "smlad r0, r1, r2, r0", "ldr r0, [r1]", "str r0, [r1]"),
    *("subs r0, #1", "bne", "nop", "adds r0, r0, r1", "bx lr"),
)
SIZES = [len(code(text)) for text in PROGRAM]
STARTS = [BASE + sum(SIZES[:index]) for index in range(len(PROGRAM))]
JUMPS = (5, 8)  # the branch and the return
CODE = code(*PROGRAM)


def read(address, size):
    return CODE[address - BASE : address - BASE + size]


def tracer():
    return Tracer(read)


def runs_of(entries, taken):
    """Straight runs (first, last, jumped) from each entry to the next jump that is taken."""
    choices = iter(taken)
    for entry in entries:
        at = entry
        while True:
            last = next(jump for jump in JUMPS if jump >= at)
            jumped = last == JUMPS[-1] or next(choices, True)
            yield at, last, jumped
            if jumped:
                break
            at = last + 1


def blocks_of(runs, cuts):
    """The same execution, counted by an emulator that also ends blocks before each of `cuts`."""
    executions, taken = Counter(), Counter()
    for first, last, jumped in runs:
        edges = [first, *(cut for cut in sorted(cuts) if first < cut <= last), last + 1]
        for begin, end in pairwise(edges):
            block = STARTS[begin], sum(SIZES[begin:end])
            executions[block] += 1
            taken[block] += jumped and end == last + 1
    return [Block(*block, count, taken[block]) for block, count in executions.items()]


entries = st.lists(st.integers(0, len(PROGRAM) - 1), min_size=1, max_size=8)
cuts = st.sets(st.integers(1, len(PROGRAM) - 1))


@given(entries, st.lists(st.booleans(), max_size=8), cuts, cuts)
def test_cuts_do_not_matter(entries, taken, first, second):
    runs = list(runs_of(entries, taken))
    blocks = blocks_of(runs, first)
    lines = tracer().lines(blocks)
    assert lines == tracer().lines(blocks_of(runs, second))
    ran = sum(last - begin + 1 for begin, last, _ in runs)
    assert instructions(blocks, read, "arm") == ran
    assert sum(line.executions * len(line.instructions) for line in lines) == ran


def test_a_loop():
    runs = [(0, 5, True), *[(2, 5, True)] * 8, (2, 5, False), (6, 8, True)]
    lines = tracer().lines(blocks_of(runs, ()))
    assert [(line.executions, line.taken, len(line.instructions)) for line in lines] == [
        (1, 0, 2),
        (10, 9, 4),
        (1, 1, 3),
    ]


def test_half_an_instruction_at_the_end_is_left_out():
    half = Block(STARTS[0], SIZES[0] + 2, executions=3, taken=0)
    assert instructions([half], read, "arm") == 3
    (line,) = tracer().lines([half])
    assert (line.executions, len(line.instructions)) == (3, 1)


def test_instructions_of_risc_v():
    """c.li a0, 5; mul a2, a0, a0; c.j 0: of two, four and two bytes."""
    raw = bytes.fromhex("1545 3306a502 01a0")
    block = Block(0, len(raw), executions=2, taken=0)
    assert instructions([block], lambda at, size: raw[at : at + size], "riscv") == 6


def test_nothing_ran():
    assert tracer().lines([]) == []


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_blocks_does_not_matter(order):
    blocks = blocks_of([(0, 5, False), (6, 8, True)], {3})
    assert tracer().lines(blocks[::order]) == tracer().lines(blocks)
