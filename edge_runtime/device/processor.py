"""Cores in Unicorn: which model of a processor, its registers, how it starts, how it traps."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from unicorn import arm_const, riscv_const, unicorn_const
from unicorn.unicorn_py3.unicorn import Uc

from edge_runtime.device.symbols import Image

UNKNOWN = "ran an instruction that the core does not have"

_ARM_TRAPS = {  # by Unicorn's own numbers
    1: UNKNOWN,
    2: "made a supervisor call",
    3: "jumped to where no code can be",
    4: "made an access that is not aligned, which the core cannot",
    7: "ran a breakpoint instruction",
    8: "returned from an exception that never was",
}
_RISCV_TRAPS = {  # by mcause: RISC-V privileged architecture, table 3.6
    0: "jumped to an address that is not aligned",
    2: UNKNOWN,
    3: "ran a breakpoint instruction",
    4: "read at an address that is not aligned, which the core cannot",
    6: "wrote at an address that is not aligned, which the core cannot",
    11: "made an environment call",
}

_SYSTEM = 0x73  # the opcode of csrrw and its like
_COUNTER = range(0x7E0, 0x7E3)


@dataclass(frozen=True)
class Processor:
    """A core in Unicorn. `thumb` is the bit of an address that means Thumb code."""

    architecture: int
    mode: int
    model: int | None
    pc: int
    sp: int
    thumb: int
    vectors: bool
    """Whether it starts from a table of stack and reset handler, or with the code there."""
    traps: Mapping[int, str]

    def emulator(self) -> Uc:
        """A new processor, with no memory."""
        uc = Uc(self.architecture, self.mode)
        if self.model is not None:
            uc.ctl_set_cpu_model(self.model)
        return uc

    def power_up(self, uc: Uc, image: Image) -> None:
        """Put the registers where a reset puts them, with `image` in the flash."""
        if self.vectors:
            stack, reset = struct.unpack("<II", image.read(image.vectors, 8))
            uc.reg_write(self.sp, stack)
            uc.reg_write(self.pc, reset & ~1)
        else:
            uc.reg_write(self.pc, image.vectors)


def skip_vendor_register(uc: Uc) -> bool:
    """Whether the RISC-V instruction that trapped is about the ESP32-C3's counter; goes past it.

    Those registers (0x7E0 to 0x7E2) then read 0 and do not move. Unicorn, which does not know them,
    has the program counter behind the instruction by now.
    """
    behind = uc.reg_read(riscv_const.UC_RISCV_REG_PC)
    (word,) = struct.unpack("<I", uc.mem_read(behind - 4, 4))
    if word & 0x7F != _SYSTEM or word >> 20 not in _COUNTER:
        return False
    result = word >> 7 & 31
    if result:
        uc.reg_write(riscv_const.UC_RISCV_REG_X0 + result, 0)
    return True


def _cortex_m(model: int) -> Processor:
    return Processor(
        architecture=unicorn_const.UC_ARCH_ARM,
        mode=unicorn_const.UC_MODE_THUMB,
        model=model,
        pc=arm_const.UC_ARM_REG_PC,
        sp=arm_const.UC_ARM_REG_SP,
        thumb=1,
        vectors=True,
        traps=_ARM_TRAPS,
    )


PROCESSORS = {
    "cortex-m0plus": _cortex_m(arm_const.UC_CPU_ARM_CORTEX_M0),
    "cortex-m4": _cortex_m(arm_const.UC_CPU_ARM_CORTEX_M4),
    "cortex-m7": _cortex_m(arm_const.UC_CPU_ARM_CORTEX_M7),
    "cortex-m33": _cortex_m(arm_const.UC_CPU_ARM_CORTEX_M33),
    "rv32imc": Processor(
        architecture=unicorn_const.UC_ARCH_RISCV,
        mode=unicorn_const.UC_MODE_RISCV32,
        model=None,
        pc=riscv_const.UC_RISCV_REG_PC,
        sp=riscv_const.UC_RISCV_REG_SP,
        thumb=0,
        vectors=False,
        traps=_RISCV_TRAPS,
    ),
}
"""By the names of `edge_runtime.boards.CORES`; Unicorn has no Cortex-M55."""
