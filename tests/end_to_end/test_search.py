"""The search command on made-up data: data and a budget in, measured firmware out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.cli import main

BOARD = "nucleo_l552ze_q"


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sine waves of three frequencies on four sensors, of six people."""
    random = np.random.default_rng(0)
    labels = np.tile(np.arange(3), 80)
    people = np.repeat(np.arange(6), 40)
    time = np.arange(64)[None, :, None]
    phase = random.uniform(0, 6, (240, 1, 4))
    windows = np.sin(time * (0.1 + 0.25 * labels[:, None, None]) + phase)
    windows += 0.3 * random.standard_normal(windows.shape)
    train = people < 4
    path = tmp_path_factory.mktemp("waves") / "waves.npz"
    np.savez(
        path,
        x_train=windows[train].astype(np.float32),
        y_train=labels[train],
        subject_train=people[train],
        x_test=windows[~train].astype(np.float32),
        y_test=labels[~train],
    )
    return path


def _search(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, dict[str, object], str]:
    command = ["edge-runtime", "search", "--board", BOARD, "--json", *map(str, arguments)]
    monkeypatch.setattr("sys.argv", command)
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


@pytest.mark.slow
def test_a_network_within_the_budget(
    waves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    budget = ("--ram", "8K", "--flash", "40K", "--latency", "10ms")
    code, told, _ = _search(
        monkeypatch, capsys, "--data", waves, *budget, "--out", out, "--epochs", 3
    )
    assert code == 0
    assert told["ram_bytes"] <= 8192 and told["flash_bytes"] <= 40960
    assert told["estimated_ms"] <= 10
    assert {"accuracy_float", "accuracy_int8", "macs", "parameters", "search_seconds"} <= set(told)
    assert told["emulated_exact"] == told["emulated_compared"] > 0
    assert told["accuracy_int8"] > 0.5  # of three classes: it did learn
    for name in ("model.onnx", "model.tflite", "firmware/build/firmware.bin", "report.html"):
        assert (out / name).stat().st_size > 1000, name


@pytest.mark.slow
def test_a_budget_that_cannot_be_met_says_which_limit_and_gives_the_closest(
    waves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    budget = ("--ram", "8K", "--flash", "40K", "--latency", "10us")
    code, told, error = _search(
        monkeypatch, capsys, "--data", waves, *budget, "--out", out, "--epochs", 1
    )
    assert code == 6
    assert "latency" in error and "too much" in error
    assert told["within_budget"] is False and told["estimated_ms"] > 0.01
    assert (out / "model.tflite").exists()
