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
        "host",
        "mps2_an386",
        "nucleo_f746zg",
        "nucleo_l4r5zi",
        "nucleo_l552ze_q",
        "rpi_pico",
        "stm32f405",
    }


@pytest.mark.parametrize("name", HARDWARE)
def test_a_board_is_whole(name):
    board = load_board(name)
    assert board.name == name
    assert 1_000_000 <= board.clock.fallback_hz <= board.clock_hz <= 1_000_000_000
    # One piece of each kind: where banks touch, firmware may use them as one.
    for kind, linked in (("flash", board.flash), ("ram", board.ram)):
        assert linked.size == sum(r.size for r in board.regions if r.kind == kind)
        assert linked.size % 1024 == 0 and linked.kind == kind
    assert all(len(source) > 8 for source in board.sources)
    assert board.isas[-1] == "ref"
    assert ("dsp" in board.isas) == (board.core != "cortex-m0plus")


# Sizes as the vendors sell them, apart from the board files.
@pytest.mark.parametrize(
    ("name", "mhz", "flash_kib", "ram_kib"),
    [
        ("nucleo_l4r5zi", 120, 2048, 640),
        ("nucleo_l552ze_q", 110, 512, 256),
        ("nucleo_f746zg", 216, 1024, 320),
        ("rpi_pico", 125, 2048, 264),
        ("stm32f405", 168, 1024, 128),
        ("mps2_an386", 25, 4096, 4096),
    ],
)
def test_figures(name, mhz, flash_kib, ram_kib):
    board = load_board(name)
    assert (board.clock_hz, board.flash.size, board.ram.size) == (
        mhz * 1_000_000,
        flash_kib * 1024,
        ram_kib * 1024,
    )


def test_what_is_from_memory_is_said_to_be():
    assert load_board("rpi_pico").unverified == ("clock",)


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
        ("flashing =", "flashng =", "unknown key flashng", "did you mean flashing?"),
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


def test_a_region_is_no_more_than_its_neighbours_touch():
    text = GOOD.replace("start = 0x2003_0000", "start = 0x2004_0000")
    board = parse_board("mine", text)
    assert (board.ram.name, board.ram.size) == ("sram1", 0x3_0000)
