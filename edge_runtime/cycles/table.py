"""Timing of cores that issue one instruction at a time: a table of costs that add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

from edge_runtime.cycles.instruction import Instruction, Kind
from edge_runtime.cycles.trace import Line
from edge_runtime.errors import EmulationError


@dataclass(frozen=True)
class Cost:
    """Cycles of a kind of instruction: `cycles`, `each` for every register, `taken` to jump.

    `source` is the section of the manual, or says what stands in its place.
    """

    cycles: int
    source: str
    each: int = 0
    taken: int = 0


@dataclass(frozen=True)
class Table:
    """Cycles of one core with memory that never makes it wait.

    `pipelined` cycles are saved by a load directly after a load or a store whose results do not
    form its address. The total is multiplied by `scale` and rounded once.
    """

    core: str
    manual: str
    costs: Mapping[Kind, Cost]
    pipelined: int = 0
    scale: Fraction = field(default=Fraction(1))

    def cycles(self, lines: Iterable[Line]) -> int:
        """Estimated cycles of counted code."""
        return round(sum(self.line_cycles(line) for line in lines) * self.scale)

    def line_cycles(self, line: Line) -> int:
        """Cycles of all executions of a straight line, before scaling.

        Raises:
            EmulationError: the core has no such instruction.
        """
        costs = [self._cost(instruction) for instruction in line.instructions]
        counts = [instruction.count for instruction in line.instructions]
        once = sum(c.cycles + c.each * count for c, count in zip(costs, counts, strict=True))
        pairs = sum(_follows_closely(*pair) for pair in pairwise(line.instructions))
        return line.executions * (once - self.pipelined * pairs) + line.taken * costs[-1].taken

    def _cost(self, instruction: Instruction) -> Cost:
        if instruction.kind not in self.costs:
            raise EmulationError(
                f"the code at 0x{instruction.pc:08x} is `{instruction.text}`; {self.core} has no "
                f"instruction of that kind"
            )
        return self.costs[instruction.kind]


def _follows_closely(first: Instruction, second: Instruction) -> bool:
    return (
        second.kind is Kind.LOAD
        and first.kind in (Kind.LOAD, Kind.STORE)
        and not first.writes & second.address
    )
