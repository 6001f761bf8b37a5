"""What is wrong with an ONNX model is said all at once, with the names of its nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_models import MODELS, OnnxBuilder, conv, one

from edge_runtime.errors import ModelError
from edge_runtime.importers import load_model


def refused(model: Any, folder: Path) -> ModelError:
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        load_model(path)
    return caught.value


def test_nodes_behind_a_refused_one_are_judged_as_well(tmp_path: Path) -> None:
    build = OnnxBuilder()
    value = build.node("Sigmoid", conv(build, build.input("n", 4, 8, 8), 4, 4, 3, 3))
    value = conv(build, value, 4, 4, 3, 3, group=2)
    value = build.node("Clip", value, build.constant(np.float32(-1)))
    error = refused(build.model(build.node("Tanh", value)), tmp_path)
    assert [problem.op for problem in error.problems] == ["Sigmoid", "Conv", "Clip", "Tanh"]
    assert [problem.node for problem in error.problems] == [
        "Sigmoid_t1",
        "Conv_t2",
        "Clip_t3",
        "Tanh_t4",
    ]
    assert "GlobalAveragePool" in error.hint


def _no_outputs() -> Any:
    model = MODELS["identity"]()
    del model.graph.output[:]
    return model


def _bad_order() -> Any:
    model = MODELS["residual"]()
    model.graph.node.insert(0, model.graph.node.pop())
    return model


def _cut_constant() -> Any:
    model = MODELS["residual"]()
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    return model


def _not_finite() -> Any:
    model = MODELS["gemm_bare"]()
    values = np.full((4, 3), np.nan, np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(values, "c0"))
    return model


def _scale(value: float) -> Callable[[], Any]:
    def make() -> Any:
        build = OnnxBuilder()
        grid = build.constant(np.float32(value)), build.constant(np.int8(0))
        value_ = build.node("QuantizeLinear", build.input(1, 4), *grid)
        return build.model(build.node("DequantizeLinear", value_, *grid))

    return make


def _external(location: str) -> Callable[[], Any]:
    def make() -> Any:
        model = MODELS["gemm_bare"]()
        tensor = model.graph.initializer[0]
        onnx.external_data_helper.set_external_data(tensor, location, 0, 48)
        tensor.ClearField("raw_data")
        return model

    return make


def _asymmetric() -> Any:
    build = OnnxBuilder()
    grid = build.constant(np.float32(0.1)), build.constant(np.int8(3))
    weights = build.node("DequantizeLinear", build.constant(np.ones((4, 3), np.int8)), *grid)
    return build.model(build.node("MatMul", build.input(1, 4), weights))


def _other_domain() -> Any:
    model = MODELS["identity"]()
    model.graph.node[0].domain = "com.example"
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (one("Relu", 1, "w", 3), "in0 (input): shape [1, w, 3] is dynamic"),
        (one("Relu", 1, 0, 3), "in0 (input): shape [1, ?, 3] is dynamic"),
        (one("Relu", 1, 3, opset=6), "operator set 6 is not supported; allowed: 7 to"),
        (one("Clip", 1, 3, opset=9, min=-1.0, max=1.0), "(Clip): it clips to -1 ... 1"),
        (one("Softmax", 1, 3, 4, opset=9), "(Softmax): it runs over axes 1 to 2 together"),
        (one("Gemm", 4, 2, constants=[np.ones((4, 3), np.float32)], transA=1), "A is transposed"),
        (one("MatMul", 1, 5, constants=[np.ones((4, 3), np.float32)]), "5 columns meet 4 rows"),
        (one("Transpose", 1, 3, perm=[0, 0]), "perm (0, 0) does not permute"),
        (one("Reshape", 1, 3, constants=[np.array([2, -1])]), "(1, 3) cannot become (2, -1)"),
        (one("MaxPool", 1, 2, 4, 4, kernel_shape=[5, 5]), "does not fit"),
        (one("MaxPool", 1, 2, 4, 4, kernel_shape=[2, 2], strides=[0, 1]), "stride (0, 1) is not"),
        (one("ReduceMean", 1, 3, axes=[5]), "axes [5] are not among"),
        (one("Mul", 1, 3, constants=[np.float32(2)]), "(Mul): the operation is not supported"),
        (_no_outputs, "no outputs"),
        (_bad_order, "is not made by any node"),
        (_cut_constant, "constant c0 is malformed"),
        (_not_finite, "constant c0 holds values that are not finite"),
        (_scale(float("nan")), "scale nan is not a positive finite number"),
        (_scale(0.0), "scale 0.0 is not a positive finite number"),
        (_external("../secret"), "'../secret', which is no file in the model's folder"),
        (_external("/etc/hostname"), "'/etc/hostname', which is no file in the model's folder"),
        (_external("missing.bin"), "'missing.bin', which is no file"),
        (_asymmetric, "zero point other than 0"),
        (_other_domain, "(com.example.Identity): the operation is not supported"),
        (lambda: b"", "no ONNX operator set"),
        (lambda: b"\xff" * 100, "damaged"),
    ],
)
def test_refused(make: Callable[[], Any], message: str, tmp_path: Path) -> None:
    assert message in str(refused(make(), tmp_path))


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(np.arange(12, dtype=np.float32).tobytes())
    path = tmp_path / "model.onnx"
    path.write_bytes(_external("weights.bin")().SerializeToString())
    graph = load_model(path)
    weights = graph.tensors[graph.nodes[0].inputs[1]]
    np.testing.assert_array_equal(weights.values, np.arange(12.0).reshape(4, 3).T)
