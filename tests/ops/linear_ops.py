"""Hypothesis strategies: one node that multiplies by weights, in all its forms."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from one_op import Draw, activations, grids, one_op, scales, seeds, windows, zero_points

from edge_runtime.graph import Array, DType, Graph, Quantization, Shape, Tensor, Window
from edge_runtime.ops import (
    BatchMatMul,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Linear,
    TransposeConv2D,
)

sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))
kernels = st.tuples(st.integers(1, 4), st.integers(1, 4))


@st.composite
def convolutions(
    draw: Draw,
    dtype: DType,
    bias: DType | None = None,
    *,
    batches: int = 1,
    grouped: bool = False,
    each: bool | None = None,
    zero: bool = False,
) -> Graph:
    """A convolution, all channels together or in groups."""
    size, kernel = draw(sizes), draw(kernels)
    depth, groups = draw(st.integers(1, 6)), draw(st.integers(2, 3)) if grouped else 1
    channels = groups * draw(st.integers(1, 5))
    op = Conv2D(draw(activations), draw(windows(size, kernel)))
    image = _image(draw, (draw(st.integers(1, batches)), *size, depth * groups), dtype)
    shape = (channels, *kernel, depth)
    return _weighted(draw, op, image, shape, bias, each=each, zero=zero)


@st.composite
def depthwise(
    draw: Draw,
    dtype: DType,
    bias: DType | None = None,
    *,
    batches: int = 1,
    each: bool | None = None,
    zero: bool = False,
) -> Graph:
    """A depthwise convolution."""
    size, kernel = draw(sizes), draw(kernels)
    depth = draw(st.integers(1, 9))
    channels = depth * draw(st.integers(1, 3))
    op = DepthwiseConv2D(draw(activations), draw(windows(size, kernel)))
    image = _image(draw, (draw(st.integers(1, batches)), *size, depth), dtype)
    return _weighted(draw, op, image, (1, *kernel, channels), bias, each=each, zero=zero)


@st.composite
def transposed(
    draw: Draw,
    dtype: DType,
    bias: DType | None = None,
    *,
    each: bool | None = None,
    zero: bool = False,
) -> Graph:
    """A transposed convolution with SAME or no padding."""
    size, kernel = draw(sizes), draw(kernels)
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    if draw(st.booleans()):
        window = Window.same(size, kernel, stride)
        small = window.output_size(size, kernel)
    else:
        window, small = Window(stride), size
        size = tuple((small[i] - 1) * stride[i] + kernel[i] for i in (0, 1))
    op = TransposeConv2D(draw(activations), window, (size[0], size[1]))
    image = _image(draw, (1, *small, draw(st.integers(1, 6))), dtype)
    shape = (draw(st.integers(1, 5)), *kernel, image.shape[3])
    return _weighted(draw, op, image, shape, bias, each=each, zero=zero)


@st.composite
def dense(
    draw: Draw,
    dtype: DType,
    bias: DType | None = None,
    *,
    each: bool | None = None,
    zero: bool = False,
    run_time: bool = False,
) -> Graph:
    """A fully connected layer, also on several rows."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 40))
    op = FullyConnected(draw(activations), keep_dims=draw(st.booleans()))
    shape = (1, rows, columns) if op.keep_dims else (rows, columns)
    weights = (draw(st.integers(1, 9)), columns)
    return _weighted(
        draw, op, _image(draw, shape, dtype), weights, bias, each=each, zero=zero, run_time=run_time
    )


@st.composite
def products(draw: Draw, dtype: DType) -> Graph:
    """A batched product; batches broadcast, either operand may be constant or transposed."""
    rows, depth, out = draw(st.integers(1, 5)), draw(st.integers(1, 20)), draw(st.integers(1, 6))
    batch = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    other = batch
    if batch and draw(st.booleans()):
        other = tuple(size if draw(st.booleans()) else 1 for size in batch)
    op = BatchMatMul(draw(st.booleans()), draw(st.booleans()))
    first = (depth, rows) if op.transpose_a else (rows, depth)
    second = (out, depth) if op.transpose_b else (depth, out)
    inputs = [_image(draw, (*batch, *first), dtype), _image(draw, (*other, *second), dtype)]
    inputs[1] = Tensor("other", inputs[1].shape, dtype, quantization=inputs[1].quantization)
    if dtype.is_float:
        return one_op(op, inputs, None, dtype)
    spread = 50 * 50 * math.sqrt(depth) * (1 if dtype is DType.INT8 else 200)
    step = inputs[0].quant.scale * inputs[1].quant.scale * spread / 100
    zero = draw(zero_points) if dtype is DType.INT8 else 0
    return one_op(op, inputs, Quantization.per_tensor(step, zero), dtype)


def _image(draw: Draw, shape: Shape, dtype: DType) -> Tensor:
    if dtype.is_float:
        return Tensor("image", shape, dtype)
    grid = draw(grids())
    if dtype is DType.INT16:
        grid = Quantization.per_tensor(grid.scale / 256)
    return Tensor("image", shape, dtype, quantization=grid)


def _weighted(
    draw: Draw,
    op: Linear,
    image: Tensor,
    shape: Shape,
    bias: DType | None,
    *,
    each: bool | None = None,
    zero: bool = False,
    run_time: bool = False,
) -> Graph:
    random = np.random.default_rng(draw(seeds))
    axis, dtype = op.weight_axis, image.dtype
    base = draw(scales(1e-4, 1e-1))
    each = draw(st.booleans()) if each is None else each
    spread = random.uniform(0.1, 1.0, shape[axis] if each else 1)
    steps = tuple(float(np.float32(base * s)) for s in spread)
    zeros = (draw(zero_points) if zero else 0,) * len(steps)
    grid = Quantization(steps, zeros, axis if each else None)
    stored = random.integers(-127, 128, shape).astype(np.int8)
    inputs = [image, Tensor.constant("weights", stored, grid)]
    if run_time:
        inputs[1] = Tensor("weights", shape, DType.INT8, quantization=grid)
    if bias is not None and draw(st.booleans()):
        inputs.append(Tensor.constant("bias", _bias(random, shape[axis], bias)))
    taps = math.prod(shape) // shape[axis]
    if dtype.is_float:
        return one_op(op, inputs, None, dtype)
    # From outputs that nearly all saturate to outputs that hardly move.
    step = image.quant.scale * base * math.sqrt(taps) * 10.0 ** draw(st.floats(0.5, 3.5))
    out_zero = draw(zero_points) if dtype is DType.INT8 else 0
    return one_op(op, inputs, Quantization.per_tensor(step, out_zero), dtype)


def _bias(random: np.random.Generator, count: int, dtype: DType) -> Array:
    if dtype.is_float:
        return random.normal(0, 1, count).astype(np.float32)
    most = 20000 if dtype is DType.INT32 else 1 << 24
    return random.integers(-most, most, count).astype(dtype.numpy)


def cases(graph: Graph, seed: int, count: int = 3) -> list[list[Array]]:
    """Inputs: random ones, then random choices of the ends of the range."""
    random = np.random.default_rng(seed)
    tensors = [graph.tensors[name] for name in graph.inputs]
    return [[_values(tensor, random, i == count - 1) for tensor in tensors] for i in range(count)]


def _values(tensor: Tensor, random: np.random.Generator, ends: bool) -> Array:
    if tensor.dtype.is_float:
        return random.normal(0, 1, tensor.shape).astype(np.float32)
    least, most = tensor.dtype.range
    if ends:
        return random.choice([least, most], tensor.shape).astype(tensor.dtype.numpy)
    return random.integers(least, most + 1, tensor.shape).astype(tensor.dtype.numpy)
