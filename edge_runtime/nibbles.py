"""4-bit integers two a byte, the first in the lower half: TFLite's order, and the kernels'."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Array


def pack_nibbles(values: Array) -> npt.NDArray[np.uint8]:
    """Values from -8 to 7 in the order of memory; an odd last byte is filled with 0."""
    low_and_high = np.zeros(-(-values.size // 2) * 2, np.uint8)
    low_and_high[: values.size] = values.reshape(-1).view(np.uint8) & 0xF
    return np.asarray(low_and_high[::2] | low_and_high[1::2] << 4, np.uint8)


def unpack_nibbles(packed: Array, count: int) -> npt.NDArray[np.int8]:
    """The first `count` values of `packed` bytes."""
    halves = np.stack([packed & 0xF, packed >> 4], -1).reshape(-1)[:count].astype(np.int8)
    return np.where(halves > 7, halves - 16, halves).astype(np.int8)
