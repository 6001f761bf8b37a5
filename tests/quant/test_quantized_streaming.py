"""Models that keep state, quantized by sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflm import Tflm

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.emulation import reference
from edge_runtime.errors import DataError, ModelError
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import Activation, Array, DType, Graph, Kind, Node, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Add, Concat, Conv2D, Copy, FullyConnected, Gru, Mul, Reshape, Slice
from edge_runtime.quant import float_nodes, quantize

FLOAT = DType.FLOAT32
DEPTH, KEPT = 6, 4


def streaming() -> Graph:
    """A ring of the last inputs under a convolution, and a leaky sum that feeds itself."""
    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> Tensor:
        return Tensor.constant(name, random.normal(0, 0.4, shape).astype(np.float32))

    start = random.normal(0, 1, (1, KEPT, 1, DEPTH)).astype(np.float32)
    tensors = [
        Tensor("x", (1, 1, 1, DEPTH), FLOAT),
        Tensor("ring", (1, KEPT, 1, DEPTH), FLOAT, Kind.STATE, initial=start),
        Tensor("sum", (1, 8), FLOAT, Kind.STATE),
        Tensor("window", (1, KEPT + 1, 1, DEPTH), FLOAT),
        weights("w", 8, KEPT + 1, 1, DEPTH),
        weights("b", 8),
        Tensor("seen", (1, 1, 1, 8), FLOAT),
        Tensor("flat", (1, 8), FLOAT),
        Tensor.constant("decay", np.full((1, 8), 0.75, np.float32)),
        Tensor("old", (1, 8), FLOAT),
        weights("head", 3, 8),
        Tensor("y", (1, 3), FLOAT),
    ]
    nodes = [
        Node("join", Concat(1), ("ring", "x"), "window"),
        Node("drop", Slice((0, 1, 0, 0), (1, KEPT, 1, DEPTH), (1,) * 4), ("window",), "ring"),
        Node("look", Conv2D(Activation.RELU), ("window", "w", "b"), "seen"),
        Node("flatten", Reshape((1, 8)), ("seen",), "flat"),
        Node("leak", Mul(), ("sum", "decay"), "old"),
        Node("gather", Add(), ("old", "flat"), "sum"),
        Node("judge", FullyConnected(), ("sum", "head"), "y"),
    ]
    return verify(Graph.build("streaming", tensors, nodes, ["x"], ["y"]))


def sequences(count: int, steps: int, seed: int) -> Array:
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (count, steps, 1, 1, 1, DEPTH)).astype(np.float32)


def cases_of(graph: Graph, arrays: Array) -> Cases:
    tensor = graph.tensors["x"]
    held = arrays if tensor.dtype.is_float else tensor.quant.quantize(arrays, tensor.dtype)
    return Cases.of([tensor], {"in0": held}, streaming=True)


@pytest.fixture(scope="module")
def quantized() -> Graph:
    return quantize(streaming(), {"x": sequences(12, 20, 1)}).graph


def test_close_to_float_over_long_sequences(quantized: Graph) -> None:
    assert not float_nodes(quantized)
    assert [t.dtype for t in quantized.of_kind(Kind.STATE)] == [DType.INT8] * 2
    unseen = sequences(4, 60, 2)
    exact = reference(streaming(), cases_of(streaming(), unseen))["out0"]
    stored = reference(quantized, cases_of(quantized, unseen))["out0"]
    held = quantized.tensors["y"].quant.dequantize(stored)
    # Over the second half alone, as errors add up in what feeds itself.
    for part in (slice(0, 60), slice(30, 60)):
        noise = np.square(exact - held)[:, part].sum() / np.square(exact)[:, part].sum()
        assert noise < 0.01


def test_states_start_from_the_float_ones(quantized: Graph) -> None:
    for tensor in streaming().of_kind(Kind.STATE):
        made = quantized.tensors[tensor.name]
        error = np.abs(made.quant.dequantize(made.start) - tensor.start)
        assert error.max() <= made.quant.scale / 2 * 1.001


def test_a_ring_is_kept_in_the_scale_of_what_goes_into_it(quantized: Graph) -> None:
    """Nothing is requantized on its way round."""
    assert quantized.tensors["ring"].quantization == quantized.tensors["window"].quantization
    makers = [node.op for node in quantized.nodes if "ring" in node.outputs]
    assert [type(op) for op in makers] in ([Slice], [Copy])


@pytest.mark.parametrize("board", ["host", "nucleo_l4r5zi"])
def test_firmware_equals_the_reference(quantized: Graph, board: str, tmp_path: Path) -> None:
    cases = cases_of(quantized, sequences(2, 12, 3))
    exported = api.export(quantized, board, tmp_path / "firmware")
    made = api.emulate(exported.folder, cases).outputs["out0"]
    np.testing.assert_array_equal(made, reference(quantized, cases)["out0"])


def test_tflm_runs_the_file(quantized: Graph, tmp_path: Path) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    (tmp_path / "model.tflite").write_bytes(to_tflite(quantized))
    cases = cases_of(quantized, sequences(1, 12, 3))
    worker = Tflm()
    given = [[array] for array in cases.arrays[0][0]]
    made = np.stack([out[0] for out in worker.run(to_tflite(quantized), given, 1)])
    worker.close()
    np.testing.assert_array_equal(made, reference(quantized, cases)["out0"][0])
    again = api.load(tmp_path / "model.tflite")
    assert not float_nodes(again)
    assert len(again.of_kind(Kind.STATE)) == 2


def test_samples_that_are_no_sequences_are_refused() -> None:
    with pytest.raises(DataError, match=r"allowed: \(sequences, steps, ") as caught:
        quantize(streaming(), {"x": sequences(12, 20, 1)[:, 0]})
    assert "calibrated on sequences" in caught.value.hint


def test_states_within_an_operation_are_refused() -> None:
    random = np.random.default_rng(0)
    tensors = [
        Tensor("x", (1, 1, 4), FLOAT),
        Tensor.constant("w", random.normal(0, 1, (1, 15, 4)).astype(np.float32)),
        Tensor.constant("r", random.normal(0, 1, (1, 15, 5)).astype(np.float32)),
        Tensor.constant("b", np.zeros((1, 30), np.float32)),
        Tensor("h", (1, 1, 5), FLOAT, Kind.STATE),
        Tensor("y", (1, 1, 1, 5), FLOAT),
    ]
    node = Node("gru", Gru(), ("x", "w", "r", "b", "h"), "y", ("h",))
    graph = verify(Graph.build("recurrent", tensors, [node], ["x"], ["y"]))
    with pytest.raises(ModelError, match="its state is updated within it"):
        quantize(graph, {"x": np.zeros((2, 3, 1, 1, 4), np.float32)})
