"""Projects around the generated C that build as they are: CMake, PlatformIO, an Arduino library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from edge_runtime.boards import Board
from edge_runtime.errors import DataError
from edge_runtime.export.manifest import Manifest
from edge_runtime.export.project_arduino import arduino_files
from edge_runtime.export.project_cmake import cmake_files
from edge_runtime.export.project_platformio import platformio_files

Format = Literal["plain", "cmake", "platformio", "arduino"]
FORMATS: tuple[Format, ...] = get_args(Format)

ENTRIES = (
    *("CMakeLists.txt", "cmake", "example"),
    *("platformio.ini", "platformio_core.py"),
    *("library.properties", "src", "examples"),
)
"""What the formats add at the top of an exported folder; one format's give way to another's."""


def parse_format(name: str) -> Format:
    """The format called `name`; DataError where there is none."""
    for known in FORMATS:
        if name == known:
            return known
    raise DataError(f"unknown format {name!r}", hint=f"choose one of {', '.join(FORMATS)}")


def project_files(
    form: Format, board: Board, manifest: Manifest, sources: Sequence[str]
) -> dict[str, str]:
    """Project files by path relative to the exported folder; `sources` are the C files of model/.

    BoardError: the format has no place for the board.
    """
    listed = [f"model/{name}" for name in sources]
    files = {"sources.txt": "".join(f"{name}\n" for name in listed)}
    match form:
        case "cmake":
            files |= cmake_files(board, manifest, listed)
        case "platformio":
            files |= platformio_files(board, manifest)
        case "arduino":
            files |= arduino_files(board, manifest, sources)
        case "plain":
            pass
    return files
