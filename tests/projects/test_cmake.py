"""CMake builds what it was given, with both compilers, and the images run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from image import printed, run_firmware

from edge_runtime import api


def cmake(folder, *options):
    """Configure and build; the folder of the results."""
    binary = folder / "build-cmake"
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in (["-B", binary, *options], ["--build", binary, "-j", "2"]):
        done = subprocess.run(
            ["cmake", *map(str, command)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stderr.lower(), done.stderr
    return binary


@pytest.mark.parametrize(
    ("board", "compiler"),
    [
        pytest.param("nucleo_l4r5zi", "gcc", marks=pytest.mark.gcc),
        ("nucleo_l4r5zi", "zig"),
        ("esp32c3", "zig"),
    ],
)
def test_firmware_and_example(graph, ramp, scores, tmp_path, need, board, compiler):
    need("cmake", *(["arm-none-eabi-gcc"] if compiler == "gcc" else []))
    folder = api.export(graph, board, tmp_path / "firmware", form="cmake").folder
    binary = cmake(folder, f"-DCMAKE_TOOLCHAIN_FILE=cmake/{compiler}.cmake")
    assert run_firmware(binary / "firmware.elf", board, ramp.tobytes()) == scores.tobytes()
    assert printed(binary / "example.elf", board) == [f"class {scores.argmax()}"] * 3


USER = """
cmake_minimum_required(VERSION 3.13)
project(mine C)
add_subdirectory({folder} model)
add_executable(mine main.c)
target_link_libraries(mine edge_model)
"""
MAIN = """
#include <stdio.h>
#include "model.h"

int main(void)
{
    model_reset();
    fread(model_input(0), 1, model_input_bytes(0), stdin);
    model_invoke();
    fwrite(model_output(0), 1, model_output_bytes(0), stdout);
    return 0;
}
"""


def test_the_library_in_a_project_of_ones_own(graph, ramp, scores, tmp_path, need):
    need("cmake", "cc")
    folder = api.export(graph, "host", tmp_path / "firmware", form="cmake").folder
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "CMakeLists.txt").write_text(USER.format(folder=folder))
    (tmp_path / "mine" / "main.c").write_text(MAIN)
    program = cmake(tmp_path / "mine") / "mine"
    done = subprocess.run([program], input=ramp.tobytes(), capture_output=True, check=True)
    assert done.stdout == scores.tobytes()
