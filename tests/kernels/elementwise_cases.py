"""Hostile cases of the operations on single elements."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from sites import Case, Random, case

from edge_runtime import ops
from edge_runtime.graph import Activation, Array, DType, Op, Quantization, Shape, Tensor
from edge_runtime.ops.convert import QUANTIZED

GRIDS = ((0.05, 3, 0.04, -7), (0.003, -128, 0.11, 127), (0.3, 127, 0.02, -128), (0.02, 0, 0.02, 0))
BROADCASTS = (
    ((7,), (7,)),
    ((2, 3, 4), (1,)),
    ((1,), (3, 4)),
    ((5,), (2, 3, 5)),
    ((2, 3, 1, 2), (1, 3, 4, 1)),
    ((2, 1, 3, 1), (1, 4, 1, 5)),
    ((2, 3, 2, 3, 2), (2, 3, 1, 1, 2)),
)
FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.5, 6.0, -3.0, 1e-30, -1e-6, 20.0, -20.0, 87.0, -104.0),
    *(100.0, 1e6, -1e6, 1e20, 8388609.5),
)

UNARY: tuple[ops.Unary, ...] = (
    *(ops.Abs(), ops.Ceil(), ops.Celu(0.7), ops.Cos(), ops.Elu(), ops.Elu(0.3), ops.Erf()),
    *(ops.Exp(), ops.Floor(), ops.Gelu(), ops.Gelu(approximate=True), ops.HardSigmoid(0.3, 0.4)),
    *(ops.HardSwish(), ops.LeakyRelu(0.1), ops.LeakyRelu(-1.5), ops.Log(), ops.Logistic()),
    *(ops.Mish(), ops.Neg(), ops.Reciprocal(), ops.Round(), ops.Rsqrt(), ops.Selu(), ops.Sign()),
    *(ops.Silu(), ops.Sin(), ops.Softplus(), ops.Softsign(), ops.Sqrt(), ops.Square(), ops.Tanh()),
    *(ops.Clamp(), ops.Clamp(0.0, 6.0), ops.Clamp(-1.0, 1.0), ops.Clamp(-math.inf, 0.3)),
)
ACTIVATED: tuple[type[ops.Activated], ...] = (ops.Add, ops.Sub, ops.Mul, ops.Div)
PLAIN: tuple[type[ops.Binary], ...] = (
    *(ops.Minimum, ops.Maximum, ops.SquaredDifference, ops.FloorDiv, ops.FloorMod),
    *(ops.Pow, ops.Prelu),
)
TRUTH: tuple[type[ops.Truth], ...] = (
    *(ops.Equal, ops.NotEqual, ops.Less, ops.LessEqual, ops.Greater, ops.GreaterEqual),
    *(ops.LogicalAnd, ops.LogicalOr),
)


def tensor(shape: Shape, dtype: DType, name: str, scale: float = 0, zero: int = 0) -> Tensor:
    """A tensor, quantized where its type is and there is a scale; int16 has finer ones."""
    grid = None
    if scale and dtype in (DType.INT8, DType.UINT8, DType.INT16, DType.INT32):
        fine = 256 if dtype is DType.INT16 else 1
        offset = {DType.INT16: 0, DType.UINT8: zero + 128}.get(dtype, zero)
        grid = Quantization.per_tensor(scale / fine, offset)
    return Tensor(name, shape, dtype, quantization=grid)


def values(shape: Shape, dtype: DType, random: Random) -> Array:
    """Random values, a share of them at the ends of the type."""
    if dtype.is_float:
        return random.normal(0, 3, shape).astype(np.float32)
    if dtype is DType.BOOL:
        return random.integers(0, 2, shape).astype(np.bool_)
    low, high = dtype.range
    inner = random.integers(low, high, shape, endpoint=True)
    if dtype is DType.INT32:
        inner = random.integers(-9, 10, shape)
    ends = random.choice([low, high], shape)
    return np.where(random.random(shape) < 0.1, ends, inner).astype(dtype.numpy)


def unary_cases() -> Iterator[Case]:
    random = np.random.default_rng(21)
    domain = np.concatenate([FLOATS, np.linspace(-9, 9, 61)]).astype(np.float32)
    every = np.arange(-128, 128).astype(np.int8)
    wide = np.concatenate([np.arange(-32768, 32768, 137), [32767, -1, 0, 1]]).astype(np.int16)
    for op in UNARY:
        only_positive = isinstance(op, ops.Log | ops.Sqrt | ops.Rsqrt | ops.Reciprocal)
        floats = domain[domain > 0] if only_positive else domain
        # Beyond that squares and exponentials leave no digits to compare.
        floats = floats[np.abs(floats) < (80 if not isinstance(op, ops.Sin | ops.Cos) else 1e30)]
        for dtype, data in ((DType.FLOAT32, floats), (DType.INT8, every), (DType.INT16, wide)):
            if dtype not in op.TYPES:
                continue
            for scale, zero, other, other_zero in (
                GRIDS if dtype is not DType.FLOAT32 else GRIDS[:1]
            ):
                image = tensor(data.shape, dtype, "in", scale, zero)
                made = tensor((), dtype, "", other, other_zero)
                if op.SCALING is ops.Logistic.SCALING and dtype is not DType.FLOAT32:
                    made = Tensor("", (), dtype, quantization=op.fixed_quantization(dtype))
                yield case(f"{op} {scale}", op, [image], [data], made)
    for elements in (*range(1, 10), 31):
        data = values((elements,), DType.INT8, random)
        image = tensor(data.shape, DType.INT8, "in", 0.1, 3)
        yield case(f"{elements} of ReLU6", ops.Clamp(0.0, 6.0), [image], [data], image)


def _operands(
    op: Op, shapes: tuple[Shape, Shape], dtype: DType, grid: tuple[float, ...], random: Random
) -> tuple[list[Tensor], list[Array]]:
    scale, zero, other, other_zero = grid
    shared = isinstance(op, ops.Minimum | ops.Maximum)
    second = (scale, zero) if shared else (other, other_zero)
    tensors = [
        tensor(shapes[0], dtype, "in0", scale, int(zero)),
        tensor(shapes[1], dtype, "in1", second[0], int(second[1])),
    ]
    data = [values(shape, dtype, random) for shape in shapes]
    if isinstance(op, ops.Pow):
        data[0] = np.abs(data[0])
    return tensors, data


def binary_cases() -> Iterator[Case]:
    random = np.random.default_rng(22)
    operations: list[ops.Binary] = [
        *(kind(activation) for kind in ACTIVATED for activation in Activation),
        *(kind() for kind in PLAIN),
    ]
    quantized = (DType.INT8, DType.INT16)
    for op, dtype in itertools.product(operations, ops.Add.TYPES):
        is_clamped_whole = dtype is DType.INT32 and op.clamp is not Activation.NONE
        if dtype not in op.TYPES or is_clamped_whole:
            continue
        some = BROADCASTS if op.clamp is Activation.NONE else BROADCASTS[:1]
        for index, shapes in enumerate(some):
            for grid in GRIDS if index == 0 and dtype in quantized else GRIDS[:1]:
                tensors, data = _operands(op, shapes, dtype, grid, random)
                made = tensor((), dtype, "", 0.09, -5)
                if op.SCALING is ops.Minimum.SCALING:
                    made = tensors[0]
                yield case(f"{op} {dtype.value} {shapes} {grid}", op, tensors, data, made)


def truth_cases() -> Iterator[Case]:
    random = np.random.default_rng(23)
    for kind, shapes in itertools.product(TRUTH, BROADCASTS):
        op = kind()
        if shapes in BROADCASTS[2:] and kind is not ops.Less:
            continue
        for dtype in op.TYPES:
            tensors, data = _operands(op, shapes, dtype, GRIDS[0], random)
            if dtype.is_float:
                data = [np.rint(array) for array in data]
                data[0][..., 0] = np.nan
            made = Tensor("", (), DType.BOOL)
            yield case(f"{op} {dtype.value} {shapes}", op, tensors, data, made)
    flags = values((9,), DType.BOOL, random)
    image = tensor((9,), DType.BOOL, "in")
    yield case("not", ops.LogicalNot(), [image], [flags], image)


def select_cases() -> Iterator[Case]:
    random = np.random.default_rng(24)
    for condition, (one, two) in itertools.product(((1,), (5,), (2, 1, 5)), BROADCASTS[:4]):
        for dtype in (DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32, DType.BOOL):
            try:
                np.broadcast_shapes(condition, one, two)
            except ValueError:
                continue
            inputs = [
                tensor(condition, DType.BOOL, "which"),
                tensor(one, dtype, "in0", 0.1, 3),
                tensor(two, dtype, "in1", 0.1, 3),
            ]
            data = [values(t.shape, t.dtype, random) for t in inputs]
            name = f"{condition} {one} {two} {dtype.value}"
            yield case(name, ops.Select(), inputs, data, inputs[1])


def conversion_cases() -> Iterator[Case]:
    random = np.random.default_rng(25)
    types = (DType.INT8, DType.UINT8, DType.INT16, DType.INT32)
    odd = np.array([0.5, -0.5, 1.5, 300, -300, 4e4, -4e4, 3e9, -3e9, 1e30], np.float32)
    for made in QUANTIZED[DType.FLOAT32]:
        for scale, zero, *_ in GRIDS:
            data = np.concatenate([odd, random.normal(0, 9, 30).astype(np.float32)])
            out = tensor((), made, "", scale, zero)
            image = tensor(data.shape, DType.FLOAT32, "in")
            yield case(f"to {made.value}", ops.Quantize(), [image], [data], out)
    for source in types:
        for scale, zero, other, other_zero in GRIDS:
            data = values((50,), source, random)
            image = tensor((50,), source, "in", scale, zero)
            real = Tensor("", (), DType.FLOAT32)
            yield case(f"{source.value}", ops.Dequantize(), [image], [data], real)
            for made in QUANTIZED[source]:
                out = tensor((), made, "", other, other_zero)
                name = f"{source.value} to {made.value}"
                yield case(name, ops.Quantize(), [image], [data], out)


def cast_cases() -> Iterator[Case]:
    random = np.random.default_rng(26)
    types = (DType.FLOAT32, DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.BOOL)
    odd = [0.5, -0.9, 1.5, 300, -300, 4e4, -4e4, 3e9, -3e9, 1e30, 2147483520.0, -2147483648.0]
    for source, made in itertools.product(types, types):
        data = values((40,), source, random)
        if source.is_float:
            data = np.array([*odd, np.nan], np.float32)
        image = tensor(data.shape, source, "in")
        name = f"{source.value} to {made.value}"
        yield case(name, ops.Cast(), [image], [data], tensor((), made, ""))


ELEMENTWISE_CASES = [
    *unary_cases(),
    *binary_cases(),
    *truth_cases(),
    *select_cases(),
    *conversion_cases(),
    *cast_cases(),
]
