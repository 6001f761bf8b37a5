"""The plans of real models: small enough, proved minimal, and right in poisoned memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from planned_memory import PlannedMemory

from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.kernels import choose
from edge_runtime.memory import plan

LIMITS = {
    "mlperf_ad_autoencoder_int8": 1_000,
    "mlperf_kws_dscnn_int8": 17_000,
    "mlperf_ic_resnet8_int8": 53_000,
    "mlperf_vww_mobilenetv1_025_96_int8": 60_000,
    "tflm_micro_speech_int8": 8_000,
    "tflm_hello_world_int8": 100,
}


@pytest.mark.models
@pytest.mark.parametrize("isas", [("dsp", "ref"), ("ref",)], ids=lambda isas: str(isas[0]))
@pytest.mark.parametrize("name", LIMITS)
def test_model(models: Path, name: str, isas: tuple[str, ...]) -> None:
    graph = load_model(models / f"{name}.tflite")
    result = plan(graph, choose(graph, isas))
    assert result.optimal
    assert result.ram_bytes <= LIMITS[name]
    reference = np.load(models / f"{name}.ref.npz")
    inputs = {graph.inputs[0]: reference["in0"][0].reshape(graph.tensors[graph.inputs[0]].shape)}
    expected = Interpreter(graph).run(inputs)
    got = PlannedMemory(graph, result).run(inputs)
    for output in graph.outputs:
        np.testing.assert_array_equal(got[output], expected[output])
