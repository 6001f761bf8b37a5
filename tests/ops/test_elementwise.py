"""Operations on single elements equal TensorFlow Lite Micro, and survive a TFLite file."""

from __future__ import annotations

from pathlib import Path

import elementwise
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_op import one_op
from tflm import Tflm

from edge_runtime import ops
from edge_runtime.errors import ModelError
from edge_runtime.export.tflite import to_tflite, write_tflite
from edge_runtime.graph import DType, Graph, Op, Quantization, Tensor
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter

INT8, INT16 = DType.INT8, DType.INT16


@pytest.mark.parametrize("kind", elementwise.GRAPHS)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_against_tflm(kind: str, data: st.DataObject, tflm: Tflm) -> None:
    graph: Graph = data.draw(elementwise.GRAPHS[kind])
    inputs = elementwise.cases(graph, data.draw(st.integers(0, 99)))
    interpreter = Interpreter(graph)
    for case, oracle in zip(inputs, tflm.run(to_tflite(graph), inputs), strict=True):
        mine = interpreter.run(dict(zip(graph.inputs, case, strict=True)))["out"]
        elementwise.same([mine], [oracle[0].reshape(mine.shape)], kind)


@pytest.mark.parametrize("kind", elementwise.GRAPHS)
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_round_trip(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    graph: Graph = data.draw(elementwise.GRAPHS[kind])
    write_tflite(graph, tmp_path / "one.tflite")
    again = load_model(tmp_path / "one.tflite")
    case = dict(zip(graph.inputs, elementwise.cases(graph, 0)[0], strict=True))
    np.testing.assert_array_equal(
        Interpreter(graph).run(case)["out"], Interpreter(again).run(case)["out"]
    )


def int8(op: Op, scale: float, zero: int, made: Quantization) -> Graph:
    image = Tensor("a", (256,), INT8, quantization=Quantization.per_tensor(scale, zero))
    return one_op(op, [image], made, INT8)


@pytest.mark.parametrize(
    "op",
    [
        *(ops.Gelu(), ops.Gelu(approximate=True), ops.Silu(), ops.Mish(), ops.Softplus()),
        *(ops.Softsign(), ops.Selu(), ops.Celu(0.5), ops.Erf(), ops.HardSigmoid(), ops.Exp()),
        *(ops.Sin(), ops.Cos(), ops.Floor(), ops.Round(), ops.Sign(), ops.Neg(), ops.Square()),
    ],
    ids=lambda op: op.NAME,
)
@pytest.mark.parametrize("dtype", [INT8, INT16])
def test_tables_are_within_a_step_of_the_function(op: ops.Unary, dtype: DType) -> None:
    """Where TFLM has no arithmetic; those of int16 are lines, which miss a bend by some steps."""
    fine = 1 if dtype is INT8 else 256
    grid = Quantization.per_tensor(0.02 / fine, 5 if dtype is INT8 else 0)
    image = Tensor("a", (256,), dtype, quantization=grid)
    stored = np.linspace(*dtype.range, 256).astype(dtype.numpy)
    real = op.single(grid.dequantize(stored))
    made = Quantization.per_tensor(float(np.abs(real).max()) / 120 / fine, 0)
    graph = one_op(op, [image], made, dtype)
    found = Interpreter(graph).run({"a": stored})["out"]
    steps = np.abs(made.dequantize(found) - real) / made.scale
    jumps = isinstance(op, ops.Floor | ops.Round | ops.Sign)
    if dtype is INT8:
        assert steps.max() <= 0.51
    else:
        assert np.quantile(steps, 0.8 if jumps else 1.0) <= 8


def test_what_is_undefined_saturates() -> None:
    made = Quantization.per_tensor(0.02, -3)
    log = Interpreter(int8(ops.Log(), 0.1, 0, made)).run(
        {"a": np.arange(-128, 128).astype(np.int8)}
    )["out"]
    assert (log[:129] == -128).all()
    root = Interpreter(int8(ops.Sqrt(), 0.1, 0, made)).run(
        {"a": np.arange(-128, 128).astype(np.int8)}
    )["out"]
    assert (root[:129] == -3).all(), "what is no number is stored as zero"
    root = Interpreter(int8(ops.Rsqrt(), 0.1, 0, made)).run(
        {"a": np.arange(-128, 128).astype(np.int8)}
    )["out"]
    assert (root[:129] == 127).all()


def test_division_by_zero_saturates() -> None:
    grid = Quantization.per_tensor(0.1, 4)
    tensors = [Tensor(name, (3,), INT8, quantization=grid) for name in "ab"]
    graph = one_op(ops.Div(), tensors, Quantization.per_tensor(0.1, -7), INT8)
    a, b = np.array([5, 4, 3], np.int8), np.full(3, 4, np.int8)
    assert Interpreter(graph).run({"a": a, "b": b})["out"].tolist() == [127, -7, -128]


@pytest.mark.parametrize("op", [ops.Mish(), ops.Elu(0.5), ops.Reciprocal()])
def test_tflite_has_no_form(op: Op) -> None:
    graph = one_op(op, [Tensor("a", (3,), DType.FLOAT32)], None, DType.FLOAT32)
    with pytest.raises(ModelError) as caught:
        to_tflite(graph)
    assert caught.value.problems[0].op == op.NAME


def test_problems_are_told() -> None:
    other = Quantization.per_tensor(1 / 128, -128)
    image = Tensor("a", (3,), INT8, quantization=other)
    made = Tensor("out", (3,), INT8, quantization=other)
    assert "prescribes" in ops.Logistic().problems([image], made)[0]
    odd = Tensor("b", (3,), INT8, quantization=Quantization.per_tensor(0.5, 1))
    assert "different scales" in ops.Minimum().problems([image, odd], made)[0]
    wide = Tensor("c", (2, 4), INT8, quantization=other)
    assert "cannot be broadcast" in ops.Mul().problems([image, wide], made)[0]
    whole = Tensor("d", (3,), DType.INT32)
    assert "allowed" in ops.Exp().problems([whole], whole)[0]
    assert "no range" in ops.Clamp(1.0, 0.0).problems([image], image)[0]
