"""A streaming model, whose variables live from step to step, bit for bit on every core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.emulation import reference
from edge_runtime.graph import DType, Graph, Kind, Node, Quantization, Tensor
from edge_runtime.ops import Concat, Copy, Slice

MODEL = "mww_v2_okay_nabu_int8"
BOARDS = ["rpi_pico", "nucleo_l4r5zi", "nucleo_f746zg", "nucleo_l552ze_q", "host"]


@pytest.mark.parametrize("board", BOARDS)
def test_every_step_of_every_case_equals_tflm(models: Path, tmp_path: Path, board: str) -> None:
    graph = api.load(models / f"{MODEL}.tflite")
    with np.load(models / f"{MODEL}.ref.npz") as stored:
        given, expected = {"in0": stored["in0"]}, stored["out0_tflm"]
    exported = api.export(graph, board, tmp_path / "firmware")
    assert exported.manifest.streaming
    if board != "host":
        assert exported.image.ram_bytes == exported.manifest.ram_bytes
    cases = Cases.of([graph.tensors[name] for name in graph.inputs], given, streaming=True)
    result = api.emulate(exported.folder, cases)
    np.testing.assert_array_equal(result.outputs["out0"], expected)


GRID = Quantization.per_tensor(0.5, 3)
START = np.arange(12, dtype=np.int8).reshape(3, 4)


def window() -> Graph:
    """The last four inputs, starting from some that are not zero; and the oldest that was."""
    return Graph.build(
        "window",
        [
            Tensor("x", (1, 4), DType.INT8, quantization=GRID),
            Tensor("kept", (3, 4), DType.INT8, Kind.STATE, GRID, initial=START),
            Tensor("all", (4, 4), DType.INT8, quantization=GRID),
            Tensor("before", (3, 4), DType.INT8, quantization=GRID),
        ],
        [
            Node("copy", Copy(), ("kept",), "before"),
            Node("join", Concat(0), ("kept", "x"), "all"),
            Node("drop", Slice((1, 0), (3, 4), (1, 1)), ("all",), "kept"),
        ],
        ["x"],
        ["all", "before"],
    )


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico", "host"])
def test_state_starts_from_its_initial_values_in_every_case(tmp_path: Path, board: str) -> None:
    graph = window()
    exported = api.export(graph, board, tmp_path / "firmware")
    x = np.random.default_rng(1).integers(-99, 99, (2, 6, 1, 4)).astype(np.int8)
    cases = Cases.of([graph.tensors["x"]], {"in0": x}, streaming=True)
    made = api.emulate(exported.folder, cases).outputs
    expected = reference(graph, cases)
    for name, array in expected.items():
        np.testing.assert_array_equal(made[name], array)
    for case in range(2):
        seen = np.concatenate([START, x[case, :, 0]])
        for step in range(6):
            np.testing.assert_array_equal(made["out0"][case, step], seen[step : step + 4])
            np.testing.assert_array_equal(made["out1"][case, step], seen[step : step + 3])
