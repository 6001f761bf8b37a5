"""Blocks of code that ran, and how many instructions that is: exact on every core."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_WIDE_THUMB = (0b11101, 0b11110, 0b11111)  # the first five bits of instructions of four bytes
_WIDE_RISCV = 0b11  # the last two bits


@dataclass(frozen=True)
class Block:
    """A piece of code that was entered at `address` and left after `size` bytes.

    `taken` of its `executions` did not go on to the code that follows it in memory.
    """

    address: int
    size: int
    executions: int
    taken: int


def sizes(code: bytes, architecture: str) -> Iterator[int]:
    """The size of each instruction: two bytes or four; always four on AArch64.

    A last half of an instruction is left out: QEMU counts one in at the end of a page.
    """
    at = 0
    while at < len(code):
        if architecture == "aarch64":
            wide = True
        elif architecture == "riscv":
            wide = code[at] & 3 == _WIDE_RISCV
        else:
            wide = code[at + 1] >> 3 in _WIDE_THUMB
        if wide and at + 2 == len(code):
            return
        size = 4 if wide else 2
        yield size
        at += size


def instructions(
    blocks: Iterable[Block], read: Callable[[int, int], bytes], architecture: str
) -> int:
    """Instructions executed in these blocks; `read` gives the bytes at an address, of a size."""
    return sum(
        block.executions * sum(1 for _ in sizes(read(block.address, block.size), architecture))
        for block in blocks
    )
