"""The logistic function and the hyperbolic tangent in int16, as TFLite has them: from one table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.numerics import Int64


def _sigmoid_table() -> npt.NDArray[np.uint16]:
    """The logistic function at multiples of 1/24, Q0.16, but for the last value.

    Each is raised by half of what a straight line to the next one is too low by in the middle.
    """
    places = np.arange(255)
    here, after, middle = (
        65536 / (1 + np.exp(-(places + shift) / 24)) for shift in (0.0, 1.0, 0.5)
    )
    raised = here + (middle - (here + after) / 2) / 2
    return np.append(np.floor(raised + 0.5), 65535).astype(np.uint16)


SIGMOID_TABLE = _sigmoid_table()


def _interpolate(magnitude: Int64, bits: int) -> Int64:
    """The table at magnitude / 2**bits, with `bits` more bits; its end is not to be passed."""
    index = np.minimum(magnitude >> bits, 254)
    low = SIGMOID_TABLE[index].astype(np.int64)
    high = SIGMOID_TABLE[index + 1].astype(np.int64)
    result: Int64 = (low << bits) + (magnitude & ((1 << bits) - 1)) * (high - low)
    return result


def sigmoid16(x: Int64) -> Int64:
    """The logistic function of x / 3 / 2**12, in Q0.15 (TFLite's int16 LOGISTIC)."""
    magnitude = np.abs(x)
    result = np.where(magnitude >> 9 >= 255, 0x7FFF << 10, _interpolate(magnitude, 9))
    return np.where(x >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1) >> 10


def tanh16(x: Int64) -> Int64:
    """The hyperbolic tangent of x / 3 / 2**12, in Q0.15 (TFLite's int16 TANH)."""
    magnitude = np.abs(x)
    result = np.where(magnitude >> 8 >= 255, 0xFFFF << 8, _interpolate(magnitude, 8))
    result = result - (1 << 23)
    return np.where(x >= 0, result + (1 << 7), -result + (1 << 7) - 1) >> 8
