"""Flashing, with ports and tools that are made up: what is chosen, run, and said when it fails."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest
from tiny_model import write_tiny_model

from edge_runtime.boards import board_names, load_board
from edge_runtime.device import drives, flash, port_search
from edge_runtime.device.build import build, uf2_file
from edge_runtime.device.port_search import SeenPort, find_port
from edge_runtime.errors import BoardError, DataError, FlashError, ToolchainError

STLINK = SeenPort("/dev/ttyACM0", 0x0483, 0x374B, "STM32 STLink", "066BFF")
OTHER_STLINK = SeenPort("/dev/ttyACM1", 0x0483, 0x374B, "STM32 STLink", "066BAA")
BRIDGE = SeenPort("/dev/ttyUSB0", 0x10C4, 0xEA60, "CP2102N")
MODEM = SeenPort("/dev/ttyS0")

TOOL = """#!{python}
import json, pathlib, sys
pathlib.Path({log!r}).write_text(json.dumps(sys.argv))
print("line one\\nthe last line", file=sys.stderr)
sys.exit({code})
"""


@pytest.fixture
def ports(monkeypatch):
    """ports(...) are those that this machine has."""

    def plug(*seen):
        monkeypatch.setattr(flash, "seen_ports", lambda: seen)

    plug()
    return plug


@pytest.fixture
def tools(monkeypatch, tmp_path):
    """tools(name, ...) are all that is installed; the result gives the arguments of one's run."""
    modules, find = {tool.module for tool in flash.TOOLS.values()}, importlib.util.find_spec
    monkeypatch.setattr(
        flash.importlib.util, "find_spec", lambda name: None if name in modules else find(name)
    )
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(*names, code=0):
        for name in names:
            path = folder / name
            log = str(tmp_path / f"{name}.json")
            path.write_text(TOOL.format(python=sys.executable, log=log, code=code))
            path.chmod(0o755)
        return lambda name: json.loads((tmp_path / f"{name}.json").read_text())[1:]

    return install


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    def make(board):
        folder = write_tiny_model(tmp_path_factory.mktemp("exported") / board, board)
        build(folder)
        return folder

    return make


def test_openocd_gets_probe_target_and_image(exported, ports, tools):
    ports(MODEM, STLINK, BRIDGE)
    ran = tools("openocd", "pyocd")
    said = []
    folder = exported("nucleo_l4r5zi")
    done = flash.flash(folder, load_board("nucleo_l4r5zi"), say=said.append)
    elf = folder / "build" / "firmware.elf"
    assert ran("openocd") == [
        *("-f", "interface/stlink.cfg", "-c", "adapter serial 066BFF"),
        *("-f", "target/stm32l4x.cfg", "-c", f"program {{{elf}}} verify reset exit"),
    ]
    assert (done.method, done.image) == ("openocd", elf)
    assert "/dev/ttyACM0 (STM32 STLink, 0483:374b)" in said[0] and "by openocd" in said[0]
    assert done.command[1:] == tuple(ran("openocd"))


def test_pyocd_where_openocd_is_not(exported, ports, tools):
    ports(STLINK)
    ran = tools("pyocd")
    folder = exported("nucleo_h743zi")
    flash.flash(folder, load_board("nucleo_h743zi"))
    image = str(folder / "build" / "firmware.elf")
    options = ["--no-wait", "--target", "stm32h743xx", "--uid", "066BFF"]
    assert ran("pyocd") == ["flash", *options, image]


def test_a_tool_may_be_a_module_of_this_python(monkeypatch, tools):
    monkeypatch.setattr(flash.importlib.util, "find_spec", lambda name: name == "pyocd" or None)
    assert flash.TOOLS["pyocd"].command() == (sys.executable, "-m", "pyocd")
    assert flash.TOOLS["openocd"].command() is None


def test_esptool_gets_a_raw_image_at_0(exported, ports, tools):
    ports(STLINK, BRIDGE)
    ran = tools("esptool")
    folder = exported("esp32c3")
    flash.flash(folder, load_board("esp32c3"))
    assert ran("esptool") == [
        *("--chip", "esp32c3", "--port", "/dev/ttyUSB0"),
        *("write_flash", "0x0", str(folder / "build" / "firmware.bin")),
    ]


def test_platformio_uploads_a_project(exported, ports, tools):
    ports(SeenPort("COM7", 0x2341, 0x805A))
    ran = tools("platformio")
    folder = exported("arduino_nano33ble")
    board = load_board("arduino_nano33ble")
    with pytest.raises(DataError, match="no PlatformIO project") as caught:
        flash.flash(folder, board)
    assert "--format platformio --board arduino_nano33ble" in caught.value.hint
    (folder / "platformio.ini").touch()
    flash.flash(folder, board)
    assert ran("platformio") == ["run", "-d", str(folder), "-t", "upload", "--upload-port", "COM7"]


