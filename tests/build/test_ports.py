"""What the ports write to the chips' registers.

No board is at hand, so the registers are a table: bits that hardware would set are set when asked
for, and the words written are compared with those worked out by hand from the chips' headers.
Registers that are not there at all read 0: every wait must give up, and the serial port be set up
for the clock after reset.
"""

from __future__ import annotations

import pytest
from elftools.elf.elffile import ELFFile
from tiny_model import BOARDS
from unicorn import UC_ARCH_ARM, UC_MODE_THUMB, Uc, arm_const

from edge_runtime.boards import load_board

CPUS = {
    "cortex-m0plus": arm_const.UC_CPU_ARM_CORTEX_M0,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}

# Bits that read as set, and expected words: with the clock reached, and without.
STM32L_READY = {0x4002_1000: 1 << 10 | 1 << 25, 0x4002_1008: 3 << 2}
STM32F_READY = {0x4002_3800: 1 << 1 | 1 << 25, 0x4002_3808: 2 << 2}
CASES = {
    "nucleo_l4r5zi": (
        STM32L_READY,
        {
            0x4002_100C: 0x0100_3C32,
            0x4000_7080: 0,  # boost
            0x4002_2000: 0x705,
            0x4002_1008: 3,
            0x4000_7004: 1 << 9,
            0x4800_1820: 8 << 28,
            0x4800_1824: 8,
            0x4800_1800: 0xFFFE_BFFF,
            0x4000_800C: 0x411AB,
            0x4000_8000: 0xD,
        },
        {0x4000_800C: 8889, 0x4000_8000: 0xD},
    ),
    "nucleo_l552ze_q": (
        STM32L_READY,
        {
            0x4002_100C: 0x0100_3732,
            0x4000_7000: 0,  # range 0
            0x4002_2000: 5,
            0x4003_0400: 1,
            0x4002_1008: 3,
            0x4202_1820: 8 << 28,
            0x4000_800C: 0x3BADC,
        },
        {0x4000_800C: 8889, 0x4000_8000: 0xD},
    ),
    "nucleo_f746zg": (
        {**STM32F_READY, 0x4000_7004: 3 << 16},
        {
            0x4002_3804: 0x2900_6C10,
            0x4000_7000: 3 << 14 | 3 << 16,
            0x4002_3C00: 0x307,
            0x4002_3808: 0x9402,
            0x4002_0C24: 0x77,
            0x4000_480C: 0x1D5,
            0xE000_ED14: 3 << 16,
        },
        {0x4000_480C: 139, 0x4000_4800: 0xD},
    ),
    "stm32f405": (
        STM32F_READY,
        {
            0x4002_3804: 0x0700_5410,
            0x4000_7000: 1 << 14,
            0x4002_3C00: 0x705,
            0x4002_3808: 0x9402,
            0x4002_0024: 0x770,
            0x4001_1008: 0x2D9,
            0x4001_100C: 0x200C,
        },
        {0x4001_1008: 139, 0x4001_100C: 0x200C},
    ),
    "rpi_pico": (
        {0x4002_4004: 1 << 31, 0x4002_8000: 1 << 31, 0x4000_C008: 0xFFFF_FFFF},
        {
            0x4002_8008: 125,
            0x4002_800C: 0x6_2000,
            0x4000_8030: 2,
            0x4000_803C: 1,
            0x4000_8048: 0x800,
            0x4003_4024: 67,
            0x4003_4028: 52,
            0x4003_4030: 0x301,
            0x4001_4004: 2,
            0x4001_400C: 2,
        },
        {0x4003_4024: 3, 0x4003_4028: 34, 0x4000_8030: 0},
    ),
    "mps2_an386": ({}, {0x4000_4010: 217, 0x4000_4008: 3}, {0x4000_4010: 217}),
}
RESET = {
    "nucleo_l4r5zi": {0x4800_1800: 0xFFFF_FFFF, 0x4000_7080: 1 << 8, 0x4000_7000: 0x200},
    "nucleo_l552ze_q": {0x4000_7000: 0x400},
}
CLOCK_SELECTED = {0x4000_8038: 0x4000_8030, 0x4000_8044: 0x4000_803C}


class Registers:
    """Words by address; the RP2040's aliases that set or clear bits, and its clock selectors."""

    def __init__(self, board, ready):
        self.ready, self.aliases = ready, board == "rpi_pico"
        self.words = dict(RESET.get(board, {})) if ready else {}

    def read(self, address):
        if self.ready and self.aliases and address in CLOCK_SELECTED:
            return 1 << (self.words.get(CLOCK_SELECTED[address], 0) & 3)
        return self.words.get(address, 0) | self.ready.get(address, 0)

    def write(self, address, value):
        alias = address & 0x3000 if self.aliases and address < 0xE000_0000 else 0
        old = self.words.get(address - alias, 0)
        new = {0: value, 0x2000: old | value, 0x3000: old & ~value}[alias]
        self.words[address - alias] = new


def boot(elf, board, registers):
    """Run from reset to the first wait for a byte; the argument that link_serve was given."""
    uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
    uc.ctl_set_cpu_model(CPUS[board.core])
    for region in board.regions:
        uc.mem_map(region.start, region.size)
    for region in board.peripherals:
        uc.mmio_map(
            region.start,
            region.size,
            lambda _uc, at, _size, base: registers.read(base + at),
            region.start,
            lambda _uc, at, _size, value, base: registers.write(base + at, value),
            region.start,
        )
    with elf.open("rb") as file:
        image = ELFFile(file)
        for segment in image.iter_segments("PT_LOAD"):
            uc.mem_write(segment["p_paddr"], segment.data())
        table = {s.name: s["st_value"] for s in image.get_section_by_name(".symtab").iter_symbols()}
        entry = image.header["e_entry"]
    uc.emu_start(entry | 1, table["link_serve"] & ~1, count=3_000_000)
    assert uc.reg_read(arm_const.UC_ARM_REG_PC) == table["link_serve"] & ~1, "it hangs"
    reached = uc.reg_read(arm_const.UC_ARM_REG_R0)
    uc.emu_start(table["link_serve"] | 1, table["port_getc"] & ~1, count=10_000)
    assert uc.reg_read(arm_const.UC_ARM_REG_PC) == table["port_getc"] & ~1
    return reached


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("hardware", [True, False], ids=["ready", "absent"])
def test_registers(built, name, hardware):
    board = load_board(name)
    ready, with_clock, without = CASES[name]
    registers = Registers(name, ready if hardware else {})
    reached = boot(built(name).elf, board, registers)
    assert reached == (hardware or name == "mps2_an386")
    expected = with_clock if hardware else without
    assert {at: hex(registers.words.get(at, 0)) for at in expected} == {
        at: hex(word) for at, word in expected.items()
    }


def test_every_board_has_its_figures():
    assert set(CASES) == set(BOARDS)
