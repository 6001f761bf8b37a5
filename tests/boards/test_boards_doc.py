"""docs/boards.md says what the board files say."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.boards_doc import PAGE, boards, fill

ROOT = Path(__file__).parents[2]


def test_the_page_is_true():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert fill(page) == page, "run python -m edge_runtime.boards_doc"


def test_every_board_is_in_every_table_that_it_belongs_to():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for board in boards():
        rows = [line for line in page.splitlines() if line.startswith(f"| `{board.name}` |")]
        assert len(rows) == 3 + bool(board.flashing.methods or board.system)
        columns = {row.count(" | ") for row in rows}
        assert columns <= {6, 3, 5, 2}


def test_what_ran_on_hardware_is_said():
    """The page's own words hold as long as no file says otherwise."""
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert ("No board has met this firmware yet" in page) == (not any(b.hardware for b in boards()))


def test_a_table_is_made_anew():
    made = fill("a\n<!-- table: marks -->\nold\n<!-- end -->\nb\n")
    assert "old" not in made and made.startswith("a\n") and made.endswith("<!-- end -->\nb\n")
