"""Constants in the order in which kernels read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime import numerics
from edge_runtime.graph import Array, DType, Rounding
from edge_runtime.kernels.kernel import Site
from edge_runtime.nibbles import pack_nibbles
from edge_runtime.numerics import Multiplier
from edge_runtime.ops import FullyConnected, Linear
from edge_runtime.ops.linear import weight_zero, wide_sums

Int8 = npt.NDArray[np.int8]

GROUP = 4
"""Elements that the DSP kernels unpack at once."""
QUAD = 4
"""Channels, and elements of each, in a tile of the vector kernels."""
LANES = 4
"""Channels that the kernels of single precision, and those for RV32, work on at once."""
VECTOR = 16
"""Elements of a vector of MVE."""
_PAIRS = (0, 2, 1, 3)
"""The order in which they come out: SXTB16 takes bytes 0 and 2, then 1 and 3."""


def linear_constants(
    site: Site, pack: Callable[[Int8], Int8], *, fold: bool = True
) -> dict[str, Array]:
    """What every convolution and fully connected kernel reads, by field of its struct.

    `pack` puts weights given as (output channels, elements) in the kernel's order. With `fold`, the
    bias takes in the input's zero point times the sum of a channel's weights.
    """
    rows = np.array(_rows(site), np.int8)
    bias = np.zeros(len(rows), np.int64)
    if len(site.inputs) > 2:
        bias += site.inputs[2].values.reshape(-1).astype(np.int64)
    op = _linear(site)
    mantissa, shift = factor_arrays(op.multipliers(site.inputs, site.output))
    # A factor of 0 becomes sums of 0 with an ordinary factor: fast kernels serve no others.
    nothing = mantissa == 0
    rows[nothing], bias[nothing] = weight_zero(site.inputs[1]), 0
    ordinary = Multiplier(1 << 30, -8)
    ordinary = ordinary.once if op.rounding is Rounding.ONCE else ordinary
    mantissa[nothing], shift[nothing] = ordinary.mantissa, ordinary.shift
    if fold:
        bias -= site.inputs[0].quant.zero_point * rows.astype(np.int64).sum(1)
    return {
        "weights": pack(rows),
        "bias": numerics.wrap32(bias).astype(np.int32),
        "mantissa": mantissa,
        "shift": shift,
    }


def is_uniform(site: Site) -> bool:
    """Whether one factor serves all outputs."""
    op = site.node.op
    assert isinstance(op, FullyConnected)
    return len(set(op.multipliers(site.inputs, site.output))) == 1


def _linear(site: Site) -> Linear:
    op = site.node.op
    assert isinstance(op, Linear)
    return op


def _rows(site: Site) -> Array:
    """The weights as (output channels, elements)."""
    first = np.moveaxis(site.inputs[1].values, _linear(site).weight_axis, 0)
    return first.reshape(first.shape[0], -1)


def factor_arrays(
    factors: Sequence[Multiplier],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Mantissas and shifts, as kernels read them."""
    mantissa = np.array([factor.mantissa for factor in factors], np.int32)
    return mantissa, np.array([factor.shift for factor in factors], np.int8)


def wide_factor(factor: Multiplier) -> Multiplier:
    """As sums of 64 bits take it: a mantissa of 15 bits, and the shift to the right."""
    mantissa = (factor.mantissa + (1 << 15)) >> 16 if factor.mantissa < 0x7FFF0000 else 0x7FFF
    return Multiplier(mantissa, 15 - factor.shift)


def offset_constants(site: Site) -> dict[str, Array]:
    """`linear_constants`, unpacked, of weights with a zero point.

    The bias takes in all that does not depend on the input.
    """
    constants = linear_constants(site, channels_first, fold=True)
    depth = constants["weights"].size // len(constants["bias"])
    both = site.inputs[0].quant.zero_point * weight_zero(site.inputs[1])
    bias = constants["bias"].astype(np.int64) + both * depth
    return {**constants, "bias": numerics.wrap32(bias).astype(np.int32)}


def wide_constants(site: Site, pack: Callable[[Int8], Int8]) -> dict[str, Array]:
    """What the kernels on int16 read: `pack` is as for `linear_constants`."""
    rows = np.array(_rows(site), np.int8)
    bias = np.zeros(len(rows), np.int64)
    if len(site.inputs) > 2:
        bias += site.inputs[2].values.reshape(-1)
    factors = _linear(site).multipliers(site.inputs, site.output)
    if wide_sums(site.inputs):
        factors = tuple(map(wide_factor, factors))
    mantissa, shift = factor_arrays(factors)
    return {"weights": pack(rows), "bias": bias, "mantissa": mantissa, "shift": shift}


