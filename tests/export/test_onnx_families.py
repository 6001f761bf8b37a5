"""Operations that move, compare, compute single elements or carry a state, written as ONNX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builder import Builder
from test_export_onnx import assert_close

from edge_runtime import ops
from edge_runtime.errors import ModelError
from edge_runtime.export.onnx import to_onnx, write_onnx
from edge_runtime.graph import DType, Graph, Op, Quantization, Tensor
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.quant import quantize

FLOAT, BOOL = DType.FLOAT32, DType.BOOL
Make = Callable[[Builder], str]


def on_image(op: Op, *, dtype: DType = FLOAT, positive: bool = False) -> Make:
    """`op` on what a convolution makes."""

    def make(b: Builder) -> str:
        image = b.conv(b.input(1, 4, 6, 3), 8)
        if positive:
            image = b.node(ops.Clamp(0.25, 4.0), [image], None, FLOAT)
        return b.node(op, [image], None, dtype)

    return make


def with_row(op: Op, *, dtype: DType = FLOAT) -> Make:
    """`op` on an image and a value for each channel."""

    def make(b: Builder) -> str:
        image = b.conv(b.input(1, 4, 6, 3), 8)
        row = Tensor.constant("row", np.linspace(0.5, 2, 8).astype(np.float32))
        b.tensors["row"] = row
        return b.node(op, [image, "row"], None, dtype)

    return make


def _select(b: Builder) -> str:
    image, other = b.conv(x := b.input(1, 4, 6, 3), 3), x
    larger = b.node(ops.Greater(), [image, other], None, BOOL)
    return b.node(ops.Select(), [larger, image, other], None, FLOAT)


def _any(b: Builder) -> str:
    image = b.conv(x := b.input(1, 4, 6, 3), 3)
    both = b.node(ops.Greater(), [image, x], None, BOOL)
    other = b.node(ops.LogicalNot(), [b.node(ops.Less(), [image, x], None, BOOL)], None, BOOL)
    either = b.node(ops.LogicalOr(), [both, other], None, BOOL)
    most = b.node(ops.ReduceAny((3,), keep_dims=True), [either], None, BOOL)
    least = b.node(ops.ReduceAll((3,), keep_dims=True), [either], None, BOOL)
    return b.node(ops.Cast(), [b.node(ops.NotEqual(), [most, least], None, BOOL)], None, FLOAT)


def _joined(b: Builder) -> str:
    image = b.conv(b.input(1, 4, 6, 3), 5)
    pooled = b.max_pool(image, (1, 1))
    return b.node(ops.Concat(3), [image, pooled], None, FLOAT)


def _picked(b: Builder) -> str:
    indices = Tensor.constant("indices", np.array([[3, 0], [2, -1]], np.int16))
    b.tensors["indices"] = indices
    image = b.conv(b.input(1, 4, 6, 3), 5)
    return b.node(ops.Gather(1), [image, "indices"], None, FLOAT)


def recurrent(op: ops.Recurrent) -> Make:
    def make(b: Builder) -> str:
        directions, rows = len(op.direction.backward), op.GATES * 3
        batch, steps = 2, 4
        image = b.input(*((batch, steps, 5) if op.batch_first else (steps, batch, 5)))
        state = (batch, directions, 3) if op.batch_first else (directions, batch, 3)
        shapes = [(directions, rows, 5), (directions, rows, 3), (directions, 2 * rows)]
        names = [b.constant(*shape) for shape in [*shapes, *[state] * op.STATES]]
        made = b.node(op, [image, *names], None, FLOAT)
        also = tuple(f"{made}/{index}" for index in range(op.STATES))
        inputs = [b.tensors[name] for name in (image, *names)]
        for name, shape in zip(also, op.output_shapes(inputs)[1:], strict=True):
            b.tensors[name] = Tensor(name, shape, FLOAT)
        node = b.nodes.pop()
        b.nodes.append(type(node)(node.name, op, node.inputs, node.output, also))
        return made

    return make


BACK = ops.Direction.REVERSE
BOTH = ops.Direction.BIDIRECTIONAL

SHARED: dict[str, Make] = {
    "abs": on_image(ops.Abs()),
    "celu": on_image(ops.Celu(0.7)),
    "clamp": on_image(ops.Clamp(-0.5, 1.5)),
    "elu": on_image(ops.Elu()),
    "exp": on_image(ops.Exp()),
    "gelu": on_image(ops.Gelu()),
    "gelu-tanh": on_image(ops.Gelu(approximate=True)),
    "hard-sigmoid": on_image(ops.HardSigmoid(0.3, 0.4)),
    "hard-swish": on_image(ops.HardSwish()),
    "leaky": on_image(ops.LeakyRelu(0.2)),
    "log": on_image(ops.Log(), positive=True),
    "logistic": on_image(ops.Logistic()),
    "mish": on_image(ops.Mish()),
    "neg": on_image(ops.Neg()),
    "reciprocal": on_image(ops.Reciprocal(), positive=True),
    "relu": on_image(ops.Clamp()),
    "rsqrt": on_image(ops.Rsqrt(), positive=True),
    "selu": on_image(ops.Selu()),
    "silu": on_image(ops.Silu()),
    "softplus": on_image(ops.Softplus()),
    "sqrt": on_image(ops.Sqrt(), positive=True),
    "square": on_image(ops.Square()),
    "tanh": on_image(ops.Tanh()),
    "div": with_row(ops.Div()),
    "maximum": with_row(ops.Maximum()),
    "minimum": with_row(ops.Minimum()),
    "mul": with_row(ops.Mul()),
    "prelu": with_row(ops.Prelu()),
    "squared-difference": with_row(ops.SquaredDifference()),
    "sub": with_row(ops.Sub()),
    "concat": _joined,
    "depth-to-space": on_image(ops.DepthToSpace(2)),
    "space-to-depth": on_image(ops.SpaceToDepth(2)),
    "batches": on_image(ops.SpaceToBatch((2, 3))),
    "gather": _picked,
    "mirror": on_image(ops.MirrorPad((0, 2, 1, 0), (0, 1, 3, 0))),
    "mirror-symmetric": on_image(ops.MirrorPad((0, 2, 1, 0), (0, 1, 3, 0), symmetric=True)),
    "nearest": on_image(ops.ResizeNearest((7, 9))),
    "nearest-corners": on_image(ops.ResizeNearest((7, 9), align_corners=True)),
    "nearest-half": on_image(ops.ResizeNearest((8, 12), half_pixel=True)),
    "bilinear": on_image(ops.ResizeBilinear((8, 9))),
    "bilinear-corners": on_image(ops.ResizeBilinear((7, 11), align_corners=True)),
    "bilinear-half": on_image(ops.ResizeBilinear((8, 12), half_pixel=True)),
    "reverse": on_image(ops.Reverse((1, 3))),
    "slice": on_image(ops.Slice((0, 3, 1, 6), (1, 4, 2, 3), (1, -1, 3, -3))),
    "tile": on_image(ops.Tile((1, 2, 1, 3))),
    "arg-max": on_image(ops.ArgMax(3), dtype=DType.INT32),
    "arg-min-last": on_image(ops.ArgMin(1, keep_dims=True, last=True), dtype=DType.INT64),
    "l2": on_image(ops.L2Normalization()),
}
"""In float32 and, by quantization, in int8."""

OF_TWO_PARTS = {"squared-difference"}
"""Read back as two operations, which round once more."""

FLOATS: dict[str, Make] = {
    "cumulate": on_image(ops.CumSum(1, exclusive=True, reverse=True)),
    "floor": on_image(ops.Floor()),
    "floor-mod": with_row(ops.FloorMod()),
    "floor-div": with_row(ops.FloorDiv()),
    "pow": with_row(ops.Pow()),
    "round": on_image(ops.Round()),
    "sign": on_image(ops.Sign()),
    "select": _select,
    "any": _any,
    "lstm": recurrent(ops.Lstm(BOTH)),
    "lstm-batches": recurrent(ops.Lstm(batch_first=True)),
    "gru-last": recurrent(ops.Gru(BACK, sequence=False, linear_before_reset=True)),
    "gru-batches": recurrent(ops.Gru(BOTH, batch_first=True)),
    "rnn": recurrent(ops.Rnn(BOTH, relu=True)),
}


def float_graph(make: Make) -> tuple[Builder, Graph]:
    builder = Builder(FLOAT)
    made = make(builder)
    return builder, builder.graph(made, *builder.nodes[-1].also)


@pytest.mark.parametrize("name", [*SHARED, *FLOATS])
def test_floats_agree_with_onnx_runtime(name: str, tmp_path: Path) -> None:
    builder, graph = float_graph((SHARED | FLOATS)[name])
    cases = [[builder.values(i) for i in graph.inputs] for _ in range(3)]
    assert_close(graph, cases, exact=True)
    again = reread(graph, tmp_path)
    for case in cases:
        expected = list(Interpreter(graph).run(dict(zip(graph.inputs, case, strict=True))).values())
        made = Interpreter(again).run(dict(zip(again.inputs, case, strict=True)))
        for one, other in zip(made.values(), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SHARED)
def test_integers_agree_to_a_step_and_come_back_the_same(name: str, tmp_path: Path) -> None:
    _, graph = float_graph(SHARED[name])
    random = np.random.default_rng(2)
    shape = graph.tensors["in0"].shape
    samples = random.normal(0, 1, (24, *shape)).astype(np.float32)
    whole = quantize(graph, {"in0": samples}).graph
    cases = [[random.integers(-128, 128, shape).astype(np.int8)] for _ in range(3)]
    assert_close(whole, cases, exact=True)
    again = reread(whole, tmp_path)
    for case in cases:
        expected = Interpreter(whole).run({"in0": case[0]})[whole.outputs[0]]
        made = Interpreter(again).run({again.inputs[0]: case[0]})[again.outputs[0]]
        steps = np.abs(made.astype(int) - expected.astype(int))
        assert steps.max() <= (name in OF_TWO_PARTS)


def reread(graph: Graph, folder: Path) -> Graph:
    write_onnx(graph, folder / "model.onnx")
    return load_model(folder / "model.onnx")


def test_int8_running_sums_start_as_those_of_the_kernel() -> None:
    builder = Builder(DType.INT8)
    image = builder.input(1, 5, 4)
    grid = Quantization.per_tensor(0.1, 5)
    graph = builder.graph(builder.node(ops.CumSum(1), [image], grid, DType.INT8))
    assert_close(graph, [[builder.values(image)] for _ in range(3)], exact=True)


def test_int16_is_refused_node_by_node() -> None:
    builder = Builder(DType.INT16)
    image = builder.input(1, 5, 4)
    graph = builder.graph(
        builder.node(ops.Abs(), [image], builder.tensors[image].quant, DType.INT16)
    )
    with pytest.raises(ModelError) as caught:
        to_onnx(graph)
    (problem,) = caught.value.problems
    assert "int16" in problem.reason
