"""Every integer operation equals TensorFlow Lite Micro bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import one_op
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tflm import Tflm

from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import Graph
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D

GRAPHS = {
    "conv": one_op.linear(Conv2D),
    "depthwise": one_op.linear(DepthwiseConv2D),
    "dense": one_op.dense(),
    "add": one_op.additions(),
    "average_pool": one_op.pools(AveragePool2D),
    "max_pool": one_op.pools(MaxPool2D),
    "mean": one_op.means(),
    "softmax": one_op.softmaxes(),
    "quantize": one_op.quantizers(),
    "reshape": one_op.reshapes(),
    "transpose": one_op.transposes(),
}
REAL = [
    "mlperf_ad_autoencoder_int8",
    "mlperf_ic_resnet8_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_vww_mobilenetv1_025_96_int8",
    "tflm_hello_world_int8",
    "tflm_micro_speech_int8",
]


@pytest.mark.parametrize("kind", GRAPHS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_one_operation(kind: str, data: st.DataObject, tflm: Tflm) -> None:
    graph: Graph = data.draw(GRAPHS[kind])
    inputs = one_op.cases(graph, data.draw(one_op.seeds))
    interpreter = Interpreter(graph)
    for case, oracle in zip(inputs, tflm.run(to_tflite(graph), inputs), strict=True):
        mine = interpreter.run(dict(zip(graph.inputs, case, strict=True)))["out"]
        np.testing.assert_array_equal(mine, oracle[0])


@pytest.mark.parametrize("name", REAL)
def test_real_models(name: str, models: Path) -> None:
    graph = load_model(models / f"{name}.tflite")
    stored = np.load(models / f"{name}.ref.npz")
    interpreter = Interpreter(graph)
    for case, expected in zip(stored["in0"], stored["out0_tflm"], strict=True):
        mine = interpreter.run({graph.inputs[0]: case})[graph.outputs[0]]
        np.testing.assert_array_equal(mine, expected)
