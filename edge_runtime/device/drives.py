"""The drive that a board shows while it waits for a UF2 file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from edge_runtime.boards import Board
from edge_runtime.errors import FlashError

_ABOUT = "INFO_UF2.TXT"  # microsoft/uf2 README
_FOLDERS = {  # below which drives are mounted, and how deep
    "linux": (("/media", "*/*"), ("/media", "*"), ("/run/media", "*/*"), ("/mnt", "*")),
    "darwin": (("/Volumes", "*"),),
    "win32": tuple((f"{letter}:/", ".") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"),
}


def find_drive(board: Board, wanted: Path | None = None) -> Path:
    """The drive of the board: `wanted`, or the only one that is the board's.

    FlashError: there is none, there are several, or it is another board's. The message lists the
    drives that were seen.
    """
    if wanted is not None:
        name = board_id(wanted)
        if name != board.flashing.drive:
            what = f"the drive of {name}" if name else "no drive that takes UF2 files"
            raise FlashError(
                f"{wanted} is {what}, not that of {board.name}", hint=board.flashing.boot
            )
        return wanted
    seen = {path: name for path in _mounted() if (name := board_id(path)) is not None}
    fits = [path for path, name in seen.items() if name == board.flashing.drive]
    if len(fits) == 1:
        return fits[0]
    listed = "".join(f"\n  {path} ({name})" for path, name in seen.items()) or " none"
    if fits:
        raise FlashError(
            f"{len(fits)} drives may be {board.name}:{listed}", hint="name one with --port"
        )
    raise FlashError(
        f"no drive of {board.name} ({board.flashing.drive}) is there; seen:{listed}",
        hint=f"{board.flashing.boot}; or name the drive's folder with --port",
    )


def board_id(drive: Path) -> str | None:
    """What a drive says of its board; None where it takes no UF2 files."""
    try:
        text = (drive / _ABOUT).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "Board-ID":
            return value.strip()
    return ""


def _mounted() -> Iterator[Path]:
    for folder, pattern in _FOLDERS.get(sys.platform, ()):
        yield from [Path(folder)] if pattern == "." else sorted(Path(folder).glob(pattern))
