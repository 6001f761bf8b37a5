"""`check` lists every node that cannot be compiled, whichever step refuses it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from command import Run

from edge_runtime import api
from edge_runtime.graph import DType, Graph, Node, Quantization, Tensor, Window
from edge_runtime.ops import MaxPool2D, Softmax

sys.path.append(str(Path(__file__).parents[1] / "importers"))
from onnx_models import OnnxBuilder
from raw_tflite import RawModel

GRID = Quantization.per_tensor(0.05)


def _tflite(folder: Path) -> Path:
    """Refused: ATAN2 by name, WHERE with a rewrite, a pool whose window no kernel counts."""
    raw = RawModel()
    wide = raw.input(1, 70_000, 1, 1)
    from ai_edge_litert import schema_py_generated as schema

    pooled = raw.tensor((1, 1, 1, 1))
    options = schema.Pool2DOptionsT(
        padding=schema.Padding.VALID, strideH=1, strideW=1, filterHeight=70_000, filterWidth=1
    )
    raw.operator("MAX_POOL_2D", [wide], [pooled], options)
    turned, found = raw.tensor((1, 1, 1, 1)), raw.tensor((1, 4), "int64")
    raw.operator("ATAN2", [pooled, pooled], [turned])
    raw.operator("WHERE", [turned], [found])
    path = folder / "bad.tflite"
    path.write_bytes(raw.file(found))
    return path


def _onnx(folder: Path) -> Path:
    build = OnnxBuilder()
    value = build.node("Acos", build.input(1, 1, 70_000, 1))
    value = build.node("MaxPool", value, kernel_shape=[70_000, 1])
    value = build.node("Sigmoid", build.node("GridSample", value, value))
    path = folder / "bad.onnx"
    path.write_bytes(build.model(value).SerializeToString())
    return path


@pytest.mark.parametrize("make", [_tflite, _onnx])
def test_import_and_kernels_are_judged_at_once(make: object, run: Run, tmp_path: Path) -> None:
    path = make(tmp_path)  # type: ignore[operator]
    outcome = run("check", path, "--board", "nucleo_l4r5zi", "--json")
    assert outcome.code == 3
    told = json.loads(outcome.out)
    assert told["supported"] is False
    problems = {problem["op"]: problem for problem in told["problems"]}
    assert len(problems) == len(told["problems"]) == 3
    assert "70000" in problems.pop("MAX_POOL_2D")["reason"]
    assert {each["reason"] for each in problems.values()} == {"the operation is not supported"}
    for problem in told["problems"]:
        assert problem["node"] in outcome.err
        assert problem["reason"] in outcome.err
    assert "docs/" in outcome.err
    assert len(outcome.err) < 2000


def test_a_good_model(run: Run, tmp_path: Path) -> None:
    graph = Graph.build(
        "good",
        [
            Tensor("x", (1, 8), DType.FLOAT32),
            Tensor("y", (1, 8), DType.FLOAT32),
        ],
        [Node("softmax", Softmax(), ("x",), "y")],
        ["x"],
        ["y"],
    )
    api.write_model(graph, tmp_path / "good.tflite")
    outcome = run("check", tmp_path / "good.tflite", "--json")
    told = json.loads(outcome.out)
    assert (outcome.code, told["supported"], told["problems"]) == (0, True, [])


def test_kernels_alone_refuse(run: Run, tmp_path: Path) -> None:
    """All that the file says is legal, and no kernel serves it."""
    image = Tensor("x", (1, 70_000, 1, 1), DType.INT8, quantization=GRID)
    graph = Graph.build(
        "wide",
        [image, Tensor("y", (1, 1, 1, 1), DType.INT8, quantization=GRID)],
        [Node("pool", MaxPool2D((70_000, 1), Window()), ("x",), "y")],
        ["x"],
        ["y"],
    )
    api.write_model(graph, tmp_path / "wide.tflite")
    outcome = run("check", tmp_path / "wide.tflite", "--board", "rpi_pico", "--json")
    (problem,) = json.loads(outcome.out)["problems"]
    assert outcome.code == 3
    assert problem["op"] == "MAX_POOL_2D"
    assert "70000" in problem["reason"]
    assert np.all([problem["node"], problem["rewrite"]])
