"""Outputs on a straight line: one multiplication and one shift, where that is provably exact.

TensorFlow Lite Micro rounds a scaled sum twice. Still an output is a step function of its sum, and
of the few hundred steps each has room of about one sum. So there is nearly always a line through
all of them, from which an output is

    int8((zero * 2^12 + 2^11 + (mantissa * (256 * sum + offset) >> 32)) >> 12), saturated,

unless outputs on both sides of the zero point can occur and products are rounded twice: rounding
halves away from zero, they leave a gap that no line crosses. An activation from the zero point on
has no such gap.

A kernel that lacks a register for the term of the zero point has it within the offset:

    int8((mantissa * (256 * sum + offset) >> 32) >> 12), saturated.

Of small factors, 32 bits do not hold that: 16 takes the place of 256, and the mantissa is negated
as a mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime import numerics
from edge_runtime.graph import Array
from edge_runtime.kernels.kernel import Site
from edge_runtime.kernels.sums import sum_bounds
from edge_runtime.numerics import ONCE, Int64
from edge_runtime.ops import Linear
from edge_runtime.ops.windowed import quantized_bounds

BITS = 12
"""Bits of an output behind its point, before they are shifted out."""
SUM_BITS = 8
"""The same of a sum."""
FEWER_BITS = 4
"""The same of a sum with a small factor, where the zero point is within the offset."""
_SHIFTS = range(-20, -4)
"""Of factors that are looked at: mantissas for larger ones have more than 31 bits."""
_LARGEST_OFFSET = 1 << 16
_FEW, _MANY = 8, 1024
"""Mantissas that are tried at first, and all in all."""
_FAR = np.int64(1) << 62
_HALF = 1 << (BITS - 1)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Factors:
    """How the sums of a layer's channels become outputs: int32 as they were before."""

    mantissa: Int64
    shift: Int64

    @property
    def are_once(self) -> bool:
        """Whether products are rounded once."""
        return bool(self.shift[0] < -ONCE // 2)

    @property
    def exponent(self) -> Int64:
        """The shifts without that mark."""
        return self.shift + ONCE if self.are_once else self.shift


@dataclass(frozen=True)
class Line:
    """A mantissa and an offset for each channel; the zero point if it is within the offsets."""

    mantissa: Int64
    offset: Int64
    sum_bits: Int64
    zero: int | None = None

    def outputs(self, sums: Int64) -> Int64:
        """What sums (channels, n) become, less the zero point and not yet clamped."""
        wide = (sums << self.sum_bits[:, None]) + self.offset[:, None]
        high = (self.mantissa[:, None] * wide) >> 32
        if self.zero is not None:
            return np.asarray((high >> BITS) - self.zero, np.int64)
        return np.asarray((high + _HALF) >> BITS, np.int64)


def find_line(
    site: Site, factors: Factors, *, shared: bool = False, zero_within: bool = False
) -> Line | None:
    """The line of a layer of int8, or None where some channel has none.

    With `shared`, all channels have one mantissa; with `zero_within`, the zero point is within the
    offsets.
    """
    low, high = sum_bounds(site)
    zero = site.output.quant.zero_point
    exponent = factors.exponent
    if exponent.min() < _SHIFTS.start or exponent.max() >= _SHIFTS.stop:
        return None
    bits = np.full_like(exponent, SUM_BITS)
    if zero_within:
        bits[_nearest(factors, bits) < abs(_lift(zero)) >> 30] = FEWER_BITS
    nearest = _nearest(factors, bits)
    largest = np.maximum(np.abs(low), np.abs(high)).max(initial=0)
    most = numerics.INT32_MAX - _LARGEST_OFFSET
    if nearest.max() + _MANY > numerics.INT32_MAX or largest << SUM_BITS > most:
        return None
    steps = Steps.of(site, factors)
    if steps.leave_a_gap(factors):
        return None
    line = _through(steps, nearest, bits, _lift(zero) if zero_within else 0, shared=shared)
    if line is None or not zero_within:
        return line
    ends = (np.stack([low, high], 1) << bits[:, None]) + line.offset[:, None]
    if np.abs(ends).max(initial=0) > numerics.INT32_MAX:
        return None
    return Line(line.mantissa, line.offset, bits, zero)


def _lift(zero: int) -> int:
    """What a zero point within the offset adds to products."""
    return ((zero << BITS) + _HALF) << 32


def _nearest(factors: Factors, sum_bits: Int64) -> Int64:
    """The mantissas by which the line has the slope of the factors, rounded."""
    right = 31 - 32 - BITS + sum_bits - factors.exponent
    return np.asarray(((factors.mantissa << 1 >> right) + 1) >> 1, np.int64)


def _first_sums(factors: Factors, outputs: Int64) -> Int64:
    """The least sum of each channel whose output is so large, (channels, outputs).

    Rounded once, halves up: sum * mantissa + half >= output * whole. Rounded twice, the first
    result r must reach output * 2^n - 2^(n - 1), or exceed it where halves go down.
    """
    right = -factors.exponent[:, None]
    wanted = (outputs << right) - (np.int64(1) << (right - 1))
    if not factors.are_once:
        wanted = wanted + (outputs <= 0)
    half = 0 if factors.are_once else 1 << 30
    return quotient_up((wanted << 31) - half, factors.mantissa[:, None])


def quotient_up(a: Int64, b: Int64) -> Int64:
    """The quotients, rounded up."""
    return np.asarray(-(-a // b), np.int64)


@dataclass(frozen=True)
class Steps:
    """Where the outputs of each channel step up, as far as its sums reach.

    For each output but the least, less the zero point, the first sum that gives it.
    """

    outputs: Int64
    first: Int64
    low: Int64
    high: Int64

    @staticmethod
    def of(site: Site, factors: Factors) -> Steps:
        """Those of a layer of int8, whose factors are below 1."""
        op, zero = site.node.op, site.output.quant.zero_point
        assert isinstance(op, Linear)
        least, most = quantized_bounds(op.activation, site.output)
        outputs = np.arange(least + 1, most + 1, dtype=np.int64) - zero
        return Steps(outputs, _first_sums(factors, outputs), *sum_bounds(site))

    def leave_a_gap(self, factors: Factors) -> bool:
        """Whether products are rounded twice, to outputs on both sides of the zero point."""
        reached = (self.first > self.low[:, None]) & (self.first <= self.high[:, None])
        down, up = (reached[:, side].any(1) for side in (self.outputs <= 0, self.outputs > 0))
        return not factors.are_once and bool(np.any(down & up))

    def at(self, channels: Int64) -> Steps:
        """Those of some channels."""
        return Steps(self.outputs, self.first[channels], self.low[channels], self.high[channels])

    def offsets(self, mantissa: Int64, edges: Int64, sum_bits: Int64 | int) -> tuple[Int64, Int64]:
        """The least and the largest offset for mantissas (channels, tries).

        With an offset between, mantissa * (2^sum_bits * sum + offset) reaches an output's edge, one
        of (channels or 1, outputs), from the first sum on that gives it. `sum_bits` is one number
        or (channels, 1).
        """
        low, high = self.low[:, None], self.high[:, None]
        at = np.where(self.first <= high, np.maximum(self.first, low) << sum_bits, _FAR)
        before = np.where(self.first > low, np.minimum(self.first - 1, high) << sum_bits, -_FAR)
        needed = quotient_up(edges[:, None], mantissa[:, :, None])
        least = (needed - at[:, None]).max(2, initial=-_FAR)
        return least, (needed - 1 - before[:, None]).min(2, initial=_FAR)


def _through(steps: Steps, nearest: Int64, bits: Int64, lift: int, *, shared: bool) -> Line | None:
    """A line for each channel with a mantissa as near as can be to the nearest one.

    Products are lifted by as much as `lift`.
    """
    line = Line(nearest.copy(), np.zeros_like(nearest), bits)
    left = np.arange(len(nearest))
    edges = (((steps.outputs << BITS) - _HALF) << 32) + lift
    for added in tries(_MANY):
        mantissa = np.maximum(nearest[left][:, None] + added, 1)
        base = lift // mantissa
        low, high = steps.at(left).offsets(mantissa, edges[None], bits[left][:, None])
        low, high = low - base, high - base
        fits = _fit(low, high)
        fits = np.broadcast_to(fits.all(0), fits.shape) if shared else fits
        found, at = fits.any(1), fits.argmax(1)
        rows = np.flatnonzero(found)
        line.mantissa[left[rows]] = mantissa[rows, at[rows]]
        offset = _between(low, high) + base
        line.offset[left[rows]] = offset[rows, at[rows]]
        left = left[~found]
        if not len(left):
            return line
    return None


def tries(many: int) -> Iterator[Int64]:
    """What is added to the nearest mantissas: the nearest first, in ever larger lots."""
    tried, lot = 0, _FEW
    while tried < many:
        index = np.arange(tried, tried + lot, dtype=np.int64)
        yield np.where(index % 2 == 0, -(index // 2), index // 2 + 1)
        tried, lot = tried + lot, 2 * lot


def _fit(low: Int64, high: Int64) -> Bools:
    """Whether there is an offset between, so small that 32 bits hold it with any sum."""
    most = _LARGEST_OFFSET
    return np.asarray((low <= high) & (low <= most) & (high >= -most))


def _between(low: Int64, high: Int64) -> Int64:
    """The middle of what may be, or what is nearest to 0 where it is open on one side."""
    most = np.int64(_LARGEST_OFFSET)
    closed = (low > -most) & (high < most)
    middle = (np.maximum(low, -most) + np.minimum(high, most)) >> 1
    return np.where(closed, middle, np.clip(0, low, high))


def straighten(
    site: Site, constants: dict[str, Array], *, shared: bool = False, zero_within: bool = False
) -> dict[str, Array]:
    """`linear_constants` with mantissa and bias of a line in place of the factors, if there is one.

    The bias is that of 256 times the sum, offset included; there are no shifts. With `shared`, all
    channels have one mantissa; with `zero_within`, the bias brings the zero point.
    """
    factors = Factors(*(constants[name].astype(np.int64) for name in ("mantissa", "shift")))
    line = find_line(site, factors, shared=shared, zero_within=zero_within)
    if line is None:
        return constants
    bias = (constants["bias"].astype(np.int64) << line.sum_bits) + line.offset
    rest = {name: array for name, array in constants.items() if name != "shift"}
    return rest | {
        "bias": numerics.wrap32(bias).astype(np.int32),
        "mantissa": np.where(line.sum_bits < SUM_BITS, -line.mantissa, line.mantissa).astype(
            np.int32
        ),
    }
