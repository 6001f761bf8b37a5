"""TFLite models come back as they were written, and what is wrong with one is said all at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from builder import Builder

from edge_runtime.errors import ModelError
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import Activation, DType, Graph, Window
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter


def network(dtype: DType = DType.INT8) -> Graph:
    """Every operation once or more."""
    build = Builder(dtype)
    value = build.conv(build.input(1, 9, 8, 3), 6, activation=Activation.RELU)
    other = build.depthwise(value, window=Window((1, 1), (1, 1), (1, 1), (1, 1)))
    value = build.add(value, other, Activation.RELU6)
    value = build.max_pool(value)
    value = build.average_pool(value, (3, 3), Window.same((4, 4), (3, 3)))
    value = build.conv(value, 5, (3, 3), Window((2, 2), (1, 1), (1, 1), (1, 1)))
    value = build.reshape(build.mean(value, 1, 2, keep_dims=True), 1, 5)
    return build.graph(build.softmax(build.dense(value, 4)))


def save(content: bytes, folder: Path, name: str = "model.tflite") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32])
def test_round_trip(dtype: DType, tmp_path: Path) -> None:
    graph = network(dtype)
    again = load_model(save(to_tflite(graph), tmp_path))
    assert [type(node.op) for node in again.nodes] == [type(node.op) for node in graph.nodes]
    source = graph.tensors[graph.inputs[0]]
    values = np.random.default_rng(0).integers(-128, 128, source.shape).astype(dtype.numpy)
    mine = Interpreter(graph).run({graph.inputs[0]: values})[graph.outputs[0]]
    read = Interpreter(again).run({again.inputs[0]: values})[again.outputs[0]]
    np.testing.assert_array_equal(mine, read)


def test_quantize_and_dequantize_at_the_interface(tmp_path: Path) -> None:
    build = Builder()
    value = build.quantize(build.input(1, 4, dtype=DType.FLOAT32))
    graph = build.graph(build.dequantize(build.dense(value, 2)))
    again = load_model(save(to_tflite(graph), tmp_path))
    assert [node.op.NAME for node in again.nodes] == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"]


def altered(change: Callable[[Any], None]) -> bytes:
    """The network as a file in which something was changed."""
    model = schema.ModelT.InitFromPackedBuf(to_tflite(network()), 0)
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def refused(content: bytes, folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load_model(save(content, folder))
    return caught.value


def test_all_unsupported_operators_are_listed(tmp_path: Path) -> None:
    def change(model: Any) -> None:
        for code in model.operatorCodes:
            if code.builtinCode == schema.BuiltinOperator.MEAN:
                code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.LOGISTIC
            if code.builtinCode == schema.BuiltinOperator.MAX_POOL_2D:
                code.builtinCode, code.customCode = schema.BuiltinOperator.CUSTOM, b"Magic"
                code.deprecatedBuiltinCode = code.builtinCode
        model.subgraphs[0].operators[0].builtinOptions.fusedActivationFunction = 4

    error = refused(altered(change), tmp_path)
    assert [problem.op for problem in error.problems] == ["CONV_2D", "CUSTOM Magic", "LOGISTIC"]
    assert "fused activation" in str(error)
    assert "docs/tflite-coverage.md" in error.hint
    assert all(problem.node in network().tensors for problem in error.problems)


def _tensor(model: Any, index: int = 0) -> Any:
    graph = model.subgraphs[0]
    return graph.tensors[graph.operators[0].inputs[index]]


def _scale(value: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        _tensor(model).quantization.scale = np.array([value], np.float32)

    return change


def _shape(*shape: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        _tensor(model).shape = np.array(shape, np.int32)

    return change


def _signature(model: Any) -> None:
    _tensor(model).shapeSignature = np.array([-1, -1, 8, 3], np.int32)


def _operand(model: Any) -> None:
    model.subgraphs[0].operators[0].inputs = np.array([1 << 20, 1, 2], np.int32)


def _buffer(model: Any) -> None:
    _tensor(model, 1).buffer = 1 << 20


def _cut(model: Any) -> None:
    buffer = model.buffers[_tensor(model, 1).buffer]
    buffer.data = buffer.data[:-1]


def _cycle(model: Any) -> None:
    addition = model.subgraphs[0].operators[2]
    addition.inputs = np.array([addition.outputs[0], addition.inputs[1]], np.int32)


def _subgraphs(model: Any) -> None:
    model.subgraphs.append(model.subgraphs[0])


def _no_outputs(model: Any) -> None:
    model.subgraphs[0].outputs = np.zeros(0, np.int32)


def _type(model: Any) -> None:
    _tensor(model).type = schema.TensorType.FLOAT16


def _stride(model: Any) -> None:
    model.subgraphs[0].operators[0].builtinOptions.strideH = 0


def _axes(model: Any) -> None:
    _tensor(model, 1).quantization.quantizedDimension = 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_scale(float("nan")), "in0 (tensor): scale nan is not a positive finite number"),
        (_scale(float("inf")), "in0 (tensor): scale inf"),
        (_scale(0.0), "in0 (tensor): scale 0.0"),
        (_scale(-1.0), "in0 (tensor): scale -1.0"),
        (_shape(1, -9, 8, 3), "in0 (tensor): shape (1, -9, 8, 3)"),
        (_shape(1, 1 << 30, 1 << 30, 3), "elements: too many for any board"),
        (_shape(1, 9, 8), "in0 has shape (1, 9, 8), not 4 dimensions"),
        (_signature, "in0 (tensor): shape (-1, -1, 8, 3) is dynamic"),
        (_operand, "names tensor 1048576"),
        (_buffer, "names buffer 1048576"),
        (_cut, "takes 162 bytes, the file holds 161"),
        (_cycle, "reads t2 before anything has made it"),
        (_subgraphs, "2 subgraphs; allowed: one"),
        (_no_outputs, "no outputs"),
        (_type, "are float16, int8 and int8; allowed"),
        (_stride, "stride (0, 1) is not positive"),
        (_axes, "6 scales along dimension 2"),
    ],
)
def test_wrong_numbers(change: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    assert message in str(refused(altered(change), tmp_path))


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\x00" * 64, b"\x1c\0\0\0TFL3" + b"\xff" * 99])
def test_no_model(content: bytes, tmp_path: Path) -> None:
    refused(content, tmp_path)


def test_paths_that_are_no_models(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.tflite", save(b"x" * 50, tmp_path, "model.pt")):
        with pytest.raises(ModelError, match=path.name) as caught:
            load_model(path)
        assert caught.value.hint


def test_a_wrong_suffix_does_no_harm(tmp_path: Path) -> None:
    assert load_model(save(to_tflite(network()), tmp_path, "model.onnx")).nodes
