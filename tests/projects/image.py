"""Images that other tools have built, on an emulated board."""

from __future__ import annotations

from pathlib import Path

from edge_runtime.boards import load_board
from edge_runtime.device.counter import Counter, new_memory
from edge_runtime.device.machine import Machine
from edge_runtime.device.symbols import load_image
from edge_runtime.device.unicorn_target import UnicornTarget


def run_firmware(elf: Path, board: str, data: bytes) -> bytes:
    """The first output for an input, by way of the link."""
    with UnicornTarget(elf, load_board(board)) as target:
        return target.run([data])[0]


def printed(elf: Path, board: str) -> list[str]:
    """The first lines that an image prints, which waits for nothing."""
    image = load_image(elf)
    counter = Counter(image, new_memory(image))
    machine = Machine(image, load_board(board), counter, 1_000_000_000)
    return machine.run().decode().splitlines()[:3]
