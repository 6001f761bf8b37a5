"""Operations that move elements equal TensorFlow Lite Micro's, or LiteRT's where it has none."""

from __future__ import annotations

import moves
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litert import Litert
from one_op import one_op, seeds
from tflm import Tflm

from edge_runtime.evaluate import evaluate
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import DType, Graph, Tensor
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import Gather, ResizeBilinear, ResizeNearest

TFLM = {
    "transpose": moves.transposes(),
    "slice": moves.slices(),
    "reverse": moves.reverses(),
    "broadcast": moves.broadcasts(),
    "space_to_depth": moves.space_to_depths(),
    "depth_to_space": moves.depth_to_spaces(),
    "space_to_batch": moves.space_to_batches(),
    "batch_to_space": moves.batch_to_spaces(),
    "pad": moves.pads(),
    "mirror_pad": moves.mirror_pads(),
    "concat": moves.concats(),
    "gather": moves.gathers(),
    "nearest": moves.resizes(ResizeNearest, (DType.INT8, DType.INT16, DType.FLOAT32)),
    "bilinear": moves.resizes(ResizeBilinear, (DType.INT8, DType.FLOAT32)),
}
LITERT = {
    "tile": moves.tiles(),
    "transpose of six": moves.transposes(most=6),
    "bilinear of int16": moves.resizes(ResizeBilinear, (DType.INT16,)),
}
quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(graph: Graph, seed: int, oracle: Tflm) -> None:
    inputs = moves.cases(graph, seed)
    interpreter = Interpreter(graph)
    for case, theirs in zip(inputs, oracle.run(to_tflite(graph), inputs), strict=True):
        mine = interpreter.run(dict(zip(graph.inputs, case, strict=True)))["out"]
        if isinstance(graph.nodes[0].op, ResizeBilinear) and mine.dtype == np.float32:
            np.testing.assert_allclose(mine, theirs[0], rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(mine, theirs[0])


@pytest.mark.parametrize("kind", TFLM)
@quick
@given(data=st.data())
def test_as_tflm(kind: str, data: st.DataObject, tflm: Tflm) -> None:
    check(data.draw(TFLM[kind]), data.draw(seeds), tflm)


@pytest.mark.parametrize("kind", LITERT)
@quick
@given(data=st.data())
def test_as_litert(kind: str, data: st.DataObject, litert: Litert) -> None:
    check(data.draw(LITERT[kind]), data.draw(seeds), litert)


@pytest.mark.parametrize("kind", TFLM)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_many_samples_at_once(kind: str, data: st.DataObject) -> None:
    graph: Graph = data.draw(TFLM[kind])
    samples = moves.cases(graph, data.draw(seeds))
    arrays = {name: np.stack(parts) for name, *parts in zip(graph.inputs, *samples, strict=True)}
    together = evaluate(graph, arrays)["out"]
    for sample, made in zip(samples, together, strict=True):
        alone = Interpreter(graph).run(dict(zip(graph.inputs, sample, strict=True)))["out"]
        np.testing.assert_array_equal(made, alone)


@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT32, DType.INT64])
def test_indices_that_are_outside(dtype: DType) -> None:
    """Negative ones count from the end; what is still outside is the nearest."""
    table = Tensor.constant("table", np.arange(10, dtype=np.float32).reshape(5, 2))
    indices = Tensor("indices", (7,), dtype)
    graph = one_op(Gather(0), [table, indices], None, DType.FLOAT32)
    given = np.array([0, 4, -1, -5, 5, 100, -100], dtype.numpy)
    picked = Interpreter(graph).run({"indices": given})["out"][:, 0]
    np.testing.assert_array_equal(picked, [0, 8, 8, 0, 8, 8, 0])
