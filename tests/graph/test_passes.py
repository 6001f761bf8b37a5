"""Passes keep the meaning of a graph and leave fewer nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from builder import Builder

from edge_runtime import passes
from edge_runtime.graph import (
    Activation,
    DType,
    Graph,
    Node,
    Op,
    Quantization,
    Tensor,
    Window,
)
from edge_runtime.graph.verify import verify
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import (
    Add,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    MaxPool2D,
    Pad,
    Quantize,
    Reshape,
    Transpose,
)

FLOAT = DType.FLOAT32
PADDED = ((0, 1, 2, 0), (0, 0, 1, 0))


def names(graph: Graph) -> list[str]:
    return [node.op.NAME for node in graph.nodes]


def same(before: Graph, after: Graph, tolerance: float = 1e-5) -> None:
    """Both give the same outputs, under the same names, for random inputs."""
    assert (before.inputs, before.outputs) == (after.inputs, after.outputs)
    random = np.random.default_rng(3)
    for _ in range(3):
        given = {}
        for name in before.inputs:
            tensor = before.tensors[name]
            values = random.normal(0, 40, tensor.shape)
            given[name] = np.clip(values, -128, 127).astype(tensor.dtype.numpy)
        expected, found = Interpreter(before).run(given), Interpreter(after).run(given)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=tolerance, atol=tolerance * 40)


class Floats(Builder):
    """A builder of float graphs that also takes any operation."""

    def __init__(self) -> None:
        super().__init__(FLOAT)

    def apply(self, op: Op, *inputs: str) -> str:
        kept = self.tensors[inputs[0]]
        return self.node(op, list(inputs), kept.quantization, kept.dtype)

    def clamp(self, source: str, activation: Activation) -> str:
        return self.apply(passes.clamp(activation), source)

    def fake(self, source: str, scale: float, zero: int) -> str:
        """Quantize and dequantize."""
        grid = Quantization.per_tensor(scale, zero)
        stored = self.node(Quantize(), [source], grid, DType.INT8)
        return self.node(Dequantize(), [stored], None, FLOAT)

    def scale(self, source: str) -> str:
        """A factor and a summand for each channel."""
        return self.depthwise(source, kernel=(1, 1), window=Window())


@pytest.mark.parametrize(
    ("first", "second", "fused"),
    [
        (Activation.NONE, Activation.RELU, Activation.RELU),
        (Activation.RELU, Activation.RELU6, Activation.RELU6),
        (Activation.RELU6, Activation.RELU, Activation.RELU6),
    ],
)
def test_clamps_are_fused(first: Activation, second: Activation, fused: Activation) -> None:
    build = Floats()
    value = build.conv(build.input(1, 4, 4, 2), 3, activation=first)
    value = build.apply(Reshape((1, 16, 1, 3)), value)
    graph = build.graph(build.clamp(value, second))
    after = passes.fuse_clamps(graph)
    assert names(after) == ["CONV_2D", "RESHAPE"]
    assert isinstance(after.nodes[0].op, Conv2D) and after.nodes[0].op.activation is fused
    same(graph, after)


def test_clamps_stay_where_the_unclamped_value_is_read() -> None:
    build = Floats()
    value = build.conv(build.input(1, 4, 4, 2), 2)
    clamped = build.clamp(value, Activation.RELU)
    for outputs in ([clamped, value], [build.apply(Add(), clamped, value)]):
        graph = build.graph(*outputs)
        assert names(passes.fuse_clamps(graph))[:2] == ["CONV_2D", "CLAMP"]


@pytest.mark.parametrize("kind", ["conv", "depthwise", "dense"])
def test_factors_and_summands_are_folded(kind: str) -> None:
    build = Floats()
    value = build.input(1, 4, 4, 3)
    if kind == "dense":
        value = build.reshape(build.dense(value, 5, bias=False), 1, 1, 1, 5)
    elif kind == "conv":
        value = build.conv(value, 5, bias=False)
    else:
        value = build.depthwise(value, 2)
    channels = build.tensors[value].shape[-1]
    value = build.clamp(build.scale(value), Activation.RELU)
    graph = build.graph(build.apply(Add(Activation.RELU6), value, build.constant(channels)))
    after = passes.fold_affine(passes.fuse_clamps(graph))
    # The clamp between factor and summand keeps the latter apart.
    assert [name for name in names(after) if name != "RESHAPE"][1:] == ["ADD"]
    same(graph, after)


def test_summands_of_other_shapes_stay() -> None:
    build = Floats()
    value = build.conv(build.input(1, 4, 4, 3), 4)
    for shape in [(4, 4), (4, 1), (1, 4, 4, 4), (2, 1, 1, 4), (1, 1, 1, 1, 4)]:
        graph = passes.drop_unused(build.graph(build.apply(Add(), value, build.constant(*shape))))
        assert names(passes.fold_affine(graph)) == ["CONV_2D", "ADD"]
    for shape in [(4,), (1, 1, 1, 4), ()]:
        graph = passes.drop_unused(build.graph(build.apply(Add(), value, build.constant(*shape))))
        after = passes.fold_affine(graph)
        assert names(after) == ["CONV_2D"]
        same(graph, after)


def test_transposes_are_absorbed_by_each_reader() -> None:
    build = Floats()
    value = build.max_pool(build.input(1, 4, 6, 3))
    value = build.apply(Transpose((0, 3, 1, 2)), value)
    value = build.apply(Reshape((1, 18)), value)
    graph = build.graph(build.dense(value, 4), build.dense(value, 2))
    after = passes.merge_reshapes(passes.absorb_transposes(graph))
    assert "TRANSPOSE" not in names(after)
    same(graph, after)


def test_transposes_that_mix_rows_stay() -> None:
    build = Floats()
    value = build.apply(Transpose((1, 0)), build.input(2, 6))
    graph = build.graph(build.dense(build.apply(Reshape((2, 6)), value), 3))
    assert "TRANSPOSE" in names(passes.absorb_transposes(graph))


def test_reshapes_are_merged_and_outputs_keep_their_names() -> None:
    build = Floats()
    source = build.input(1, 4, 6)
    value = build.reshape(build.reshape(source, 4, 6), 24)
    other = build.reshape(build.apply(MaxPool2D(), build.reshape(value, 1, 2, 3, 4)), 1, 2, 3, 4)
    graph = build.graph(value, other)
    after = passes.merge_reshapes(graph)
    assert names(after) == ["RESHAPE", "RESHAPE", "MAX_POOL_2D"]
    same(graph, after)


def test_an_input_that_is_an_output_keeps_its_copy() -> None:
    build = Floats()
    graph = build.graph(build.reshape(build.input(1, 4), 1, 4))
    after = passes.merge_reshapes(graph)
    assert names(after) == ["RESHAPE"]
    same(graph, after)


def test_unused_nodes_and_tensors_go_and_inputs_stay() -> None:
    build = Floats()
    first, second = build.input(1, 4, 4, 2), build.input(1, 3)
    build.conv(first, 4)
    after = passes.drop_unused(build.graph(build.dense(second, 2)))
    assert names(after) == ["FULLY_CONNECTED"]
    assert after.inputs == (first, second)
    assert len(after.tensors) == 5


def _padded(value: float, reader: Callable[[Builder, str], str], dtype: DType = FLOAT) -> Graph:
    build = Builder(dtype)
    source = build.input(1, 5, 5, 3)
    quantization = build.tensors[source].quantization
    fill = quantization.zero_point if quantization and value == 0 else value
    padded = build.node(Pad(*PADDED, fill), [source], quantization, dtype)
    return build.graph(reader(build, padded))


@pytest.mark.parametrize("dtype", [FLOAT, DType.INT8])
def test_pads_are_folded_into_convolutions_and_pools(dtype: DType) -> None:
    narrow = Window((2, 2))
    least = -np.inf if dtype.is_float else -128
    for graph in (
        _padded(0, lambda build, name: build.conv(name, 4, window=narrow), dtype),
        _padded(0, lambda build, name: build.depthwise(name, window=narrow), dtype),
        _padded(least, lambda build, name: build.max_pool(name, (3, 3), narrow), dtype),
    ):
        after = passes.fold_pads(graph)
        assert len(after.nodes) == 1
        same(graph, after)


def test_pads_that_mean_something_else_stay() -> None:
    for graph in (
        _padded(1.0, lambda build, name: build.conv(name, 4)),
        _padded(0.0, lambda build, name: build.max_pool(name, (3, 3), Window())),
        _padded(0.0, lambda build, name: build.average_pool(name, (3, 3), Window())),
    ):
        after = passes.fold_pads(graph)
        assert names(after)[0] == "PAD"
        same(graph, after)


def test_float_operations_between_quantizations_become_integer() -> None:
    build = Floats()
    source = build.fake(build.input(1, 6, 6, 3), 0.5, 3)
    weights = Quantization((0.01, 0.02), (0, 0), 0)
    stored = build.random.integers(-127, 128, (2, 3, 3, 3)).astype(np.int8)
    build.tensors["w"] = Tensor.constant("w", weights.dequantize(stored), weights)
    build.tensors["b"] = Tensor.constant("b", np.array([0.5, -7.0], np.float32))
    value = build.node(Conv2D(Activation.RELU), [source, "w", "b"], None, FLOAT)
    value = build.fake(value, 1.5, -100)
    other = build.fake(build.max_pool(value, (2, 2), Window()), 1.5, -100)
    other = build.fake(build.apply(Transpose((0, 2, 1, 3)), other), 1.4, -90)
    graph = build.graph(other)
    after = passes.simplify(graph)
    assert names(after) == [
        "QUANTIZE", "CONV_2D", "MAX_POOL_2D", "TRANSPOSE", "QUANTIZE", "DEQUANTIZE",
    ]  # fmt: skip
    np.testing.assert_array_equal(after.tensors[after.nodes[1].inputs[1]].values, stored)
    step = 1.4 * 1.01
    random = np.random.default_rng(0)
    for _ in range(3):
        given = {graph.inputs[0]: random.normal(0, 20, (1, 6, 6, 3)).astype(np.float32)}
        expected, found = (Interpreter(g).run(given)[graph.outputs[0]] for g in (graph, after))
        assert np.abs(expected - found).max() <= step
        assert expected.std() > step


def test_what_is_read_as_float_stays_float() -> None:
    build = Floats()
    value = build.dense(build.fake(build.input(1, 4), 0.1, 0), 3)
    graph = build.graph(build.fake(value, 0.1, 0), value)
    assert names(passes.fuse_quantization(graph))[:3] == names(graph)[:3]


def test_every_pass_returns_a_verified_graph() -> None:
    build = Floats()
    value = build.scale(build.conv(build.input(1, 4, 4, 2), 3))
    graph = build.graph(build.clamp(value, Activation.RELU))
    after = passes.simplify(graph)
    assert verify(after) is after
    assert names(after) == ["CONV_2D"]
    assert isinstance(graph.nodes[1].op, DepthwiseConv2D), "a pass changed the graph it was given"
    same(graph, after)


def test_nodes_keep_their_names() -> None:
    build = Floats()
    graph = build.graph(build.clamp(build.conv(build.input(1, 4, 4, 2), 3), Activation.RELU))
    after = passes.simplify(graph)
    kept: Node = after.nodes[0]
    assert kept.name == graph.nodes[0].name
    assert kept.output == graph.outputs[0]
