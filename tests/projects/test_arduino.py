"""The Arduino library: the rules of its format, and its sketch on a small core.

The rules are those of arduino-lint and of the library specification.
"""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from edge_runtime import api
from edge_runtime.boards import load_board
from edge_runtime.export.compiler_flags import gcc_core_flags

CATEGORIES = {
    *("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing"),
    *("Data Storage", "Data Processing", "Other"),
}
REQUIRED = {
    *("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url"),
    "architectures",
}


@pytest.fixture(scope="module")
def library(graph, tmp_path_factory):
    def make(board):
        folder = tmp_path_factory.mktemp(board) / "edge_model"
        return api.export(graph, board, folder, form="arduino").folder

    return make


def properties(folder):
    lines = (folder / "library.properties").read_text().splitlines()
    assert all("=" in line for line in lines)
    found = [line.split("=", 1) for line in lines]
    assert len({key for key, _ in found}) == len(found)
    return dict(found)


def test_properties(library):
    found = properties(library("arduino_nano33ble"))
    assert set(found) >= REQUIRED and all(found[key].strip() for key in REQUIRED)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.\-]{0,62}", found["name"])
    assert not found["name"].lower().startswith("arduino")
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["version"])
    assert found["category"] in CATEGORIES
    assert found["url"].startswith("https://")
    assert not found["paragraph"].startswith(found["sentence"])


def test_layout(library):
    folder = library("arduino_nano33ble")
    found = properties(folder)
    assert (folder / "src" / found["includes"]).is_file()
    assert not (folder / "utility").exists() and not (folder / "example").exists()
    sketches = list((folder / "examples").iterdir())
    assert sketches and all((s / f"{s.name}.ino").is_file() for s in sketches)
    for path in folder.rglob("*"):
        assert not path.is_symlink() and re.fullmatch(r"[A-Za-z0-9_.\-]+", path.name)
    names = [path.name for path in (folder / "src").iterdir()]
    assert len({name.lower() for name in names}) == len(names)
    for file in (folder / "src").glob("*.c"):
        (included,) = re.findall(r'#include "(.*)"', file.read_text())
        assert (file.parent / included).is_file()


@pytest.mark.gcc
@pytest.mark.parametrize("board", ["arduino_nano33ble", "rpi_pico"])
def test_it_compiles_for_the_board(library, tmp_path, request, need, board):
    need("arm-none-eabi-g++")
    folder = library(board)
    core = request.path.parent / "arduino_core"
    flags = [*gcc_core_flags(load_board(board)), "-Wall", "-Wextra", "-Werror", "-c"]
    flags += [f"-I{core}", f"-I{folder / 'src'}", "-ffreestanding"]
    sketch = folder / "examples" / "Classify" / "Classify.ino"
    as_sketch = ["-x", "c++", "-include", "Arduino.h", "-std=gnu++17", sketch]
    commands = [["arm-none-eabi-g++", *flags, *as_sketch, "-o", tmp_path / "sketch.o"]]
    for source in (folder / "src").glob("*.c"):
        commands.append(["arm-none-eabi-gcc", *flags, source, "-o", tmp_path / f"{source.stem}.o"])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_sketch_prints_the_class(library, scores, tmp_path, request, need):
    need("cc", "c++")
    folder = library("host")
    core = request.path.parent / "arduino_core"
    sketch = tmp_path / "Classify.cpp"
    shutil.copy(folder / "examples" / "Classify" / "Classify.ino", sketch)
    includes = [f"-I{core}", f"-I{folder / 'src'}"]
    sources = list((folder / "src").glob("*.c"))
    subprocess.run(["cc", *includes, "-c", *sources], cwd=tmp_path, check=True)
    objects = tmp_path.glob("*.o")
    subprocess.run(
        ["c++", *includes, "-include", "Arduino.h", core / "main.cpp", sketch, *objects],
        cwd=tmp_path,
        check=True,
    )
    program = tmp_path / "a.out"
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    line = f"class {scores.argmax()}\nwait 1000\n"
    assert said == "baud 115200\n" + 2 * line
