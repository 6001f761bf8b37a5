"""Conversion by what operations say of themselves, shown on operations made up for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from builder import Builder

from edge_runtime.evaluate import predict
from edge_runtime.graph import Array, DType, Graph, Op, Scaling, Shape, Tensor
from edge_runtime.ops import Dequantize, Quantize
from edge_runtime.quant import Forms, Precision, Range, float_nodes, quantize, quantize_graph

FLOAT = DType.FLOAT32


@dataclass(frozen=True)
class Join(Op):
    """Tensors side by side, which all have one scale."""

    NAME = "JOIN"
    INPUTS = (2, 3)
    SCALING = Scaling.SHARED

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return (*inputs[0].shape[:-1], sum(tensor.shape[-1] for tensor in inputs))

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        grids = {(tensor.dtype, tensor.quantization) for tensor in (*inputs, output)}
        return [] if len(grids) == 1 else ["operands differ in type or scale"]

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.concatenate(values, -1)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return all(tensor.data is None for tensor in inputs)


@dataclass(frozen=True)
class Cube(Op):
    """Third powers, which have no integer form."""

    NAME = "CUBE"
    INPUTS = (1, 1)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        return [] if inputs[0].dtype.is_float and output.dtype.is_float else ["it is float only"]

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return values[0] ** 3

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


def samples(graph: Graph, count: int = 60) -> dict[str, Array]:
    random = np.random.default_rng(3)
    return {
        name: random.normal(0, 1, (count, *graph.tensors[name].shape)).astype(np.float32)
        for name in graph.inputs
    }


def decibels(graph: Graph, made: Graph) -> float:
    name, given = graph.outputs[0], samples(graph)
    exact, held = predict(graph, given)[name], predict(made, given)[name]
    return float(10 * np.log10(np.square(exact).sum() / np.square(exact - held).sum()))


def join(builder: Builder, *names: str) -> str:
    return builder.node(Join(), list(names), None, FLOAT)


def cube(builder: Builder, name: str) -> str:
    return builder.node(Cube(), [name], None, FLOAT)


def test_operands_that_nothing_else_reads_are_made_in_the_common_scale() -> None:
    builder = Builder(FLOAT)
    image = builder.input(1, 6, 6, 3)
    first, second = builder.conv(image, 4), builder.max_pool(builder.conv(image, 4), (1, 1))
    inner = join(builder, first, second)
    graph = builder.graph(builder.conv(join(builder, inner, builder.conv(image, 2)), 3))
    made = quantize(graph, samples(graph)).graph
    assert not [node for node in made.nodes if isinstance(node.op, Quantize)]
    joined = [node for node in made.nodes if isinstance(node.op, Join)]
    grids = {made.tensors[name].quant for node in joined for name in (*node.inputs, node.output)}
    assert len(grids) == 1
    assert decibels(graph, made) > 30


def test_an_operand_that_others_read_keeps_its_own_scale_and_is_requantized() -> None:
    builder = Builder(FLOAT)
    image = builder.input(1, 6, 6, 3)
    narrow = builder.conv(image, 4)
    joined = join(builder, narrow, builder.conv(image, 4))
    graph = builder.graph(builder.conv(joined, 3), builder.conv(narrow, 2))
    ranges = {
        "in0": Range(-3, 3),
        narrow: Range(-1, 1),
        joined: Range(-20, 20),
        **dict.fromkeys(graph.outputs, Range(-9, 9)),
    }
    made = quantize_graph(graph, ranges)
    (change,) = [node for node in made.nodes if isinstance(node.op, Quantize)]
    assert change.inputs == (narrow,)
    assert made.tensors[narrow].quant == Range(-1, 1).quantization
    assert made.node_output(change).quant == made.tensors[joined].quant


def test_a_constant_operand_takes_the_common_scale() -> None:
    builder = Builder(FLOAT)
    image = builder.input(1, 4, 4, 3)
    joined = join(builder, builder.conv(image, 2), builder.constant(1, 4, 4, 1))
    graph = builder.graph(joined)
    made = quantize(graph, samples(graph)).graph
    (node,) = [node for node in made.nodes if isinstance(node.op, Join)]
    assert made.node_inputs(node)[1].quant == made.tensors[joined].quant
    assert decibels(graph, made) > 30


def test_what_has_no_integer_form_stays_float_between_conversions_and_is_named() -> None:
    builder = Builder(FLOAT)
    first = builder.conv(builder.input(1, 5, 5, 2), 3)
    second = cube(builder, cube(builder, first))
    graph = builder.graph(builder.dense(builder.reshape(second, 1, 75), 4))
    quantized = quantize(graph, samples(graph))
    made = quantized.graph
    cubes = [node.name for node in made.nodes if isinstance(node.op, Cube)]
    assert list(float_nodes(made)) == cubes
    assert [each.node for each in quantized.report.floats] == cubes
    assert {each.reason for each in quantized.report.floats} == {"it is float only"}
    kinds = [type(node.op) for node in made.nodes]
    assert kinds.count(Dequantize) == kinds.count(Quantize) == 1
    assert decibels(graph, made) > 15


def test_a_float_node_at_either_end_leaves_the_interface_int8() -> None:
    builder = Builder(FLOAT)
    middle = builder.conv(cube(builder, builder.input(1, 5, 5, 2)), 3)
    graph = builder.graph(cube(builder, middle))
    made = quantize(graph, samples(graph)).graph
    for name in (*made.inputs, *made.outputs):
        assert made.tensors[name].dtype is DType.INT8
    assert (made.inputs, made.outputs) == (graph.inputs, graph.outputs)
    assert decibels(graph, made) > 15


def test_a_wanted_precision_is_given_where_there_is_one() -> None:
    builder = Builder(FLOAT)
    image = builder.input(1, 5, 5, 2)
    graph = builder.graph(builder.max_pool(builder.conv(image, 3)))
    first, second = graph.nodes
    forms = Forms.of(graph, {first.name: Precision.W4, second.name: Precision.W4})
    assert forms.precisions == {first.name: Precision.W4, second.name: Precision.W8}


def test_int16_is_symmetric_and_holds_all_that_was_seen() -> None:
    quantization = Range(-1.0, 2.0, seen=(-4.0, 3.0)).stored_as(DType.INT16)
    assert quantization.zero_point == 0
    assert quantization.scale == np.float32(4 / 32767)
