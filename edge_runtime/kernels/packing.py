"""Constants in the order in which kernels read them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from edge_runtime import numerics
from edge_runtime.graph import Array
from edge_runtime.kernels.kernel import Site
from edge_runtime.ops import Linear

Int8 = npt.NDArray[np.int8]

GROUP = 4
"""Elements that the DSP kernels unpack at once."""
_PAIRS = (0, 2, 1, 3)
"""The order in which they come out: SXTB16 takes bytes 0 and 2, then 1 and 3."""


def linear_constants(
    site: Site, pack: Callable[[Int8], Int8], *, fold: bool = True
) -> dict[str, Array]:
    """What every convolution and fully connected kernel reads, by field of its struct.

    `pack` puts weights given as (output channels, elements) in the kernel's order. With `fold`, the
    bias takes in the input's zero point times the sum of a channel's weights.
    """
    op = site.node.op
    assert isinstance(op, Linear)
    first = np.moveaxis(site.inputs[1].values, op.weight_axis, 0)
    rows = np.array(first.reshape(first.shape[0], -1), np.int8)
    bias = np.zeros(len(rows), np.int64)
    if len(site.inputs) > 2:
        bias += site.inputs[2].values.reshape(-1).astype(np.int64)
    factors = op.multipliers(site.inputs, site.output)
    mantissa = np.array([factor.mantissa for factor in factors], np.int32)
    shift = np.array([factor.shift for factor in factors], np.int8)
    # A factor of 0 becomes sums of 0 with an ordinary factor: fast kernels serve no others.
    nothing = mantissa == 0
    rows[nothing], bias[nothing], mantissa[nothing], shift[nothing] = 0, 0, 1 << 30, -2
    if fold:
        bias -= site.inputs[0].quant.zero_point * rows.astype(np.int64).sum(1)
    return {
        "weights": pack(rows),
        "bias": numerics.wrap32(bias).astype(np.int32),
        "mantissa": mantissa,
        "shift": shift,
    }


def channels_first(rows: Int8) -> Int8:
    """Channel by channel."""
    return rows.reshape(-1)


def channels_last(rows: Int8) -> Int8:
    """Element by element, all channels of each side by side."""
    return np.ascontiguousarray(rows.T).reshape(-1)


def pack_channel_pairs(rows: Int8) -> Int8:
    """For er_conv_s8_dsp: see the head of that file."""
    channels, depth = rows.shape
    whole = depth // GROUP * GROUP
    order = [start + i for start in range(0, whole, GROUP) for i in _PAIRS]
    tail = depth - whole
    if tail == GROUP - 1:
        order += [whole + i for i in _PAIRS]
    elif tail:
        order += [whole, whole + 1]
    filled = np.zeros((channels, whole + GROUP), np.int8)
    filled[:, :depth] = rows
    paired = channels // 2 * 2
    pairs = filled[:paired, order].reshape(paired // 2, 2, len(order)).swapaxes(1, 2)
    last = filled[paired:, : len(order)]
    return np.concatenate([pairs.reshape(-1), last.reshape(-1)])


def pack_row_pairs(rows: Int8) -> Int8:
    """For er_linear_s8_dsp: see the head of that file."""
    count, depth = rows.shape
    groups = -(-depth // GROUP)
    filled = np.zeros((count, groups * GROUP), np.int8)
    filled[:, :depth] = rows
    parts, start = [], 0
    for together in (4, 2):
        blocks = (count - start) // together
        taken = filled[start : start + blocks * together]
        start += blocks * together
        # (block, pair, row of the pair, group, element)
        shaped = taken.reshape(blocks, together // 2, 2, groups, GROUP)[..., _PAIRS].copy()
        shaped[:, :, 0] ^= np.int8(-128)
        parts.append(shaped.transpose(0, 3, 1, 4, 2).reshape(-1))
    return np.concatenate([*parts, rows[start:].reshape(-1)])
