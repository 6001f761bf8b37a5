"""Hostile cases of what works along axes or windows in several types, and of recurrent layers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from sites import Case, Random, case, windows

from edge_runtime.graph import (
    Activation,
    Array,
    DType,
    Graph,
    Node,
    Op,
    Quantization,
    Shape,
    Tensor,
)
from edge_runtime.graph.verify import verify
from edge_runtime.kernels import Site
from edge_runtime.ops import (
    HIDDEN,
    ArgMax,
    ArgMin,
    AveragePool2D,
    CumSum,
    Direction,
    Gru,
    L2Normalization,
    LogSoftmax,
    Lstm,
    MaxPool2D,
    Mean,
    Recurrent,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    ReduceProd,
    Rnn,
    Softmax,
    Sum,
    Svdf,
)

FLOAT, INT8, INT16 = DType.FLOAT32, DType.INT8, DType.INT16
NUMBERS = (FLOAT, INT8, INT16)


def grid(dtype: DType, scale: float, zero: int = 0) -> Quantization | None:
    """A quantization of int8, or a finer one of int16 without zero point."""
    if dtype is INT8:
        return Quantization.per_tensor(scale, zero)
    return Quantization.per_tensor(scale / 256) if dtype is INT16 else None


def values(random: Random, shape: Shape, dtype: DType) -> Array:
    """Random values, a share of them at the ends of the range."""
    if dtype.is_float:
        return random.normal(0, 1, shape).astype(np.float32)
    if dtype is DType.BOOL:
        return random.random(shape) < 0.5
    low, high = dtype.range
    drawn = random.integers(low, high, shape, endpoint=True)
    return np.where(random.random(shape) < 0.1, random.choice([low, high], shape), drawn).astype(
        dtype.numpy
    )


def one(
    op: Op,
    shape: Shape,
    dtype: DType,
    random: Random,
    scales: tuple[float, float] = (0.05, 0.05),
    zeros: tuple[int, int] = (3, 3),
    made: DType | None = None,
    fixed: Quantization | None = None,
) -> Case:
    """The case of an operation with one input."""
    image = Tensor("in", shape, dtype, quantization=grid(dtype, scales[0], zeros[0]))
    result = fixed or grid(made or dtype, scales[1], zeros[1])
    output = Tensor("", (), made or dtype, quantization=result)
    return case(f"{op} {shape} {dtype.value}", op, [image], [values(random, shape, dtype)], output)


def pools() -> Iterator[Case]:
    random = np.random.default_rng(40)
    for image, kernel, window in windows().values():
        for op in (AveragePool2D, MaxPool2D):
            for dtype, act in itertools.product(NUMBERS, (Activation.NONE, Activation.RELU6)):
                made = op(kernel, window, act)
                shape = (1, *image, 3)
                if not made.problems([Tensor("", shape, FLOAT)], Tensor("", (), FLOAT)):
                    yield one(made, shape, dtype, random)
        for dtype in NUMBERS:
            counted = AveragePool2D(kernel, window, count_include_pad=True)
            yield one(counted, (1, *image, 2), dtype, random, zeros=(-9, -9))


def reductions() -> Iterator[Case]:
    random = np.random.default_rng(41)
    for shape in ((5,), (3, 4), (2, 3, 4), (2, 1, 3, 2, 2, 3)):
        rank = len(shape)
        for count in range(1, rank + 1):
            for number, axes in enumerate(itertools.combinations(range(rank), count)):
                keep = bool(number % 2)
                for dtype in NUMBERS:
                    for op in (Sum(axes, keep), Mean(axes, keep), ReduceProd(axes, keep)):
                        yield one(op, shape, dtype, random, (0.05, 0.07), (-128, 99))
                    yield one(ReduceMax(axes, keep), shape, dtype, random)
                    yield one(ReduceMin(axes, keep), shape, dtype, random)
                yield one(ReduceAny(axes, keep), shape, DType.BOOL, random)
                yield one(ReduceAll(axes, keep), shape, DType.BOOL, random)
    for scale in (1e-9, 0.003, 60.0):
        yield one(Sum((1,)), (3, 40), INT8, random, (0.05, scale), (-5, 7))
        yield one(Mean((0, 1)), (30, 40), INT16, random, (0.05, scale))


def positions() -> Iterator[Case]:
    random = np.random.default_rng(42)
    for axis, dtype in itertools.product(range(3), NUMBERS):
        for op, last in itertools.product((ArgMax, ArgMin), (False, True)):
            for made in (DType.INT32, DType.INT64):
                yield one(op(axis, bool(axis % 2), last), (3, 4, 5), dtype, random, made=made)
    # All alike: the first one or the last.
    for last in (False, True):
        image = Tensor("in", (2, 7), INT8, quantization=grid(INT8, 0.1))
        output = Tensor("", (), DType.INT32)
        yield case("alike", ArgMax(1, last=last), [image], [np.ones((2, 7), np.int8)], output)


def running() -> Iterator[Case]:
    random = np.random.default_rng(43)
    for axis, exclusive, reverse in itertools.product(range(3), (False, True), (False, True)):
        op = CumSum(axis, exclusive, reverse)
        yield one(op, (3, 4, 5), FLOAT, random)
        for scales, zeros in (((0.05, 0.2), (-3, 9)), ((0.05, 0.05), (-128, 127))):
            yield one(op, (3, 4, 5), INT8, random, scales, zeros)
    # Sums that wrap round.
    yield one(CumSum(1), (2, 50), INT8, random, (0.05, 1.0), (-128, 0))


def rows() -> Iterator[Case]:
    random = np.random.default_rng(44)
    fixed = {
        (INT8, INT8): Quantization.per_tensor(1 / 256, -128),
        (INT8, INT16): Quantization.per_tensor(1 / 65536, -32768),
        (INT16, INT16): Quantization.per_tensor(1 / 32768),
    }
    for depth in (1, 2, 12, 300):
        for beta in (0.5, 1.0, 3.0):
            yield one(Softmax(beta), (3, depth), FLOAT, random)
        yield one(LogSoftmax(), (3, depth), FLOAT, random)
        yield one(L2Normalization(), (3, depth), FLOAT, random)
        for scale in (30.0, 1.0, 0.1, 0.003, 1e-5):
            for (given, made), result in fixed.items():
                yield one(Softmax(), (3, depth), given, random, (scale, 0), made=made, fixed=result)
            log = Quantization.per_tensor(1 / 16, 127)
            yield one(LogSoftmax(), (3, depth), INT8, random, (scale, 0), fixed=log)
        for zero in (-128, 0, 127):
            norm = Quantization.per_tensor(1 / 128)
            yield one(L2Normalization(), (3, depth), INT8, random, (0.1, 0), (zero, 0), fixed=norm)
    # All alike: the sum of exponentials is as large as it gets, and larger.
    for depth, ((given, made), result) in itertools.product((4095, 5000, 9000), fixed.items()):
        image = Tensor("in", (depth,), given, quantization=grid(given, 0.1))
        output = Tensor("", (), made, quantization=result)
        alike = np.full(depth, 9, given.numpy)
        yield case(f"{depth} alike", Softmax(), [image], [alike], output)
    zero = Tensor("in", (2, 5), INT8, quantization=grid(INT8, 0.1, 4))
    output = Tensor("", (), INT8, quantization=Quantization.per_tensor(1 / 128))
    nothing = np.full((2, 5), 4, np.int8)
    yield case("no length", L2Normalization(), [zero], [nothing], output)


def several(
    name: str, op: Op, inputs: Sequence[Tensor], drawn: Sequence[Array], made: Sequence[Tensor]
) -> Case:
    """The case of a node with several outputs, whose names and shapes are still to be given."""
    outputs = [
        Tensor(f"out{i}", shape, tensor.dtype, quantization=tensor.quantization)
        for i, (tensor, shape) in enumerate(zip(made, op.output_shapes(inputs), strict=True))
    ]
    names = [tensor.name for tensor in outputs]
    node = Node(name, op, tuple(tensor.name for tensor in inputs), names[0], tuple(names[1:]))
    given = [tensor.name for tensor in inputs if tensor.data is None]
    graph = verify(Graph.build(name, [*inputs, *outputs], [node], given, names))
    return Case(name, Site.of(graph, node), tuple(drawn))


def layer(op: Recurrent, steps: int, batch: int, depth: int, hidden: int, random: Random) -> Case:
    """A float recurrent layer, all of whose operands are given at run time."""
    count, rows = len(op.direction.backward), op.GATES * hidden
    shapes = [
        (batch, steps, depth) if op.batch_first else (steps, batch, depth),
        (count, rows, depth),
        (count, rows, hidden),
        (count, 2 * rows),
        *[(batch, count, hidden) if op.batch_first else (count, batch, hidden)] * op.STATES,
    ]
    return _floats(op, shapes, random)


def _floats(op: Recurrent, shapes: Sequence[Shape], random: Random) -> Case:
    inputs = [Tensor(f"in{i}", shape, FLOAT) for i, shape in enumerate(shapes)]
    drawn = [random.normal(0, 0.6, shape).astype(np.float32) for shape in shapes]
    made = [Tensor("", (), FLOAT)] * (1 + op.STATES)
    return several(f"{op} {shapes}", op, inputs, drawn, made)


def integer_lstm(
    dtype: DType, op: Lstm, sizes: tuple[int, int, int, int], power: int, random: Random
) -> Case:
    """An integer LSTM of `sizes`: steps, batch, inputs, hidden; the cell's scale is 2**power."""
    steps, batch, depth, hidden = sizes
    shape = (batch, steps, depth) if op.batch_first else (steps, batch, depth)
    image = Tensor("in", shape, dtype, quantization=grid(dtype, 0.03, -4))
    state = grid(dtype, 1 / 128, 7)
    h = Tensor("h", (batch, hidden), dtype, quantization=state)
    c = Tensor("c", (batch, hidden), INT16, quantization=Quantization.per_tensor(2.0**power))
    constants = []
    for name, columns in (("w", depth), ("r", hidden)):
        scales = np.repeat(random.uniform(0.002, 0.03, 4), hidden).astype(np.float32)
        each = Quantization(tuple(map(float, scales)), (0,) * len(scales), 1)
        stored = values(random, (1, 4 * hidden, columns), INT8)
        constants.append(Tensor.constant(name, stored, each))
    kind = np.int32 if dtype is INT8 else np.int64
    bias = random.integers(-20000, 20001, (1, 4 * hidden)).astype(kind)
    constants.append(Tensor.constant("b", bias))
    drawn = [values(random, shape, dtype), *(tensor.values for tensor in constants)]
    drawn += [values(random, h.shape, dtype), values(random, c.shape, INT16)]
    name = f"{op} {sizes} {dtype.value} {power}"
    return several(name, op, [image, *constants, h, c], drawn, [h, h, c])


