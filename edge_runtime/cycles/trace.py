"""Counted code: which instructions ran how often, in straight lines.

Emulators count blocks of code, and where one block ends and the next begins is their own affair
(a page, a limit on its length, the address that some jump went to). The lines made here depend on
nothing but how often each instruction ran, so the same execution gives the same lines, and the
same cycles, whatever cut it into blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edge_runtime.cycles.instruction import CONTROL, Instruction, decode

_WIDE = (0b11101, 0b11110, 0b11111)  # the first five bits of instructions of four bytes


@dataclass(frozen=True)
class Block:
    """A piece of code that was entered at `address` and left after `size` bytes.

    `taken` of its `executions` did not go on to the code that follows it in memory.
    """

    address: int
    size: int
    executions: int
    taken: int


@dataclass(frozen=True)
class Line:
    """Instructions that follow each other in memory and ran equally often, one after the other.

    Only the last one can jump; it did so `taken` times.
    """

    instructions: tuple[Instruction, ...]
    executions: int
    taken: int


def instructions(lines: Iterable[Line]) -> int:
    """Instructions executed."""
    return sum(len(line.instructions) * line.executions for line in lines)


class Tracer:
    """Turns counted blocks of one image into lines; keeps what it decoded.

    Args:
        read: the bytes of code at an address, and of a size.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._decoded: dict[tuple[int, int], tuple[Instruction, ...]] = {}

    def lines(self, blocks: Iterable[Block]) -> list[Line]:
        """The lines that these blocks are made of, in the order of their addresses."""
        executions: Counter[int] = Counter()
        taken: Counter[int] = Counter()
        found: dict[int, Instruction] = {}
        for block in blocks:
            code = self._decode(block)
            for instruction in code:
                found[instruction.pc] = instruction
                executions[instruction.pc] += block.executions
            taken[code[-1].pc] += block.taken
        ordered = [found[pc] for pc in sorted(found) if executions[pc]]
        return [
            Line(tuple(line), executions[line[0].pc], taken[line[-1].pc])
            for line in _split(ordered, executions)
        ]

    def _decode(self, block: Block) -> tuple[Instruction, ...]:
        key = block.address, block.size
        if key not in self._decoded:
            self._decoded[key] = decode(_whole(self._read(*key)), block.address)
        return self._decoded[key]


def _whole(code: bytes) -> bytes:
    """Code without a last half of an instruction, which QEMU counts in at the end of a page."""
    at = 0
    while at < len(code):
        wide = code[at + 1] >> 3 in _WIDE
        if wide and at + 2 == len(code):
            return code[:at]
        at += 4 if wide else 2
    return code


def _split(ordered: Sequence[Instruction], executions: Counter[int]) -> Iterable[list[Instruction]]:
    line: list[Instruction] = []
    for instruction in ordered:
        if line and not _continues(line[-1], instruction, executions):
            yield line
            line = []
        line.append(instruction)
    if line:
        yield line


def _continues(last: Instruction, this: Instruction, executions: Counter[int]) -> bool:
    return (
        last.kind not in CONTROL
        and last.pc + last.size == this.pc
        and executions[last.pc] == executions[this.pc]
    )
