"""What multiplies by weights equals TFLM, or where that has no such form LiteRT's reference."""

from __future__ import annotations

from dataclasses import replace

import linear_ops
import numpy as np
import one_op
import pytest
from builder import unsigned
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litert import Litert
from tflm import Tflm

from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import Array, DType, Graph, Kind, Node, Tensor
from edge_runtime.importers.tflite import read_tflite
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import Dequantize, Linear

INT8, INT16, INT32, INT64 = DType.INT8, DType.INT16, DType.INT32, DType.INT64
FLOAT = DType.FLOAT32

INTEGERS = {
    "conv of a batch": linear_ops.convolutions(INT8, INT32, batches=3),
    "conv in groups": linear_ops.convolutions(INT8, INT32, grouped=True),
    "depthwise of a batch": linear_ops.depthwise(INT8, INT32, batches=3),
    "transposed": linear_ops.transposed(INT8, INT32),
    "dense, channels": linear_ops.dense(INT8, INT32, each=True),
    "dense, zero point": linear_ops.dense(INT8, INT32, each=False, zero=True),
    "dense, weights made": linear_ops.dense(INT8, each=False, zero=True, run_time=True),
    "matmul": linear_ops.products(INT8),
    "conv int16": linear_ops.convolutions(INT16, INT64),
    "conv int16, short bias": linear_ops.convolutions(INT16, INT32),
    "conv int16 in groups": linear_ops.convolutions(INT16, INT64, grouped=True),
    "depthwise int16": linear_ops.depthwise(INT16, INT64),
    "transposed int16": linear_ops.transposed(INT16, INT64),
    "dense int16": linear_ops.dense(INT16, INT64),
    "dense int16, short bias": linear_ops.dense(INT16, INT32),
    "matmul int16": linear_ops.products(INT16),
}
UNSIGNED = {
    "conv": linear_ops.convolutions(INT8, INT32, each=False, zero=True),
    "depthwise": linear_ops.depthwise(INT8, INT32, each=False, zero=True),
    "dense": linear_ops.dense(INT8, INT32, each=False, zero=True),
    "transposed": linear_ops.transposed(INT8, None, each=False, zero=True),
}
HYBRID = {
    "conv": linear_ops.convolutions(FLOAT, FLOAT),
    # LiteRT reads one scale a channel here, even where there is one for all.
    "depthwise": linear_ops.depthwise(FLOAT, FLOAT, each=True),
    "dense": linear_ops.dense(FLOAT, FLOAT),
}
hostile = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def run(graph: Graph, case: list[Array]) -> Array:
    made = Interpreter(graph).run(dict(zip(graph.inputs, case, strict=True)))
    return made[graph.outputs[0]]


@pytest.mark.parametrize("kind", INTEGERS)
@hostile
@given(data=st.data())
def test_integers(kind: str, data: st.DataObject, tflm: Tflm) -> None:
    graph: Graph = data.draw(INTEGERS[kind])
    cases = linear_ops.cases(graph, data.draw(one_op.seeds))
    model = to_tflite(graph)
    again = read_tflite(model, "again")
    for case, oracle in zip(cases, tflm.run(model, cases), strict=True):
        np.testing.assert_array_equal(run(graph, case), oracle[0])
        np.testing.assert_array_equal(run(again, case), oracle[0])


@pytest.mark.parametrize("kind", UNSIGNED)
@hostile
@given(data=st.data())
def test_uint8_equals_litert(kind: str, data: st.DataObject, litert: Litert) -> None:
    graph: Graph = data.draw(UNSIGNED[kind])
    cases = [
        [(array.astype(int) + 128).astype(np.uint8) for array in case]
        for case in linear_ops.cases(graph, data.draw(one_op.seeds))
    ]
    model = to_tflite(unsigned(graph))
    mine = read_tflite(model, "unsigned")
    assert mine.tensors[mine.inputs[0]].dtype is DType.UINT8
    for case, oracle in zip(cases, litert.run(model, cases), strict=True):
        np.testing.assert_array_equal(run(mine, case), oracle[0])


@pytest.mark.parametrize("kind", HYBRID)
@hostile
@given(data=st.data())
def test_hybrid_is_near_litert(kind: str, data: st.DataObject, litert: Litert) -> None:
    """LiteRT quantizes each row or image of the input to int8 first; we do not."""
    graph: Graph = data.draw(HYBRID[kind])
    cases = linear_ops.cases(graph, data.draw(one_op.seeds))
    model = to_tflite(graph)
    again = read_tflite(model, "again")
    weights, op = graph.tensors["weights"], graph.nodes[0].op
    assert again.tensors["weights"].dtype is INT8
    assert isinstance(op, Linear)
    others = tuple(axis for axis in range(len(weights.shape)) if axis != op.weight_axis)
    most = np.abs(weights.quant.dequantize(weights.values)).sum(others).max()
    for case, oracle in zip(cases, litert.run(model, cases), strict=True):
        step = np.abs(case[0]).max() / 127
        assert np.abs(run(again, case) - oracle[0]).max() <= most * step


@pytest.mark.parametrize("kind", HYBRID)
@hostile
@given(data=st.data())
def test_constants_behind_dequantize(kind: str, data: st.DataObject, litert: Litert) -> None:
    """Weights stay as they are stored, a bias becomes float32; LiteRT computes the same."""
    graph = behind_dequantize(data.draw(HYBRID[kind]), data.draw(st.booleans()))
    cases = linear_ops.cases(graph, data.draw(one_op.seeds))
    model = to_tflite(graph)
    mine = read_tflite(model, "half")
    assert len(mine.nodes) == 1
    for case, oracle in zip(cases, litert.run(model, cases), strict=True):
        np.testing.assert_allclose(
            run(mine, case), oracle[0], rtol=1e-5, atol=1e-5 * np.abs(oracle[0]).max()
        )


def behind_dequantize(graph: Graph, half: bool) -> Graph:
    """`graph` with its weights dequantized by a node, from float16 or int8; float16 bias."""
    nodes, tensors = list(graph.nodes), dict(graph.tensors)
    names = list(nodes[0].inputs)
    for place, name in enumerate(names[1:], 1):
        stored = tensors[name]
        if half or name == "bias":
            values = stored.values.astype(np.float32)
            if not stored.dtype.is_float:
                values = stored.quant.dequantize(stored.values)
            stored = Tensor.constant(name, values.astype(np.float16))
        tensors[name] = stored
        names[place] = f"{name}_float"
        tensors[names[place]] = Tensor(names[place], stored.shape, FLOAT, Kind.ACTIVATION)
        nodes.insert(0, Node(names[place], Dequantize(), (name,), names[place]))
    nodes[-1] = replace(nodes[-1], inputs=tuple(names))
    return replace(graph, tensors=tensors, nodes=tuple(nodes))
