"""The emulator for a board: Unicorn where it has the core, QEMU for the others."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.boards import Board
from edge_runtime.device.processor import PROCESSORS
from edge_runtime.device.qemu_target import QemuTarget
from edge_runtime.device.target import Target
from edge_runtime.device.unicorn_target import UnicornTarget


def emulated(elf: Path, board: Board) -> Target:
    """The board with the image in its flash, powered up.

    Raises:
        BoardError: no emulator has the board.
        ToolchainError: its emulator is not installed.
        EmulationError: the image cannot be read, or does not fit the board.
    """
    if board.core in PROCESSORS:
        return UnicornTarget(elf, board)
    return QemuTarget(elf, board)
