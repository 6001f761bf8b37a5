"""`make coverage`: every TFLite operator that is read, in every type, held against the runtimes.

A model of one operation is made for each operator, in float32 and in each form that it has;
written as .tflite, read back, and run here, in TensorFlow Lite Micro, and where that has no such
kernel in LiteRT's reference kernels. Writes docs/tflite-coverage.md.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from builder import Builder, unsigned
from litert import Litert
from tflm import Tflm

from edge_runtime import ops
from edge_runtime.errors import ModelError
from edge_runtime.export.tflite import to_tflite
from edge_runtime.files import write_file
from edge_runtime.graph import Array, DType, Graph, Node, Op, Quantization, Tensor, Window
from edge_runtime.importers.tflite.convert import OPERATORS, read_tflite
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import Linear
from edge_runtime.quant import Forms, Observer, Precision, calibrate, quantize_graph

PAGE = Path(__file__).parent.parent / "docs" / "tflite-coverage.md"
FLOAT, BOOL = DType.FLOAT32, DType.BOOL
Make = Callable[[Builder], str]
IMAGE = (1, 6, 5, 3)
CASES = 4
FLOAT_STEP, HYBRID_STEP = 1e-5, 0.03
"""Differences to a runtime that are rounding: of sums, and of inputs that it rounds to int8."""


def _on(op: Op, *shape: int, dtype: DType = FLOAT) -> Make:
    return lambda b: b.node(op, [b.input(*(shape or IMAGE))], None, dtype)


def _positive(op: Op) -> Make:
    """`op` on numbers from 0.25 on."""

    def make(b: Builder) -> str:
        return b.node(
            op, [b.node(ops.Clamp(0.25, 4.0), [b.input(*IMAGE)], None, FLOAT)], None, FLOAT
        )

    return make


def _pair(op: Op) -> Make:
    return lambda b: b.node(op, [b.input(*IMAGE), b.input(*IMAGE)], None, FLOAT)


def _compare(op: Op) -> Make:
    """`op` on numbers of one scale: LiteRT compares what int16 stores, whatever it stands for."""

    def make(b: Builder) -> str:
        x = b.input(*IMAGE)
        return b.node(op, [x, b.node(ops.Reverse((1,)), [x], None, FLOAT)], None, BOOL)

    return make


def _by_channel(op: Op) -> Make:
    def make(b: Builder) -> str:
        b.tensors["row"] = Tensor.constant("row", np.linspace(0.5, 2, IMAGE[-1]).astype(np.float32))
        return b.node(op, [b.input(*IMAGE), "row"], None, FLOAT)

    return make


def _logical(op: Op) -> Make:
    """`op` on what comparisons make, turned into numbers."""

    def make(b: Builder) -> str:
        x = b.input(*IMAGE)
        y = b.node(ops.Reverse((1,)), [x], None, FLOAT)
        operands = [b.node(kind(), [x, y], None, BOOL) for kind in (ops.Greater, ops.NotEqual)]
        made = b.node(op, operands[: op.INPUTS[1]], None, BOOL)
        return b.node(ops.Cast(), [made], None, FLOAT)

    return make


def _select(b: Builder) -> str:
    x = b.input(*IMAGE)
    y = b.node(ops.Reverse((1,)), [x], None, FLOAT)
    return b.node(ops.Select(), [b.node(ops.Greater(), [x, y], None, BOOL), x, y], None, FLOAT)


def _gather(b: Builder) -> str:
    b.tensors["indices"] = Tensor.constant("indices", np.array([3, 0, 2], np.int32))
    return b.node(ops.Gather(1), [b.input(*IMAGE), "indices"], None, FLOAT)


def _transposed(b: Builder) -> str:
    op = ops.TransposeConv2D(window=Window((2, 2)), size=(13, 11))
    return b.linear(op, b.input(*IMAGE), (4, 3, 3, 3), each=b.dtype.is_float)


SAME = Window.same((6, 5), (2, 2), (2, 2))
SAMPLES: dict[str, Make] = {
    "ABS": _on(ops.Abs()),
    "ADD": _pair(ops.Add()),
    "ARG_MAX": _on(ops.ArgMax(3, False), dtype=DType.INT32),
    "ARG_MIN": _on(ops.ArgMin(3, False), dtype=DType.INT32),
    "AVERAGE_POOL_2D": _on(ops.AveragePool2D((2, 2), SAME)),
    "BATCH_MATMUL": lambda b: b.node(
        ops.BatchMatMul(), [b.input(1, 2, 4, 5), b.input(1, 2, 5, 3)], None, FLOAT
    ),
    "BROADCAST_TO": _on(ops.BroadcastTo((2, 6, 5, 3))),
    "CEIL": _on(ops.Ceil()),
    "CONCATENATION": _pair(ops.Concat(3)),
    "CONV_2D": lambda b: b.conv(b.input(*IMAGE), 4, each=b.dtype.is_float),
    "COS": _on(ops.Cos()),
    "CUMSUM": _on(ops.CumSum(1)),
    "DEPTHWISE_CONV_2D": lambda b: b.depthwise(b.input(*IMAGE), 2, each=b.dtype.is_float),
    "DEPTH_TO_SPACE": _on(ops.DepthToSpace(2), 1, 3, 2, 8),
    "DIV": _by_channel(ops.Div()),
    "ELU": _on(ops.Elu()),
    "EQUAL": _compare(ops.Equal()),
    "EXP": _on(ops.Exp()),
    "FLOOR": _on(ops.Floor()),
    "FLOOR_DIV": _by_channel(ops.FloorDiv()),
    "FLOOR_MOD": _by_channel(ops.FloorMod()),
    "FULLY_CONNECTED": lambda b: b.dense(b.input(1, 20), 6),
    "GATHER": _gather,
    "GELU": _on(ops.Gelu()),
    "GREATER": _compare(ops.Greater()),
    "GREATER_EQUAL": _compare(ops.GreaterEqual()),
    "HARD_SWISH": _on(ops.HardSwish()),
    "L2_NORMALIZATION": _on(ops.L2Normalization()),
    "LEAKY_RELU": _on(ops.LeakyRelu(0.2)),
    "LESS": _compare(ops.Less()),
    "LESS_EQUAL": _compare(ops.LessEqual()),
    "LOG": _positive(ops.Log()),
    "LOGICAL_AND": _logical(ops.LogicalAnd()),
    "LOGICAL_NOT": _logical(ops.LogicalNot()),
    "LOGICAL_OR": _logical(ops.LogicalOr()),
    "LOGISTIC": _on(ops.Logistic()),
    "LOG_SOFTMAX": _on(ops.LogSoftmax(), 2, 9),
    "MAXIMUM": _pair(ops.Maximum()),
    "MAX_POOL_2D": _on(ops.MaxPool2D((2, 2), SAME)),
    "MEAN": _on(ops.Mean((1, 2))),
    "MINIMUM": _pair(ops.Minimum()),
    "MIRROR_PAD": _on(ops.MirrorPad((0, 1, 2, 0), (0, 2, 1, 0))),
    "MUL": _pair(ops.Mul()),
    "NEG": _on(ops.Neg()),
    "NOT_EQUAL": _compare(ops.NotEqual()),
    "PADV2": _on(ops.Pad((0, 1, 1, 0), (0, 0, 1, 2), 0.5)),
    "POW": lambda b: b.node(
        ops.Pow(), [b.node(ops.Abs(), [b.input(*IMAGE)], None, FLOAT), b.input(*IMAGE)], None, FLOAT
    ),
    "PRELU": _by_channel(ops.Prelu()),
    "REDUCE_ALL": _logical(ops.ReduceAll((3,), keep_dims=True)),
    "REDUCE_ANY": _logical(ops.ReduceAny((3,), keep_dims=True)),
    "REDUCE_MAX": _on(ops.ReduceMax((1, 2))),
    "REDUCE_MIN": _on(ops.ReduceMin((1, 2))),
    "REDUCE_PROD": _on(ops.ReduceProd((3,))),
    "RELU": _on(ops.Clamp()),
    "RELU6": _on(ops.Clamp(0.0, 6.0)),
    "RELU_0_TO_1": _on(ops.Clamp(0.0, 1.0)),
    "RELU_N1_TO_1": _on(ops.Clamp(-1.0, 1.0)),
    "RESHAPE": _on(ops.Reshape((5, 18))),
    "RESIZE_BILINEAR": _on(ops.ResizeBilinear((9, 7))),
    "RESIZE_NEAREST_NEIGHBOR": _on(ops.ResizeNearest((9, 7))),
    "REVERSE_V2": _on(ops.Reverse((1,))),
    "ROUND": _on(ops.Round()),
    "RSQRT": _positive(ops.Rsqrt()),
    "SELECT_V2": _select,
    "SIGN": _on(ops.Sign()),
    "SIN": _on(ops.Sin()),
    "SOFTMAX": _on(ops.Softmax(), 2, 9),
    "SPACE_TO_DEPTH": _on(ops.SpaceToDepth(2), 1, 4, 6, 3),
    "SQRT": _positive(ops.Sqrt()),
    "SQUARE": _on(ops.Square()),
    "SQUARED_DIFFERENCE": _pair(ops.SquaredDifference()),
    "STRIDED_SLICE": _on(ops.Slice((0, 1, 0, 0), (1, 2, 5, 2), (1, 2, 1, 1))),
    "SUB": _pair(ops.Sub()),
    "SUM": _on(ops.Sum((3,))),
    "TANH": _on(ops.Tanh()),
    "TILE": _on(ops.Tile((1, 2, 1, 3))),
    "TRANSPOSE": _on(ops.Transpose((0, 2, 1, 3))),
    "TRANSPOSE_CONV": _transposed,
}
"""A float graph for each operator; those of layers also give int8 ones with a single scale."""

LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
FORMS = ("float32", "int8", "int16", "uint8", "int4 weights", "int8 weights", "float16 weights")
"""The last two beside float32 activations."""

WHY = {
    (
        "AVERAGE_POOL_2D",
        "uint8",
    ): "LiteRT rounds halves up here, TFLM's int8 kernel away from 0",
    ("FULLY_CONNECTED", "int4 weights"): "LiteRT rounds once, TFLM twice",
    ("GREATER", "int16"): "TFLM takes int16 and writes nothing",
    ("L2_NORMALIZATION", "uint8"): "LiteRT's uint8 kernel rounds otherwise than TFLM's int8 one",
    ("NEG", "int8"): "LiteRT negates what is stored, as if zero points were 0",
    ("RESIZE_BILINEAR", "uint8"): "LiteRT's uint8 kernel rounds otherwise than TFLM's int8 one",
    ("SELECT_V2", "int16"): "its condition is that GREATER",
    ("SQRT", "int8"): "LiteRT cuts fractions off",
}
"""Why some forms are farther off than rounding: what is done here is what the numbers stand for."""


def forms(name: str) -> Iterator[tuple[str, Graph]]:
    """The graph of an operator in each form that it has."""
    graph = _built(SAMPLES[name], FLOAT)
    yield "float32", graph
    narrow = _quantized(graph, Precision.W8)
    if narrow is not None:
        yield "int8", narrow
    if (wide := _quantized(graph, Precision.A16)) is not None:
        yield "int16", wide
    if name in LAYERS:
        yield "uint8", unsigned(_built(SAMPLES[name], DType.INT8))
        if (few := _quantized(graph, Precision.W4)) is not None:
            yield "int4 weights", few
        yield "int8 weights", _with_weights(graph, _int8)
        yield "float16 weights", _behind_dequantize(graph)
    elif narrow is not None:
        yield "uint8", unsigned(narrow)


def _built(make: Make, dtype: DType) -> Graph:
    builder = Builder(dtype)
    return builder.graph(make(builder))


def _quantized(graph: Graph, precision: Precision) -> Graph | None:
    """The graph with all nodes in this precision; None where one has it not."""
    forms = Forms.of(graph, {node.name: precision for node in graph.nodes})
    floats = (n for n in graph.nodes if any(t.dtype.is_float for t in graph.node_inputs(n)))
    if any(forms.precisions.get(node.name) is not precision for node in floats):
        return None
    random = np.random.default_rng(1)
    data = {
        name: random.normal(0, 1, (16, *graph.tensors[name].shape)).astype(np.float32)
        for name in graph.inputs
    }
    ranges = calibrate(graph, data, observer=Observer.MIN_MAX, forms=forms)
    return quantize_graph(graph, ranges, forms=forms)


def _with_weights(graph: Graph, change: Callable[[Tensor, int], Tensor]) -> Graph:
    (node,) = (node for node in graph.nodes if isinstance(node.op, Linear))
    assert isinstance(node.op, Linear)
    weights = graph.node_inputs(node)[1]
    changed = change(weights, node.op.weight_axis)
    return replace(graph, tensors={**graph.tensors, weights.name: changed})


def _int8(weights: Tensor, axis: int) -> Tensor:
    others = tuple(i for i in range(len(weights.shape)) if i != axis)
    scales = np.abs(weights.values).max(others) / 127
    grid = Quantization(tuple(float(np.float32(s)) for s in scales), (0,) * len(scales), axis)
    return Tensor.constant(weights.name, grid.quantize(weights.values, DType.INT8), grid)


def _behind_dequantize(graph: Graph) -> Graph:
    """Half-precision weights as converters write them: read by a DEQUANTIZE."""
    (node,) = graph.nodes
    weights = graph.node_inputs(node)[1]
    half = Tensor.constant("half", weights.values.astype(np.float16))
    made = Tensor(weights.name, weights.shape, FLOAT)
    widen = Node("widen", ops.Dequantize(), ("half",), weights.name)
    return replace(
        graph, tensors={**graph.tensors, "half": half, made.name: made}, nodes=(widen, node)
    )


@dataclass(frozen=True)
class Result:
    """How one form of one operator compares: the oracle, and the largest difference.

    `steps` are of integers; of floats, shares of the largest value.
    """

    oracle: str
    steps: float

    def text(self, form: str) -> str:
        """What the table says."""
        tolerance = HYBRID_STEP if form == "int8 weights" else FLOAT_STEP
        if not self.oracle:
            return "here"
        if self.steps <= (0 if form in ("int8", "int16", "uint8", "int4 weights") else tolerance):
            return self.oracle
        return f"{self.oracle}, {self.steps:.2g} off"


def compared(graph: Graph, oracles: Mapping[str, Tflm]) -> Result:
    """The graph, by way of a file, against the first runtime that takes it."""
    content = to_tflite(graph)
    again = read_tflite(content, "one")
    random = np.random.default_rng(2)
    cases = [[_values(graph.tensors[n], random) for n in graph.inputs] for _ in range(CASES)]
    interpreter = Interpreter(again)
    mine = [
        next(iter(interpreter.run(dict(zip(again.inputs, case, strict=True))).values()))
        for case in cases
    ]
    for name, oracle in oracles.items():
        try:
            made = oracle.run(content, cases)
        except AssertionError:
            continue
        pairs = zip(mine, (outputs[0] for outputs in made), strict=True)
        return Result(name, max(_distance(one, other) for one, other in pairs))
    return Result("", 0.0)


def _values(tensor: Tensor, random: np.random.Generator) -> Array:
    real = random.normal(0, 1, tensor.shape).astype(np.float32)
    if tensor.dtype.is_float:
        return real
    return tensor.quant.quantize(real, tensor.dtype)


def _distance(mine: Array, other: Array) -> float:
    one, two = mine.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    far = float(np.abs(one - two).max())
    return far / max(float(np.abs(two).max()), 1e-9) if mine.dtype == np.float32 else far


def measured() -> dict[str, dict[str, str]]:
    """For each operator and form what the table says."""
    oracles = {"TFLM": Tflm(), "LiteRT": Litert()}
    table: dict[str, dict[str, str]] = {}
    for name in SAMPLES:
        row = table[name] = {}
        for form, graph in forms(name):
            try:
                row[form] = compared(graph, oracles).text(form)
            except ModelError as error:
                row[form] = f"refused: {error.problems[0].reason if error.problems else error}"
    for oracle in oracles.values():
        oracle.close()
    return table


def unexplained(table: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What is refused, or off for no known reason; and reasons for what is not off."""
    off = {(n, f) for n, row in table.items() for f, cell in row.items() if " off" in cell}
    refused = [f"{n} {f}: {c}" for n, r in table.items() for f, c in r.items() if "refused" in c]
    return [*refused, *(f"{name} {form}" for name, form in sorted(off ^ WHY.keys()))]


