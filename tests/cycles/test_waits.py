"""What a board waits for its memories, against the published times that it was fitted to."""

from __future__ import annotations

import pytest

from edge_runtime.boards import Waits, board_names, load_board
from edge_runtime.cycles import with_waits
from edge_runtime.cycles.waits import L4R5_MHZ, L4R5_PAIRS, Pair, fit

BOARD = "nucleo_l4r5zi"


def test_the_board_has_what_the_pairs_give():
    board = load_board(BOARD)
    assert board.waits is not None and board.clock_hz == L4R5_MHZ * 1_000_000
    assert (board.waits.per_cycle, board.waits.per_flash_byte) == fit(L4R5_PAIRS, L4R5_MHZ)


@pytest.mark.parametrize("pair", L4R5_PAIRS, ids=lambda pair: pair.model)
def test_every_pair_is_met_within_four_percent(pair):
    cycles = round(pair.estimated_ms * L4R5_MHZ * 1000)
    estimate = with_waits(load_board(BOARD).waits, cycles, pair.flash_bytes)
    assert estimate == pytest.approx(pair.measured_ms * L4R5_MHZ * 1000, rel=0.04)


def test_a_fit_finds_what_made_its_pairs():
    def pair(ms: float, read: int) -> Pair:
        return Pair("", ms, ms * 1.25 + read * 0.5 / 100_000, read)

    made = [pair(3.0, 70_000), pair(40.0, 20_000), pair(50.0, 3_000_000)]
    assert fit(made, 100) == (250, 500)


def test_waits_are_rounded_once():
    waits = Waits(100, 500, "", False)
    assert with_waits(waits, 1_000, 3) == 1_102  # 100 + 1.5
    assert with_waits(waits, 4, 0) == 4  # 0.4
    assert with_waits(waits, 0, 0) == 0


def test_no_other_board_has_any():
    assert [name for name in board_names() if load_board(name).waits] == [BOARD]
