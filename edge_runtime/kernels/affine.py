"""Sums of two int8 as affine functions, which take a core few instructions.

A quantized sum is rounded three times: each operand to the common scale, the result to its own. But
there are no more than 65,536 pairs of operands. Slopes and an offset serve if for each of them

    (floor(first * a / 256) + floor(second * b / 256) + offset) / 65536 - 128,

rounded down and clamped, is the output. All are tried. The products are those of SMLAWB, the upper
32 bits of 48: of a slope and 256 times an operand.

By given slopes each pair bounds the offset from both sides. What the highest of the lower bounds
exceeds the lowest of the upper ones by, the gap, is a convex function of the slopes, but for the
rounding of products. So slopes are found by cutting planes: the two pairs whose bounds make the gap
tell which slopes leave it open, and these are cut off. The centroid of the polygon that is left is
tried next (the method of centers of gravity).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from edge_runtime import numerics, ops
from edge_runtime.graph import DType, Quantization, Tensor
from edge_runtime.kernels.kernel import Site
from edge_runtime.numerics import Int64
from edge_runtime.ops.windowed import quantized_bounds

_BYTE = 256
_UNIT = 1 << 16
"""One step of the output, in sums."""
_BIAS = 128
_TRIALS = 16
"""So many pairs of slopes are tried. Nearly always the first serves, or one of the first ten."""
_REACH = float(1 << 14)
"""How far from the real slopes others are tried; outputs move by an eighth of a step at most."""
_ROUNDED = 1.0
"""So much of a gap is laid to the rounding of products."""

_Point = tuple[float, float]
_EVERY = np.arange(-128, 128)


@dataclass(frozen=True)
class Affine:
    """The slope of each operand, and the offset."""

    first: int
    second: int
    offset: int


def affine(site: Site) -> Affine | None:
    """The function that gives the same outputs as the sum or difference at `site`, if one is found.

    Operands and the output are int8.
    """
    op, (a, b) = site.node.op, site.inputs
    assert isinstance(op, ops.Add | ops.Sub)
    return _found(op, a.quant, b.quant, site.output.quant)


@lru_cache(maxsize=1024)
def _found(
    op: ops.Add | ops.Sub, first: Quantization, second: Quantization, result: Quantization
) -> Affine | None:
    output = Tensor("", (_BYTE, _BYTE), DType.INT8, quantization=result)
    a = Tensor("", (_BYTE, 1), DType.INT8, quantization=first)
    b = Tensor("", (1, _BYTE), DType.INT8, quantization=second)
    factor = _UNIT * _BYTE / result.scale
    slopes = factor * first.scale, factor * second.scale * (-1 if isinstance(op, ops.Sub) else 1)
    if max(map(abs, slopes)) + _REACH > numerics.INT32_MAX:
        return None
    values = [_EVERY.astype(np.int8).reshape(tensor.shape) for tensor in (a, b)]
    made = op.evaluate(values, (a, b), output).astype(np.int64)
    return _search(slopes, _Steps.of(made, quantized_bounds(op.activation, output)))


@dataclass(frozen=True)
class _Gap:
    """The bounds of the offset for a pair of slopes, and the pairs of operands that set them."""

    low: int
    high: int
    at_low: tuple[int, int]
    at_high: tuple[int, int]

    @property
    def direction(self) -> _Point:
        """How the gap changes with each slope."""
        first, second = (
            (high - low) / _BYTE for low, high in zip(self.at_low, self.at_high, strict=True)
        )
        return first, second


@dataclass(frozen=True)
class _Steps:
    """The least and the largest sum by which each pair of operands becomes its output."""

    least: Int64
    most: Int64

    @staticmethod
    def of(outputs: Int64, bounds: tuple[int, int]) -> _Steps:
        """Those of the least and the largest output go on to the ends of 32 bits.

        So no sum overflows, nor do those of the offset and one operand: the other is 0 there.
        """
        least = (outputs + _BIAS) * _UNIT
        most = least + _UNIT - 1
        least = np.where(outputs == bounds[0], numerics.INT32_MIN, least)
        return _Steps(least, np.where(outputs == bounds[1], numerics.INT32_MAX, most))

    def gap(self, first: int, second: int) -> _Gap:
        """The bounds of the offset by these slopes."""
        sums = (first * _EVERY // _BYTE)[:, None] + (second * _EVERY // _BYTE)[None]
        low, high = self.least - sums, self.most - sums
        at_low, at_high = int(np.argmax(low)), int(np.argmin(high))
        return _Gap(int(low.flat[at_low]), int(high.flat[at_high]), _pair(at_low), _pair(at_high))


def _pair(index: int) -> tuple[int, int]:
    return int(_EVERY[index // _BYTE]), int(_EVERY[index % _BYTE])


def _search(slopes: _Point, steps: _Steps) -> Affine | None:
    """Cutting planes from the real slopes on; points are relative to them."""
    polygon = [(-_REACH, -_REACH), (_REACH, -_REACH), (_REACH, _REACH), (-_REACH, _REACH)]
    for _ in range(_TRIALS):
        centre = _centroid(polygon)
        if centre is None:
            return None
        first, second = (round(real + off) for real, off in zip(slopes, centre, strict=True))
        gap = steps.gap(first, second)
        if gap.low <= gap.high:
            return Affine(first, second, (gap.low + gap.high) // 2)
        along = gap.direction
        tried = first - slopes[0], second - slopes[1]
        limit = _dot(along, tried) + gap.high - gap.low + _ROUNDED
        polygon = list(_cut(polygon, along, limit))
    return None


def _dot(a: _Point, b: _Point) -> float:
    return a[0] * b[0] + a[1] * b[1]


def _cut(polygon: list[_Point], along: _Point, limit: float) -> Iterator[_Point]:
    """The part of a convex polygon that lies no further than `limit` along a direction."""
    for start, end in zip((polygon[-1], *polygon), polygon, strict=False):
        before, after = _dot(along, start) - limit, _dot(along, end) - limit
        if (before <= 0) != (after <= 0):
            share = before / (before - after)
            yield start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
        if after <= 0:
            yield end


def _centroid(polygon: list[_Point]) -> _Point | None:
    """The centre of gravity of a convex polygon; None where it has no area."""
    area, x, y = 0.0, 0.0, 0.0
    for (x1, y1), (x2, y2) in pairwise(polygon[1:]):
        x0, y0 = polygon[0]
        double = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        area, x, y = area + double, x + double * (x0 + x1 + x2), y + double * (y0 + y1 + y2)
    return None if abs(area) < 1e-6 else (x / (3 * area), y / (3 * area))
