"""Operations that TFLite lacks, written in those that it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builder import Builder
from tflm import Tflm

from edge_runtime import api, ops
from edge_runtime.cases import save_arrays
from edge_runtime.errors import ModelError
from edge_runtime.evaluate import evaluate, predict, stored
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import Array, DType, Graph, Quantization, Window
from edge_runtime.graph.dump import dump
from edge_runtime.ops import TransposeConv2D
from edge_runtime.passes.tflite_forms import tflite_forms

ELEMENTWISE = {
    "silu": ops.Silu(),
    "hard-sigmoid-sixth": ops.HardSigmoid(1 / 6, 0.5),
    "hard-sigmoid-fifth": ops.HardSigmoid(0.2, 0.4),
}


def in_tflm(tflm: Tflm, graph: Graph, inputs: Array) -> Array:
    made = tflm.run(to_tflite(graph), [[case] for case in inputs], 1)
    return np.stack([outputs[0] for outputs in made])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_float_activations(tflm: Tflm, name: str) -> None:
    builder = Builder(DType.FLOAT32)
    made = builder.node(ELEMENTWISE[name], [builder.input(1, 5, 5, 3)], None, DType.FLOAT32)
    graph = builder.graph(made)
    inputs = np.random.default_rng(0).normal(0, 3, (4, 1, 5, 5, 3)).astype(np.float32)
    expected = evaluate(graph, {"in0": inputs})[made]
    np.testing.assert_allclose(in_tflm(tflm, graph, inputs), expected, rtol=1e-5, atol=1e-6)


# Image, kernel, stride, padding before, size: as PyTorch has them, the last with output_padding.
TRANSPOSED = [
    ((4, 4), (3, 3), (2, 2), (1, 1), (7, 7)),
    ((4, 5), (4, 4), (2, 2), (1, 1), (8, 10)),
    ((3, 3), (5, 2), (1, 2), (2, 0), (3, 5)),
    ((4, 4), (3, 3), (2, 2), (1, 1), (8, 8)),
]


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32], ids=lambda d: d.value)
@pytest.mark.parametrize(("image", "kernel", "stride", "before", "size"), TRANSPOSED)
def test_paddings_of_transposed_convolutions(
    tflm: Tflm,
    dtype: DType,
    image: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    before: tuple[int, int],
    size: tuple[int, int],
) -> None:
    builder = Builder(dtype)
    op = TransposeConv2D(window=Window(stride, pad_before=before), size=size)
    source = builder.input(1, *image, 3)
    graph = builder.graph(builder.linear(op, source, (2, *kernel, 3)))
    inputs = np.stack([builder.values("in0") for _ in range(3)])
    expected = evaluate(graph, {"in0": inputs})[graph.outputs[0]]
    made = in_tflm(tflm, graph, inputs)
    if dtype is DType.INT8:
        assert np.array_equal(made, expected)
    else:
        np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


def test_graphs_that_have_nothing_of_the_kind_stay() -> None:
    builder = Builder(DType.FLOAT32)
    graph = builder.graph(builder.dense(builder.conv(builder.input(1, 5, 5, 3), 4), 3))
    assert dump(tflite_forms(graph, quantized=True)) == dump(graph)


def test_quantized_for_tflite(tflm: Tflm, tmp_path: Path) -> None:
    """Integers throughout, close to float, and the same in TensorFlow Lite Micro."""
    builder = Builder(DType.FLOAT32)
    value = builder.conv(builder.input(1, 6, 6, 3), 4)
    for op in (*ELEMENTWISE.values(), ops.Square()):
        value = builder.node(op, [value], None, DType.FLOAT32)
    graph = builder.graph(builder.conv(value, 3))
    random = np.random.default_rng(0)
    save_arrays(tmp_path / "data.npz", {"in0": random.normal(0, 1, (64, 1, 6, 6, 3))})
    out = tmp_path / "model.tflite"
    quantized = api.quantize(graph, tmp_path / "data.npz", out=out)
    assert api.write_quantized(quantized, out).float_nodes == ()
    held = {"in0": random.normal(0, 1, (16, 1, 6, 6, 3)).astype(np.float32)}
    exact, made = (predict(each, held)[graph.outputs[0]] for each in (graph, quantized.graph))
    assert np.square(exact - made).sum() < np.square(exact - exact.mean()).sum() / 100
    inputs = stored(quantized.graph.tensors["in0"], held["in0"])
    expected = evaluate(quantized.graph, {"in0": inputs})[graph.outputs[0]]
    assert np.array_equal(in_tflm(tflm, quantized.graph, inputs), expected)


def test_integer_activations_are_refused() -> None:
    """Taken apart, they would round otherwise than the firmware does."""
    builder = Builder(DType.INT8)
    made = builder.node(
        ops.Silu(), [builder.input(1, 4)], Quantization.per_tensor(0.02), DType.INT8
    )
    with pytest.raises(ModelError, match="TFLite has no such operation"):
        to_tflite(builder.graph(made))
