"""Images of the tiny model, each built once."""

from __future__ import annotations

import shutil
from functools import cache

import pytest
from tiny_model import write_tiny_model

from edge_runtime.device.build import build


@pytest.fixture(params=["zig", pytest.param("gcc", marks=pytest.mark.gcc)])
def compiler(request):
    if request.param == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    return request.param


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """built(board, compiler) gives the Build of the tiny model."""

    @cache
    def make(board, compiler="zig"):
        folder = write_tiny_model(tmp_path_factory.mktemp(f"{board}-{compiler}"), board)
        return build(folder, compiler=compiler)

    return make
