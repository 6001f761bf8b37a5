from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from builder import Builder
from command import Run

from edge_runtime.api import write_model
from edge_runtime.graph import Activation, DType
from edge_runtime.importers import load_model
from edge_runtime.quant import is_quantized


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a float model, typical inputs, and labelled ones."""
    builder = Builder(DType.FLOAT32)
    hidden = builder.dense(builder.input(1, 12), 16, Activation.RELU)
    graph = builder.graph(builder.dense(hidden, 4))
    write_model(graph, tmp_path / "float.tflite")
    random = np.random.default_rng(0)
    x = random.normal(0, 1, (200, 12)).astype(np.float32)
    np.savez(tmp_path / "typical.npz", in0=x[:100])
    np.savez(tmp_path / "labelled.npz", x=x[100:], y=random.integers(0, 4, 100))
    return tmp_path


def call(run: Run, files: Path, *more: object) -> tuple[int, str, str]:
    out = run(
        "quantize",
        files / "float.tflite",
        "--calibration",
        files / "typical.npz",
        "--out",
        files / "made.tflite",
        *more,
    )
    return out.code, out.out, out.err


def test_the_file_is_read_back_and_is_int8(run: Run, files: Path) -> None:
    code, out, _ = call(run, files, "--eval", files / "labelled.npz")
    assert code == 0
    assert "no node in float32" in out
    assert "quantized score" in out
    assert is_quantized(load_model(files / "made.tflite"))


def test_json_tells_score_layers_and_what_was_written(run: Run, files: Path) -> None:
    code, out, _ = call(run, files, "--recipe", "w4a8", "--eval", files / "labelled.npz", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["recipe"] == "w4a8"
    assert told["score"]["samples"] == 100
    assert told["written"].endswith("made.tflite")
    assert told["float_nodes_of_file"] == []
    assert {layer["node"] for layer in told["layers"]}
    narrow = [choice for choice in told["choices"] if choice["precision"] == "w4"]
    assert len(told["tflite_micro_refuses"]) == len(narrow) > 0
    assert {choice["precision"] for choice in told["choices"]} <= {"w4", "w8"}


def test_what_tflite_micro_does_not_run_is_named(run: Run, files: Path) -> None:
    _, plain, _ = call(run, files)
    _, narrow, _ = call(run, files, "--recipe", "w4a8")
    assert "tflite-micro does not run" not in plain
    assert "FULLY_CONNECTED): int4 weights with a scale a channel" in " ".join(narrow.split())


def test_past_the_allowed_drop_nothing_is_written(run: Run, files: Path) -> None:
    code, out, err = call(run, files, "--eval", files / "labelled.npz", "--max-drop", "-50")
    assert code == 11
    assert "allowed: -50" in err
    assert "quantized score" in out
    assert sorted(path.name for path in files.iterdir()) == [
        "float.tflite",
        "labelled.npz",
        "typical.npz",
    ]


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--recipe", "int2"], 5, "allowed: int8, int8x16, w4a8, auto"),
        (["--observer", "best"], 5, "allowed: min-max, percentile, mse, entropy"),
        (["--recipe", "auto", "--flash", "20"], 6, "the budget is 20"),
    ],
)
def test_mistakes_say_what_is_allowed(
    run: Run, files: Path, more: list[str], code: int, message: str
) -> None:
    found, _, err = call(run, files, *more)
    assert found == code
    assert message in err


def test_labels_are_asked_for(run: Run, files: Path) -> None:
    code, _, err = call(run, files, "--eval", files / "typical.npz")
    assert code == 5
    assert "no labels" in err
