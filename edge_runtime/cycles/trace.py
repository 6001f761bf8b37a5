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

from edge_runtime.cycles.count import Block, sizes
from edge_runtime.cycles.instruction import CONTROL, Instruction, decode


@dataclass(frozen=True)
class Line:
    """Instructions that follow each other in memory and ran equally often, one after the other.

    Only the last one can jump; it did so `taken` times.
    """

    instructions: tuple[Instruction, ...]
    executions: int
    taken: int


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
            code = self._read(*key)
            whole = sum(sizes(code, "arm"))
            self._decoded[key] = decode(code[:whole], block.address)
        return self._decoded[key]


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
