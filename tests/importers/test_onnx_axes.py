"""Where elements lie while ONNX's axes are split, merged and moved."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import OnnxBuilder, conv

from edge_runtime.graph import Graph, Shape
from edge_runtime.importers import load_model
from edge_runtime.importers.onnx.values import Placed, regrouped, sizes
from edge_runtime.ops import Transpose

FACTORS = st.lists(st.sampled_from([1, 1, 2, 3, 4]), min_size=1, max_size=5)


@st.composite
def _reshapes(draw: st.DrawFn) -> tuple[Shape, tuple[int, ...], Shape]:
    """A shape, the order in which a tensor holds its axes, and another shape as large."""
    shape = tuple(draw(FACTORS))
    order = tuple(draw(st.permutations(range(len(shape)))))
    left, wanted = math.prod(shape), []
    while left > 1:
        divisors = [size for size in range(1, left + 1) if left % size == 0]
        wanted.append(draw(st.sampled_from(divisors)))
        left //= wanted[-1]
    return shape, order, tuple(wanted) or (1,)


@given(_reshapes())
@settings(max_examples=300, deadline=None)
def test_a_reshape_finds_the_same_elements(case: tuple[Shape, tuple[int, ...], Shape]) -> None:
    shape, order, wanted = case
    plain = np.arange(math.prod(shape)).reshape(shape)
    stored = Placed("", shape, order)
    before, after = regrouped(shape, stored.moved(), wanted)
    arranged = plain.transpose(before)
    if Placed("", shape, before).moved() == stored.moved():
        np.testing.assert_array_equal(arranged.ravel(), plain.transpose(order).ravel())
    found = arranged.reshape(sizes(after, wanted)).transpose(np.argsort(after))
    np.testing.assert_array_equal(found, plain.reshape(wanted))


def load(model: object, folder: Path) -> Graph:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())  # type: ignore[attr-defined]
    return load_model(path)


def transposes(graph: Graph) -> list[tuple[int, ...]]:
    return [node.op.order for node in graph.nodes if isinstance(node.op, Transpose)]


def test_only_the_interface_is_transposed(tmp_path: Path) -> None:
    """An image goes through every kind of operation that has axes, and stays NHWC."""
    build = OnnxBuilder(opset=20)
    value = conv(build, build.input(1, 3, 8, 8), 3, 8, 3, 3, pads=[1, 1, 1, 1])
    first, second = value, build.node("Sigmoid", value)
    value = build.node("Concat", first, second, axis=1)
    value = build.node(
        "Slice", value, build.integers(2, 1), build.integers(14, 8), build.integers(1, 2)
    )
    value = build.node("Pad", value, build.integers(0, 0, 1, 0, 0, 0, 0, 0), mode="reflect")
    value = build.node("Mul", value, build.node("GlobalAveragePool", value))
    value = build.node("Mul", value, build.weights(12, 1, 1))
    value = build.node("Softmax", value, axis=1)
    value = build.node("ReduceMax", value, build.integers(1))
    value = build.node("Sub", value, build.node("ReduceSum", first, build.integers(1)))
    value = build.node("Tile", value, build.integers(1, 4, 1, 1))
    value = build.node("Reshape", value, build.integers(1, 4, -1))
    value = build.node("Transpose", build.node("Gelu", build.node("Transpose", value)))
    value = build.node("Reshape", value, build.integers(1, 4, 8, 8))
    value = build.node("Resize", value, "", build.constant(np.float32([1, 1, 2, 2])))
    value = build.node("InstanceNormalization", value, build.weights(4), build.weights(4))
    graph = load(build.model(conv(build, value, 4, 2, 3, 3)), tmp_path)
    assert transposes(graph) == [(0, 2, 3, 1), (0, 3, 1, 2)]


def test_attention_moves_heads_only(tmp_path: Path) -> None:
    build = OnnxBuilder()
    value = build.input(1, 10, 16)
    heads = [
        build.node(
            "Transpose",
            build.node(
                "Reshape",
                build.node("MatMul", value, build.weights(16, 16)),
                build.integers(0, 0, 4, 4),
            ),
            perm=order,
        )
        for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])
    ]
    scores = build.node("Softmax", build.node("MatMul", heads[0], heads[1]), axis=-1)
    mixed = build.node("Transpose", build.node("MatMul", scores, heads[2]), perm=[0, 2, 1, 3])
    merged = build.node("Reshape", mixed, build.integers(0, 0, -1))
    graph = load(build.model(build.node("MatMul", merged, build.weights(16, 16))), tmp_path)
    assert len(transposes(graph)) == 4
