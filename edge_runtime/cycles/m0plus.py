"""Cortex-M0+: the timings that its manual gives, with the fast multiplier."""

from __future__ import annotations

from types import MappingProxyType

from edge_runtime.cycles.instruction import Kind
from edge_runtime.cycles.table import Cost, Table

_TABLE = "3.3, table 3-1"

# MULS takes 1 or 32 cycles, as the maker of the chip chose: 1 on RP2040 and STM32G0. A load takes 1
# only from the single-cycle I/O port. There is no row for what the core has no instruction for.
M0PLUS = Table(
    core="cortex-m0plus",
    manual="Arm Cortex-M0+ Technical Reference Manual, r0p1, DDI 0484",
    costs=MappingProxyType(
        {
            Kind.ALU: Cost(1, _TABLE),
            Kind.PARALLEL: Cost(1, _TABLE),
            Kind.MULTIPLY: Cost(1, f"{_TABLE}, note a"),
            Kind.LOAD: Cost(2, f"{_TABLE}, note b"),
            Kind.LOAD_MULTIPLE: Cost(1, _TABLE, each=1),
            Kind.LOAD_MULTIPLE_PC: Cost(1, f"{_TABLE}: 3+N", each=1, taken=2),
            Kind.STORE: Cost(2, f"{_TABLE}, note b"),
            Kind.STORE_MULTIPLE: Cost(1, _TABLE, each=1),
            Kind.BRANCH: Cost(1, f"{_TABLE}: 1 or 2", taken=1),
            Kind.CALL: Cost(2, f"{_TABLE}: 3", taken=1),
            Kind.JUMP: Cost(1, f"{_TABLE}: 2", taken=1),
            Kind.NOP: Cost(1, _TABLE),
            Kind.SYSTEM: Cost(3, f"{_TABLE}: MRS, MSR"),
            Kind.BARRIER: Cost(3, _TABLE),
        }
    ),
)
