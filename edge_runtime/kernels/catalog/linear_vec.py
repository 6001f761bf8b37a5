"""Convolution, depthwise convolution, fully connected: int8, for vector registers of computers."""

from __future__ import annotations

from edge_runtime.kernels.catalog.linear import (
    conv_struct,
    depth_of,
    linear_struct,
    plain_depthwise,
    row_weights,
    shared_factors,
    single_channel,
    ungrouped,
)
from edge_runtime.kernels.geometry import Sliding, image_rows
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.packing import (
    QUAD,
    channels_last,
    linear_constants,
    pack_tiles,
    round_up,
    whole_quads,
)
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected

_FEWEST_CHANNELS = 8
"""That er_depthwise_s8_vec works on at once."""


def _eight_channels(site: Site) -> str | None:
    refused = plain_depthwise(site)
    if refused is None and site.output.shape[3] < _FEWEST_CHANNELS:
        return f"{site.output.shape[3]} channels (at least {_FEWEST_CHANNELS})"
    return refused


def _conv(site: Site) -> Demand:
    constants = whole_quads(linear_constants(site, pack_tiles))
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    scratch = QUAD * round_up(depth_of(site))
    return Demand(scratch, slide.trailing(images), constants, images=images, rows=image_rows(site))


def _depthwise(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    constants = linear_constants(site, channels_last)
    return Demand(8 * slide.taps, (), constants, images=images, rows=image_rows(site))


def _linear(site: Site) -> Demand:
    depth = site.inputs[1].shape[1]
    constants = whole_quads(linear_constants(site, pack_tiles))
    scratch = round_up(depth) if depth % QUAD else 0
    return Demand(scratch, constants=shared_factors(site, constants))


KERNELS = (
    declare("er_conv_s8_vec", Conv2D, "4 channels x 4 pixels", ungrouped, _conv, conv_struct),
    declare(
        "er_conv_s8_vec",
        DepthwiseConv2D,
        "one input channel: as a convolution, 4 channels x 4 pixels",
        single_channel,
        _conv,
        conv_struct,
    ),
    declare(
        "er_depthwise_s8_vec",
        DepthwiseConv2D,
        "8 channels at a time",
        _eight_channels,
        _depthwise,
        conv_struct,
    ),
    declare(
        "er_linear_s8_vec",
        FullyConnected,
        "16 outputs at a time",
        row_weights,
        _linear,
        linear_struct,
    ),
)
"""In order of preference within an operation."""
