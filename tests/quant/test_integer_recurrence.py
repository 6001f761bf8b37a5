"""LSTM and GRU layers in integers, for firmware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_architectures import (
    DECIBELS,
    Net,
    assert_same_firmware,
    data,
    decibels,
    inputs_of,
    lstm,
)

from edge_runtime import api
from edge_runtime.cases import save_arrays
from edge_runtime.evaluate import predict
from edge_runtime.graph import DType, Graph
from edge_runtime.quant import float_nodes, quantize, with_integer_recurrence


def stacked(folder: Path, direction: str = "forward", layers: int = 2) -> Graph:
    """Layers over a sequence, of which the last step is read, batch first."""
    net, width = Net((1, 12, 5)), 5
    x = net("Transpose", "in0", perm=[1, 0, 2])
    ways = 2 if direction == "bidirectional" else 1
    for _ in range(layers):
        weights = [net.weights(ways, 32, width), net.weights(ways, 32, 8), net.weights(ways, 64)]
        y = net("LSTM", x, *weights, hidden_size=8, direction=direction)
        x = net("Reshape", net("Transpose", y, perm=[0, 2, 1, 3]), [12, 1, 8 * ways])
        width = 8 * ways
    last = net("Gather", x, net.constant([11]), axis=0)
    return net.graph(folder, net("MatMul", net("Reshape", last, [1, width]), net.weights(width, 3)))


def gru(folder: Path, before: int = 1) -> Graph:
    """Two layers that forget slowly, as those that are trained do."""
    net, x = Net((24, 1, 5)), "in0"
    for width in (5, 8):
        bias = net.weights(1, 48)
        bias[0, :8] += 2
        weights = [net.weights(1, 24, width), net.weights(1, 24, 8), bias]
        y = net("GRU", x, *weights, hidden_size=8, linear_before_reset=before)
        x = net("Squeeze", y, [1])
    last = net("Gather", x, net.constant([23]), axis=0)
    return net.graph(folder, net("MatMul", net("Reshape", last, [1, 8]), net.weights(8, 3)))


def gru_reset_first(folder: Path) -> Graph:
    return gru(folder, 0)


MAKES = [lstm, stacked, gru, gru_reset_first]


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("board", ["host", "nucleo_l4r5zi"])
def test_close_to_float_and_the_same_in_firmware(make: object, board: str, tmp_path: Path) -> None:
    graph = make(tmp_path)  # type: ignore[operator]
    samples = data(graph, 64, 1)
    plain = quantize(graph, samples).graph
    made, reasons = with_integer_recurrence(graph, plain, samples)
    assert reasons == {}
    assert float_nodes(plain) and not float_nodes(made)
    exact, half, held = (predict(each, data(graph, 40, 7)) for each in (graph, plain, made))
    (name,) = graph.outputs
    assert decibels(exact[name], held[name]) > DECIBELS
    assert decibels(exact[name], held[name]) > decibels(exact[name], half[name]) - 4
    assert_same_firmware(made, inputs_of(graph, made, 3), board, tmp_path / "firmware")


def test_weights_have_a_scale_for_each_gate(tmp_path: Path) -> None:
    graph = lstm(tmp_path)
    samples = data(graph, 32, 1)
    made, _ = with_integer_recurrence(graph, quantize(graph, samples).graph, samples)
    (node,) = (node for node in made.nodes if node.op.NAME == "UNIDIRECTIONAL_SEQUENCE_LSTM")
    (given,) = (each for each in graph.nodes if each.name == node.name)
    for tensor, real in zip(
        made.node_inputs(node)[1:3], graph.node_inputs(given)[1:3], strict=True
    ):
        assert tensor.dtype is DType.INT8
        assert len(set(tensor.quant.scales)) == 4
        error = np.abs(tensor.quant.dequantize(tensor.values) - real.values)
        assert (error <= np.asarray(tensor.quant.scales)[:, None] / 2 * 1.001).all()


def test_what_cannot_be_integers_is_told(tmp_path: Path) -> None:
    graph = stacked(tmp_path, "bidirectional", 1)
    samples = data(graph, 32, 1)
    save_arrays(tmp_path / "data.npz", samples)
    said: list[str] = []
    made = api.quantize_firmware(graph, tmp_path / "data.npz", say=said.append)
    (node,) = float_nodes(made)
    (line,) = said
    assert line.startswith(f"{node} (UNIDIRECTIONAL_SEQUENCE_LSTM) stays float32: ")
    assert "one direction, forward" in line


def test_rnn_is_told(tmp_path: Path) -> None:
    net = Net((6, 1, 4))
    weights = [net.weights(1, 5, 4), net.weights(1, 5, 5), net.weights(1, 10)]
    graph = net.graph(tmp_path, net("Squeeze", net("RNN", "in0", *weights, hidden_size=5), [1]))
    save_arrays(tmp_path / "data.npz", data(graph, 32, 1))
    said: list[str] = []
    api.quantize_firmware(graph, tmp_path / "data.npz", say=said.append)
    (line,) = said
    assert "(RNN) stays float32: there is no integer RNN" in line
