"""What works along axes and windows equals TFLM, or LiteRT where TFLM has no such type."""

from __future__ import annotations

import axis_ops
import numpy as np
import pytest
from axis_ops import FLOAT, INT8, INT16
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litert import Litert
from tflm import Tflm

from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import DType, Graph, Quantization
from edge_runtime.importers.tflite import read_tflite
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import (
    ArgMax,
    ArgMin,
    Mean,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    ReduceProd,
    Softmax,
    Sum,
)

Strategies = dict[str, st.SearchStrategy[Graph]]

IN_TFLM: Strategies = {
    **{f"pool {d.value}": axis_ops.pools(d) for d in (FLOAT, INT8, INT16)},
    # TFLM reduces over two axes at most, and over five dimensions.
    **{
        f"{kind.NAME} {d.value}": axis_ops.reductions(d, kind, kept=False, most=2)
        for kind in (Mean, Sum)
        for d in (FLOAT, INT8, INT16)
    },
    **{
        f"{kind.NAME} {d.value}": axis_ops.reductions(d, kind, kept=True, most=5)
        for kind in (ReduceMax, ReduceMin)
        for d in (FLOAT, INT8)
    },
    **{
        f"{kind.NAME} {d.value}": axis_ops.positions(d, DType.INT32, kind)
        for kind in (ArgMax, ArgMin)
        for d in (FLOAT, INT8)
    },
    "softmax float": axis_ops.softmaxes(FLOAT, FLOAT),
    "softmax int8": axis_ops.softmaxes(INT8, INT8),
    "softmax int8 to int16": axis_ops.softmaxes(INT8, INT16),
    "softmax int16": axis_ops.softmaxes(INT16, INT16),
    **{f"{name} {d.value}": make(d) for name, make in axis_ops.ROWS.items() for d in (FLOAT, INT8)},
}

IN_LITERT: Strategies = {
    **{
        f"{kind.NAME} {d.value}": axis_ops.reductions(d, kind, kept=True, most=5)
        for kind in (ReduceMax, ReduceMin)
        for d in (INT16,)
    },
    **{
        f"REDUCE_PROD {d.value}": axis_ops.reductions(d, ReduceProd, kept=False, most=4)
        for d in (FLOAT, INT8, INT16)
    },
    **{
        f"{kind.NAME} bool": axis_ops.reductions(DType.BOOL, kind, kept=True, most=4)
        for kind in (ReduceAny, ReduceAll)
    },
    **{
        f"{kind.NAME} {d.value} to int64": axis_ops.positions(d, DType.INT64, kind)
        for kind in (ArgMax, ArgMin)
        for d in (FLOAT, INT8)
    },
}

quickly = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def compare(graph: Graph, oracle: Tflm, seed: int) -> None:
    """The interpreter, the file and what is read back from it give the same."""
    cases = axis_ops.inputs(graph, seed)
    content = to_tflite(graph)
    mine, again = Interpreter(graph), Interpreter(read_tflite(content, "again"))
    for case, expected in zip(cases, oracle.run(content, cases), strict=True):
        made = mine.run({graph.inputs[0]: case[0]})["out"]
        read = again.run({again.graph.inputs[0]: case[0]})[again.graph.outputs[0]]
        np.testing.assert_array_equal(made, read)
        if made.dtype.kind == "f":
            largest = max(1.0, float(np.abs(made).max()))
            np.testing.assert_allclose(made, expected[0], rtol=1e-5, atol=1e-6 * largest)
        else:
            np.testing.assert_array_equal(made, expected[0])


@pytest.mark.parametrize("kind", IN_TFLM)
@quickly
@given(data=st.data())
def test_as_tflm(kind: str, data: st.DataObject, tflm: Tflm) -> None:
    compare(data.draw(IN_TFLM[kind]), tflm, data.draw(st.integers(0, 2**32 - 1)))


@pytest.mark.parametrize("kind", IN_LITERT)
@quickly
@given(data=st.data())
def test_as_litert(kind: str, data: st.DataObject, litert: Litert) -> None:
    compare(data.draw(IN_LITERT[kind]), litert, data.draw(st.integers(0, 2**32 - 1)))


def test_a_mean_of_six_dimensions() -> None:
    """TFLM has no such one: the mean of means over one axis after the other, up to rounding."""
    shape = (2, 3, 2, 3, 2, 3)
    axes = (0, 2, 3, 5)
    values = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    graph = axis_ops.one(Mean(axes), axis_ops.Tensor("image", shape, FLOAT), FLOAT, None)
    made = Interpreter(graph).run({"image": values})["out"]
    np.testing.assert_allclose(made, values.mean((5,)).mean((0, 2, 3)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("classes", [500, 4095, 5000])
def test_many_classes_alike(classes: int, tflm: Tflm) -> None:
    """Sums of more than 4096 still fit TFLM's accumulator, taken as unsigned."""
    image = axis_ops.Tensor(
        "image", (1, classes), INT8, quantization=Quantization.per_tensor(0.1, 3)
    )
    wide = Quantization.per_tensor(1 / 65536, -32768)
    graph = axis_ops.one(Softmax(), image, INT16, wide)
    values = np.full((1, classes), 9, np.int8)
    made = Interpreter(graph).run({"image": values})["out"]
    np.testing.assert_array_equal(made, tflm.run(to_tflite(graph), [[values]])[0][0])
