"""Models as ONNX Runtime's tools put them out: optimized, of half precision, with fewer bits."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from onnx_models import MODELS, OnnxBuilder, conv, expected, feeds

from edge_runtime.errors import ModelError
from edge_runtime.graph import Array, DType, Graph
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import Linear

NETWORKS = ["separable", "residual", "sequence", "channels_last", "squeezes", "gated"]


def load(model: Any, folder: Path) -> Graph:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return load_model(path)


def farthest(graph: Graph, model: Any, given: dict[str, Array]) -> float:
    """The largest difference to ONNX Runtime, in largest values."""
    reference, mine = expected(model, given), Interpreter(graph).run(given)
    return max(
        float(np.abs(mine[name] - values).max() / np.abs(values).max())
        for name, values in reference.items()
    )


def optimized(model: Any, folder: Path, level: str) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    settings.optimized_model_filepath = str(folder / "optimized.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), settings)
    return onnx.load(folder / "optimized.onnx")


@pytest.mark.parametrize("name", NETWORKS)
def test_optimized(name: str, tmp_path: Path) -> None:
    model = optimized(MODELS[name](), tmp_path, "ORT_ENABLE_EXTENDED")
    assert farthest(load(model, tmp_path), model, feeds(model)) < 1e-5


def test_layouts_of_a_processor_are_refused_with_advice(tmp_path: Path) -> None:
    # Only some processors get them, so one is written here.
    build = OnnxBuilder()
    node = build.node("ReorderInput", build.input(1, 8, 4, 4), domain="com.microsoft.nchwc")
    with pytest.raises(ModelError, match="up to ORT_ENABLE_EXTENDED"):
        load(build.model(node), tmp_path)


def _contrib(operation: str, *shapes: tuple[int, ...], **attributes: Any) -> Any:
    """A model of one operation of ONNX Runtime's; operands after the first are constants."""
    build = OnnxBuilder()
    operands = [build.input(*shapes[0]), *(build.weights(*s) if s else "" for s in shapes[1:])]
    made = build.node(operation, *operands, domain="com.microsoft", **attributes)
    model = build.model(made)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


def _conv(activation: str, *parameters: float) -> Any:
    shapes = ((1, 3, 6, 6), (4, 3, 3, 3), (4,))
    given = {"activation_params": parameters} if parameters else {}
    return _contrib("FusedConv", *shapes, activation=activation, pads=[1] * 4, **given)


def _gemm(activation: str, **parameters: float) -> Any:
    shapes = ((2, 5), (3, 5), (3,))
    return _contrib("FusedGemm", *shapes, activation=activation, transB=1, **parameters)


CONTRIB = {
    "conv_relu": lambda: _conv("Relu"),
    "conv_leaky": lambda: _conv("LeakyRelu", 0.2),
    "conv_clip": lambda: _conv("Clip", -0.5, 1.5),
    "conv_hard": lambda: _conv("HardSigmoid", 0.3, 0.4),
    "conv_sum": lambda: _contrib(
        "FusedConv", (1, 3, 6, 6), (4, 3, 3, 3), (4,), (1, 4, 4, 4), activation="Relu"
    ),
    "gemm_relu": lambda: _gemm("Relu"),
    "gemm_leaky": lambda: _gemm("LeakyRelu", activation_alpha=0.3),
    "matmul": lambda: _contrib("FusedMatMul", (2, 4, 3), (4, 5), alpha=0.5, transA=1),
    "matmul_both": lambda: _contrib("FusedMatMul", (2, 4, 3), (2, 5, 4), transA=1, transB=1),
    "gelu": lambda: _contrib("Gelu", (2, 6)),
    "bias_gelu": lambda: _contrib("BiasGelu", (2, 6), (6,)),
    "fast_gelu": lambda: _contrib("FastGelu", (2, 6)),
    "fast_gelu_bias": lambda: _contrib("FastGelu", (2, 6), (6,)),
    "quick_gelu": lambda: _contrib("QuickGelu", (2, 6), alpha=1.5),
    "skip_norm": lambda: _contrib(
        "SkipLayerNormalization", (1, 4, 6), (1, 4, 6), (6,), (6,), (6,), epsilon=1e-5
    ),
    "skip_rms": lambda: _contrib(
        "SkipSimplifiedLayerNormalization", (1, 4, 6), (1, 4, 6), (6,), epsilon=1e-5
    ),
}


@pytest.mark.parametrize("name", CONTRIB)
def test_joined_operations(name: str, tmp_path: Path) -> None:
    model = CONTRIB[name]()
    assert farthest(load(model, tmp_path), model, feeds(model)) < 2e-6


def test_an_unknown_activation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its activation is Swish"):
        load(_conv("Swish"), tmp_path)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("asymmetric", [False, True])
