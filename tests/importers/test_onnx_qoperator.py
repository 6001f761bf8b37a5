"""Each integer operator of ONNX and of ONNX Runtime's domain, alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import OnnxBuilder

from edge_runtime.errors import ModelError
from edge_runtime.graph import Array
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter


class _Integers(OnnxBuilder):
    """Inputs and results of 8 bits; a grid is the names of a scale and a zero point."""

    def __init__(self, dtype: type) -> None:
        super().__init__()
        self.dtype = dtype

    def stored(self, *shape: int) -> str:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        return self.input(*shape, dtype=kind)

    def grid(self, scale: float, zero: int = 0, dtype: type | None = None) -> tuple[str, str]:
        point = np.array(zero, dtype or self.dtype)
        return self.constant(np.float32(scale)), self.constant(point)

    def integers8(self, *shape: int) -> str:
        return self.constant(self.random.integers(-100, 100, shape).astype(np.int8))

    def microsoft(self, operation: str, *inputs: str, **attributes: Any) -> str:
        name = self.node(operation, *inputs, **attributes)
        self.nodes[-1].domain = "com.microsoft"
        return name

    def made(self, output: str) -> Any:
        model = self.model(output)
        model.graph.output[0].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(
            np.dtype(self.dtype)
        )
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        return model


def _conv(b: _Integers) -> str:
    weights = b.integers8(4, 3, 3, 3), b.constant(np.full(4, 0.01, np.float32))
    bias = b.constant(b.random.integers(-500, 500, 4).astype(np.int32))
    zeros = b.constant(np.zeros(4, np.int8))
    return b.node(
        "QLinearConv",
        b.stored(1, 3, 6, 6),
        *b.grid(0.02, 3),
        *weights,
        zeros,
        *b.grid(0.1, 7),
        bias,
    )


def _matmul(b: _Integers) -> str:
    weights = b.integers8(6, 4), *b.grid(0.01, 0, np.int8)
    return b.node("QLinearMatMul", b.stored(3, 6), *b.grid(0.02, 3), *weights, *b.grid(0.1, 7))


def _gemm(b: _Integers) -> str:
    weights = b.integers8(4, 6), *b.grid(0.01, 0, np.int8)
    bias = b.constant(b.random.integers(-500, 500, 4).astype(np.int32))
    given = b.stored(3, 6), *b.grid(0.02, 3)
    return b.microsoft("QGemm", *given, *weights, bias, *b.grid(0.1, 7), transB=1)


def _binary(operation: str) -> Callable[[_Integers], str]:
    def make(b: _Integers) -> str:
        first, second = (b.stored(1, 3, 4, 4), *b.grid(0.02, 3)), (b.stored(3, 1, 1), *b.grid(0.03))
        return b.microsoft(operation, *first, *second, *b.grid(0.04, 7))

    return make


def _unary(operation: str, scale: float, **attributes: Any) -> Callable[[_Integers], str]:
    def make(b: _Integers) -> str:
        given = b.stored(1, 3, 4, 4), *b.grid(0.02, 3)
        return b.microsoft(operation, *given, *b.grid(scale, 1), **attributes)

    return make


def _concat(b: _Integers) -> str:
    parts = [(b.stored(1, 3, 4, 4), *b.grid(scale, 3)) for scale in (0.02, 0.03)]
    return b.microsoft("QLinearConcat", *b.grid(0.03, 3), *parts[0], *parts[1], axis=1)


MAKE: dict[str, Callable[[_Integers], str]] = {
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "QGemm": _gemm,
    "QLinearAdd": _binary("QLinearAdd"),
    "QLinearMul": _binary("QLinearMul"),
    "QLinearSigmoid": _unary("QLinearSigmoid", 1 / 255),
    "QLinearLeakyRelu": _unary("QLinearLeakyRelu", 0.02, alpha=0.1),
    "QLinearGlobalAveragePool": _unary("QLinearGlobalAveragePool", 0.02),
    "QLinearGlobalAveragePool_last": _unary("QLinearGlobalAveragePool", 0.02, channels_last=1),
    "QLinearAveragePool": _unary("QLinearAveragePool", 0.02, kernel_shape=[2, 2], strides=[2, 2]),
    "QLinearSoftmax": _unary("QLinearSoftmax", 1 / 255, axis=-1, opset=13),
    "QLinearConcat": _concat,
}


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("name", MAKE)
def test_within_a_step_of_onnx_runtime(name: str, dtype: type, tmp_path: Path) -> None:
    import onnxruntime

    build = _Integers(dtype)
    model = build.made(MAKE[name](build))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    graph = load_model(path)
    assert not any(tensor.dtype.is_float for tensor in graph.tensors.values())
    limits, random = np.iinfo(dtype), np.random.default_rng(5)
    given: dict[str, Array] = {
        tensor: random.integers(limits.min, limits.max, graph.tensors[tensor].shape, dtype, True)
        for tensor in graph.inputs
    }
    (mine,) = Interpreter(graph).run(given).values()
    (reference,) = onnxruntime.InferenceSession(path).run(None, given)
    assert mine.dtype == reference.dtype and mine.shape == reference.shape
    assert np.abs(mine.astype(int) - reference.astype(int)).max() <= 1


@pytest.mark.parametrize("sums", [False, True])
def test_integers_of_scales_chosen_at_run_time_are_no_output(sums: bool, tmp_path: Path) -> None:
    build = OnnxBuilder()
    build.nodes.append(
        helper.make_node("DynamicQuantizeLinear", [build.input(1, 4)], ["q", "s", "z"])
    )
    product = build.node("MatMulInteger", "q", build.constant(np.ones((4, 2), np.int8)), "z")
    model = build.model(product if sums else "q")
    model.graph.output[0].type.tensor_type.elem_type = (
        TensorProto.INT32 if sums else TensorProto.UINT8
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        load_model(path)
    (problem,) = caught.value.problems
    assert problem.op == ("MatMulInteger" if sums else "DynamicQuantizeLinear")
    assert "chosen at run time are an output" in problem.reason
    assert "quantize the model statically" in problem.rewrite
