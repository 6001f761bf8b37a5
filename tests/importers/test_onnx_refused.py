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
    value = build.node("Acos", conv(build, build.input("n", 4, 8, 8), 4, 4, 3, 3))
    value = conv(build, value, 4, 4, 3, 3, group=3)
    value = build.node("Clip", value, build.input())
    value = build.node("Mod", value, build.constant(np.float32(2)), fmod=1)
    error = refused(build.model(build.node("Det", value)), tmp_path)
    assert [problem.op for problem in error.problems] == ["Acos", "Conv", "Clip", "Mod", "Det"]
    assert [problem.node for problem in error.problems] == [
        "Acos_t1",
        "Conv_t2",
        "Clip_t3",
        "Mod_t4",
        "Det_t5",
    ]
    assert "docs/onnx-coverage.md" in error.hint
    assert "use x - y * floor(x / y)" in str(error)


def test_nodes_behind_something_of_unknown_shape_are_judged_as_well(tmp_path: Path) -> None:
    build = OnnxBuilder()
    value = build.node("NonZero", build.input(1, 4))
    value = build.node("Sigmoid", build.node("GridSample", value, value))
    error = refused(build.model(value), tmp_path)
    assert [problem.op for problem in error.problems] == ["NonZero", "GridSample"]


def _no_outputs() -> Any:
    model = MODELS["identity"]()
    del model.graph.output[:]
    return model


def _circle() -> Any:
    model = MODELS["residual"]()
    model.graph.node[0].input[0] = model.graph.node[-1].output[0]
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
    grid = build.constant(np.full(3, 0.1, np.float32)), build.constant(np.full(3, 3, np.int8))
    weights = build.constant(np.ones((4, 3), np.int8))
    weights = build.node("DequantizeLinear", weights, *grid, axis=1)
    return build.model(build.node("MatMul", build.input(1, 4), weights))


def _other_domain() -> Any:
    model = MODELS["identity"]()
    model.graph.node[0].domain = "com.example"
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (one("Relu", 1, "w", 3), "in0 (input): shape [1, w, 3] is dynamic"),
        (one("Relu", 1, 0, 3), "output t0 of shape (1, 0, 3) has no elements"),
        (one("Relu", 1, 3, opset=5), "operator set 5 is not supported; allowed: 6 to"),
        (one("MatMul", 1, 5, constants=[np.ones((4, 3), np.float32)]), "5 columns meet 4 rows"),
        (one("Conv", 1, 2, 4, 4, 4, constants=[np.ones((1, 2, 1, 1, 1), np.float32)]), "both of 4"),
        (one("Resize", 1, 2, 4, constants=[np.array([]), np.ones(2)]), "2 scales or sizes"),
        (one("Slice", 1, 4, constants=[np.array([9]), np.array([12])]), "has no elements"),
        (one("Split", 1, 4, constants=[np.array([3, 2])]), "1 elements cannot be split into"),
        (one("Gather", 1, 4, constants=[np.array([1])]), "outside the 1 elements of axis 0"),
        (one("Expand", 1, 4, constants=[np.array([3])]), "(1, 4) cannot be expanded to (3,)"),
        (one("Einsum", 3, 3, equation="ii->i"), "no letter twice"),
        (
            one("LSTM", 2, 1, 3, constants=[np.ones((1, 4, 3)), np.ones((1, 4, 1))], clip=1.0),
            "clip",
        ),
        (one("Unique", 1, 4), "(Unique): the operation is not supported"),
        (
            one("MatMulInteger", 1, 4, constants=[np.ones((4, 2), np.uint8)]),
            "(MatMulInteger): input in0 is not made by DynamicQuantizeLinear",
        ),
        (one("SoftMax", 1, 4), "the nearest name that is supported: Softmax"),
        (one("RandomNormalLike", 1, 4), "(RandomNormalLike): it draws random numbers"),
        (one("Transpose", 1, 3, perm=[0, 0]), "perm (0, 0) does not permute"),
        (one("Reshape", 1, 3, constants=[np.array([2, -1])]), "(1, 3) cannot become (2, -1)"),
        (one("MaxPool", 1, 2, 4, 4, kernel_shape=[5, 5]), "does not fit"),
        (one("MaxPool", 1, 2, 4, 4, kernel_shape=[2, 2], strides=[0, 1]), "stride (0, 1) is not"),
        (one("ReduceMean", 1, 3, axes=[5]), "axis 5 is not among the 2"),
        (_no_outputs, "no outputs"),
        (_circle, "is not made by any node"),
        (_cut_constant, "constant c0 is malformed"),
        (_not_finite, "constant c0 holds values that are no numbers"),
        (_scale(float("nan")), "scale nan is not a positive finite number"),
        (_scale(0.0), "scale 0.0 is not a positive finite number"),
        (_external("../secret"), "'../secret', which is no file in the model's folder"),
        (_external("/etc/hostname"), "'/etc/hostname', which is no file in the model's folder"),
        (_external("missing.bin"), "'missing.bin', which is no file"),
        (_asymmetric, "zero points other than 0 for each channel"),
        (_other_domain, "(com.example.Identity): the operation is not supported"),
        (lambda: b"", "no ONNX operator set"),
        (lambda: b"\xff" * 100, "damaged"),
    ],
)
def test_refused(make: Callable[[], Any], message: str, tmp_path: Path) -> None:
    assert message in str(refused(make(), tmp_path))


def test_external_data_behind_a_link_that_leaves_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "model"
    inside.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    (inside / "weights.bin").symlink_to(tmp_path / "secret.bin")
    error = refused(_external("weights.bin")(), inside)
    assert "'weights.bin', which is no file in the model's folder" in str(error)


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(np.arange(12, dtype=np.float32).tobytes())
    path = tmp_path / "model.onnx"
    path.write_bytes(_external("weights.bin")().SerializeToString())
    graph = load_model(path)
    weights = graph.tensors[graph.nodes[0].inputs[1]]
    np.testing.assert_array_equal(weights.values, np.arange(12.0).reshape(4, 3).T)