def test_a_probe_without_a_port_is_left_to_the_tool(exported, ports, tools):
    ran = tools("openocd")
    done = flash.flash(exported("stm32f405"), load_board("stm32f405"))
    assert done.place == "the only probe" and "adapter" not in " ".join(ran("openocd"))


def test_a_failing_tool_is_quoted(exported, ports, tools):
    ports(STLINK)
    tools("pyocd", code=3)
    told = pytest.raises(FlashError, match=r"pyocd failed \(3\):\n  line one\n  the last line")
    with told as caught:
        flash.flash(exported("nucleo_l4r5zi"), load_board("nucleo_l4r5zi"), method="pyocd")
    assert "pyocd pack install stm32l4r5zitx" in caught.value.hint
    assert "--method openocd" in caught.value.hint and "USB drive" in caught.value.hint


def test_missing_tools_are_named_with_how_to_get_them(exported, ports, tools):
    folder, board = exported("nucleo_l4r5zi"), load_board("nucleo_l4r5zi")
    with pytest.raises(ToolchainError, match="no tool that flashes nucleo_l4r5zi") as caught:
        flash.flash(folder, board)
    assert "pyocd: pip install pyocd" in caught.value.hint
    assert "Debian: openocd" in caught.value.hint and "by hand" in caught.value.hint
    with pytest.raises(ToolchainError, match="pyocd is not installed") as caught:
        flash.flash(folder, board, method="pyocd")
    assert caught.value.hint == "pip install pyocd"


@pytest.mark.parametrize(
    ("board", "method", "message", "hint"),
    [
        ("nucleo_l4r5zi", "esptool", "cannot be flashed by esptool", "openocd, pyocd, platformio"),
        ("nucleo_l4r5zi", "jlink", "unknown method 'jlink'", "openocd, pyocd, platformio"),
        ("mps2_an386", None, "cannot be flashed: none: QEMU boots it", ""),
    ],
)
def test_methods_that_a_board_does_not_have(tmp_path, tools, board, method, message, hint):
    with pytest.raises(BoardError, match=message) as caught:
        flash.flash(tmp_path, load_board(board), method=method)
    assert hint in caught.value.hint


def test_an_image_must_have_been_built(tmp_path, ports, tools):
    tools("openocd")
    with pytest.raises(DataError, match=r"there is no .*firmware\.elf") as caught:
        flash.flash(tmp_path, load_board("nucleo_l4r5zi"))
    assert "edge-runtime build" in caught.value.hint


def test_several_ports_are_listed():
    with pytest.raises(FlashError, match="2 ports may be nucleo_l4r5zi") as caught:
        find_port(load_board("nucleo_l4r5zi"), (OTHER_STLINK, STLINK, BRIDGE))
    assert "/dev/ttyACM0" in str(caught.value) and "/dev/ttyACM1" in str(caught.value)
    assert "/dev/ttyUSB0" not in str(caught.value) and "--port" in caught.value.hint


@pytest.mark.parametrize(
    ("board", "steps"),
    [
        ("nucleo_l4r5zi", ["cable", "--port", "ST-LINK driver"]),
        ("esp32c3", ["CP210x driver", "hold BOOT"]),
        ("arduino_nano33ble", ["press the button twice"]),
    ],
)
def test_no_port_says_what_was_seen_and_what_to_do(board, steps):
    with pytest.raises(FlashError, match=f"no port of {board}") as caught:
        find_port(load_board(board), (MODEM,))
    assert "/dev/ttyS0 (no description)" in str(caught.value)
    assert all(step in caught.value.hint for step in steps)
    with pytest.raises(FlashError, match="seen: none"):
        find_port(load_board(board), ())


def test_a_named_port_is_taken():
    board = load_board("nucleo_l4r5zi")
    assert find_port(board, (STLINK, OTHER_STLINK), "/dev/ttyACM1") == OTHER_STLINK
    assert find_port(board, (), "COM3") == SeenPort("COM3")


def test_a_port_that_this_user_may_not_open(tmp_path, monkeypatch):
    path = tmp_path / "ttyACM0"
    path.touch()
    monkeypatch.setattr(port_search.os, "access", lambda *_: False)
    with pytest.raises(FlashError, match="may not be opened") as caught:
        find_port(load_board("nucleo_l4r5zi"), (), str(path))
    assert f"usermod -aG {path.group()}" in caught.value.hint and "udev" in caught.value.hint


