"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from litert import Litert

SHARED = Path(os.environ.get("EDGE_RUNTIME_SHARED", Path(__file__).parents[2] / "shared"))


def _folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no folder {name} of shared files; EDGE_RUNTIME_SHARED names another place")
    return folder


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of real models with reference outputs."""
    return _folder("models")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data sets."""
    return _folder("data")


@pytest.fixture(scope="session")
def litert() -> Iterator[Litert]:
    """LiteRT's reference kernels."""
    worker = Litert()
    yield worker
    worker.close()
