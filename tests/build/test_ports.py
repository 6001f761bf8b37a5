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
from unicorn import arm_const, riscv_const, unicorn_const

from edge_runtime.boards import load_board
from edge_runtime.device.processor import PROCESSORS

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
    "nucleo_f446re": (
        {**STM32F_READY, 0x4000_7004: 3 << 16},
        {
            0x4002_3804: 0x2800_5A10,
            0x4000_7000: 3 << 14 | 3 << 16,
            0x4002_3C00: 0x705,
            0x4002_3808: 0x9402,
            0x4002_0020: 0x7700,
            0x4002_0000: 0xA0,
            0x4000_4408: 0x187,
            0x4000_440C: 0x200C,
        },
        {0x4000_4408: 139, 0x4000_440C: 0x200C},
    ),
    "nucleo_h743zi": (
        {
            0x5802_4804: 1 << 13,
            0x5802_4818: 1 << 13,
            0x5802_4400: 1 << 25,
            0x5802_4410: 3 << 3,
        },
        {
            0x5802_480C: 2,
            0x5802_4818: 3 << 14 | 1 << 13,
            0x5200_2000: 0x22,
            0x5802_4428: 0x0202_0040,
            0x5802_442C: 0x01FF_000C,
            0x5802_4430: 0x0103_0231,
            0x5802_4418: 0x48,
            0x5802_441C: 0x440,
            0x5802_4420: 0x40,
            0x5802_4410: 3 << 3 | 3,
            0x5802_44DC: 7 << 29,
            0x5100_8108: 1,  # an IDCODE of 0 is an early revision
            0x5802_0C24: 0x77,
            0x4000_480C: 0x364,
            0x4000_4800: 0xD,
            0xE000_ED14: 3 << 16,
        },
        {0x4000_480C: 556, 0x4000_4800: 0xD, 0x5802_4418: 0},
    ),
    "nucleo_u575zi_q": (
        {0x4602_080C: 3 << 14, 0x4602_0C00: 1 << 25, 0x4602_0C1C: 3 << 2},
        {
            0x4602_0C28: 0x0004_0001,
            0x4602_080C: 0x0007_C000,
            0x4002_2000: 0x104,
            0x4003_0400: 1,
            0x4602_0C34: 0x0101_024F,
            0x4202_0024: 0x770,
            0x4202_0000: 0x28_0000,
            0x4001_380C: 0x56D,
            0x4001_3800: 0xD,
        },
        {0x4001_380C: 35, 0x4001_3800: 0xD},
    ),
    "nrf52840dk": (
        {0x4000_0100: 1},
        {
            0x4001_E540: 1,
            0x4000_0000: 1,
            0x4000_250C: 6,
            0x4000_2514: 8,
            0x4000_2524: 0x01D7_E000,
            0x4000_2500: 4,
            0x5000_0508: 1 << 6,
            0x5000_0518: 1 << 6,
        },
        {0x4000_2524: 0x01D7_E000, 0x4000_2500: 4},
    ),
    "arduino_nano33ble": (
        {0x4000_0100: 1},
        {0x4000_250C: 0x23, 0x4000_2514: 0x2A, 0x5000_0808: 1 << 3, 0xE000_E180: 0xFFFF_FFFF},
        {0x4000_2524: 0x01D7_E000, 0x4000_2500: 4},
    ),
    "rpi_pico2": (
        {0x4004_8004: 1 << 31, 0x4005_0000: 1 << 31, 0x4002_0008: 0xFFFF_FFFF},
        {
            0x4005_0008: 125,
            0x4005_000C: 0x5_2000,
            0x4001_0030: 2,
            0x4001_003C: 1,
            0x4001_0048: 0x800,
            0x4007_0024: 81,
            0x4007_0028: 24,
            0x4007_0030: 0x301,
            0x4002_8004: 2,
            0x4002_800C: 2,
            0x4003_8004: 0,
            0x4003_8008: 1 << 6,
        },
        {0x4007_0024: 5, 0x4007_0028: 62, 0x4001_0030: 0},
    ),
    "esp32c3": (
        {0x6000_00FC: 1},  # nothing that it waits for
        {
            0x600C_0008: 0x0D,
            0x600C_0058: 1 << 10,
            0x6001_F064: 0x50D8_3AA1,
            0x6001_F048: 0,
            0x6002_0048: 0,
            0x6000_8090: 0,
            0x6000_80AC: 1 << 30,
        },
        {0x6000_80B0: 0x8F1D_312A},
    ),
    "mps2_an386": ({}, {0x4000_4010: 217, 0x4000_4008: 3}, {0x4000_4010: 217}),
}
ALWAYS_REACHED = {"mps2_an386"}
NO_CLOCK_TO_SET = {"mps3_an547", "riscv32_virt"}  # QEMU boots them: tests/build/test_boot.py
RESET = {
    "nucleo_l4r5zi": {0x4800_1800: 0xFFFF_FFFF, 0x4000_7080: 1 << 8, 0x4000_7000: 0x200},
    "nucleo_l552ze_q": {0x4000_7000: 0x400},
    "rpi_pico2": {0x4003_8004: 1 << 8, 0x4003_8008: 1 << 8},
    "esp32c3": {0x600C_0008: 0x0C, 0x600C_0058: 1, 0x6001_F048: 0x4000},
}
CLOCK_SELECTED = {
    "rpi_pico": {0x4000_8038: 0x4000_8030, 0x4000_8044: 0x4000_803C},
    "rpi_pico2": {0x4001_0038: 0x4001_0030, 0x4001_0044: 0x4001_003C},
}