def float_constants(site: Site, pack: Callable[[Array], Array]) -> dict[str, Array]:
    """What the single-precision kernels read. Half-precision weights are given by their bits."""
    weights, rows = site.inputs[1], _rows(site)
    if weights.dtype is DType.FLOAT16:
        rows = rows.view(np.uint16)
    bias = np.zeros(len(rows), np.float32)
    if len(site.inputs) > 2:
        bias += site.inputs[2].values.reshape(-1)
    constants = {"weights": pack(rows), "bias": bias}
    if not weights.dtype.is_float:
        scales = np.asarray(weights.quant.scales, np.float32)
        constants["scale"] = np.broadcast_to(scales, len(rows)).copy()
    return constants


def pack_lanes(rows: Array, groups: int = 1) -> Array:
    """Channels four by four, element by element; of each group the last one to three likewise."""
    parts = []
    for group in np.split(rows, groups):
        whole = len(group) // LANES * LANES
        blocks = group[:whole].reshape(-1, LANES, rows.shape[1])
        parts += [blocks.swapaxes(1, 2).reshape(-1), group[whole:].T.reshape(-1)]
    return np.concatenate(parts)


def fill_lanes(rows: Int8) -> Int8:
    """Channels four by four, element by element; zeros stand for those that the last four lack."""
    filled = np.zeros((-(-len(rows) // LANES) * LANES, rows.shape[1]), np.int8)
    filled[: len(rows)] = rows
    return filled.reshape(-1, LANES, rows.shape[1]).swapaxes(1, 2).reshape(-1)


def round_up(count: int) -> int:
    """`count` rounded up to whole tiles."""
    return -(-count // QUAD) * QUAD


def pack_tiles(rows: Int8) -> Int8:
    """For the vector kernels: see the head of er_vec_dots.h."""
    count, depth = rows.shape
    filled = np.zeros((round_up(count), round_up(depth)), np.int8)
    filled[:count, :depth] = rows
    tiles = filled.reshape(round_up(count) // QUAD, QUAD, -1, QUAD)
    return tiles.swapaxes(1, 2).reshape(-1)


def whole_quads(constants: dict[str, Array]) -> dict[str, Array]:
    """Constants with bias and factors filled up to whole fours; the last factor is repeated."""
    missing = -len(constants["bias"]) % QUAD
    filled = {
        name: np.pad(constants[name], (0, missing), "edge")
        for name in ("bias", "mantissa", "shift")
    }
    return {**constants, **filled}


def channels_first(rows: Array) -> Array:
    """Channel by channel."""
    return rows.reshape(-1)


def channels_last(rows: Array) -> Array:
    """Element by element, all channels of each side by side."""
    return np.ascontiguousarray(rows.T).reshape(-1)


def pack_vectors(rows: Int8, together: int, kernel: tuple[int, int] = (1, 1)) -> Int8:
    """For the MVE kernels: vectors of so many channels alternate, zeros filling up both.

    Elements of a channel go column by column of its kernel.
    """
    return _vectors(rows, together, kernel, 1).swapaxes(1, 2).reshape(-1)


def pack_vectors_4(rows: Int8, together: int, kernel: tuple[int, int] = (1, 1)) -> Int8:
    """The same of int4: two vectors of a channel share one, the first in its lower halves."""
    vectors = _vectors(rows, together, kernel, 2)
    shared = (vectors[:, :, 1::2] << 4) | (vectors[:, :, ::2] & 0xF)
    return shared.swapaxes(1, 2).reshape(-1)


def _vectors(rows: Int8, together: int, kernel: tuple[int, int], unit: int) -> Int8:
    """Vectors as (groups of channels, channels, vectors, 16), a multiple of `unit` vectors."""
    count, depth = rows.shape
    turned = rows.reshape(count, *kernel, -1).swapaxes(1, 2).reshape(count, depth)
    filled = np.pad(turned, ((0, -count % together), (0, -depth % (unit * VECTOR))))
    return filled.reshape(-1, together, filled.shape[1] // VECTOR, VECTOR)


def pack_squares(rows: Int8, kernel: tuple[int, int], side: int) -> Int8:
    """For er_depthwise_s8_mve: see the head of that file."""
    count = len(rows)
    down, across = (-(-taps // side) for taps in kernel)
    filled = np.zeros((count + count % 2, down * side, across * side), np.int8)
    filled[:count, : kernel[0], : kernel[1]] = rows.reshape(-1, *kernel)
    blocks = filled.reshape(-1, down, side, across, side)
    return blocks.transpose(0, 1, 3, 4, 2).reshape(-1)


def fill_square(rows: Int8, kernel: tuple[int, int], size: int) -> Int8:
    """Channel by channel, with zeros below and right of the kernel up to size x size taps."""
    filled = np.zeros((len(rows), size, size), np.int8)
    filled[:, : kernel[0], : kernel[1]] = rows.reshape(-1, *kernel)
    return filled.reshape(-1)


def pack_channel_pairs(rows: Int8, run: int) -> Int8:
    """For er_conv_deep_s8_dsp, of runs of `run` elements: see the head of er_conv_dsp.h."""
    pairs, last = _channel_pairs(rows, run)
    return np.concatenate([pairs.reshape(-1), last.reshape(-1)])


def pack_joined_pairs(rows: Int8, run: int) -> Int8:
    """The same for er_conv_s8_dsp: of bytes a and b of two channels the int16 256 * b + a.

    There is none where a is negative and b -128.
    """
    pairs, last = _channel_pairs(rows, run)
    joined = pairs.copy()
    joined[..., 1::2] -= pairs[..., ::2] < 0
    return np.concatenate([joined.reshape(-1), last.reshape(-1)])


def pack_joined_columns(rows: Int8, kernel: tuple[int, int]) -> Int8:
    """The same for er_conv_rows_s8_dsp: taps of a kernel (height, width) column by column."""
    taps = rows.reshape(len(rows), *kernel, -1)
    return pack_joined_pairs(taps.swapaxes(1, 2).reshape(rows.shape), taps.shape[3])


def _channel_pairs(rows: Int8, run: int) -> tuple[Int8, Int8]:
    """The words of each two channels, (pairs of channels, words, 4), and an odd last channel."""
    channels, depth = rows.shape
    whole = run // GROUP * GROUP
    order = [start + i for start in range(0, whole, GROUP) for i in _PAIRS]
    order += [whole + i for i in ((), (0, 1), (0, 1), _PAIRS)[run - whole]]
    filled = np.zeros((channels, depth // run, whole + GROUP), np.int8)
    filled[:, :, :run] = rows.reshape(channels, depth // run, run)
    elements = filled[:, :, order].reshape(channels, depth // run * len(order))
    paired, words = channels // 2 * 2, elements.shape[1] // 2
    pairs = elements[:paired].reshape(paired // 2, 2, 2 * words).swapaxes(1, 2)
    last = elements[paired:].copy()
    twos = last[:, : words // 2 * 4].reshape(len(last), words // 2, 2, 2).swapaxes(2, 3)
    last[:, : words // 2 * 4] = twos.reshape(len(last), words // 2 * 4)
    return pairs.reshape(paired // 2, words, 4), last


def pack_channel_pairs_4(rows: Int8, run: int) -> Int8:
    """For er_conv_s8w4_dsp: see the head of that file."""
    pairs, last = _channel_pairs(rows, run)
    whole = last.shape[1] // 4 * 4
    words = [*pairs, *last[:, :whole].reshape(len(last), whole // 4, 4)]
    rest = last[:, whole:] << 4
    return np.concatenate([*map(_share_words, words), rest.reshape(-1)])


def _share_words(words: Int8) -> Int8:
    """Words (count, 4): of each two of every four the upper and the lower halves of one."""
    shared = len(words) // 4 * 4
    upper, lower = words[:shared:2] << 4, words[1:shared:2] & 0xF
    return np.concatenate([(upper | lower).reshape(-1), (words[shared:] << 4).reshape(-1)])


def nibbles_first(rows: Int8) -> Int8:
    """Channel by channel, two weights a byte; each channel starts with a byte."""
    odd = np.zeros((len(rows), rows.shape[1] % 2), np.int8)
    return pack_nibbles(np.concatenate([rows, odd], 1)).view(np.int8)


def pack_groups(rows: Int8) -> Int8:
    """For er_conv_s16_dsp: see the head of that file."""
    return _fill(rows, GROUP).reshape(len(rows), -1, GROUP)[..., _PAIRS].reshape(-1)


def pack_halves(rows: Int8) -> Int8:
    """For er_conv_s16_mve: see the head of that file."""
    return _fill(rows, VECTOR // 2).reshape(-1)


def _fill(rows: Int8, group: int) -> Int8:
    """Rows with zeros at their end up to whole groups."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % group)))


def pack_row_pairs(rows: Int8) -> Int8:
    """For er_linear_s8_dsp: see the head of er_linear_dsp.h."""
    parts, last = _row_pairs(rows, np.int8(-128))
    return np.concatenate([*(part.reshape(-1) for part in parts), last.reshape(-1)])


def pack_row_pairs_4(rows: Int8) -> Int8:
    """For er_linear_s8w4_dsp: see the head of that file."""
    parts, last = _row_pairs(rows, np.int8(-8))
    halved = [((part[:, :, 0] << 4) | (part[:, :, 1] & 0xF)).reshape(-1) for part in parts]
    return np.concatenate([*halved, nibbles_first(last).reshape(-1)])


def _row_pairs(rows: Int8, offset: np.int8) -> tuple[list[Int8], Int8]:
    """The words of each two rows, (blocks, pairs, 2, 4), four rows and two together; the last.

    `offset` turns the first of two rows into numbers without sign.
    """
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
        shaped[:, :, 0] ^= offset
        parts.append(shaped.transpose(0, 3, 1, 4, 2).reshape(blocks, together // 2 * groups, 2, 4))
    return parts, rows[start:]