def test_weights_in_blocks_of_few_bits(bits: int, asymmetric: bool, tmp_path: Path) -> None:
    rows, columns, size = 3, 40, 16
    blocks = -(-columns // size)
    random = np.random.default_rng(0)
    build = OnnxBuilder()
    stored = random.integers(0, 256, (rows, blocks, size * bits // 8)).astype(np.uint8)
    operands = [build.input(2, columns), build.constant(stored)]
    operands.append(build.constant(random.uniform(0.01, 0.1, rows * blocks).astype(np.float32)))
    if asymmetric:
        zeros = random.integers(0, 256, (rows, -(-blocks * bits // 8))).astype(np.uint8)
        operands.append(build.constant(zeros))
    sizes = {"K": columns, "N": rows, "bits": bits, "block_size": size}
    model = build.model(build.node("MatMulNBits", *operands, domain="com.microsoft", **sizes))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert farthest(load(model, tmp_path), model, feeds(model)) < 1e-5


@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_with_casts_at_the_end_of_the_list(name: str, tmp_path: Path) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    whole = MODELS[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of constants too small for half precision.
        model = convert_float_to_float16(whole, keep_io_types=True)
    assert model.graph.node[-1].op_type == "Cast"
    assert farthest(load(model, tmp_path), model, feeds(model)) < 5e-3


def dynamic(model: Any, folder: Path, weights: str, per_channel: bool = False) -> Any:
    from onnxruntime import quantization as tool

    (folder / "float.onnx").write_bytes(model.SerializeToString())
    tool.quantize_dynamic(
        folder / "float.onnx",
        folder / "dynamic.onnx",
        weight_type=tool.QuantType[weights],
        per_channel=per_channel,
    )
    return onnx.load(folder / "dynamic.onnx")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("weights", ["QInt8", "QUInt8"])
def test_scales_chosen_at_run_time(name: str, weights: str, tmp_path: Path) -> None:
    """Inputs stay float32: only ONNX Runtime rounds them, to 256 steps."""
    model = dynamic(MODELS[name](), tmp_path, weights)
    kinds = {node.op_type for node in model.graph.node}
    assert kinds & {"ConvInteger", "MatMulInteger"}
    graph = load(model, tmp_path)
    assert farthest(graph, model, feeds(model)) < 0.02
    linear = [node for node in graph.nodes if isinstance(node.op, Linear)]
    narrow = [graph.node_inputs(node)[1].dtype is DType.INT8 for node in linear]
    assert any(narrow) == (weights == "QInt8")


def test_dynamic_weights_by_channels_equal_their_values(tmp_path: Path) -> None:
    """With nothing rounded at run time, what is left are the weights, exactly."""
    build = OnnxBuilder()
    model = build.model(conv(build, build.input(1, 3, 6, 6), 3, 4, 3, 3))
    graph = load(dynamic(model, tmp_path, "QInt8", per_channel=True), tmp_path)
    (node,) = [node for node in graph.nodes if isinstance(node.op, Linear)]
    weights = graph.node_inputs(node)[1]
    real = weights.quant.dequantize(weights.values).transpose(0, 3, 1, 2)
    given = numpy_helper.to_array(model.graph.initializer[0])
    assert np.abs(real - given).max() <= max(weights.quant.scales) / 2 * 1.001


@pytest.mark.parametrize("per_channel", [False, True])
def test_dynamic_lstm(per_channel: bool, tmp_path: Path) -> None:
    build = OnnxBuilder()
    weights = [build.weights(2, 20, 4), build.weights(2, 20, 5), build.weights(2, 40)]
    made = build.node(
        "LSTM", build.input(6, 1, 4), *weights, hidden_size=5, direction="bidirectional"
    )
    model = dynamic(build.model(made), tmp_path, "QInt8", per_channel)
    assert "DynamicQuantizeLSTM" in {node.op_type for node in model.graph.node}
    assert farthest(load(model, tmp_path), model, feeds(model)) < 0.02


def test_products_of_uint16_are_exact_to_a_step(tmp_path: Path) -> None:
    """Less their zero points, they have 17 bits: integer kernels would overflow."""
    build = OnnxBuilder()
    scale = build.constant(np.float32(1e-4))
    zero = build.constant(np.array(10_000, np.uint16))
    given = build.input(1, 64)

    def stored(value: str) -> str:
        held = build.node("QuantizeLinear", value, scale, zero)
        return build.node("DequantizeLinear", held, scale, zero)

    x = stored(given)
    model = build.model(stored(build.node("Mul", x, x)))
    for opset in model.opset_import:
        opset.version = 21
    model.ir_version = 10
    graph = load(model, tmp_path)
    ends = np.linspace(-1, 5.5, 64, dtype=np.float32).reshape(1, -1)
    (mine,) = Interpreter(graph).run({"in0": ends}).values()
    (reference,) = expected(model, {"in0": ends}).values()
    assert np.abs(mine - reference).max() <= 1.01e-4
