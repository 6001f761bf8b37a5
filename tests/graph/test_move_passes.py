"""Passes over moves: constants, dilations, and where state is read and written."""

from __future__ import annotations

import numpy as np
import pytest
from builder import Builder, random_values
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.graph import DType, Graph, Kind, Node, Op, Quantization, Tensor, Window
from edge_runtime.graph.verify import verify
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import (
    Add,
    BatchToSpace,
    Conv2D,
    Copy,
    DepthwiseConv2D,
    Reshape,
    Slice,
    SpaceToBatch,
    Tile,
)
from edge_runtime.passes import (
    fold_constants,
    fold_crops,
    fold_dilations,
    fold_pads,
    settle_state,
)


def same(before: Graph, after: Graph, steps: int = 3) -> None:
    """Both give the same outputs, step after step."""
    random = np.random.default_rng(0)
    one, other = Interpreter(before), Interpreter(after)
    for _ in range(steps):
        given = {name: random_values(before.tensors[name], random) for name in before.inputs}
        expected, made = one.run(given), other.run(given)
        for name in before.outputs:
            np.testing.assert_array_equal(made[name], expected[name])


def test_constants_are_computed() -> None:
    build = Builder(DType.FLOAT32)
    tiled = build.node(Tile((2, 1)), [build.constant(1, 3)], None, DType.FLOAT32)
    graph = build.graph(build.add(build.input(2, 3), build.add(tiled, tiled)))
    folded = fold_constants(graph)
    assert len(folded.nodes) == 1
    same(graph, folded)


def test_a_constant_output_stays() -> None:
    build = Builder(DType.FLOAT32)
    build.input(1)
    graph = build.graph(build.node(Tile((2, 1)), [build.constant(1, 3)], None, DType.FLOAT32))
    assert len(fold_constants(graph).nodes) == 1


def test_what_is_too_large_is_left_to_the_device() -> None:
    build = Builder(DType.FLOAT32)
    tiled = build.node(Tile((1 << 23,)), [build.constant(1)], None, DType.FLOAT32)
    part = build.node(Slice((5,), (1,), (1,)), [tiled], None, DType.FLOAT32)
    assert len(fold_constants(build.graph(build.add(build.input(1), part))).nodes) == 3


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data(), depthwise=st.booleans(), seed=st.integers(0, 99))
def test_batches_become_dilations(data: st.DataObject, depthwise: bool, seed: int) -> None:
    """As TensorFlow writes a dilated convolution: pad, to batches, convolve, back, crop."""
    build = Builder(DType.INT8, seed)
    size, kernel, block = (
        (data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))) for _ in "abc"
    )
    image = build.input(1, *(5 + s for s in size), 3)
    before = [data.draw(st.integers(0, 2)) for _ in block]
    after = []
    for axis in (0, 1):
        reach = (kernel[axis] - 1) * block[axis] + 1
        least = before[axis] + 5 + size[axis]
        after.append(max(0, reach - least) + -max(reach, least) % block[axis])
    zero = build.tensors[image].quant.zero_point
    padded = build.pad(image, (0, *before, 0), (0, *after, 0), zero)
    batches = build._same(SpaceToBatch(block), padded)
    kind = build.depthwise if depthwise else lambda s, c, *a: build.conv(s, 4, *a)
    convolved = kind(batches, 2, kernel, Window())
    whole = build._same(BatchToSpace(block), convolved)
    shape = build.tensors[whole].shape
    cut = (1, *(max(1, shape[1 + i] - after[i]) for i in (0, 1)), shape[3])
    graph = build.graph(build._same(Slice((0, 0, 0, 0), cut, (1, 1, 1, 1)), whole))
    folded = fold_crops(fold_pads(fold_dilations(graph)))
    assert [type(node.op) for node in folded.nodes][:1] == [
        DepthwiseConv2D if depthwise else Conv2D
    ]
    if all(shape[1 + i] > after[i] for i in (0, 1)):
        assert len(folded.nodes) == 1
    same(graph, folded, 1)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_dilated_convolution_of_a_sequence(axis: int) -> None:
    build = Builder(DType.INT8)
    batches = build._same(SpaceToBatch((3,)), build.input(1, 12, 4))
    image = build.reshape(batches, *((3, 1, 4, 4) if axis == 1 else (3, 4, 1, 4)))
    convolved = build.conv(image, 5, (1, 2) if axis == 1 else (2, 1), Window())
    whole = build._same(BatchToSpace((3,)), build.reshape(convolved, 3, 3, 5))
    graph = build.graph(whole)
    folded = fold_dilations(graph)
    assert [type(node.op) for node in folded.nodes] == [Reshape, Conv2D, Reshape]
    assert folded.nodes[1].op.window.dilation == ((1, 3) if axis == 1 else (3, 1))
    same(graph, folded, 1)


