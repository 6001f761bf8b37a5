"""Hostile cases of what multiplies by weights, beyond plain int8: types, groups, transposes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from sites import Case, Random, case, windows

from edge_runtime.graph import Activation, DType, Quantization, Shape, Tensor, Window
from edge_runtime.ops import (
    BatchMatMul,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Linear,
    Quantize,
    TransposeConv2D,
)

NONE, RELU, RELU6 = Activation.NONE, Activation.RELU, Activation.RELU6
FLOAT, HALF = DType.FLOAT32, DType.FLOAT16
INT8, INT16, INT32, INT64 = DType.INT8, DType.INT16, DType.INT32, DType.INT64

Form = tuple[DType, DType, DType]
"""Types of input, weights and bias."""
FLOATS: tuple[Form, ...] = ((FLOAT, FLOAT, FLOAT), (FLOAT, INT8, FLOAT), (FLOAT, HALF, FLOAT))
INTEGERS: tuple[Form, ...] = ((INT8, INT8, INT32), (INT16, INT8, INT64))


def _values(random: Random, shape: Shape, dtype: DType) -> np.ndarray:
    if dtype.is_float:
        return random.normal(0, 1, shape).astype(dtype.numpy)
    low, high = dtype.range
    values = random.integers(low, high, shape, endpoint=True)
    ends = random.random(shape) < 0.1
    return np.where(ends, random.choice([low, high], shape), values).astype(dtype.numpy)


def layer(
    op: Linear,
    image: Shape,
    weights: Shape,
    form: Form,
    random: Random,
    *,
    zero: int = 0,
    each: bool = False,
    bias: bool = True,
    run_time: bool = False,
) -> Case:
    """A layer of any form; `zero` is the zero point of its weights."""
    axis = op.weight_axis
    source, stored, sums = form
    data = _values(random, image, source)
    kernel = _values(random, weights, stored)
    scales = 0.01 * random.uniform(0.5, 2, weights[axis] if each else 1)
    grid = Quantization(
        tuple(float(np.float32(s)) for s in scales), (zero,) * len(scales), axis if each else None
    )
    in_zero, out_zero = (-5, 3) if source is INT8 else (0, 0)
    step = 0.05 if source is INT8 else 2e-4
    taken = None if source.is_float else Quantization.per_tensor(step, in_zero)
    inputs = [Tensor("in", image, source, quantization=taken)]
    kept = None if stored.is_float else grid
    if run_time:
        inputs.append(Tensor("weights", weights, stored, quantization=kept))
    else:
        inputs.append(Tensor.constant("weights", kernel, kept))
    values = [data, kernel]
    if bias:
        most = {INT32: 20000, INT64: 1 << 23}.get(sums, 0)
        array = random.integers(-most, most + 1, weights[axis]).astype(sums.numpy)
        if sums.is_float:
            array = random.normal(0, 1, weights[axis]).astype(np.float32)
        inputs.append(Tensor.constant("bias", array))
        values.append(array)
    depth = math.prod(weights) // weights[axis]
    made = Tensor("", (), source)
    if not source.is_float:
        made = Tensor("", (), source, quantization=_output(step, source, depth, out_zero))
    name = f"{op} {image} by {weights} {[d.value for d in form]} zero {zero} each {each}"
    return case(name, op, inputs, values, made)


def _output(step: float, source: DType, depth: int, zero: int) -> Quantization:
    """Typical sums take up a good part of the range."""
    sums = step * 0.01 * 70 * math.sqrt(depth) * (source.range[1] / 2)
    return Quantization.per_tensor(3 * sums / source.range[1], zero)


def convolution_cases() -> Iterator[Case]:
    random = np.random.default_rng(20)
    for (image, kernel, window), form in itertools.product(
        windows().values(), (*FLOATS, INTEGERS[1])
    ):
        for in_c, out_c in ((1, 1), (3, 5), (5, 4)):
            shape = (1, *image, in_c)
            yield layer(Conv2D(RELU6, window), shape, (out_c, *kernel, in_c), form, random)
        for in_c, out_c in ((1, 2), (3, 3), (5, 5), (2, 6)):
            op = DepthwiseConv2D(RELU, window)
            each = bool(random.integers(2))
            yield layer(
                op, (1, *image, in_c), (1, *kernel, out_c), form, random, each=each, bias=each
            )
    for out_c, form in itertools.product(range(1, 10), FLOATS):
        size = (1, 3, 3, 7)
        yield layer(Conv2D(), size, (out_c, 2, 2, 7), form, random, each=True, bias=False)


def grouped_cases() -> Iterator[Case]:
    random = np.random.default_rng(21)
    shapes = ("1x1", "3x3 same", "3x3 stride 2, asymmetric", "3x3 dilated", "5x1")
    for shape, form in itertools.product(shapes, (*FLOATS, *INTEGERS)):
        image, kernel, window = windows()[shape]
        for groups, in_c, out_c in ((2, 1, 1), (3, 2, 5), (2, 5, 4)):
            op = Conv2D(RELU if out_c == 5 else NONE, window)
            size, weights = (1, *image, groups * in_c), (groups * out_c, *kernel, in_c)
            yield layer(op, size, weights, form, random, each=out_c == 5)


def offset_cases() -> Iterator[Case]:
    """Weights with a zero point."""
    random = np.random.default_rng(22)
    form = INTEGERS[0]
    for shape, zero in itertools.product(("1x1", "3x3 same", "3x3 stride 2 valid"), (-128, 9, 127)):
        image, kernel, window = windows()[shape]
        weights = (5, *kernel, 3)
        yield layer(Conv2D(RELU6, window), (1, *image, 3), weights, form, random, zero=zero)
        deep = DepthwiseConv2D(NONE, window)
        yield layer(deep, (1, *image, 3), (1, *kernel, 6), form, random, zero=zero)
        spread = TransposeConv2D(NONE, Window(), (image[0] + kernel[0], image[1] + kernel[1]))
        yield layer(spread, (1, *image, 3), (2, *kernel, 3), form, random, zero=zero)
        yield layer(FullyConnected(RELU), (3, 17), (5, 17), form, random, zero=zero)
        yield layer(
            FullyConnected(), (3, 9), (4, 9), form, random, zero=zero, bias=False, run_time=True
        )


def transposed_cases() -> Iterator[Case]:
    random = np.random.default_rng(23)
    for form in (*FLOATS, *INTEGERS):
        for size, kernel, stride in (
            ((1, 1), (1, 1), (1, 1)),
            ((4, 5), (3, 3), (2, 2)),
            ((5, 6), (2, 3), (2, 3)),
            ((7, 3), (4, 1), (3, 1)),
            ((4, 4), (2, 2), (3, 3)),
        ):
            window = Window.same(size, kernel, stride)
            image = (1, *window.output_size(size, kernel), 3)
            op = TransposeConv2D(RELU6, window, size)
            yield layer(op, image, (5, *kernel, 3), form, random, each=True)
            op = TransposeConv2D(NONE, Window(stride, (1, 2)), (size[0] + 2, size[1] + 4))
            yield layer(op, image, (4, *kernel, 1 if image[3] == 1 else 3), form, random)
        op = TransposeConv2D(NONE, Window((2, 1), (1, 1), (1, 0)), (6, 5))
        yield layer(op, (1, 3, 4, 6), (4, 3, 2, 3), form, random, bias=False)


def dense_cases() -> Iterator[Case]:
    random = np.random.default_rng(24)
    forms = (*FLOATS, INTEGERS[1], (INT16, INT8, INT32))
    for form, depth in itertools.product(forms, (1, 2, 3, 16, 511, 512, 1030)):
        for rows, out in ((1, 1), (1, 5), (2, 4), (3, 11)):
            each = out == 11
            op = FullyConnected(RELU if each else NONE)
            yield layer(op, (rows, depth), (out, depth), form, random, each=each, bias=each)
    for form in (FLOATS[0], INTEGERS[0]):
        for bias in (False, True):
            yield layer(
                *(FullyConnected(RELU6), (3, 9), (4, 9), form, random),
                bias=bias,
                run_time=True,
                each=bias and form is INTEGERS[0],
            )


def product_cases() -> Iterator[Case]:
    random = np.random.default_rng(25)
    for dtype, left, right in itertools.product((FLOAT, INT8, INT16), (False, True), (False, True)):
        for first, second in (((), ()), ((2,), (2,)), ((3, 1), (1, 2)), ((2,), ()), ((), (2, 3))):
            a = (*first, 7, 4) if left else (*first, 4, 7)
            b = (*second, 5, 7) if right else (*second, 7, 5)
            yield product(BatchMatMul(left, right), a, b, dtype, random)


def product(op: BatchMatMul, a: Shape, b: Shape, dtype: DType, random: Random) -> Case:
    values = [_values(random, shape, dtype) for shape in (a, b)]
    name = f"{op} {a} {b} {dtype.value}"
    if dtype.is_float:
        inputs = [Tensor(n, s, dtype) for n, s in (("a", a), ("b", b))]
        return case(name, op, inputs, values, Tensor("", (), dtype))
    zeros = (-7, 100, 5) if dtype is INT8 else (0, 0, 0)
    steps = (0.05, 0.02, 1.0) if dtype is INT8 else (2e-4, 1e-4, 1e-3)
    grids = [Quantization.per_tensor(*grid) for grid in zip(steps, zeros, strict=True)]
    inputs = [
        Tensor(name, shape, dtype, quantization=grid)
        for name, shape, grid in zip("ab", (a, b), grids[:2], strict=True)
    ]
    return case(name, op, inputs, values, Tensor("", (), dtype, quantization=grids[2]))


def flip_cases() -> Iterator[Case]:
    """Every value of uint8 and of int8 once."""
    for source, made in ((DType.UINT8, INT8), (INT8, DType.UINT8)):
        low, high = source.range
        values = np.arange(low, high + 1).astype(source.numpy)
        zeros = {DType.UINT8: 140, INT8: 12}
        grids = [Quantization.per_tensor(0.1, zeros[dtype]) for dtype in (source, made)]
        taken = Tensor("in", values.shape, source, quantization=grids[0])
        given = Tensor("", (), made, quantization=grids[1])
        yield case(f"{source} to {made}", Quantize(), [taken], [values], given)


LINEAR_CASES = [
    *convolution_cases(),
    *grouped_cases(),
    *offset_cases(),
    *transposed_cases(),
    *dense_cases(),
    *product_cases(),
    *flip_cases(),
]
