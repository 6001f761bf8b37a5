"""No shape costs far more a product than its neighbours."""

from __future__ import annotations

import shutil

import pytest

from edge_runtime.bench_grid import SWEEPS, Cost, Sweep, cliffs, measure_sweeps


@pytest.mark.parametrize(
    ("board", "known"),
    [
        ("nucleo_l4r5zi", []),
        ("rpi_pico", ["depthwise, channel multiplier: 2 beside 1"]),
        # Four blocks of 4 x 4 taps instead of one.
        ("mps3_an547", ["depthwise, kernel: 5x5 beside 4x4"]),
    ],
)
def test_no_cliffs(board: str, known: list[str]) -> None:
    if board == "mps3_an547" and shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    measured = measure_sweeps(board, "zig", SWEEPS)
    pairs = zip(SWEEPS, measured, strict=True)
    assert [cliff for sweep, costs in pairs for cliff in cliffs(sweep, costs)] == known


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (Cost(100, 100), Cost(201, 100), True),
        (Cost(100, 100), Cost(200, 100), False),
        # Less to do in fewer instructions is what every call takes.
        (Cost(99, 10), Cost(100, 100), False),
        (Cost(101, 10), Cost(100, 100), True),
        (Cost(10, 10), Cost(210, 100), True),
    ],
)
def test_what_a_cliff_is(first: Cost, second: Cost, found: bool) -> None:
    sweep = Sweep("sweep", ("1", "2"), SWEEPS[0].shapes[:2])
    assert bool(cliffs(sweep, [first, second])) is found