def integer_gru(op: Gru, sizes: tuple[int, int, int, int], random: Random) -> Case:
    """An int8 GRU of `sizes`: steps, batch, inputs, hidden."""
    steps, batch, depth, hidden = sizes
    shape = (batch, steps, depth) if op.batch_first else (steps, batch, depth)
    image = Tensor("in", shape, INT8, quantization=grid(INT8, 0.03, -4))
    h = Tensor("h", (batch, hidden), INT16, quantization=HIDDEN)
    constants = []
    for name, columns in (("w", depth), ("r", hidden)):
        scales = np.repeat(random.uniform(0.002, 0.03, 3), hidden).astype(np.float32)
        each = Quantization(tuple(map(float, scales)), (0,) * len(scales), 1)
        stored = values(random, (1, 3 * hidden, columns), INT8)
        constants.append(Tensor.constant(name, stored, each))
    bias = random.integers(-20000, 20001, (1, 6 * hidden)).astype(np.int32)
    constants.append(Tensor.constant("b", bias))
    drawn = [values(random, shape, INT8), *(tensor.values for tensor in constants)]
    drawn.append(values(random, h.shape, INT16))
    made = Tensor("", (), INT8, quantization=grid(INT8, 1 / 120, 5))
    return several(f"{op} {sizes} int8", op, [image, *constants, h], drawn, [made, h])


