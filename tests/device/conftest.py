"""Firmware for the emulators: the tiny model of the build tests, also in broken variants."""

from __future__ import annotations

import shutil
import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "build"))

from tiny_model import SOURCE, write_tiny_model

from edge_runtime.device.build import build


@pytest.fixture(scope="session")
def firmware(tmp_path_factory):
    """firmware(board, statement) gives the image; the statement runs first in layer 1."""

    @cache
    def make(board, statement="", stack_used=64, compiler="zig", profile=False):
        layer = "static __attribute__((noinline)) void model_layer_1(void)\n{\n"
        assert layer in SOURCE
        source = SOURCE.replace(layer, f"{layer}    {statement}\n")
        folder = tmp_path_factory.mktemp(board)
        write_tiny_model(folder, board, source=source, stack_used=stack_used)
        return build(folder, compiler=compiler, profile=profile).elf

    return make


@pytest.fixture
def qemu():
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
