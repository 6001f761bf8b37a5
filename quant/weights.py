"""Weights on a grid of integers: a scale for each output channel, and the nearest integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Array, DType, Quantization
from edge_runtime.ops import Linear
from edge_runtime.quant.ranges import SMALLEST_SCALE

Floats = npt.NDArray[np.float64]

LARGEST_BIAS = float(1 << 30)
"""Leaves as much again for the sum of products, so that 32 bits never overflow."""
SHRINKS = np.linspace(1.0, 0.4, 25)
"""Shares of a channel's largest weight that the end of the int4 grid is tried at."""


def rows_of(op: Linear, weights: Array) -> Array:
    """The weights of a layer as (output channels, weights of each)."""
    return np.moveaxis(weights, op.weight_axis, 0).reshape(weights.shape[op.weight_axis], -1)


def from_rows(op: Linear, rows: Array, like: Array) -> Array:
    """The reverse of `rows_of`, in the shape of `like`."""
    first = np.moveaxis(like, op.weight_axis, 0)
    return np.ascontiguousarray(np.moveaxis(rows.reshape(first.shape), 0, op.weight_axis))


def largest_step(dtype: DType) -> int:
    """The integer that the largest weight becomes: grids are symmetric but for int4's -8."""
    return dtype.range[1]


def least_scales(bias: Array | None, source: float, channels: int) -> Floats:
    """How small the scale of each channel may be so that its bias fits into 32 bits."""
    if bias is None:
        return np.full(channels, SMALLEST_SCALE)
    needed = np.abs(bias.reshape(-1).astype(np.float64)) / (source * LARGEST_BIAS)
    return np.maximum(needed, SMALLEST_SCALE)


def scales_of(rows: Array, dtype: DType, least: Floats) -> Floats:
    """A scale for each channel: the largest weight fits, or for int4 the squared error is least."""
    magnitudes = np.abs(rows).max(1).astype(np.float64)
    # What a channel of zeros is scaled by does not matter; that of the others is as good as any.
    ends = np.where(magnitudes > 0, magnitudes, magnitudes.max() or 1.0) / largest_step(dtype)
    if dtype is DType.INT4:
        tried = np.stack([ends * share for share in SHRINKS])
        errors = [np.square(rows - on_grid(rows, scales, dtype)).sum(1) for scales in tried]
        ends = tried[np.argmin(errors, 0), np.arange(len(ends))]
    return as_single(np.maximum(ends, least))


def as_single(scales: Floats) -> Floats:
    """The nearest single-precision numbers, as files store them."""
    return scales.astype(np.float32).astype(np.float64)


def bounds(dtype: DType) -> tuple[int, int]:
    """Smallest and largest integer that weights take: kernels may count on no -128."""
    return (-127, 127) if dtype is DType.INT8 else dtype.range


def on_grid(rows: Array, scales: Floats, dtype: DType) -> Floats:
    """Each weight as the nearest one of the grid."""
    column = scales[:, None]
    held: Floats = np.clip(np.rint(rows / column), *bounds(dtype)) * column
    return held


def grid(op: Linear, scales: Floats) -> Quantization:
    """Symmetric quantization by a scale for each output channel."""
    return Quantization(tuple(map(float, scales)), (0,) * len(scales), op.weight_axis)
