"""A board emulated by Unicorn: exactly its memories, and native counts of what runs."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.boards import Board
from edge_runtime.device.counter import Counter, new_memory
from edge_runtime.device.link import Link
from edge_runtime.device.machine import Machine
from edge_runtime.device.target import Target

_MAX_INSTRUCTIONS = 10_000_000_000  # half a minute; a large model takes some hundred million


class UnicornTarget(Target):
    """Firmware on an emulated board, in this process.

    Args:
        elf: the image, the very one that would be flashed.
        board: the board it was built for.
        max_instructions: that may run without an answer; past it the firmware is said to hang.

    Raises:
        EmulationError: the image cannot be read, or does not fit the board.
        BoardError: the board cannot be emulated.
    """

    def __init__(
        self, elf: Path, board: Board, *, max_instructions: int = _MAX_INSTRUCTIONS
    ) -> None:
        super().__init__(elf, board)
        self.counter = Counter(self.image, new_memory(self.image))
        self._machine = Machine(self.image, board, self.counter, max_instructions)
        self.reads = self._machine.reads if board.waits else None
        self.link = Link(_InProcess(self._machine))

    def close(self) -> None:
        self.link.close()


class _InProcess:
    """The machine's serial port; time passes only while somebody reads from it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def write(self, data: bytes) -> None:
        self._machine.feed(data)

    def read(self, timeout: float) -> bytes:
        return self._machine.run()

    def close(self) -> None:
        pass
