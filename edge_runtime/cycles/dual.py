"""Timing of a core that issues two instructions at a time, in order: rules of pairing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Flag, auto

from edge_runtime.cycles.instruction import Instruction, Kind
from edge_runtime.cycles.trace import Line

_LONG_AGO = -10  # when a register was written before the line begins


class Unit(Flag):
    """Parts of the core that one instruction of a pair can hold."""

    NONE = 0
    SHIFTER = auto()
    PARALLEL = auto()
    MULTIPLIER = auto()
    STORE = auto()
    BRANCH = auto()
    FP = auto()


@dataclass(frozen=True)
class Issue:
    """How a kind of instruction is issued.

    It takes `cycles` (for a load or store of many, that many for every two registers); `alone` it
    has no partner, `older` it can only be the first of two. Its results can be used `latency`
    cycles later, by other multiplications' sums `sums` cycles later.
    """

    units: Unit = Unit.NONE
    cycles: int = 1
    latency: int = 1
    sums: int = 1
    alone: bool = False
    older: bool = False
    per_pair: bool = False


@dataclass(frozen=True)
class DualIssue:
    """Cycles of an in-order core with two issue slots, all memory accesses answered at once.

    `narrow` is added to the latency of a load of a byte or halfword. A branch that goes both ways
    is taken to be predicted as it goes more often; every other time costs `mispredicted` cycles.
    """

    core: str
    manual: str
    issues: Mapping[Kind, Issue]
    narrow: int
    mispredicted: int

    def cycles(self, lines: Iterable[Line]) -> int:
        """Estimated cycles of counted code."""
        return sum(self.line_cycles(line) for line in lines)

    def line_cycles(self, line: Line) -> int:
        """Cycles of all executions of a straight line."""
        surprises = 0
        if line.instructions[-1].kind is Kind.BRANCH:
            surprises = min(line.taken, line.executions - line.taken)
        return line.executions * self._once(line.instructions) + surprises * self.mispredicted

    def _once(self, instructions: Sequence[Instruction]) -> int:
        state = _State(self)
        for instruction in instructions:
            state.issue(instruction)
        return state.end


class _State:
    """The core while it runs one straight line; everything from before is taken to be ready."""

    def __init__(self, core: DualIssue) -> None:
        self._core = core
        self._cycle = -1  # of the newest pair
        self._older: Issue | None = None  # its first half, while a second can join
        self._ready: dict[int, int] = {}  # cycle from which a register can be used
        self._sums: dict[int, int] = {}  # the same, as something to add to
        self.end = 0

    def issue(self, instruction: Instruction) -> None:
        rule = self._core.issues[instruction.kind]
        ready = self._when_ready(instruction)
        if self._older is not None and ready <= self._cycle and _pair(self._older, rule):
            self._older = None
        else:
            self._cycle = max(self.end, ready)
            self._older = None if rule.alone else rule
        cycles = rule.cycles * (-(-instruction.count // 2) if rule.per_pair else 1)
        self.end = self._cycle + cycles
        self._finish(instruction, rule)

    def _when_ready(self, instruction: Instruction) -> int:
        """An address is needed a cycle before other operands, what is stored a cycle after."""
        stored = instruction.kind in (Kind.STORE, Kind.STORE_PAIR, Kind.FP_STORE)
        plain = instruction.reads & ~instruction.address & ~instruction.accumulates
        times = [0]
        times += [self._ready.get(r, _LONG_AGO) - stored for r in _registers(plain)]
        times += [self._ready.get(r, _LONG_AGO) + 1 for r in _registers(instruction.address)]
        times += [self._sums.get(r, _LONG_AGO) for r in _registers(instruction.accumulates)]
        return max(times)

    def _finish(self, instruction: Instruction, rule: Issue) -> None:
        slow = self._core.narrow if instruction.narrow and instruction.kind is Kind.LOAD else 0
        last = self.end - 1
        for register in _registers(instruction.writes):
            moved = register & instruction.address  # a base that moves on is known at once
            self._ready[register] = last + (0 if moved else rule.latency + slow)
            self._sums[register] = last + rule.sums + slow


def _pair(older: Issue, younger: Issue) -> bool:
    if younger.alone or younger.older:
        return False
    both = older.units | younger.units
    clash = Unit.MULTIPLIER | Unit.STORE
    return not older.units & younger.units and both & clash != clash


def _registers(bits: int) -> list[int]:
    """The bits that are set, one by one."""
    found = []
    while bits:
        low = bits & -bits
        found.append(low)
        bits ^= low
    return found