class Registers:
    """Words by address; the RP2's aliases that set or clear bits, and its clock selectors.

    `moving` gives the values that reads of a register find, one after the other.
    """

    def __init__(self, board, hardware, moving=None):
        self.hardware = hardware
        self.selected = CLOCK_SELECTED.get(board, {})
        self.ready = CASES[board][0] if hardware else {}
        self.words = dict(RESET.get(board, {})) if hardware else {}
        self.moving = moving or {}

    def read(self, address):
        if address in self.moving:
            return next(self.moving[address])
        if not self.hardware:
            return 0
        if address in self.selected:
            return 1 << (self.words.get(self.selected[address], 0) & 3)
        return self.words.get(address, 0) | self.ready.get(address, 0)

    def write(self, address, value):
        alias = address & 0x3000 if self.selected and address < 0xE000_0000 else 0
        old = self.words.get(address - alias, 0)
        new = {0: value, 0x2000: old | value, 0x3000: old & ~value}[alias]
        self.words[address - alias] = new


class Chip:
    """A processor with an image in its flash, and a table for its registers."""

    def __init__(self, elf, board, registers):
        self.processor = PROCESSORS[board.core]
        self.uc = uc = self.processor.emulator()
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
            table = image.get_section_by_name(".symtab").iter_symbols()
            self.symbols = {s.name: s["st_value"] & ~1 for s in table}
            self.entry = image.header["e_entry"] & ~1
        arm = self.processor.thumb
        self.result, self.high, self.link = (
            (arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1, arm_const.UC_ARM_REG_LR)
            if arm
            else (
                riscv_const.UC_RISCV_REG_A0,
                riscv_const.UC_RISCV_REG_A1,
                riscv_const.UC_RISCV_REG_RA,
            )
        )

    def run(self, start, name, count):
        """Run from an address to a function; what stands in the first register then."""
        goal = self.symbols[name]
        self.uc.emu_start(start | self.processor.thumb, goal, count=count)
        assert self.uc.reg_read(self.processor.pc) == goal, "it hangs"
        return self.uc.reg_read(self.result)

    def boot(self):
        """Run from reset to the first wait for a byte; the argument that link_serve was given."""
        reached = self.run(self.entry, "link_serve", 3_000_000)
        self.run(self.symbols["link_serve"], "port_getc", 3_000_000)
        return reached & 0xFF

    def call(self, name):
        """A function with no arguments; its result, as one of 64 bits."""
        self.uc.reg_write(self.link, self.symbols["port_getc"] | self.processor.thumb)
        low = self.run(self.symbols[name], "port_getc", 8_000_000)
        return low | self.uc.reg_read(self.high) << 32


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("hardware", [True, False], ids=["ready", "absent"])
def test_registers(built, name, hardware):
    _, with_clock, without = CASES[name]
    registers = Registers(name, hardware)
    reached = Chip(built(name).elf, load_board(name), registers).boot()
    assert reached == (hardware or name in ALWAYS_REACHED)
    expected = with_clock if hardware else without
    assert {at: hex(registers.words.get(at, 0)) for at in expected} == {
        at: hex(word) for at, word in expected.items()
    }


