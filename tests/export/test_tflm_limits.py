"""The list of what TensorFlow Lite Micro refuses, held against it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from test_onnx_families import SHARED, Make, float_graph, on_image
from tflm import Tflm

from edge_runtime import ops
from edge_runtime.errors import ModelError
from edge_runtime.evaluate import stored
from edge_runtime.export.tflite import to_tflite
from edge_runtime.export.tflm_limits import tflm_refusals
from edge_runtime.graph import Graph
from edge_runtime.quant import Forms, Observer, Precision, calibrate, quantize_graph

MORE: dict[str, Make] = {
    "ceil": on_image(ops.Ceil()),
    "cos": on_image(ops.Cos()),
    "cumulate": on_image(ops.CumSum(1)),
    "dense": lambda b: b.dense(b.input(1, 9), 4),
    "floor": on_image(ops.Floor()),
    "largest": on_image(ops.ReduceMax((1,))),
    "mean": on_image(ops.Mean((1, 2))),
    "pad": on_image(ops.Pad((0, 1, 1, 0), (0, 0, 1, 2), 0.5)),
    "product": on_image(ops.ReduceProd((1,))),
    "round": on_image(ops.Round()),
    "sign": on_image(ops.Sign()),
    "sin": on_image(ops.Sin()),
    "softmax": on_image(ops.Softmax()),
    "sum": on_image(ops.Sum((1, 2))),
    "transpose": on_image(ops.Transpose((0, 2, 1, 3))),
}


@pytest.fixture(scope="module")
def tflm() -> Iterator[Tflm]:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    worker = Tflm()
    yield worker
    worker.close()


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("name", [*SHARED, *MORE])
def test_it_refuses_what_the_list_has_and_nothing_else(
    tflm: Tflm, name: str, precision: Precision
) -> None:
    _, graph = float_graph((SHARED | MORE)[name])
    samples = np.random.default_rng(1).normal(0, 1, (8, *graph.tensors["in0"].shape))
    data = {"in0": samples.astype(np.float32)}
    forms = Forms.of(graph, {node.name: precision for node in graph.nodes})
    ranges = calibrate(graph, data, observer=Observer.MIN_MAX, forms=forms)
    made = quantize_graph(graph, ranges, forms=forms)
    try:
        file = to_tflite(made)
    except ModelError:
        return
    case = stored(made.tensors["in0"], data["in0"])[0]
    assert runs(tflm, file, case, made) == (not tflm_refusals(made))


def runs(tflm: Tflm, file: bytes, case: np.ndarray, graph: Graph) -> bool:
    try:
        tflm.run(file, [[case]], len(graph.outputs))
    except AssertionError:
        return False
    return True