def svdf(kind: DType, batch: int, rank: int, *, bias: bool, random: Random) -> Case:
    """An SVDF whose state is of type `kind`; the rest is int8 where that is an integer."""
    depth, filters, memory = 11, 3 * rank, 5
    given = FLOAT if kind is FLOAT else INT8
    image = Tensor("in", (batch, depth), given, quantization=grid(given, 0.05, -3))
    features = Tensor.constant("f", values(random, (filters, depth), given), grid(given, 0.01))
    times = Tensor.constant("t", values(random, (filters, memory), kind), grid(kind, 0.01))
    shape = (batch, memory * filters)
    state = Tensor("s", shape, kind, quantization=grid(kind, 0.08, 12))
    inputs = [image, features, times, state]
    drawn = [values(random, image.shape, given), features.values, times.values]
    drawn.append(values(random, shape, kind))
    if bias:
        number = np.float32 if kind is FLOAT else np.int32
        inputs.append(Tensor.constant("b", random.normal(0, 900, 3).astype(number)))
        drawn.append(inputs[-1].values)
    op = Svdf(rank, Activation.RELU)
    output = Tensor("", (), given, quantization=grid(given, 0.1, 5))
    return several(f"{op} {kind.value}", op, inputs, drawn, [output, state])


def recurrent() -> Iterator[Case]:
    random = np.random.default_rng(45)
    for direction, first, sequence in itertools.product(Direction, (False, True), (False, True)):
        common = (direction, first, sequence)
        for op in (
            Lstm(*common),
            Lstm(*common, cell_clip=0.3),
            Gru(*common),
            Gru(*common, linear_before_reset=True),
            Rnn(*common),
            Rnn(*common, relu=True),
        ):
            yield layer(op, 4, 2, 3, 5, random)
        lstm = Lstm(*common)
        shapes = [tensor.shape for tensor in layer(lstm, 3, 2, 4, 3, random).site.inputs]
        yield _floats(lstm, [*shapes, (shapes[1][0], 9)], random)
    yield layer(Gru(), 1, 1, 1, 1, random)
    for dtype, first in itertools.product((INT8, INT16), (False, True)):
        for power in (-15, -12, -11, -9, -3):
            yield integer_lstm(dtype, Lstm(batch_first=first), (3, 2, 5, 4), power, random)
        clipped = Lstm(batch_first=first, cell_clip=0.5)
        yield integer_lstm(dtype, clipped, (2, 1, 17, 9), -11, random)
        yield integer_lstm(dtype, Lstm(sequence=False), (3, 1, 3, 2), -12, random)
    for before, first in itertools.product((False, True), (False, True)):
        op = Gru(Direction.FORWARD, first, True, before)
        yield integer_gru(op, (3, 2, 5, 4), random)
        yield integer_gru(replace(op, sequence=False), (2, 1, 17, 33), random)
    for kind, batch, rank in itertools.product(NUMBERS, (1, 2), (1, 2)):
        yield svdf(kind, batch, rank, bias=bool(batch % 2), random=random)


def axis_cases() -> Iterator[Case]:
    """All of them."""
    yield from pools()
    yield from reductions()
    yield from positions()
    yield from running()
    yield from rows()
    yield from recurrent()