def test_every_board_has_its_figures():
    assert set(CASES) | NO_CLOCK_TO_SET == set(BOARDS)


CYCCNT, CVR = 0xE000_1004, 0xE000_E018


@pytest.mark.parametrize("name", ["nucleo_l4r5zi", "nucleo_h743zi", "rpi_pico2"])
def test_the_dwt_counts_cycles_beyond_32_bits(built, name):
    counts = iter([5, 9, 0x1000, 0xFFFF_FF00, 0x100, 0x80, 0x7F])
    registers = Registers(name, True, {CYCCNT: counts})
    chip = Chip(built(name).elf, load_board(name), registers)
    chip.boot()
    assert chip.call("port_cycles_start") & 0xFF == 1
    read = [chip.call("port_cycles") for _ in range(5)]
    assert read == [0x1000, 0xFFFF_FF00, 1 << 32 | 0x100, 2 << 32 | 0x80, 3 << 32 | 0x7F]
    assert registers.words[0xE000_EDFC] == 1 << 24 and registers.words[0xE000_1000] == 1


@pytest.mark.parametrize("name", ["stm32f405", "nucleo_l552ze_q", "rpi_pico"])
def test_systick_counts_where_the_dwt_does_not_move(built, name):
    counts = iter([0xFF_FFF0, 0xFF_FFEC, 0xFF_FF00, 0x10, 0xFF_FFFF])
    registers = Registers(name, True, {CVR: counts})
    chip = Chip(built(name).elf, load_board(name), registers)
    chip.boot()
    assert chip.call("port_cycles_start") & 0xFF == 2
    assert registers.words[0xE000_E010] == 7 and registers.words[0xE000_E014] == 0xFF_FFFF
    assert chip.call("port_cycles") == 0xFF
    assert chip.call("port_cycles") == 0xFF_FFEF
    chip.call("SysTick_Handler")
    assert chip.call("port_cycles") == 1 << 24


@pytest.mark.parametrize("name", ["stm32f405", "rpi_pico"])
def test_no_counter_is_said_to_be_none(built, name):
    chip = Chip(built(name).elf, load_board(name), registers := Registers(name, True))
    chip.boot()
    assert chip.call("port_cycles_start") & 0xFF == 0
    assert registers.words[0xE000_E010] == 0  # nor is an interrupt left on


def test_the_esp32c3_counts_by_registers_of_its_own(built):
    counts = iter([0xFFFF_FFF0, 0xFFFF_FFF4, 0x10, 0x20, 0x1F])
    chip = Chip(built("esp32c3").elf, load_board("esp32c3"), Registers("esp32c3", True))
    written = {}

    def trap(uc, number, _data):
        assert number == 2
        behind = uc.reg_read(riscv_const.UC_RISCV_REG_PC)
        word = int.from_bytes(uc.mem_read(behind - 4, 4), "little")
        csr, value, function, result = word >> 20, word >> 15 & 31, word >> 12 & 7, word >> 7 & 31
        assert word & 0x7F == 0x73
        if function == 1:
            written[csr] = uc.reg_read(riscv_const.UC_RISCV_REG_X0 + value)
        else:
            assert (csr, function, value) == (0x7E2, 2, 0)
            uc.reg_write(riscv_const.UC_RISCV_REG_X0 + result, next(counts))

    chip.uc.hook_add(unicorn_const.UC_HOOK_INTR, trap)
    chip.boot()
    assert chip.call("port_cycles_start") & 0xFF == 1
    assert written == {0x7E0: 1, 0x7E1: 1}
    assert [chip.call("port_cycles") for _ in range(3)] == [0x20, 0x30, 1 << 32 | 0x2F]
