"""Factors of channels in one word each, where that provably changes no output.

A word holds the 27 bits behind a mantissa's leading one, and in its last five bits the shift to
the right. An output is a step function of its sum. If all steps stay where they were, for every sum
that any input can make, a mantissa with fewer bits gives the same outputs.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from edge_runtime import numerics
from edge_runtime.kernels.kernel import Choice, Site
from edge_runtime.kernels.sums import sum_bounds
from edge_runtime.numerics import Int64
from edge_runtime.ops import Linear
from edge_runtime.ops.windowed import quantized_bounds

_KERNELS = frozenset({"er_conv_s8_ref", "er_depthwise_s8_ref"})
"""Those that read such words where they are given no shifts."""
_LEADING = 1 << 30
_DROPPED = 3
_SHIFT_BITS = 5


def pack_factors(site: Site, choice: Choice) -> Choice:
    """`choice` with one word a channel in place of mantissa and shift; itself where that is not so.

    It is not where the kernel takes no words, or where some channel needs more bits.
    """
    constants = dict(choice.demand.constants)
    if choice.kernel.name not in _KERNELS:
        return choice
    shift = constants.pop("shift").astype(np.int64)
    if shift.max() > 0 or shift.min() <= -(1 << _SHIFT_BITS):
        return choice
    mantissa = _shortened(site, constants["mantissa"].astype(np.int64), shift)
    if mantissa is None:
        return choice
    words = numerics.wrap32(((mantissa - _LEADING) << 2) - shift)
    constants["mantissa"] = words.astype(np.int32)
    return dataclasses.replace(
        choice, demand=dataclasses.replace(choice.demand, constants=constants)
    )


def _shortened(site: Site, mantissa: Int64, shift: Int64) -> Int64 | None:
    """Mantissas without their last bits that do the same, or None.

    Those that do are neighbours, so where one without these bits does, the next below or the next
    above does.
    """
    low, high = sum_bounds(site)
    if low.min() < numerics.INT32_MIN or high.max() > numerics.INT32_MAX:
        return None
    steps = _Steps(site, mantissa, shift, low, high)
    below = mantissa >> _DROPPED << _DROPPED
    above = np.minimum(below + (1 << _DROPPED), (2 * _LEADING) - (1 << _DROPPED))
    keep_below, keep_above = steps.are_kept_by(below), steps.are_kept_by(above)
    if not np.all(keep_below | keep_above):
        return None
    return np.where(keep_below, below, above)


class _Steps:
    """For each channel, the first sum from which on an output is so large, for all outputs."""

    def __init__(self, site: Site, mantissa: Int64, shift: Int64, low: Int64, high: Int64) -> None:
        op, zero = site.node.op, site.output.quant.zero_point
        assert isinstance(op, Linear)
        least, most = quantized_bounds(op.activation, site.output)
        self._outputs = np.arange(least + 1, most + 1, dtype=np.int64)[None] - zero
        self._shift, self._low, self._high = shift[:, None], low[:, None], high[:, None]
        self._first = self._found(mantissa)

    def are_kept_by(self, mantissa: Int64) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """For each channel, whether all steps are where they were."""
        at = (self._first > self._high) | self._reached(self._first, mantissa)
        before = (self._first <= self._low) | ~self._reached(self._first - 1, mantissa)
        return np.asarray(np.all(at & before, axis=1))

    def _found(self, mantissa: Int64) -> Int64:
        """Found by halves, between `first` and `end`; beyond all sums where there is none."""
        shape = len(mantissa), self._outputs.shape[1]
        first, end = np.broadcast_to(self._low, shape), np.broadcast_to(self._high + 1, shape)
        while np.any(first < end):
            middle = (first + end) >> 1
            reached = self._reached(middle, mantissa) | (first == end)
            first, end = np.where(reached, first, middle + 1), np.where(reached, middle, end)
        return first

    def _reached(
        self, sums: Int64, mantissa: Int64
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        scaled = numerics.multiply(sums, mantissa[:, None], self._shift)
        return np.asarray(scaled >= self._outputs)
