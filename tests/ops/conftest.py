"""Fixtures of the operations' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from litert import Litert
from tflm import Tflm


@pytest.fixture(scope="session")
def tflm() -> Iterator[Tflm]:
    """TensorFlow Lite Micro; skipped where tflite-micro is not installed."""
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    worker = Tflm()
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def litert() -> Iterator[Litert]:
    """LiteRT's reference kernels."""
    worker = Litert()
    yield worker
    worker.close()
