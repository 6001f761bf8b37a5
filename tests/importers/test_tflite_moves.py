"""TFLite's ways to slice, split, pack and shape, read as LiteRT runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litert import Litert
from raw_tflite import RawModel

from edge_runtime.errors import ModelError
from edge_runtime.graph import Array, Graph
from edge_runtime.importers import load_model
from edge_runtime.importers.tflite import read_tflite
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import BroadcastTo, Concat, Quantize, Reshape, Slice

RANDOM = np.random.default_rng(0)


def values(*shape: int) -> Array:
    return RANDOM.normal(0, 1, shape).astype(np.float32)


def same(litert: Litert, content: bytes, *given: Array, outputs: int = 1) -> Graph:
    """The graph that is read, whose outputs must be LiteRT's."""
    graph = read_tflite(content, "model")
    made = Interpreter(graph).run(dict(zip(graph.inputs, given, strict=True)))
    theirs = litert.run(content, [list(given)], outputs)[0]
    for name, expected in zip(graph.outputs, theirs, strict=True):
        np.testing.assert_array_equal(made[name], expected)
    return graph


@st.composite
def slicings(draw: st.DrawFn) -> tuple[tuple[int, ...], list[list[int]], dict[str, int]]:
    """A shape, begin, end and strides, and masks, that take something of every dimension."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    named = draw(st.integers(0, len(shape)))
    where = draw(st.integers(0, named)) if draw(st.booleans()) else None
    masks = dict.fromkeys(("begin", "end", "ellipsis", "newAxis", "shrinkAxis"), 0)
    lists: list[list[int]] = [[], [], []]
    dimension = 0

    def add(begin: int, end: int, stride: int, *, mask: str = "") -> None:
        if mask:
            masks[mask] |= 1 << len(lists[0])
        for values, value in zip(lists, (begin, end, stride), strict=True):
            values.append(value)

    for number in range(named):
        if number == where:
            add(0, 0, 1, mask="ellipsis")
            dimension = len(shape) - (named - number)
        if draw(st.integers(0, 4)) == 0 and len(lists[0]) < 4:
            add(0, 0, 1, mask="newAxis")
        size = shape[dimension]
        dimension += 1
        first, last = draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))
        kind = draw(st.sampled_from(["shrink", "plain", "negative", "open"]))
        if kind == "shrink":
            add(first - draw(st.sampled_from([0, size])), first + 1, 1, mask="shrinkAxis")
        elif kind == "open":
            masks["end"] |= 1 << len(lists[0])
            add(first, 0, 1, mask="begin" if draw(st.booleans()) else "")
        elif kind == "plain" or size == 1:
            add(min(first, last), max(first, last) + 1, draw(st.integers(1, 3)))
        else:
            first, last = max(first, last, 1), min(first, last, size - 2)
            add(first, last - 1 if last else -size - 1, -1)
    if not lists[0]:
        add(0, 0, 1, mask="ellipsis")
    return shape, lists, masks


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(drawn=slicings())
def test_strided_slices(
    litert: Litert, drawn: tuple[tuple[int, ...], list[list[int]], dict[str, int]]
) -> None:
    shape, lists, masks = drawn
    model = RawModel()
    image = model.input(*shape)
    options = schema.StridedSliceOptionsT(**{f"{key}Mask": mask for key, mask in masks.items()})
    indices = [model.constant(part) for part in lists]
    given = values(*shape)
    expected = given[_numpy_index(lists, masks)]
    made = model.tensor(expected.shape)
    model.operator("STRIDED_SLICE", [image, *indices], [made], options)
    graph = read_tflite(model.file(made), "model")
    run = Interpreter(graph).run({graph.inputs[0]: given})[graph.outputs[0]]
    np.testing.assert_array_equal(run, expected)
    # Behind an ellipsis, LiteRT takes masks to be of other dimensions than TensorFlow and NumPy do.
    if not masks["ellipsis"]:
        same(litert, model.file(made), given)


def _numpy_index(lists: list[list[int]], masks: dict[str, int]) -> tuple[object, ...]:
    def entry(i: int) -> object:
        has = {key: mask >> i & 1 for key, mask in masks.items()}
        begin, end, stride = (part[i] for part in lists)
        if has["ellipsis"]:
            return Ellipsis
        if has["newAxis"]:
            return None
        if has["shrinkAxis"]:
            return begin
        return slice(None if has["begin"] else begin, None if has["end"] else end, stride)

    return tuple(entry(i) for i in range(len(lists[0])))


def test_slice_with_an_open_size(litert: Litert) -> None:
    model = RawModel()
    image, made = model.input(4, 5), model.tensor((3, 2))
    begin, size = model.constant([1, 2]), model.constant([-1, 2])
    model.operator("SLICE", [image, begin, size], [made], schema.SliceOptionsT())
    same(litert, model.file(made), values(4, 5))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_split(litert: Litert, axis: int) -> None:
    model = RawModel()
    dimension, image = model.constant(axis), model.input(6, 9)
    shape = (2, 9) if axis == 0 else (6, 3)
    made = [model.tensor(shape) for _ in range(3)]
    model.operator("SPLIT", [dimension, image], made, schema.SplitOptionsT(numSplits=3))
    same(litert, model.file(*made), values(6, 9), outputs=3)


def test_split_of_open_sizes(litert: Litert) -> None:
    model = RawModel()
    image, sizes, axis = model.input(6, 9), model.constant([2, -1, 3]), model.constant(-1)
    made = [model.tensor((6, size)) for size in (2, 4, 3)]
    options = schema.SplitVOptionsT(numSplits=3)
    model.operator("SPLIT_V", [image, sizes, axis], made, options)
    same(litert, model.file(*made), values(6, 9), outputs=3)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_unpack_and_pack(litert: Litert, axis: int) -> None:
    model = RawModel()
    image = model.input(3, 3, 3)
    parts = [model.tensor((3, 3)) for _ in range(3)]
    model.operator("UNPACK", [image], parts, schema.UnpackOptionsT(num=3, axis=axis))
    made = model.tensor((3, 3, 3))
    options = schema.PackOptionsT(valuesCount=3, axis=axis)
    model.operator("PACK", parts[::-1], [made], options)
    same(litert, model.file(made), values(3, 3, 3))


def test_dimensions_come_and_go(litert: Litert) -> None:
    model = RawModel()
    image = model.input(2, 1, 3, 1)
    wide, narrow, none = model.tensor((2, 1, 3, 1, 1)), model.tensor((2, 3, 1, 1)), model.tensor()
    model.tensors[none].shape = [2, 3]
    model.operator("EXPAND_DIMS", [image, model.constant(-1)], [wide], schema.ExpandDimsOptionsT())
    model.operator("SQUEEZE", [wide], [narrow], schema.SqueezeOptionsT(squeezeDims=[1]))
    model.operator("SQUEEZE", [narrow], [none], schema.SqueezeOptionsT())
    same(litert, model.file(none), values(2, 1, 3, 1))


def test_gather_along_the_last_axis(litert: Litert) -> None:
    model = RawModel()
    image, made = model.input(2, 4, 3), model.tensor((2, 4, 2))
    options = schema.GatherOptionsT(axis=-1)
    model.operator("GATHER", [image, model.constant([2, 0])], [made], options)
    same(litert, model.file(made), values(2, 4, 3))


def test_a_table_looked_up_at_run_time(litert: Litert) -> None:
    model = RawModel()
    table = model.constant(values(7, 4), "float32")
    picked, made = model.input(2, 3, dtype="int32"), model.tensor((2, 3, 4))
    model.operator("GATHER", [table, picked], [made], schema.GatherOptionsT(axis=0))
    same(litert, model.file(made), np.array([[0, 6, 3], [2, 2, 5]], np.int32))


def test_shapes_are_computed_at_import(litert: Litert) -> None:
    """What Keras writes for a Reshape or Flatten of an unknown batch."""
    model = RawModel()
    image = model.input(1, 4, 6, signature=(-1, 4, 6))
    shape, batch = model.tensor((3,), "int32"), model.tensor((), "int32")
    wanted = model.tensor((3,), "int32")
    made = model.tensor((1, 1, 1), signature=(-1, -1, -1))
    model.operator("SHAPE", [image], [shape], schema.ShapeOptionsT(outType=2))
    one, two = model.constant([0]), model.constant([1])
    options = schema.StridedSliceOptionsT(shrinkAxisMask=1)
    model.operator("STRIDED_SLICE", [shape, one, two, two], [batch], options)
    sizes = [batch, model.constant(8), model.constant(-1)]
    model.operator("PACK", sizes, [wanted], schema.PackOptionsT(valuesCount=3))
    model.operator("RESHAPE", [image, wanted], [made], schema.ReshapeOptionsT())
    graph = same(litert, model.file(made), values(1, 4, 6))
    assert [node.op for node in graph.nodes] == [Reshape((1, 8, 3))]


def test_constants_are_computed_at_import(litert: Litert) -> None:
    model = RawModel()
    image = model.input(2, 5)
    ranged, filled = model.tensor((5,)), model.tensor((2, 5))
    total, made = model.tensor((2, 5)), model.tensor((2, 5))
    parts = [model.constant(value, "float32") for value in (1.0, 3.5, 0.5)]
    model.operator("RANGE", parts, [ranged], schema.RangeOptionsT())
    filling = [model.constant([2, 5]), model.constant(0.25, "float32")]
    model.operator("FILL", filling, [filled], schema.FillOptionsT())
    model.operator("ADD", [ranged, filled], [total], schema.AddOptionsT())
    model.operator("ADD", [image, total], [made], schema.AddOptionsT())
    graph = same(litert, model.file(made), values(2, 5))
    assert [node.op.NAME for node in graph.nodes] == ["ADD"]


def test_ranks_zeros_and_joint_shapes_are_computed_at_import(litert: Litert) -> None:
    model = RawModel()
    image = model.input(1, 5)
    zeros, rank, wide = model.tensor((1, 5)), model.tensor((), "int32"), model.tensor((2,), "int32")
    sizes, moved, made = model.tensor((2,), "int32"), model.tensor((1, 5)), model.tensor((2, 5))
    model.operator("ZEROS_LIKE", [image], [zeros], schema.ZerosLikeOptionsT())
    model.operator("RANK", [image], [rank], schema.RankOptionsT())
    model.operator("PACK", [rank, model.constant(1)], [wide], schema.PackOptionsT(valuesCount=2))
    model.operator("BROADCAST_ARGS", [wide, model.constant([1, 5])], [sizes])
    model.operator("MAXIMUM", [image, zeros], [moved], schema.MaximumMinimumOptionsT())
    filled = model.tensor((2, 5))
    filling = [sizes, model.constant(0.25, "float32")]
    model.operator("FILL", filling, [filled], schema.FillOptionsT())
    model.operator("ADD", [moved, filled], [made], schema.AddOptionsT())
    graph = same(litert, model.file(made), values(1, 5) - 2)
    assert [node.op.NAME for node in graph.nodes] == ["MAXIMUM", "ADD"]


def test_filling_with_an_input(litert: Litert) -> None:
    model = RawModel()
    value, made = model.input(), model.tensor((2, 3))
    model.operator("FILL", [model.constant([2, 3]), value], [made], schema.FillOptionsT())
    graph = same(litert, model.file(made), np.float32(7).reshape(()))
    assert BroadcastTo((2, 3)) in [node.op for node in graph.nodes]


def test_other_scales_are_brought_to_that_of_the_result() -> None:
    """TFLM and LiteRT refuse this for int8."""
    model = RawModel()
    first = model.input(1, 3, dtype="int8", scale=(0.5, 3))
    second = model.input(1, 2, dtype="int8", scale=(0.25, -1))
    made = model.tensor((1, 5), "int8", scale=(0.5, 3))
    model.operator("CONCATENATION", [first, second], [made], schema.ConcatenationOptionsT(axis=-1))
    graph = read_tflite(model.file(made), "model")
    assert [type(node.op) for node in graph.nodes] == [Quantize, Concat]
    given = {"t0": np.array([[1, 2, 3]], np.int8), "t1": np.array([[7, -9]], np.int8)}
    np.testing.assert_array_equal(Interpreter(graph).run(given)["t2"], [[1, 2, 3, 7, -1]])


def test_slices_of_slices_are_one(litert: Litert) -> None:
    model = RawModel()
    image, half, made = model.input(6, 8), model.tensor((6, 4)), model.tensor((2, 2))
    other = model.tensor((6, 4))
    axis = model.constant(1)
    model.operator("SPLIT", [axis, image], [other, half], schema.SplitOptionsT(numSplits=2))
    lists = [model.constant(part) for part in ([4, 3], [0, 0], [-2, -2])]
    model.operator("STRIDED_SLICE", [half, *lists], [made], schema.StridedSliceOptionsT())
    graph = same(litert, model.file(made), values(6, 8))
    assert [node.op for node in graph.nodes] == [Slice((4, 7), (2, 2), (-2, -2))]


@pytest.mark.parametrize(
    ("name", "more", "options", "reason"),
    [
        ("SLICE", [[0], [1]], schema.SliceOptionsT(), "begin (0,) and size (1,) do not fit"),
        ("TILE", [[0, 1]], schema.TileOptionsT(), "multiples (0, 1) do not fit"),
        ("BROADCAST_TO", [[2, 3]], schema.BroadcastToOptionsT(), "cannot be broadcast"),
        ("REVERSE_V2", [[5]], schema.ReverseV2OptionsT(), "axis 5 is none of 2 dimensions"),
        ("TRANSPOSE", [[0, 0]], schema.TransposeOptionsT(), "does not permute"),
        ("MIRROR_PAD", [[[9, 0], [0, 0]]], schema.MirrorPadOptionsT(), "mirror more than"),
        ("GATHER", [[0]], schema.GatherOptionsT(batchDims=1), "1 batch dimensions"),
        ("SPLIT_V", [[9], 0], schema.SplitVOptionsT(), "do not fit dimension 0"),
        ("STRIDED_SLICE", [[0], [1], [0]], schema.StridedSliceOptionsT(), "a stride of 0"),
    ],
)
def test_wrong_numbers(
    tmp_path: Path, name: str, more: list[object], options: object, reason: str
) -> None:
    model = RawModel()
    image, made = model.input(4, 5), model.tensor((4, 5))
    model.operator(name, [image, *map(model.constant, more)], [made], options)
    path = tmp_path / "model.tflite"
    path.write_bytes(model.file(made))
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert reason in str(caught.value)
    assert [problem.op for problem in caught.value.problems] == [name]