def test_ports_come_from_pyserial(monkeypatch):
    class Info:
        device, vid, pid, description, serial_number = "/dev/ttyACM0", 1, 2, None, "x"

    monkeypatch.setattr(port_search.list_ports, "comports", lambda: [Info()])
    assert port_search.seen_ports() == (SeenPort("/dev/ttyACM0", 1, 2, "", "x"),)


@pytest.fixture
def mounts(monkeypatch, tmp_path):
    """mounts(name=board id, ...) are the drives that take UF2 files."""

    def mount(**ids):
        root = tmp_path / "media"
        for name, board_id in ids.items():
            (root / name).mkdir(parents=True)
            about = f"UF2 Bootloader v3.0\nModel: Raspberry Pi\nBoard-ID: {board_id}\n"
            (root / name / "INFO_UF2.TXT").write_text(about)
        (root / "stick").mkdir(parents=True)
        monkeypatch.setitem(drives._FOLDERS, sys.platform, ((str(root), "*"),))
        return root

    return mount


def blocks_of(uf2: bytes):
    """A UF2 file read back: address and payload of every block, by microsoft/uf2's layout."""
    assert len(uf2) % 512 == 0
    for at in range(0, len(uf2), 512):
        block = uf2[at : at + 512]
        words = [int.from_bytes(block[i : i + 4], "little") for i in range(0, 32, 4)]
        first, second, flags, address, size, number, count, family = words
        assert (first, second) == (0x0A324655, 0x9E5D5157) and flags == 0x2000
        assert block[508:] == (0x0AB16F30).to_bytes(4, "little")
        assert (number, count, size) == (at // 512, len(uf2) // 512, 256)
        yield family, address, block[32 : 32 + size]


@pytest.mark.parametrize(("name", "family"), [("rpi_pico", 0xE48BFF56), ("rpi_pico2", 0xE48BFF59)])
def test_a_uf2_file_is_copied_to_the_boards_drive(exported, mounts, name, family):
    root = mounts(one="RPI-RP2", two="RP2350")
    folder, board = exported(name), load_board(name)
    done = flash.flash(folder, board)
    copied = root / ("one" if name == "rpi_pico" else "two") / "firmware.uf2"
    assert (done.method, done.place, done.command) == ("uf2", str(copied.parent), ())
    found = list(blocks_of(copied.read_bytes()))
    assert {kind for kind, _, _ in found} == {family}
    assert [at for _, at, _ in found] == [
        board.flash.start + 256 * index for index in range(len(found))
    ]
    image = (folder / "build" / "firmware.bin").read_bytes()
    assert b"".join(data for _, _, data in found) == image.ljust(256 * len(found), b"\xff")
    assert len(list(root.rglob("*.uf2"))) == 1


def test_a_uf2_file_of_any_length():
    for length in (0, 1, 255, 256, 257, 1000):
        image = bytes(index % 251 for index in range(length))
        data = b"".join(payload for _, _, payload in blocks_of(uf2_file(image, 0x1000, 7)))
        assert data[:length] == image and set(data[length:]) <= {0xFF}


def test_drives_that_are_not_there_or_too_many(exported, mounts, tmp_path):
    board, folder = load_board("rpi_pico"), exported("rpi_pico")
    root = mounts(two="RP2350")
    with pytest.raises(FlashError, match="no drive of rpi_pico") as caught:
        flash.flash(folder, board)
    assert "(RP2350)" in str(caught.value) and "hold BOOTSEL" in caught.value.hint
    with pytest.raises(FlashError, match="is the drive of RP2350, not that of rpi_pico"):
        flash.flash(folder, board, port=str(root / "two"))
    with pytest.raises(FlashError, match="no drive that takes UF2 files"):
        flash.flash(folder, board, port=str(root / "stick"))
    for name in ("three", "four"):
        (root / name).mkdir()
        (root / name / "INFO_UF2.TXT").write_text("Board-ID: RPI-RP2\n")
    with pytest.raises(FlashError, match="2 drives may be rpi_pico") as caught:
        flash.flash(folder, board)
    assert "--port" in caught.value.hint
    assert flash.flash(folder, board, port=str(root / "four")).place == str(root / "four")


def test_a_drive_that_cannot_be_written(exported, mounts):
    root = mounts(one="RPI-RP2")
    (root / "one" / "firmware.uf2").mkdir()
    with pytest.raises(FlashError, match="cannot write"):
        flash.flash(exported("rpi_pico"), load_board("rpi_pico"))


def test_every_method_of_every_board_is_known():
    methods = {m for name in board_names() for m in load_board(name).flashing.methods}
    assert methods == {"platformio", "pyocd", "esptool", "uf2", "openocd"}
    assert set(flash.TOOLS) == set(flash._ARGUMENTS) == methods - {"uf2"}
