"""Ranges of real values that int8 is to hold, and the observers that choose them."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Array, DType, Quantization

BINS = 2048
STEPS = 255
"""Between the smallest and the largest int8."""
SMALLEST_SCALE = 2.0**-60
"""Far from where products of scales would leave the normal single-precision numbers."""

Floats = npt.NDArray[np.float64]


class Observer(enum.Enum):
    """How a range follows from the values that were seen."""

    MIN_MAX = "min-max"
    """All of them fit."""
    PERCENTILE = "percentile"
    """A share of them at either end is cut off."""
    MSE = "mse"
    """The mean squared error of rounding and cutting off together is smallest."""
    ENTROPY = "entropy"
    """The Kullback-Leibler divergence of what is stored from what was seen is smallest."""


@dataclass(frozen=True)
class Range:
    """Real values from `low` to `high` are stored, others are clamped. Zero is always inside."""

    low: float
    high: float
    observer: Observer = Observer.MIN_MAX
    seen: tuple[float, float] | None = None
    """All values that were seen lie between these; int16, with steps to spare, holds them all."""

    def __post_init__(self) -> None:
        if not np.isfinite([self.low, self.high]).all():
            raise ValueError(f"{self.low} ... {self.high} is no range")
        object.__setattr__(self, "low", min(float(self.low), 0.0))
        object.__setattr__(self, "high", max(float(self.high), 0.0))

    @property
    def quantization(self) -> Quantization:
        """Asymmetric int8; zero is stored exactly, so padding is exact."""
        return self.stored_as(DType.INT8)

    def stored_as(self, dtype: DType) -> Quantization:
        """The quantization for int8, or int16, which TFLite has symmetric only."""
        if self.low == self.high:
            return Quantization.per_tensor(1.0)
        if dtype is DType.INT16:
            low, high = self.seen or (self.low, self.high)
            return Quantization.per_tensor(max(max(-low, high) / 32767, SMALLEST_SCALE))
        scale = float(np.float32(max((self.high - self.low) / STEPS, SMALLEST_SCALE)))
        zero_point = round(-128 - self.low / scale)
        return Quantization.per_tensor(scale, min(127, max(-128, zero_point)))


Ranges = Mapping[str, Range]
"""By name of the tensor."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many values fell into each of `BINS` equal parts of low ... high."""

    low: float
    high: float
    counts: Floats

    @staticmethod
    def empty(range_: Range) -> Histogram:
        """No values yet, between the ends of `range_`."""
        return Histogram(range_.low, range_.high, np.zeros(BINS))

    def add(self, values: Array) -> None:
        """Count `values`."""
        counts, _ = np.histogram(values, BINS, (self.low, self.high))
        self.counts[:] += counts

    @property
    def centres(self) -> Floats:
        """The middle of each part."""
        width = (self.high - self.low) / BINS
        middles: Floats = self.low + width * np.arange(0.5, BINS, dtype=np.float64)
        return middles

    def percentile(self, percent: float) -> Range:
        """The range without the outer values, so that `percent` of all lie below its high end."""
        below = np.cumsum(self.counts) / self.counts.sum()
        width = (self.high - self.low) / BINS
        first = int(np.searchsorted(below, 1 - percent / 100, "right"))
        last = int(np.searchsorted(below, percent / 100))
        return Range(self.low + width * first, self.low + width * (last + 1), Observer.PERCENTILE)

    def least_error(self) -> Range:
        """The range of the smallest mean squared error."""
        return replace(self._best(self.error), observer=Observer.MSE)

    def least_divergence(self) -> Range:
        """The range of the smallest Kullback-Leibler divergence."""
        return replace(self._best(self.divergence), observer=Observer.ENTROPY)

    def _best(self, cost: Callable[[Range], float]) -> Range:
        """The range that costs least, one end searched after the other."""
        shares = np.linspace(1, 0.1, 46)
        low, high = self.low, self.high
        for _ in range(2):
            high = min(self.high * shares, key=lambda end: cost(Range(low, end)))
            low = min(self.low * shares, key=lambda end: cost(Range(end, high)))
        return Range(low, high)

    def _stored(self, range_: Range) -> Floats:
        """What the middle of each part is stored as by `range_`."""
        quantization = range_.quantization
        ratio = np.rint(self.centres / quantization.scale) + quantization.zero_point
        stored: Floats = np.clip(ratio, -128, 127)
        return stored

    def error(self, range_: Range) -> float:
        """Mean squared error of storing the values by `range_`."""
        quantization = range_.quantization
        held = (self._stored(range_) - quantization.zero_point) * quantization.scale
        return float(np.sum(self.counts * (self.centres - held) ** 2) / self.counts.sum())

    def divergence(self, range_: Range) -> float:
        """Kullback-Leibler divergence of the values stored by `range_` from the values, in nats.

        As in TensorRT's calibration (Migacz, GTC 2017): values cut off count at the ends, and each
        stored one stands for the parts, not empty, that are rounded to it, in equal shares.
        """
        inside = (self.centres >= range_.low) & (self.centres <= range_.high)
        if not inside.any():
            return math.inf
        kept = self.counts[inside]
        ends = np.flatnonzero(inside)[[0, -1]]
        seen = kept.copy()
        seen[0] += self.counts[: ends[0]].sum()
        seen[-1] += self.counts[ends[1] + 1 :].sum()
        levels = self._stored(range_)[inside].astype(np.int64) + 128
        filled = kept > 0
        number = np.maximum(np.bincount(levels, filled, STEPS + 1), 1)
        shares = (np.bincount(levels, kept, STEPS + 1) / number)[levels]
        # What was cut off into an empty part would diverge without bound: it counts as one value.
        shares = np.where(filled, shares, np.where(seen > 0, 1.0, 0.0))
        p, q = seen / seen.sum(), shares / shares.sum()
        some = p > 0
        return float(np.sum(p[some] * np.log(p[some] / q[some])))
