"""PlatformIO builds the project for every bare board, with no registry, and the images run."""

from __future__ import annotations

import importlib.util

import pytest
from image import printed, run_firmware
from local_platformio import core_dir, localize, run

from edge_runtime import api
from edge_runtime.boards import board_names, load_board

KNOWN = [load_board(name) for name in board_names() if load_board(name).platformio]
BARE = [board.name for board in KNOWN if not board.platformio.framework]
assert len(BARE) >= 9


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    for module in ("platformio", "SCons"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    return core_dir(tmp_path_factory.mktemp("platformio"))


@pytest.mark.slow
@pytest.mark.gcc
@pytest.mark.parametrize("name", BARE)
def test_every_bare_board(graph, ramp, scores, tmp_path, need, core, name):
    need("arm-none-eabi-gcc")
    folder = api.export(graph, name, tmp_path / "firmware", form="platformio").folder
    localize(folder, load_board(name).core)
    environments = ["firmware", "example"] if name == BARE[0] else ["firmware"]
    said = run(folder, core, "-v", *(word for e in environments for word in ("-e", e)))
    compiled = [line for line in said.splitlines() if " -c " in line]
    assert compiled and all("-O3" in line and "-Os" not in line for line in compiled)
    assert all("-mfloat-abi=hard" in line for line in compiled)
    built = folder / ".pio" / "build"
    image = built / "firmware" / "program.elf"
    assert run_firmware(image, name, ramp.tobytes()) == scores.tobytes()
    if "example" in environments:
        assert printed(built / "example" / "program.elf", name) == [f"class {scores.argmax()}"] * 3


@pytest.mark.parametrize("board", KNOWN, ids=lambda board: board.name)
def test_the_official_platform_is_named(graph, tmp_path, board):
    folder = api.export(graph, board.name, tmp_path / "firmware", form="platformio").folder
    text = (folder / "platformio.ini").read_text()
    known = board.platformio
    assert f"\nplatform = {known.platform}\n" in text and f"\nboard = {known.board}\n" in text
    assert f"\nmonitor_speed = {board.uart.baud}\n" in text
    if known.framework:
        assert f"\nframework = {known.framework}\n" in text
        assert (folder / "example" / "main.cpp").exists()
    else:
        assert f"\nplatform_packages = {known.package}\n" in text
        assert known.package.endswith("@~1.120301.0")  # GCC 12.3
