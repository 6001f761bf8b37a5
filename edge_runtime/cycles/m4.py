"""Cortex-M4: the timings that its manual gives."""

from __future__ import annotations

from types import MappingProxyType

from edge_runtime.cycles.instruction import Kind
from edge_runtime.cycles.table import Cost, Table

_TABLE = "3.3.1, table 3-1"
_PAIRS = "3.3.2, load/store timings"
_FPU = "7.2.3, table 7-1"

# P, the refill after a jump, is 1 to 3 cycles; a division takes 2 to 12: the middle stands for it.
_REFILL = 2
_DIVISION = 7

M4 = Table(
    core="cortex-m4",
    manual="Arm Cortex-M4 Processor Technical Reference Manual, r0p1, DDI 0439 and 100166",
    pipelined=1,
    costs=MappingProxyType(
        {
            Kind.ALU: Cost(1, _TABLE),
            Kind.SHIFTED: Cost(1, _TABLE),
            Kind.PARALLEL: Cost(1, _TABLE),
            Kind.MULTIPLY: Cost(1, _TABLE),
            Kind.DIVIDE: Cost(_DIVISION, _TABLE),
            Kind.LOAD: Cost(2, f"{_TABLE}; {_PAIRS}"),
            Kind.LOAD_PC: Cost(2, _TABLE, taken=_REFILL),
            Kind.LOAD_PAIR: Cost(1, _TABLE, each=1),
            Kind.LOAD_MULTIPLE: Cost(1, _TABLE, each=1),
            Kind.LOAD_MULTIPLE_PC: Cost(1, _TABLE, each=1, taken=_REFILL),
            Kind.STORE: Cost(1, _PAIRS),
            Kind.STORE_PAIR: Cost(1, _TABLE, each=1),
            Kind.STORE_MULTIPLE: Cost(1, _TABLE, each=1),
            Kind.BRANCH: Cost(1, _TABLE, taken=_REFILL),
            Kind.CALL: Cost(1, _TABLE, taken=_REFILL),
            Kind.JUMP: Cost(1, _TABLE, taken=_REFILL),
            Kind.TABLE: Cost(2, _TABLE, taken=_REFILL),
            Kind.IT: Cost(1, _TABLE),
            Kind.NOP: Cost(1, _TABLE),
            Kind.SYSTEM: Cost(2, f"{_TABLE}: 1 or 2"),
            Kind.BARRIER: Cost(1, f"{_TABLE}: 1+B, B at least 0"),
            Kind.FP: Cost(1, _FPU),
            Kind.FP_ACCUMULATE: Cost(3, _FPU),
            Kind.FP_DIVIDE: Cost(14, _FPU),
            Kind.FP_MOVE: Cost(2, _FPU),
            Kind.FP_MOVE_PAIR: Cost(2, _FPU),
            Kind.FP_LOAD: Cost(1, _FPU, each=1),
            Kind.FP_STORE: Cost(1, _FPU, each=1),
            Kind.FP_LOAD_MULTIPLE: Cost(1, _FPU, each=1),
            Kind.FP_STORE_MULTIPLE: Cost(1, _FPU, each=1),
        }
    ),
)
