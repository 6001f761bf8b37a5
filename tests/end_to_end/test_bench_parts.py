"""The parts that a model's cost is split into: all of it, and each where it must be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime import api
from edge_runtime.bench_parts import OTHERS, PARTS, costs
from edge_runtime.cases import Cases

CONV, DEPTHWISE, LINEAR = "er_conv_s8_dsp", "er_depthwise_3x3_s8_dsp", "er_linear_s8_dsp"
KWS = "mlperf_kws_dscnn_int8"


def test_parts_of_keyword_spotting(models: Path, tmp_path: Path) -> None:
    graph = api.load(models / f"{KWS}.tflite")
    given = {"in0": np.load(models / f"{KWS}.ref.npz")["in0"]}
    cases = Cases.of([graph.tensors[graph.inputs[0]]], given, streaming=False).first(1)
    api.export(graph, "nucleo_l4r5zi", tmp_path / "firmware")
    found = costs(tmp_path / "firmware", cases, (CONV, DEPTHWISE, LINEAR))
    whole = api.emulate(tmp_path / "firmware", cases).measurement
    assert sum(cost.instructions.total() for cost in found.values()) == whole.instructions
    assert sum(cost.cycles.total() for cost in found.values()) == whole.estimated_cycles
    assert set(found[CONV].cycles) == set(found[DEPTHWISE].cycles) == set(PARTS)
    assert set(found[OTHERS].cycles) == {"rest"}
    # A turn of the inner loop has 13 instructions for 16 products, and loops around it.
    products = sum(layer.macs for layer in whole.layers if layer.kernel == CONV)
    assert found[CONV].instructions["inner loop"] / products == pytest.approx(13.5 / 16, rel=0.03)
