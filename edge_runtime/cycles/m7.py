"""Cortex-M7: no manual gives its timings, so pairing rules stand in.

The rules are those of the scheduling model that LLVM's ARMScheduleM7.td describes (two ALUs, one
multiplier, one store, one branch, one FPU pipe, which kinds cannot pair, result latencies) and of
public measurements: multiplications do not pair with stores, loads and stores of many move two
words a cycle, a surprised branch costs 6 to 8 cycles.
"""

from __future__ import annotations

from types import MappingProxyType

from edge_runtime.cycles.dual import DualIssue, Issue, Unit
from edge_runtime.cycles.instruction import Kind

_MANY = Issue(alone=True, per_pair=True)
_ALONE = Issue(alone=True, cycles=3)

M7 = DualIssue(
    core="cortex-m7",
    manual="none; LLVM's ARMScheduleM7.td and public measurements on STM32H7",
    narrow=1,
    mispredicted=6,
    issues=MappingProxyType(
        {
            Kind.ALU: Issue(),
            Kind.SHIFTED: Issue(Unit.SHIFTER),
            Kind.PARALLEL: Issue(Unit.PARALLEL, older=True),
            Kind.MULTIPLY: Issue(Unit.MULTIPLIER, latency=2),
            Kind.DIVIDE: Issue(alone=True, cycles=7),
            Kind.LOAD: Issue(),
            Kind.LOAD_PC: Issue(alone=True, cycles=2),
            Kind.LOAD_PAIR: _MANY,
            Kind.LOAD_MULTIPLE: _MANY,
            Kind.LOAD_MULTIPLE_PC: _MANY,
            Kind.STORE: Issue(Unit.STORE),
            Kind.STORE_PAIR: _MANY,
            Kind.STORE_MULTIPLE: _MANY,
            Kind.BRANCH: Issue(Unit.BRANCH),
            Kind.CALL: Issue(Unit.BRANCH),
            Kind.JUMP: Issue(Unit.BRANCH),
            Kind.TABLE: Issue(alone=True, cycles=2),
            Kind.IT: Issue(),
            Kind.NOP: Issue(),
            Kind.SYSTEM: _ALONE,
            Kind.BARRIER: _ALONE,
            Kind.FP: Issue(Unit.FP, latency=3, sums=3),
            Kind.FP_ACCUMULATE: Issue(Unit.FP, latency=6, sums=3),
            Kind.FP_DIVIDE: Issue(Unit.FP, cycles=16, latency=1),
            Kind.FP_MOVE: Issue(Unit.FP, latency=2),
            Kind.FP_MOVE_PAIR: Issue(alone=True),
            Kind.FP_LOAD: Issue(),
            Kind.FP_STORE: Issue(Unit.STORE),
            Kind.FP_LOAD_MULTIPLE: _MANY,
            Kind.FP_STORE_MULTIPLE: _MANY,
        }
    ),
)
