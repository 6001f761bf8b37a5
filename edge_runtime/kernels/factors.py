"""Factors of channels in fewer bytes, where that provably changes no output.

An output is a step function of its sum. If all steps stay where they were, for every sum that any
input can make, another factor gives the same outputs. There are two forms, and firmware/kernels/
include/er_factors.h reads them:

Three bytes. All steps lie on a straight line (straight.py), and an output is

    (mantissa * (2^bits * sum + offset) + 2^30) >> (31 + shift).

The bytes are the 24 bits behind the mantissa's leading one. The bias is that of 2^bits times the
sum, offset included, and the offset is one whose last four bits are the shift: one in sixteen, of
which nearly always one fits. `bits` are as many as the layer's sums leave, in one byte before all.

A word, where no line goes through outputs on both sides of the zero point: the 27 bits behind the
mantissa's leading one, and in the last five the shift to the right.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph import Array
from edge_runtime.kernels.kernel import Choice, Site
from edge_runtime.kernels.straight import Bools, Factors, Steps, tries
from edge_runtime.kernels.sums import sum_bounds
from edge_runtime.numerics import Int64
from edge_runtime.ops import Linear
from edge_runtime.ops.windowed import quantized_bounds

_KERNELS = frozenset({"er_conv_s8_ref", "er_depthwise_s8_ref"})
"""Those that read factors in all forms."""
FORMS = ("BYTES", "WORDS", "PAIRS")

_LINE_BITS = 25
"""Of a line's mantissa, with the leading one."""
_LINE_SHIFTS = range(8, 24)
_MANY = 64
"""Mantissas that are tried, or a few more: those farther off have another slope."""
_BLOCK = 64
"""Channels that are looked at together: memory stays small, and a layer is soon given up."""
_LEADING = 1 << 30
_DROPPED = 3
_SHIFT_BITS = 5


def pack_factors(site: Site, choice: Choice) -> Choice:
    """`choice` with factors in the fewest bytes that are proved; itself where none are.

    Nor are they where the kernel takes no others than mantissas and shifts.
    """
    if choice.kernel.name not in _KERNELS:
        return choice
    constants = choice.demand.constants
    packed = _in_bytes(site, constants) or _in_words(site, constants)
    if packed is None:
        return choice
    demand = dataclasses.replace(choice.demand, constants=packed)
    return dataclasses.replace(choice, demand=demand)


def form_of(choice: Choice) -> str | None:
    """In which of `FORMS` the kernel gets its factors, or None where it takes only one."""
    if choice.kernel.name not in _KERNELS:
        return None
    if "mantissa" not in choice.demand.constants:
        return "BYTES"
    return "PAIRS" if "shift" in choice.demand.constants else "WORDS"


def _in_bytes(site: Site, constants: dict[str, Array]) -> dict[str, Array] | None:
    factors = Factors(*(constants[name].astype(np.int64) for name in ("mantissa", "shift")))
    if factors.exponent.max() >= 0:
        return None
    steps = Steps.of(site, factors)
    if steps.leave_a_gap(factors):
        return None
    most = _most_bits(factors, steps)
    for bits in (most, most - 1):  # offsets need some room, too
        line = _Line.through(steps, factors, bits) if _shifts_fit(factors, bits) else None
        if line is not None:
            return {"weights": constants["weights"], **line.packed(constants["bias"])}
    return None


def _shifts(factors: Factors, bits: int) -> Int64:
    """What a product is shifted to the right by, after its upper half is taken."""
    return bits + _LINE_BITS - 31 - factors.exponent


def _shifts_fit(factors: Factors, bits: int) -> bool:
    shifts = _shifts(factors, bits)
    return bits > 0 and shifts.min() in _LINE_SHIFTS and shifts.max() in _LINE_SHIFTS


