"""Costs of operations measured many to an image are those of each by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.graph import Activation, DType, Graph, Node, Quantization, Tensor, Window
from edge_runtime.measure import EmulatedDevice
from edge_runtime.ops import Conv2D

BOARD = "nucleo_l552ze_q"
SCALE = Quantization.per_tensor(0.05)


def convolution(inputs: int, outputs: int, kernel: int) -> Graph:
    """A kernel x 1 convolution over 16 x 3 pixels."""
    weights = np.random.default_rng(outputs).integers(-99, 99, (outputs, kernel, 1, inputs))
    window = Window.same((16, 3), (kernel, 1))
    return Graph.build(
        "one",
        [
            Tensor("x", (1, 16, 3, inputs), DType.INT8, quantization=SCALE),
            Tensor.constant("w", weights.astype(np.int8), SCALE),
            Tensor("y", (1, 16, 3, outputs), DType.INT8, quantization=SCALE),
        ],
        [Node("conv", Conv2D(Activation.RELU, window), ("x", "w"), "y")],
        ["x"],
        ["y"],
    )


@pytest.mark.slow
def test_each_cost_is_that_of_the_operation_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = [convolution(8, 16, 3), convolution(8, 5, 7), convolution(3, 16, 5)]
    device = EmulatedDevice(BOARD)
    monkeypatch.setattr("edge_runtime.measure._cached", lambda key: None)
    together = device.measure_ops(graphs)
    for number, (graph, cost) in enumerate(zip(graphs, together, strict=True)):
        exported = api.export(graph, BOARD, tmp_path / str(number))
        cases = Cases.of(
            [graph.tensors["x"]],
            {"in0": np.zeros((1, 1, 16, 3, graph.tensors["x"].shape[3]), np.int8)},
            False,
        )
        alone = api.emulate(exported.folder, cases).measurement.layers[0].estimated_cycles
        assert cost.estimated_cycles == alone
        assert cost.scratch_bytes > 0


def test_what_was_measured_once_is_not_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = [convolution(8, 8, 3)]
    device = EmulatedDevice(BOARD)
    first = device.measure_ops(graphs)
    monkeypatch.setattr(device, "_measure_batch", None)  # calling it would fail
    assert device.measure_ops(graphs) == first