def test_what_is_no_dilation_stays() -> None:
    """Strides, padding or another reader: the batches are needed."""
    for window in (Window((2, 2)), Window((1, 1), (1, 1), (1, 1), (1, 1))):
        build = Builder(DType.INT8)
        batches = build._same(SpaceToBatch((2, 2)), build.input(1, 8, 8, 3))
        whole = build._same(BatchToSpace((2, 2)), build.conv(batches, 4, (2, 2), window))
        assert len(fold_dilations(build.graph(whole)).nodes) == 3
        assert len(fold_dilations(build.graph(whole, batches)).nodes) == 3


GRID = Quantization.per_tensor(0.5, 3)


def streaming(*nodes: tuple[Op, tuple[str, ...], str], outputs: tuple[str, ...]) -> Graph:
    """A graph of tensors of four elements: x is the input, s a state, all others are made."""
    names = dict.fromkeys(("x", "s", *(made for _, _, made in nodes)))
    tensors = [
        Tensor(name, (1, 4), DType.INT8, Kind.STATE if name == "s" else Kind.ACTIVATION, GRID)
        for name in names
    ]
    made = [Node(f"n{i}", op, inputs, output) for i, (op, inputs, output) in enumerate(nodes)]
    return verify(Graph.build("streaming", tensors, made, ["x"], outputs))


READ, WRITE = (Copy(), ("s",), "old"), (Copy(), ("new",), "s")
SUM = (Add(), ("old", "x"), "new")


def copies(graph: Graph) -> int:
    settled = settle_state(graph)
    same(graph, settled)
    return sum(isinstance(node.op, Copy) for node in settled.nodes)


def test_what_reads_the_state_itself_is_copied_to_it() -> None:
    late = (Add(), ("new", "x"), "out")
    assert copies(streaming(READ, SUM, WRITE, late, outputs=("out",))) == 1


def test_old_values_that_are_used_before_the_write_need_no_copy() -> None:
    first, new = (Add(), ("old", "x"), "out"), (Add(), ("x", "x"), "new")
    assert copies(streaming(READ, first, new, WRITE, outputs=("out",))) == 0


def test_old_values_that_are_used_after_the_write_are_copied() -> None:
    new, late = (Add(), ("x", "x"), "new"), (Add(), ("old", "x"), "out")
    assert copies(streaming(READ, new, WRITE, late, outputs=("out",))) == 1


def test_outputs_are_copied() -> None:
    new = (Add(), ("x", "x"), "new")
    assert copies(streaming(READ, new, WRITE, outputs=("old", "new"))) == 2


def test_views_of_old_values_count_as_such() -> None:
    view, new = (Reshape((1, 4)), ("old",), "view"), (Add(), ("x", "x"), "new")
    late = (Add(), ("view", "x"), "out")
    assert copies(streaming(READ, view, new, WRITE, late, outputs=("out",))) == 1


def test_a_state_written_twice_keeps_both() -> None:
    new, again = (Add(), ("x", "x"), "new"), (Add(), ("new", "x"), "newer")
    twice = (Copy(), ("newer",), "s")
    late = (Add(), ("new", "newer"), "out")
    assert copies(streaming(new, WRITE, again, twice, late, outputs=("out",))) == 1


def test_the_input_itself_is_copied() -> None:
    late = (Add(), ("old", "x"), "out")
    keep = (Copy(), ("x",), "s")
    assert copies(streaming(READ, late, keep, outputs=("out",))) == 1