def _most_bits(factors: Factors, steps: Steps) -> int:
    """How many bits there is room for behind the sums of all channels."""
    largest = int(np.maximum(-steps.low, steps.high).max(initial=1))
    room = _LINE_SHIFTS.stop - 1 - int(_shifts(factors, 0).max())
    return min(31 - largest.bit_length(), room)


@dataclasses.dataclass(frozen=True)
class _Line:
    """For each channel mantissa and offset, in whose last four bits the shift is."""

    bits: int
    mantissa: Int64
    offset: Int64

    @staticmethod
    def through(steps: Steps, factors: Factors, bits: int) -> _Line | None:
        """The line through all steps, or None where that of some channel is not found."""
        shifts = _shifts(factors, bits)
        line = _Line(bits, factors.mantissa >> (31 - _LINE_BITS), np.zeros_like(shifts))
        channels = np.arange(len(shifts))
        blocks = (channels[at : at + _BLOCK] for at in range(0, len(channels), _BLOCK))
        return line if all(line._found(steps, shifts, block) for block in blocks) else None

    def _found(self, steps: Steps, shifts: Int64, left: Int64) -> bool:
        """Whether it now goes through the steps of the channels in `left`."""
        nearest = self.mantissa.copy()
        for added in tries(_MANY):
            mantissa = nearest[left][:, None] + added
            offset, fits = _offsets(steps.at(left), mantissa, shifts[left], self.bits)
            fits &= mantissa >> (_LINE_BITS - 1) == 1
            found, at = fits.any(1), fits.argmax(1)
            rows = np.flatnonzero(found)
            self.mantissa[left[rows]] = mantissa[rows, at[rows]]
            self.offset[left[rows]] = offset[rows, at[rows]]
            left = left[~found]
            if not len(left):
                return True
        return False

    def packed(self, bias: Array) -> dict[str, Array]:
        """Constants that take the place of bias, mantissa and shift."""
        wide = numerics.wrap32((bias.astype(np.int64) << self.bits) + self.offset)
        rest = (self.mantissa - (1 << (_LINE_BITS - 1))).astype("<u4")
        three = rest.view(np.int8).reshape(-1, 4)[:, :3]
        return {
            "bias": wide.astype(np.int32),
            "shift": np.concatenate([[self.bits], three.reshape(-1)]).astype(np.int8),
        }


def _offsets(steps: Steps, mantissa: Int64, shifts: Int64, bits: int) -> tuple[Int64, Bools]:
    """An offset for each of the mantissas (channels, tries), and whether it fits."""
    edges = (steps.outputs << (31 + shifts[:, None])) - (1 << 30)
    least, most = steps.offsets(mantissa, edges, bits)
    least = np.maximum(least, numerics.INT32_MIN - (steps.low << bits)[:, None])
    most = np.minimum(most, numerics.INT32_MAX - (steps.high << bits)[:, None])
    start = np.maximum(np.minimum(0, most), least)
    marked = start + (shifts[:, None] - _LINE_SHIFTS.start - start) % len(_LINE_SHIFTS)
    marked = np.where(marked > most, marked - len(_LINE_SHIFTS), marked)
    return marked, np.asarray((least <= marked) & (marked <= most))


def _in_words(site: Site, constants: dict[str, Array]) -> dict[str, Array] | None:
    shift = constants["shift"].astype(np.int64)
    if shift.max() > 0 or shift.min() <= -(1 << _SHIFT_BITS):
        return None
    mantissa = _shortened(site, constants["mantissa"].astype(np.int64), shift)
    if mantissa is None:
        return None
    words = numerics.wrap32(((mantissa - _LEADING) << 2) - shift)
    rest = {name: array for name, array in constants.items() if name != "shift"}
    return rest | {"mantissa": words.astype(np.int32)}


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

    def are_kept_by(self, mantissa: Int64) -> Bools:
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

    def _reached(self, sums: Int64, mantissa: Int64) -> Bools:
        scaled = numerics.multiply(sums, mantissa[:, None], self._shift)
        return np.asarray(scaled >= self._outputs)
