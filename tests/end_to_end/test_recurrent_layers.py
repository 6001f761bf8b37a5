"""Recurrent layers through the whole chain: planned, exported, run step by step in emulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.graph import Activation, DType, Graph, Kind, Node, Quantization, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.ops import FullyConnected, Gru, Lstm, Mean, Reshape, Softmax, Svdf

FLOAT, INT8, INT16 = DType.FLOAT32, DType.INT8, DType.INT16
RANDOM = np.random.default_rng(8)


def constant(name: str, *shape: int) -> Tensor:
    return Tensor.constant(name, RANDOM.normal(0, 0.4, shape).astype(np.float32))


def floats(steps: int, *, sequence: bool) -> Graph:
    """A GRU and an LSTM one behind the other, from states of zeros."""
    tensors = [
        Tensor("x", (steps, 1, 8), FLOAT),
        *(constant("gw", 1, 36, 8), constant("gr", 1, 36, 12), constant("gb", 1, 72)),
        *(constant("lw", 1, 40, 12), constant("lr", 1, 40, 10), constant("lb", 1, 80)),
        Tensor.constant("zeros", np.zeros((1, 1, 12), np.float32)),
        Tensor.constant("none", np.zeros((1, 1, 10), np.float32)),
        *(Tensor("g", (steps, 1, 1, 12), FLOAT), Tensor("gh", (1, 1, 12), FLOAT)),
        Tensor("flat", (steps, 1, 12), FLOAT),
        Tensor("y", (steps if sequence else 1, 1, 1, 10), FLOAT),
        *(Tensor("h", (1, 1, 10), FLOAT), Tensor("c", (1, 1, 10), FLOAT)),
    ]
    nodes = [
        Node("gru", Gru(), ("x", "gw", "gr", "gb", "zeros"), "g", ("gh",)),
        Node("reshape", Reshape((steps, 1, 12)), ("g",), "flat"),
        Node(
            "lstm",
            Lstm(sequence=sequence),
            ("flat", "lw", "lr", "lb", "none", "none"),
            "y",
            ("h", "c"),
        ),
    ]
    return verify(Graph.build("floats", tensors, nodes, ["x"], ["y" if sequence else "h"]))


def integers(kind: DType) -> Graph:
    """A streaming int8 net: an SVDF with a state of type `kind`, an LSTM and a softmax."""
    fine = 1 / 256 if kind is INT16 else 1.0

    def grid(scale: float, zero: int = 0) -> Quantization:
        return Quantization.per_tensor(scale, zero)

    def weights(name: str, *shape: int) -> Tensor:
        stored = RANDOM.integers(-127, 128, shape).astype(np.int8)
        return Tensor.constant(name, stored, grid(0.01))

    times = RANDOM.integers(-127, 128, (12, 5)).astype(kind.numpy)
    hidden = grid(1 / 128, 3)
    tensors = [
        Tensor("x", (1, 9), INT8, quantization=grid(0.05, -3)),
        weights("features", 12, 9),
        Tensor.constant("times", times, grid(0.01)),
        Tensor("memory", (1, 60), kind, Kind.STATE, grid(0.1 * fine)),
        Tensor("filtered", (1, 6), INT8, quantization=grid(0.2, -128)),
        Tensor("step", (1, 1, 6), INT8, quantization=grid(0.2, -128)),
        *(weights("w", 1, 20, 6), weights("r", 1, 20, 5)),
        Tensor.constant("b", RANDOM.integers(-3000, 3000, (1, 20)).astype(np.int32)),
        Tensor("h", (1, 5), INT8, Kind.STATE, hidden),
        Tensor("c", (1, 5), INT16, Kind.STATE, grid(2.0**-11)),
        Tensor("y", (1, 1, 1, 5), INT8, quantization=hidden),
        Tensor("flat", (1, 5), INT8, quantization=hidden),
        weights("dense", 4, 5),
        Tensor("scores", (1, 4), INT8, quantization=grid(0.03, 5)),
        Tensor("out", (1, 4), INT8, quantization=grid(1 / 256, -128)),
    ]
    nodes = [
        Node(
            "svdf",
            Svdf(2, Activation.RELU),
            ("x", "features", "times", "memory"),
            "filtered",
            ("memory",),
        ),
        Node("one", Reshape((1, 1, 6)), ("filtered",), "step"),
        Node("lstm", Lstm(batch_first=True), ("step", "w", "r", "b", "h", "c"), "y", ("h", "c")),
        Node("two", Reshape((1, 5)), ("y",), "flat"),
        Node("dense", FullyConnected(), ("flat", "dense"), "scores"),
        Node("softmax", Softmax(), ("scores",), "out"),
    ]
    return verify(Graph.build("integers", tensors, nodes, ["x"], ["out"]))


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico", "host"])
def test_floats_in_little_memory(tmp_path: Path, board: str) -> None:
    """100 steps cost the inputs, one sequence at a time, and the gates of one step."""
    graph = floats(100, sequence=False)
    exported = api.export(graph, board, tmp_path / "firmware")
    values = RANDOM.normal(0, 1, (2, 100, 1, 8)).astype(np.float32)
    cases = Cases.of([graph.tensors["x"]], {"in0": values}, streaming=False)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.error is not None and result.error < 1e-5
    assert exported.manifest.plan.arena_bytes <= 4 * (100 * 8 + 100 * 12 + 12 + 3 * 12 + 2 * 4)


@pytest.mark.parametrize("kind", [INT8, INT16], ids=lambda kind: kind.value)
@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico", "host"])
def test_integers_over_many_invocations(tmp_path: Path, board: str, kind: DType) -> None:
    graph = integers(kind)
    exported = api.export(graph, board, tmp_path / "firmware")
    values = RANDOM.integers(-128, 128, (2, 12, 1, 9)).astype(np.int8)
    cases = Cases.of([graph.tensors["x"]], {"in0": values}, streaming=True)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.compared == 2 * 12 * 4
    assert result.exact == result.compared


def test_a_mean_over_a_sequence(tmp_path: Path) -> None:
    """What a classifier does with all steps."""
    graph = floats(7, sequence=True)
    tensors = [*graph.tensors.values(), Tensor("out", (10,), FLOAT)]
    nodes = [*graph.nodes, Node("mean", Mean((0, 1, 2)), ("y",), "out")]
    graph = verify(Graph.build("mean", tensors, nodes, ["x"], ["out"]))
    exported = api.export(graph, "nucleo_l4r5zi", tmp_path / "firmware")
    values = RANDOM.normal(0, 1, (2, 7, 1, 8)).astype(np.float32)
    cases = Cases.of([graph.tensors["x"]], {"in0": values}, streaming=False)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.error is not None and result.error < 1e-5
