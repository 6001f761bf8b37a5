"""Convolution, depthwise convolution and fully connected: int8, on MVE."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from edge_runtime.graph import Array
from edge_runtime.kernels.catalog.linear import (
    conv_struct,
    linear_struct,
    row_weights,
    shared_factors,
    single_channel,
    symmetric_window,
    ungrouped,
)
from edge_runtime.kernels.geometry import Sliding, image_rows
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.packing import (
    VECTOR,
    Int8,
    linear_constants,
    pack_squares,
    pack_vectors,
)
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected

_PIXELS = 3
"""Pixels that er_conv_s8_mve makes together: ER_PIXELS."""
_PIXELS_BYTES = 256
"""Of pixels by themselves that er_conv_s8_mve copies together, if not more."""
_SIDE = 4
"""Rows and columns of a block of er_depthwise_s8_mve: SIDE."""
_COLUMN_BYTES = VECTOR * _SIDE


def _several_channels(site: Site) -> str | None:
    """One input channel with several outputs, which is a convolution."""
    refused = symmetric_window(site)
    if refused is None and site.inputs[0].shape[3] == 1 and site.output.shape[3] > 1:
        return "one input channel"
    return refused


def _constants(site: Site, pack: Callable[[Int8], Int8]) -> dict[str, Array]:
    """With biases and factors that go on to a multiple of four outputs."""
    constants = linear_constants(site, pack)
    missing = -len(constants["bias"]) % 4
    for name in ("bias", "mantissa", "shift"):
        constants[name] = np.pad(constants[name], (0, missing))
    return constants


def _conv(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    constants = _constants(site, lambda rows: pack_vectors(rows, 2, slide.kernel))
    return Demand(
        _strip_bytes(slide),
        slide.trailing(images),
        constants,
        images=images,
        rows=image_rows(site),
    )


def _strip_bytes(slide: Sliding) -> int:
    """What er_conv_s8_mve copies of its input at a time, with room for the last vector."""
    if slide.are_pixels():
        together = max(_PIXELS_BYTES // slide.in_c // _PIXELS, 1) * _PIXELS
        return min(together, math.prod(slide.image)) * slide.in_c + VECTOR - 1
    column = slide.kernel[0] * slide.in_c
    return slide.patch_columns(column) * column + VECTOR - 1


def _depthwise(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    constants = _constants(site, lambda rows: pack_squares(rows, slide.kernel, _SIDE))
    column = -(-slide.kernel[0] // _SIDE) * _COLUMN_BYTES
    return Demand(
        slide.strip_columns(column) * column,
        (),
        constants,
        images=images,
        rows=image_rows(site),
    )


def _linear(site: Site) -> Demand:
    depth = site.inputs[1].shape[1]
    blocks = -(-depth // VECTOR)
    constants = _constants(site, lambda rows: pack_vectors(rows, 4))
    scratch = 0 if depth % VECTOR == 0 else blocks * VECTOR
    return Demand(scratch, constants=shared_factors(site, constants))


KERNELS = (
    declare(
        "er_conv_s8_mve",
        Conv2D,
        "2 channels x 3 pixels by VMLADAVA",
        ungrouped,
        _conv,
        conv_struct,
    ),
    declare(
        "er_depthwise_s8_mve",
        DepthwiseConv2D,
        "16 taps by VMLADAV",
        _several_channels,
        _depthwise,
        conv_struct,
    ),
    declare(
        "er_conv_s8_mve",
        DepthwiseConv2D,
        "one input channel: as a convolution, 2 channels x 3 pixels by VMLADAVA",
        single_channel,
        _conv,
        conv_struct,
    ),
    declare(
        "er_linear_s8_mve",
        FullyConnected,
        "4 rows by VMLADAVA",
        row_weights,
        _linear,
        linear_struct,
    ),
)
"""In order of preference within an operation."""
