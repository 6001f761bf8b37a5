"""Quantized ONNX models become integer graphs that agree with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import MODELS, OnnxBuilder, expected, feeds
from onnxruntime import GraphOptimizationLevel

from edge_runtime.graph import Array, DType, Graph
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import Dequantize, Quantize

INTERFACE = (Quantize, Dequantize)
NETWORKS = ["separable", "residual", "sequence", "channels_last", "squeezes", "gated"]


def quantized(
    name: str,
    folder: Path,
    *,
    kind: str,
    per_channel: bool,
    operators: bool = False,
    weights: str = "QInt8",
) -> Any:
    """A model quantized by ONNX Runtime on random inputs, in the QDQ or the QOperator format."""
    import onnx
    from onnxruntime import quantization as tool

    model = MODELS[name]()

    class Reader(tool.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.samples = iter([feeds(model, seed) for seed in range(8)])

        def get_next(self) -> dict[str, Array] | None:
            return next(self.samples, None)

    (folder / "float.onnx").write_bytes(model.SerializeToString())
    tool.quantize_static(
        folder / "float.onnx",
        folder / "model.onnx",
        Reader(),
        activation_type=tool.QuantType[kind],
        weight_type=tool.QuantType[weights],
        per_channel=per_channel,
        quant_format=tool.QuantFormat.QOperator if operators else tool.QuantFormat.QDQ,
        extra_options={"ActivationSymmetric": kind == "QInt16"},
    )
    return onnx.load(folder / "model.onnx")


def check(model: Any, folder: Path, steps: int) -> Graph:
    """All nodes but those at the interface are integer, and outputs are within some steps."""
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    graph = load_model(folder / "model.onnx")
    for node in graph.nodes:
        tensors = (*graph.node_inputs(node), graph.node_output(node))
        floats = [tensor for tensor in tensors if tensor.dtype.is_float]
        assert not floats or isinstance(node.op, INTERFACE), node
    for seed in range(4):
        given = feeds(model, seed)
        plain = GraphOptimizationLevel.ORT_DISABLE_ALL
        reference = expected(model, given, graph_optimization_level=plain)
        mine = Interpreter(graph).run(given)
        for name, values in reference.items():
            step = _step(graph, name)
            assert np.abs(mine[name] - values).max() <= steps * step * 1.001
    return graph


def _step(graph: Graph, name: str) -> float:
    node = graph.producer(name)
    assert node is not None and isinstance(node.op, Dequantize)
    return graph.node_inputs(node)[0].quant.scale


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["QInt8", "QUInt8"])
@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
def test_networks(name: str, kind: str, per_channel: bool, tmp_path: Path) -> None:
    check(quantized(name, tmp_path, kind=kind, per_channel=per_channel), tmp_path, 4)


@pytest.mark.parametrize("name", ["residual", "gated"])
@pytest.mark.parametrize("kind", ["QInt8", "QUInt8"])
def test_networks_of_integer_operators(name: str, kind: str, tmp_path: Path) -> None:
    model = quantized(name, tmp_path, kind=kind, per_channel=False, operators=True)
    assert any(node.op_type.startswith("QLinear") for node in model.graph.node)
    check(model, tmp_path, 4)


@pytest.mark.parametrize("name", ["separable", "residual", "sequence", "gated"])
def test_networks_of_16_bits(name: str, tmp_path: Path) -> None:
    model = quantized(name, tmp_path, kind="QInt16", per_channel=True)
    graph = check(model, tmp_path, 8)
    assert DType.INT16 in {tensor.dtype for tensor in graph.tensors.values()}


def test_weights_that_are_not_symmetric(tmp_path: Path) -> None:
    model = quantized("residual", tmp_path, kind="QUInt8", per_channel=False, weights="QUInt8")
    check(model, tmp_path, 4)


def _grid(build: OnnxBuilder, scale: float, zero: int, dtype: type = np.int8) -> tuple[str, str]:
    return build.constant(np.float32(scale)), build.constant(np.array(zero, dtype))


def _quantize(build: OnnxBuilder, value: str, grid: tuple[str, str]) -> str:
    return build.node("DequantizeLinear", build.node("QuantizeLinear", value, *grid), *grid)


def test_weights_quantized_in_the_graph_and_transposed(tmp_path: Path) -> None:
    build = OnnxBuilder()
    value = _quantize(build, build.input(1, 6), _grid(build, 0.02, 3))
    scales = build.constant(np.array([0.01, 0.02, 0.015, 0.005], np.float32))
    zeros = build.constant(np.zeros(4, np.int8))
    stored = build.node("QuantizeLinear", build.weights(4, 6), scales, zeros, axis=0)
    weights = build.node("DequantizeLinear", stored, scales, zeros, axis=0)
    value = build.node("MatMul", value, build.node("Transpose", weights))
    value = build.node("Relu", build.node("Add", value, build.weights(4)))
    model = build.model(_quantize(build, value, _grid(build, 0.015, -128)))
    graph = check(model, tmp_path, 1)
    assert [node.op.NAME for node in graph.nodes] == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"]


def test_one_quantization_for_two_readers_and_an_addition_of_a_constant(tmp_path: Path) -> None:
    build = OnnxBuilder()
    value = _quantize(build, build.input(1, 6), _grid(build, 0.02, 3))
    integers = build.constant(np.arange(6, dtype=np.uint8))
    constant = build.node("DequantizeLinear", integers, *_grid(build, 0.03, 2, np.uint8))
    value = build.node("Add", value, constant)
    left = _quantize(build, value, _grid(build, 0.025, 1, np.uint8))
    right = _quantize(build, value, _grid(build, 0.025, 1, np.uint8))
    model = build.model(
        _quantize(build, build.node("Add", left, right), _grid(build, 0.05, 0)),
        _quantize(build, right, _grid(build, 0.025, 100)),
    )
    check(model, tmp_path, 1)


def test_softmax_of_another_scale_is_requantized(tmp_path: Path) -> None:
    build = OnnxBuilder()
    value = _quantize(build, build.input(1, 6), _grid(build, 0.02, 3))
    value = build.node("Softmax", value)
    model = build.model(_quantize(build, value, _grid(build, 1 / 255, 0, np.uint8)))
    graph = check(model, tmp_path, 2)
    assert [node.op.NAME for node in graph.nodes].count("QUANTIZE") == 2


def test_int8_interface_without_float(tmp_path: Path) -> None:
    build = OnnxBuilder()
    grid = _grid(build, 0.02, 3)
    value = build.node("DequantizeLinear", build.input(1, 6, dtype=3), *grid)
    weights = build.node("DequantizeLinear", build.constant(np.full((2, 6), 5, np.int8)), grid[0])
    value = build.node("Gemm", value, weights, transB=1)
    model = build.model(build.node("QuantizeLinear", value, *_grid(build, 0.1, -5)))
    model.graph.output[0].type.tensor_type.elem_type = 3
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    graph = load_model(path)
    assert [node.op.NAME for node in graph.nodes] == ["FULLY_CONNECTED"]
    assert graph.tensors[graph.inputs[0]].dtype is DType.INT8
    given = {"in0": np.array([[-128, 127, 3, 4, 5, 50]], np.int8)}
    mine = Interpreter(graph).run(given)
    reference = expected(model, given)
    np.testing.assert_array_equal([*mine.values()], [*reference.values()])


def test_real_model(models: Path) -> None:
    name = "derived_kaijiang_resnet8_cifar10_qdq_perch"
    graph = load_model(models / f"{name}.onnx")
    stored = np.load(models / f"{name}.ref.npz")
    inner = [node.op.NAME for node in graph.nodes if not isinstance(node.op, INTERFACE)]
    assert inner[0] == "TRANSPOSE" and inner.count("CONV_2D") == 9
    assert all(graph.node_inputs(n)[0].dtype is DType.INT8 for n in graph.nodes[1:])
    step = graph.tensors[graph.nodes[-1].inputs[0]].quant.scale
    apart = []
    for case, reference in zip(stored["in0"], stored["out0_ort"], strict=True):
        mine = Interpreter(graph).run({graph.inputs[0]: case})[graph.outputs[0]]
        assert mine.argmax() == reference.argmax()
        apart.append(np.abs(mine - reference).max() / step)
    # ONNX Runtime adds up in single precision. Where a sum comes close to a half, it may end on its
    # other side, and softmax makes many steps out of one: ONNX Runtime's own modes differ by 15.
    assert np.count_nonzero(np.array(apart) > 1.01) <= 1
    assert max(apart) < 20
