"""Every board file, and what the loader says of wrong ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_runtime import boards
from edge_runtime.boards import board_names, load_board, parse_board
from edge_runtime.errors import BoardError

HARDWARE = [name for name in board_names() if name != "host"]
GOOD = (Path(boards.__file__).parent / "nucleo_l552ze_q.toml").read_text()


def test_the_boards_are_there():
    assert set(board_names()) >= {
        "arduino_nano33ble",
        "esp32c3",
        "host",
        "mps2_an386",
        "mps3_an547",
        "nrf52840dk",
        "nucleo_f446re",
        "nucleo_f746zg",
        "nucleo_h743zi",
        "nucleo_l4r5zi",
        "nucleo_l552ze_q",
        "nucleo_u575zi_q",
        "riscv32_virt",
        "rpi_pico",
        "rpi_pico2",
        "stm32f405",
    }


@pytest.mark.parametrize("name", HARDWARE)
def test_a_board_is_whole(name):
    board = load_board(name)
    assert board.name == name
    assert 1_000_000 <= board.clock.fallback_hz <= board.clock_hz <= 1_000_000_000
    # One piece of flash; where banks touch, firmware may use them as one.
    assert board.flash.size == sum(
        r.size for r in board.regions if r.kind == "flash" and not r.mirrors
    )
    ram = board.ram_spaces
    assert board.ram == ram[0]
    assert sum(space.size for space in ram) == sum(r.size for r in board.regions if r.kind == "ram")
    assert [space.tier for space in ram] == sorted(space.tier for space in ram)
    assert all(space.size % 1024 == 0 for space in (board.flash, *ram))
    assert all(len(source) > 8 for source in board.sources)
    assert board.isas[-1] == "ref"
    assert ("dsp" in board.isas) == (
        board.core in {"cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55"}
    )


def test_boards_that_can_be_flashed_say_how_and_as_what_they_show_up():
    for name in HARDWARE:
        flashing = load_board(name).flashing
        assert bool(flashing.methods) == (name not in {"mps2_an386", "mps3_an547", "riscv32_virt"})
        assert bool(flashing.usb) == bool(flashing.methods)
        assert not {"uf2", "esptool"} & set(flashing.methods) or flashing.boot


def test_ram_that_does_not_touch_is_several_spaces():
    spaces = load_board("nucleo_h743zi").ram_spaces
    assert [(space.name, space.start, space.size >> 10) for space in spaces] == [
        ("dtcm", 0x2000_0000, 128),
        ("axi-sram", 0x2400_0000, 512),
        ("sram1+sram2+sram3", 0x3000_0000, 288),
        ("sram4", 0x3800_0000, 64),
    ]


# Sizes as the vendors sell them, apart from the board files.
@pytest.mark.parametrize(
    ("name", "mhz", "flash_kib", "ram_kib"),
    [
        ("nucleo_l4r5zi", 120, 2048, 640),
        ("nucleo_l552ze_q", 110, 512, 256),
        ("nucleo_f746zg", 216, 1024, 320),
        ("rpi_pico", 125, 2048, 264),
        ("stm32f405", 168, 1024, 128),
        ("mps2_an386", 25, 4096, 4096 + 16384),
        ("nucleo_f446re", 180, 512, 128),
        ("nucleo_h743zi", 400, 2048, 128 + 512 + 288 + 64),
        ("nucleo_u575zi_q", 160, 2048, 768),
        ("arduino_nano33ble", 64, 960, 256),
        ("nrf52840dk", 64, 1024, 256),
        ("rpi_pico2", 150, 4096, 520),
        ("esp32c3", 160, 4096, 312),
    ],
)
def test_figures(name, mhz, flash_kib, ram_kib):
    board = load_board(name)
    assert (board.clock_hz, board.flash.size) == (mhz * 1_000_000, flash_kib * 1024)
    assert board.ram_bytes == ram_kib * 1024


def test_what_is_from_memory_is_said_to_be():
    assert load_board("rpi_pico").unverified == ("clock", "usb 2e8a:0003", "usb 2e8a:000c")
    assert load_board("nucleo_l552ze_q").unverified == ()


def test_the_host_has_no_limits():
    host = load_board("host")
    assert host.is_host and host.clock_hz is None and host.qemu is None and host.isas == ("ref",)
    with pytest.raises(BoardError, match="host has no ram"):
        _ = host.ram


def test_an_unknown_board_names_the_nearest():
    with pytest.raises(BoardError, match="no board 'nucleo_l552'") as caught:
        load_board("nucleo_l552")
    assert "did you mean nucleo_l552ze_q?" in caught.value.hint
    assert all(name in caught.value.hint for name in board_names())


def test_a_path_is_no_board():
    with pytest.raises(BoardError):
        load_board("../boards/host")


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("fallback_hz", "fallback_mhz", "clock: unknown key fallback_mhz", "fallback_hz"),
        ("by_hand =", "by_hnd =", "flashing: unknown key by_hnd", "did you mean by_hand?"),
        ('"pyocd", ', '"pyocdd", ', r"methods\[1\] is 'pyocdd'", "platformio, pyocd"),
        ('pyocd = "', 'openocd = ["x"] #', "Cannot overwrite a value", ""),
        ('pyocd = "stm32l552zetxq"', "", "flashing by pyocd needs pyocd", ""),
        ("[counter]\n", "[uart3]\n", "unknown key uart3", "did you mean uart?"),
        ("hz = 110_000_000", "hz = 110e6", "clock: hz: int expected, not 110000000.0", ""),
        ("verified = true", 'verified = "yes"', "verified: bool expected", ""),
        ("hz = 110_000_000", "hz = 0", "must be positive", ""),
        ('core = "cortex-m33"', 'core = "cortex-m3"', "unknown core cortex-m3", "cortex-m33"),
        ('kind = "ram"', 'kind = "rom"', r"regions\[1\]: kind is 'rom'", "flash, ram"),
        ('kind = "ram"', 'kind = "flash"', "no region has the kind ram", ""),
        ("start = 0x2003_0000", "start = 0x2002_0000", "sram1 and sram2 overlap", ""),
        ("size = 0x3_0000", "size = -1", "sram1 does not lie in 32-bit addresses", ""),
        ("base = 0x4000_8000", "base = 0x4000_9000", "no peripheral holds the uart's base", ""),
        ('source = "stm32l552xx.h"', 'source = ""', "a figure has no source", ""),
        ('title = "', 'title = "*/ ', "a title no", ""),
        ("[clock]", "[clock", "is not TOML", ""),
        ("[clock]\n", "[uart2]\n", "unknown key uart2", "did you mean uart?"),
    ],
)
def test_a_wrong_file_is_refused_by_name(old, new, message, hint):
    assert old in GOOD
    text = GOOD.replace(old, new)
    with pytest.raises(BoardError, match=message) as caught:
        parse_board("nucleo_l552ze_q", text)
    assert hint in caught.value.hint


def test_a_missing_key_is_named():
    text = re.sub(r"^title.*$", "", GOOD, flags=re.MULTILINE)
    with pytest.raises(BoardError, match="the key title is missing"):
        parse_board("mine", text)


def test_a_mirror_shows_a_region():
    text = GOOD.replace('name = "sram2"', 'name = "sram2"\nmirrors = "sram3"')
    with pytest.raises(BoardError, match="sram2 mirrors sram3, which is no region"):
        parse_board("mine", text)


def test_a_region_is_no_more_than_its_neighbours_touch():
    text = GOOD.replace("start = 0x2003_0000", "start = 0x2004_0000")
    board = parse_board("mine", text)
    assert (board.ram.name, board.ram.size) == ("sram1", 0x3_0000)
