"""`fit` on the command line: one row a board, and every node of what cannot be compiled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Run

from edge_runtime import api
from edge_runtime.boards import board_names
from edge_runtime.latency.networks import network


@pytest.fixture(autouse=True)
def no_calibrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_RUNTIME_CONFIG", str(tmp_path / "config"))


def test_each_board_has_a_row(run: Run, tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    api.write_model(network(3), model)
    done = run("fit", model)
    assert done.code == 0
    done_json = run("fit", model, "--json")
    found = json.loads(done_json.out)
    assert found["type"] == "int8"
    assert {row["board"] for row in found["boards"]} == set(board_names()) - {"host"}
    for row in found["boards"]:
        assert row["board"] in done.out


def test_a_float_model_is_fitted_as_it_is(run: Run, models: Path) -> None:
    found = json.loads(run("fit", models / "kaijiang_resnet8_cifar10.onnx", "--json").out)
    assert found["type"] == "float32"


def test_what_is_no_model_is_told(run: Run, tmp_path: Path) -> None:
    done = run("fit", tmp_path / "none.tflite")
    assert done.code not in {0, 1, 2} and "none.tflite" in done.err
