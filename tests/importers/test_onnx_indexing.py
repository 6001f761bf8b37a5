"""Elements picked and placed by index, and whole numbers, as ONNX Runtime has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx_models import OnnxBuilder, expected

from edge_runtime.errors import ModelError
from edge_runtime.graph import Array
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter

Make = Callable[[OnnxBuilder], tuple[str, ...]]
INT64 = TensorProto.INT64


def _ints(b: OnnxBuilder, *shape: int) -> str:
    return b.input(*shape, dtype=INT64)


def _indices(b: OnnxBuilder, *values: Any) -> str:
    return b.constant(np.array(values, np.int64))


def _top(axis: int, largest: int, count: int = 1) -> Make:
    def make(b: OnnxBuilder) -> tuple[str, ...]:
        values = b.node("TopK", b.input(2, 5), _indices(b, count), axis=axis, largest=largest)
        b.nodes[-1].output.append("places")
        return values, "places"

    return make


def _scattered(operation: str, indices: Array, updates: tuple[int, ...], **given: int) -> Make:
    def make(b: OnnxBuilder) -> tuple[str, ...]:
        source = b.input(2, 3, 4)
        placed = b.constant(indices)
        return (b.node(operation, source, placed, b.input(*updates), **given),)

    return make


CASES: dict[str, Make] = {
    "gather_elements": lambda b: (
        b.node("GatherElements", b.input(3, 4), _indices(b, [0, -1], [1, 2]), axis=1),
    ),
    "gather_elements_first": lambda b: (
        b.node("GatherElements", b.input(3, 4), _ints(b, 2, 4), axis=0),
    ),
    "gather_elements_image": lambda b: (
        b.node("GatherElements", b.input(1, 3, 4, 4), _ints(b, 1, 2, 4, 4), axis=1),
    ),
    "gather_nd": lambda b: (b.node("GatherND", b.input(2, 3, 4), _indices(b, [0, 1], [1, -1])),),
    "gather_nd_elements": lambda b: (
        b.node("GatherND", b.input(2, 3), _indices(b, [[0, 1]], [[1, -2]])),
    ),
    "scatter_nd": _scattered("ScatterND", np.array([[1, 2], [0, -1]]), (2, 4)),
    "scatter_nd_rows": _scattered("ScatterND", np.array([[[1]], [[0]]]), (2, 1, 3, 4)),
    "scatter_elements": _scattered(
        "ScatterElements", np.array([[[0, -1], [1, 2]]]), (1, 2, 2), axis=-1
    ),
    "top_last": _top(-1, 1),
    "top_first": _top(0, 1),
    "least": _top(1, 0),
    "clip": lambda b: (
        b.node("Clip", _ints(b, 2, 3, 4), b.constant(np.int64(-3)), b.constant(np.int64(7))),
    ),
    "clip_above": lambda b: (b.node("Clip", _ints(b, 2, 3, 4), "", b.constant(np.int64(7))),),
    "sum": lambda b: (b.node("ReduceSum", _ints(b, 2, 3, 4), b.integers(1), keepdims=0),),
    "largest": lambda b: (b.node("ReduceMax", _ints(b, 2, 3, 4), axes=[0, 2]),),
    "smallest": lambda b: (b.node("ReduceMin", _ints(b, 2, 3, 4), axes=[2]),),
    "cumulated": lambda b: (b.node("CumSum", _ints(b, 2, 3, 4), b.constant(np.int64(1))),),
}


def given_to(model: Any) -> dict[str, Array]:
    """Indices of small axes, and real numbers all different."""
    random = np.random.default_rng(1)
    found: dict[str, Array] = {}
    for value in model.graph.input:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if value.type.tensor_type.elem_type == INT64:
            found[value.name] = random.integers(-3, 3, shape)
        else:
            found[value.name] = random.permuted(np.arange(np.prod(shape))).reshape(shape)
            found[value.name] = found[value.name].astype(np.float32)
    return found


@pytest.mark.parametrize("name", CASES)
def test_same_as_onnx_runtime(name: str, tmp_path: Path) -> None:
    build = OnnxBuilder()
    model = build.model(*CASES[name](build))
    whole = {"top_last": [1], "top_first": [1], "least": [1]}.get(name, [])
    whole = [0] if model.graph.input[0].type.tensor_type.elem_type == INT64 else whole
    for index in whole:
        model.graph.output[index].type.tensor_type.elem_type = INT64
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    graph = load_model(tmp_path / "model.onnx")
    given = given_to(model)
    if "int" in str(given[graph.inputs[0]].dtype):
        given = {key: array * 5 for key, array in given.items()}
    reference = expected(model, given)
    taken = {key: array.astype(graph.tensors[key].dtype.numpy) for key, array in given.items()}
    made = Interpreter(graph).run(taken)
    for key, values in reference.items():
        np.testing.assert_array_equal(made[key], values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_scattered("ScatterND", np.array([[2]]), (1, 3, 4)), "indices are outside of (2,)"),
        (
            lambda b: (b.node("ScatterND", b.input(2, 3), _ints(b, 1, 1), b.input(1, 3)),),
            "computed at run time",
        ),
        (
            lambda b: (b.node("GatherND", b.input(2, 3), _indices(b, [0]), batch_dims=1),),
            "batch_dims; allowed: none",
        ),
        (_top(-1, 1, 2), "(TopK): k is 2; allowed: 1; end the model before it"),
    ],
)
def test_refused(make: Make, message: str, tmp_path: Path) -> None:
    build = OnnxBuilder()
    model = build.model(*make(build))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError) as caught:
        load_model(tmp_path / "model.onnx")
    assert message in str(caught.value)
