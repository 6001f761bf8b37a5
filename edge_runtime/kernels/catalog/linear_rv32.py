"""Convolution, depthwise convolution and fully connected: int8, on RV32IM."""

from __future__ import annotations

from edge_runtime.kernels.catalog.linear import (
    SQUARE,
    conv_struct,
    linear_struct,
    planes,
    row_weights,
    shared_factors,
    single_channel,
    small_factors,
    small_squares,
    ungrouped,
)
from edge_runtime.kernels.geometry import Sliding, image_rows
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.packing import fill_lanes, fill_square, linear_constants
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected

_PIXELS = 2
"""That er_conv_s8_rv32 makes together."""


def _conv(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    return Demand(
        _PIXELS * slide.taps * slide.in_c,
        slide.trailing(images),
        linear_constants(site, fill_lanes),
        images=images,
        rows=image_rows(site),
    )


def _depthwise(site: Site) -> Demand:
    slide = Sliding.of(site)
    constants = linear_constants(site, lambda rows: fill_square(rows, slide.kernel, SQUARE))
    return planes(site, slide.strip_elements(), constants)


def _linear(site: Site) -> Demand:
    return Demand(constants=shared_factors(site, linear_constants(site, fill_lanes)))


KERNELS = (
    declare(
        "er_conv_s8_rv32",
        Conv2D,
        "4 channels x 2 pixels",
        small_factors(ungrouped),
        _conv,
        conv_struct,
    ),
    declare(
        "er_conv_s8_rv32",
        DepthwiseConv2D,
        "one input channel: as a convolution, 4 channels x 2 pixels",
        small_factors(single_channel),
        _conv,
        conv_struct,
    ),
    declare(
        "er_depthwise_3x3_s8_rv32",
        DepthwiseConv2D,
        "channel planes, each input loaded once a row",
        small_factors(small_squares),
        _depthwise,
        conv_struct,
    ),
    declare(
        "er_linear_s8_rv32",
        FullyConnected,
        "4 rows at a time",
        small_factors(row_weights),
        _linear,
        linear_struct,
    ),
)
"""In order of preference within an operation."""
