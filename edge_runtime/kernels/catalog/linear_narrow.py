"""Convolution, depthwise convolution and fully connected: int8 by int4 weights, two a byte.

Each kernel has a relative for int8 weights, and refuses and asks for the same, but for constants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_runtime.graph import DType, Op
from edge_runtime.kernels.catalog import linear
from edge_runtime.kernels.kernel import Demand, Kernel, Site, declare
from edge_runtime.kernels.packing import (
    Int8,
    linear_constants,
    nibbles_first,
    pack_channel_pairs_4,
    pack_row_pairs_4,
)
from edge_runtime.kernels.refusals import weighted
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected

MOST_ADDED = 1 << 17
"""Sums of so many products, 16 times as large as they should be, fit into 32 bits."""


def _widened(site: Site) -> Site:
    """The site as it were with int8 weights of the same values."""
    image, weights, *bias = site.inputs
    return replace(site, inputs=(image, replace(weights, dtype=DType.INT8), *bias))


def _narrow(
    name: str,
    op: type[Op],
    reason: str,
    pack: Callable[[Int8], Int8],
    *,
    fold: bool = True,
    scratch: Callable[[Site, int], int] = lambda site, bytes_of_relative: bytes_of_relative,
) -> Kernel:
    """A kernel by its name, and what it does otherwise than its relative."""
    like = name.replace("w4", "")
    relative = next(each for each in linear.KERNELS if each.name == like and each.op is op)

    def refuses(site: Site) -> str | None:
        refused = weighted(site, DType.INT8, DType.INT4) or relative.refuses(_widened(site))
        added = site.inputs[1].elements // max(1, site.output.shape[-1])
        if refused is None and added > MOST_ADDED:
            return f"sums of {added} products (at most {MOST_ADDED})"
        return refused

    def demand(site: Site) -> Demand:
        asked = relative.demand(_widened(site))
        return replace(
            asked,
            scratch_bytes=scratch(site, asked.scratch_bytes),
            constants=linear_constants(site, pack, fold=fold),
        )

    return declare(name, op, reason, refuses, demand, relative.parameters)


def _with_a_channel(site: Site, ring: int) -> int:
    """Room for the weights of one channel behind the ring of rows."""
    return ring + site.inputs[1].shape[1] * site.inputs[1].shape[2]


def _none(site: Site, sums: int) -> int:
    return 0


KERNELS = (
    _narrow(
        "er_conv_s8w4_dsp",
        Conv2D,
        "2 channels x 4 pixels by SMLAD, int4 weights unpacked in registers",
        pack_channel_pairs_4,
    ),
    _narrow(
        "er_depthwise_s8w4_dsp",
        DepthwiseConv2D,
        "channel planes through a ring of rows, int4 weights unpacked once a channel",
        nibbles_first,
        scratch=_with_a_channel,
    ),
    _narrow(
        "er_linear_s8w4_dsp",
        FullyConnected,
        "4 rows by SMLAD, int4 weights unpacked in registers",
        pack_row_pairs_4,
    ),
    _narrow("er_conv_s8w4_ref", Conv2D, "portable C, int4 weights", nibbles_first),
    _narrow(
        "er_depthwise_s8w4_ref",
        DepthwiseConv2D,
        "portable C, int4 weights",
        nibbles_first,
        fold=False,
        scratch=_none,
    ),
    _narrow("er_linear_s8w4_ref", FullyConnected, "portable C, int4 weights", nibbles_first),
)
"""In order of preference within an ISA and an operation."""
