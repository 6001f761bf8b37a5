"""A user's mistakes: one error that says what, where and what to do; nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command import Outcome, Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_runtime import api
from edge_runtime.graph import Activation, DType, Graph, Node, Quantization, Tensor, Window
from edge_runtime.ops import FullyConnected, MaxPool2D

FIXTURES = [HealthCheck.function_scoped_fixture]
SCALE = Quantization.per_tensor(0.05)


def small_graph() -> Graph:
    """One fully connected layer, int8, 8 to 4."""
    weights = np.arange(32, dtype=np.int8).reshape(4, 8) - 16
    return Graph.build(
        "small",
        [
            Tensor("x", (1, 8), DType.INT8, quantization=SCALE),
            Tensor.constant("w", weights, SCALE),
            Tensor("y", (1, 4), DType.INT8, quantization=SCALE),
        ],
        [Node("fc", FullyConnected(Activation.NONE), ("x", "w"), "y")],
        ["x"],
        ["y"],
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "small.tflite"
    api.write_model(small_graph(), path)
    return path


def _refused(outcome: Outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome
    assert outcome.err.startswith("error: ")
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err, outcome.err


def test_a_good_model_exports_and_emulates(run: Run, model: Path, tmp_path: Path) -> None:
    import json

    done = run("export", model, "--board", "nucleo_l4r5zi", "--out", tmp_path / "fw", "--json")
    assert done.code == 0, done
    told = json.loads(done.out)
    assert told["ram_bytes"] == told["arena_bytes"] <= 64
    assert told["flash_bytes"] > told["weights_bytes"] >= 32
    assert {"op", "tensors"} <= told["peak"].keys()
    assert "model/model.c" in told["files"]
    x = np.random.default_rng(1).integers(-128, 128, (3, 1, 8)).astype(np.int8)
    np.savez(tmp_path / "in.npz", in0=x)
    done = run(
        "emulate", tmp_path / "fw", "--board", "nucleo_l4r5zi",
        "--input", tmp_path / "in.npz", "--output", tmp_path / "out.npz", "--json",
    )  # fmt: skip
    assert done.code == 0, done
    told = json.loads(done.out)
    assert told["instructions"] > told["layers"][0]["instructions"] > 0
    assert told["estimated_cycles"] > 0 and told["stack_bytes"] > 0
    with np.load(tmp_path / "out.npz") as archive:
        assert archive["out0"].shape == (3, 1, 4)


def test_a_port_that_is_not_there(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: [])
    tool = tmp_path / "openocd"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    done = run(
        "export", model, "-b", "nucleo_l4r5zi", "--out", tmp_path / "fw", "--format", "cmake"
    )
    assert done.code == 0 and (tmp_path / "fw" / "CMakeLists.txt").exists(), done
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = run("flash", tmp_path / "fw")
    _refused(outcome, 12, "no port of nucleo_l4r5zi", "0483:374b ST-LINK/V2-1", "seen: none")
    _refused(run("flash", tmp_path / "fw", "-b", "rpi_pico"), 5, "exported for nucleo_l4r5zi")
    done = run("flash", tmp_path / "fw", "--port", "COM3", "--json")
    assert done.code == 0 and "COM3" in done.err and '"method": "openocd"' in done.out


@settings(max_examples=60, deadline=None, suppress_health_check=FIXTURES)
@given(
    content=st.binary(max_size=400),
    suffix=st.sampled_from([".tflite", ".onnx", ".npz", ""]),
)
def test_any_bytes_as_a_model(run: Run, tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    out = tmp_path / "fw"
    outcome = run("export", path, "--board", "nucleo_l4r5zi", "--out", out)
    _refused(outcome, 3, "model")
    assert not out.exists()


@settings(max_examples=40, deadline=None, suppress_health_check=FIXTURES)
@given(cut=st.integers(0, 10_000))
def test_a_truncated_model(run: Run, model: Path, tmp_path: Path, cut: int) -> None:
    whole = model.read_bytes()
    path = tmp_path / "cut.tflite"
    path.write_bytes(whole[: cut % len(whole)])
    _refused(run("export", path, "--board", "host", "--out", tmp_path / "fw"), 3)
    assert not (tmp_path / "fw").exists()


def test_a_missing_model(run: Run, tmp_path: Path) -> None:
    outcome = run("export", tmp_path / "no.tflite", "--board", "host", "--out", tmp_path / "fw")
    _refused(outcome, 3, "no.tflite")


def test_an_unknown_board_names_the_nearest(run: Run, model: Path, tmp_path: Path) -> None:
    outcome = run("export", model, "--board", "nucleo_l4r5", "--out", tmp_path / "fw")
    _refused(outcome, 4, "nucleo_l4r5", "nucleo_l4r5zi")


def test_a_folder_that_is_not_ours_is_left_alone(run: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    _refused(run("export", model, "--board", "host", "--out", out), 5, "not empty")
    assert [p.name for p in out.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros((2, 1, 7), np.int8), "(1, 8)"),
        (np.zeros((2, 1, 8), np.float32), "int8"),
        (np.zeros((0, 1, 8), np.int8), "no case"),
        (np.int8(3), "(1, 8)"),
    ],
)
def test_inputs_that_do_not_fit(
    run: Run, model: Path, tmp_path: Path, array: np.ndarray, word: str
) -> None:
    np.savez(tmp_path / "in.npz", in0=array)
    out = tmp_path / "out.npz"
    outcome = run(
        "emulate", model, "--board", "host", "--input", tmp_path / "in.npz", "--output", out
    )
    _refused(outcome, 5, word)
    assert not out.exists()


def test_inputs_that_are_no_archive(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.npz").write_bytes(b"PK\x03\x04 nothing")
    outcome = run(
        "emulate", model, "--board", "host",
        "--input", tmp_path / "in.npz", "--output", tmp_path / "out.npz",
    )  # fmt: skip
    _refused(outcome, 5, "in.npz")


@pytest.mark.parametrize("text", ["32Q", "-1K", "", "K", "0"])
def test_a_size_that_is_none(run: Run, tmp_path: Path, text: str) -> None:
    outcome = run(
        "search", "--data", tmp_path / "d.npz", "--board", "nucleo_l552ze_q", f"--ram={text}",
        "--flash", "128K", "--latency", "20ms", "--out", tmp_path / "out",
    )  # fmt: skip
    _refused(outcome, 5, "32K")


def test_a_missing_compiler(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "fw"
    outcome = run("export", model, "--board", "nucleo_l4r5zi", "--compiler", "gcc", "--out", out)
    _refused(outcome, 7, "gcc", "→")
    assert not out.exists()


def big_graph(size: int) -> Graph:
    """One pool over an image of `size` x `size` x 8: an arena of about 8 * size * size bytes."""
    return Graph.build(
        "big",
        [
            Tensor("x", (1, size, size, 8), DType.INT8, quantization=SCALE),
            Tensor("y", (1, size // 2, size // 2, 8), DType.INT8, quantization=SCALE),
        ],
        [Node("pool", MaxPool2D((2, 2), Window((2, 2))), ("x",), "y")],
        ["x"],
        ["y"],
    )


def test_too_little_ram_names_the_peak(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "big.tflite"
    api.write_model(big_graph(300), path)
    outcome = run("export", path, "--board", "rpi_pico", "--out", tmp_path / "fw")
    _refused(outcome, 6, "RAM", "720,000", "the inputs", "→")
    assert not (tmp_path / "fw").exists()
    assert run("export", path, "--board", "host", "--out", tmp_path / "fw").code == 0


def test_too_little_ram_allowed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "big.tflite"
    api.write_model(big_graph(100), path)
    command = ("export", path, "--board", "nucleo_l4r5zi", "--out", tmp_path / "fw", "--ram")
    _refused(run(*command, "60K"), 6, "80,000", "61,440 are allowed", "→")
    _refused(run(*command, "much"), 5, "much", "32K")
    assert not (tmp_path / "fw").exists()
    assert run(*command, "80K").code == 0


def test_too_little_flash(run: Run, tmp_path: Path) -> None:
    weights = np.ones((900, 600), np.int8)
    graph = Graph.build(
        "wide",
        [
            Tensor("x", (1, 600), DType.INT8, quantization=SCALE),
            Tensor.constant("w", weights, SCALE),
            Tensor("y", (1, 900), DType.INT8, quantization=SCALE),
        ],
        [Node("fc", FullyConnected(), ("x", "w"), "y")],
        ["x"],
        ["y"],
    )
    path = tmp_path / "wide.tflite"
    api.write_model(graph, path)
    outcome = run("export", path, "--board", "nucleo_l552ze_q", "--out", tmp_path / "fw")
    _refused(outcome, 6, "FLASH", "524,288", "→")
    assert not (tmp_path / "fw").exists()


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros((4, 1, 7), np.float32), "shape"),
        (np.full((4, 1, 8), np.nan, np.float32), "finite"),
        (np.zeros((0, 1, 8), np.float32), "sample"),
    ],
)
def test_calibration_that_does_not_fit(
    run: Run, tmp_path: Path, array: np.ndarray, word: str
) -> None:
    graph = Graph.build(
        "float",
        [
            Tensor("x", (1, 8), DType.FLOAT32),
            Tensor.constant("w", np.ones((4, 8), np.float32)),
            Tensor("y", (1, 4), DType.FLOAT32),
        ],
        [Node("fc", FullyConnected(), ("x", "w"), "y")],
        ["x"],
        ["y"],
    )
    path = tmp_path / "float.tflite"
    api.write_model(graph, path)
    np.savez(tmp_path / "c.npz", in0=array)
    outcome = run(
        "export", path, "--board", "host", "--out", tmp_path / "fw",
        "--calibration", tmp_path / "c.npz",
    )  # fmt: skip
    _refused(outcome, 5, word)
    assert not (tmp_path / "fw").exists()
