"""Fixtures of the operations' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tflm import Tflm


@pytest.fixture(scope="session")
def tflm() -> Iterator[Tflm]:
    """TensorFlow Lite Micro; skipped where tflite-micro is not installed."""
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    worker = Tflm()
    yield worker
    worker.close()
