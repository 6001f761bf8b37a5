"""Convolution, depthwise convolution and fully connected: int8 by int4 weights, two a byte.

Each kernel has a relative for int8 weights, and refuses and asks for the same, but for constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_runtime.graph import DType, Op
from edge_runtime.kernels.catalog import linear, linear_dsp, linear_mve
from edge_runtime.kernels.geometry import Sliding
from edge_runtime.kernels.kernel import Demand, Kernel, Site, declare
from edge_runtime.kernels.loops import MOST_AT_ONCE, by_planes
from edge_runtime.kernels.packing import (
    VECTOR,
    Int8,
    is_uniform,
    linear_constants,
    nibbles_first,
    pack_channel_pairs_4,
    pack_row_pairs_4,
    pack_vectors_4,
)
from edge_runtime.kernels.refusals import weighted
from edge_runtime.kernels.straight import straighten
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected

MOST_ADDED = 1 << 17
"""Sums of so many products, 16 times as large as they should be, fit into 32 bits."""


def _widened(site: Site) -> Site:
    """The site as it were with int8 weights of the same values."""
    image, weights, *bias = site.inputs
    return replace(site, inputs=(image, replace(weights, dtype=DType.INT8), *bias))


def _relative(name: str, op: type[Op]) -> Kernel:
    kernels = (*linear_dsp.KERNELS, *linear.KERNELS, *linear_mve.KERNELS)
    return next(each for each in kernels if each.name == name and each.op is op)


def _narrow(
    name: str,
    op: type[Op],
    reason: str,
    pack: Callable[[Site, Int8], Int8],
    *,
    like: str = "",
    fold: bool = True,
    line: Callable[[Site], bool] = lambda site: False,
    scratch: Callable[[Site, int], int] = lambda site, bytes_of_relative: bytes_of_relative,
) -> Kernel:
    """A kernel by its name, and what it does otherwise than its relative, which is `like` it.

    `line` tells where it serves outputs on a line.
    """
    relative = _relative(like or name.replace("w4", ""), op)

    def refuses(site: Site) -> str | None:
        refused = weighted(site, DType.INT8, DType.INT4) or relative.refuses(_widened(site))
        added = site.inputs[1].elements // max(1, site.output.shape[-1])
        if refused is None and added > MOST_ADDED:
            return f"sums of {added} products (at most {MOST_ADDED})"
        return refused

    def demand(site: Site) -> Demand:
        asked = relative.demand(_widened(site))
        make = linear_mve.padded_constants if name.endswith("_mve") else linear_constants
        constants = make(site, lambda rows: pack(site, rows), fold=fold)
        if line(site):
            shared = op is FullyConnected and is_uniform(_widened(site))
            constants = straighten(_widened(site), constants, shared=shared)
        if op is FullyConnected:
            constants = linear.shared_factors(_widened(site), constants)
        scratch_bytes = scratch(site, asked.scratch_bytes)
        return replace(asked, scratch_bytes=scratch_bytes, constants=constants)

    return declare(name, op, reason, refuses, demand, relative.parameters, terms=relative.terms)


def _pack_channel_pairs(site: Site, rows: Int8) -> Int8:
    return pack_channel_pairs_4(rows, linear.run_of(site))


def _pack_row_pairs(site: Site, rows: Int8) -> Int8:
    return pack_row_pairs_4(rows)


def _nibbles_first(site: Site, rows: Int8) -> Int8:
    return nibbles_first(rows)


def _pack_vectors(site: Site, rows: Int8) -> Int8:
    return pack_vectors_4(rows, 2, Sliding.of(site).kernel)


def _pack_four_rows(site: Site, rows: Int8) -> Int8:
    return pack_vectors_4(rows, 4)


def _one_vector_more(site: Site, strip: int) -> int:
    return strip + VECTOR


def _whole_pairs(site: Site, copy: int) -> int:
    """A copy of the input, unless that is made of pairs of vectors."""
    depth = site.inputs[1].shape[1]
    return depth + -depth % (2 * VECTOR) if depth % (2 * VECTOR) else 0


def _planes(site: Site) -> str | None:
    return weighted(site, DType.INT8, DType.INT4) or linear.plain_depthwise(_widened(site))


def _ring(site: Site) -> Demand:
    """A ring of rows, and behind it room for the weights of one channel."""
    slide = Sliding.of(site)
    constants = linear_constants(site, nibbles_first)
    return linear.planes(_widened(site), slide.ring_bytes() + slide.taps, constants)


def _always(site: Site) -> bool:
    return True


def _taken_apart_once(site: Site) -> bool:
    """Whether er_linear_s8w4_dsp adds all products up before it takes sums apart."""
    return site.inputs[1].shape[1] <= MOST_AT_ONCE


def _none(site: Site, sums: int) -> int:
    return 0


KERNELS = (
    _narrow(
        "er_conv_s8w4_mve",
        Conv2D,
        "2 channels x 3 pixels by VMLADAVA, int4 weights unpacked in registers",
        _pack_vectors,
        scratch=_one_vector_more,
    ),
    _narrow(
        "er_linear_s8w4_mve",
        FullyConnected,
        "4 rows by VMLADAVA, int4 weights unpacked in registers",
        _pack_four_rows,
        scratch=_whole_pairs,
    ),
    _narrow(
        "er_conv_s8w4_dsp",
        Conv2D,
        "2 channels x 4 pixels by SMLAD, int4 weights unpacked in registers",
        _pack_channel_pairs,
        like="er_conv_deep_s8_dsp",
        line=_always,
    ),
    declare(
        "er_depthwise_s8w4_dsp",
        DepthwiseConv2D,
        "channel planes through a ring of rows, int4 weights unpacked once a channel",
        _planes,
        _ring,
        _relative("er_depthwise_s8_dsp", DepthwiseConv2D).parameters,
        terms=by_planes,
    ),
    _narrow(
        "er_linear_s8w4_dsp",
        FullyConnected,
        "4 rows by SMLAD, int4 weights unpacked in registers",
        _pack_row_pairs,
        line=_taken_apart_once,
    ),
    _narrow("er_conv_s8w4_ref", Conv2D, "portable C, int4 weights", _nibbles_first),
    _narrow(
        "er_depthwise_s8w4_ref",
        DepthwiseConv2D,
        "portable C, int4 weights",
        _nibbles_first,
        fold=False,
        scratch=_none,
    ),
    _narrow("er_linear_s8w4_ref", FullyConnected, "portable C, int4 weights", _nibbles_first),
)
"""In order of preference within an ISA and an operation."""
