"""Shape inference that ends its process, or does not end, is an error and no hang."""

from __future__ import annotations

import subprocess
import sys

import onnx
import pytest
from onnx_models import MODELS

from edge_runtime.importers.onnx import inference


@pytest.mark.parametrize(
    ("code", "told"),
    [("import time; time.sleep(60)", "took more than 0.3 seconds"), ("", "ended its process")],
)
def test_a_worker_without_an_answer(code: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def other(command: list[str], **given: int) -> subprocess.Popen[bytes]:
        started.append(popen([sys.executable, "-c", code], **given))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(inference, "_WORKER", inference._Worker())
    monkeypatch.setattr(inference, "SECONDS", 0.3)
    monkeypatch.setattr(inference.subprocess, "Popen", other)
    with pytest.raises(inference.InferenceError, match=told):
        inference.infer_shapes(MODELS["residual"]())
    assert started[0].poll() is not None
    monkeypatch.undo()
    assert isinstance(inference.infer_shapes(MODELS["residual"]()), onnx.ModelProto)
