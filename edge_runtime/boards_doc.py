"""The tables of docs/boards.md, made from the board files: `python -m edge_runtime.boards_doc`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from edge_runtime.boards import Board, board_names, load_board
from edge_runtime.device.processor import PROCESSORS
from edge_runtime.files import write_file

PAGE = Path("docs/boards.md")

_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def boards() -> tuple[Board, ...]:
    """All boards but the host."""
    return tuple(board for name in board_names() if not (board := load_board(name)).is_host)


def fill(page: str) -> str:
    """The page with its tables made anew."""
    tables = {"hardware": _hardware, "proof": _proof, "flashing": _flashing, "marks": _marks}
    return _TABLE.sub(lambda match: match[1] + tables[match[2]](boards()) + match[3], page)


def _hardware(found: Iterable[Board]) -> str:
    rows = [
        (
            f"`{board.name}`",
            board.title,
            board.core + ("" if board.clock_hz is None else f", {board.clock_hz / 1e6:g} MHz"),
            _size(board.flash.size),
            ", ".join(f"{_size(space.size)} {space.name}" for space in board.ram_spaces),
            "" if board.uart is None else board.uart.pins,
            "" if board.counter is None else board.counter.what,
        )
        for board in found
    ]
    return _table(("board", "what", "core", "flash", "RAM", "serial port", "cycles from"), rows)


def _proof(found: Iterable[Board]) -> str:
    rows = []
    for board in found:
        emulators = ["Unicorn, with exactly its memory"] if board.core in PROCESSORS else []
        if board.emulation is not None:
            emulators.append(f"QEMU `{board.emulation.machine}`: {board.emulation.notes}")
        exists = board.flashing.methods or board.system
        silicon = board.hardware or ("nothing yet" if exists else "there is none")
        rows.append((f"`{board.name}`", "; ".join(emulators), silicon, board.notes))
    return _table(("board", "emulated by", "run on hardware", "notes"), rows)


def _flashing(found: Iterable[Board]) -> str:
    rows = [
        (
            f"`{board.name}`",
            ", ".join(board.flashing.methods),
            board.flashing.by_hand,
            board.flashing.boot,
            ", ".join(f"{usb.vid:04x}:{usb.pid:04x} {usb.what}" for usb in board.flashing.usb),
            _platformio(board),
        )
        for board in found
        if board.flashing.methods or board.system
    ]
    heads = ("board", "`--method`", "by hand", "to make it wait", "USB", "PlatformIO")
    return _table(heads, rows)


def _marks(found: Iterable[Board]) -> str:
    rows = [
        (f"`{board.name}`", ", ".join(board.unverified) or "–", "; ".join(board.sources))
        for board in found
    ]
    return _table(("board", "not checked", "sources"), rows)


def _platformio(board: Board) -> str:
    known = board.platformio
    if known is None:
        return "–"
    kind = f"with {known.framework}" if known.framework else "bare"
    return f"`{known.board}` of {known.platform}, {kind}"


def _size(count: int) -> str:
    return f"{count >> 20} MiB" if count % (1 << 20) == 0 else f"{count >> 10} KiB"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', '/') or '–' for cell in line)} |\n" for line in lines
    )


if __name__ == "__main__":
    write_file(PAGE, fill(PAGE.read_text(encoding="utf-8")))