INTRODUCTION = """\
Of TFLite's {known} operators {read} are read. A model of one operation is made for {samples} of
them, in each type that it has; it is written, read back, and run on {cases} random inputs here and
in the first of two runtimes that takes it: TensorFlow Lite Micro (TFLM), then LiteRT's reference
kernels. A runtime's name means the same bits for integers, 1e-5 of the largest value for floats,
and 3 % beside int8 weights, as LiteRT then rounds inputs to int8. "here" are those that neither
runtime takes; docs/operations.md defines them.
"""


def page(table: Mapping[str, Mapping[str, str]]) -> str:
    """The page in Markdown."""
    cells = [cell for row in table.values() for cell in row.values()]
    counts = Counter("off" if " off" in cell else cell for cell in cells)
    known = {name for name in dir(schema.BuiltinOperator) if name.isupper()} - {
        "CUSTOM",
        "DELEGATE",
    }
    known = {name for name in known if not name.startswith("PLACEHOLDER")}
    others = sorted(set(OPERATORS) - SAMPLES.keys())
    lines = [
        "# TFLite operators",
        "",
        "Made by `make coverage`; run it to make this page again.",
        "",
        INTRODUCTION.format(
            known=len(known), read=len(OPERATORS), samples=len(SAMPLES), cases=CASES
        ),
        "| | forms |",
        "| --- | --- |",
        f"| the same as TFLM | {counts['TFLM']} |",
        f"| the same as LiteRT | {counts['LiteRT']} |",
        f"| defined here | {counts['here']} |",
        f"| farther off | {counts['off']} |",
        "",
        f"| operator | {' | '.join(FORMS)} |",
        f"| --- |{' --- |' * len(FORMS)}",
        *(
            f"| {name} | {' | '.join(row.get(form, '–') for form in FORMS)} |"
            for name, row in sorted(table.items())
        ),
        "",
        "Farther off:",
        "",
        *(f"- {name}, {form}: {why}." for (name, form), why in WHY.items()),
        "",
        "Read as well, into the same operations or what they leave at import, and held by tests of",
        f"their own (`tests/ops`, `tests/importers`): {', '.join(others)}.",
        "",
        f"Not read: {', '.join(sorted(known - set(OPERATORS)))}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=PAGE)
    table = measured()
    if found := unexplained(table):
        raise SystemExit("\n".join(["these forms do not compare as expected:", *found]))
    write_file(parser.parse_args().out, page(table))


if __name__ == "__main__":
    main()
