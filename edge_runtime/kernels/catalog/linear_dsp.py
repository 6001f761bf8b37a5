"""Convolution, depthwise convolution and fully connected for the DSP extension: int8."""

from __future__ import annotations

import numpy as np

from edge_runtime.graph import Array, Rounding
from edge_runtime.kernels.catalog.linear import (
    SQUARE,
    conv_struct,
    large_factors,
    linear_struct,
    planes,
    row_weights,
    run_of,
    shared_factors,
    single_channel,
    small_squares,
    symmetric_window,
    ungrouped,
)
from edge_runtime.kernels.geometry import TWO_STRIPS_ELEMENTS, Sliding, image_rows
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.loops import (
    by_four_parts,
    by_four_pixels,
    by_four_rows,
    by_strips,
    by_taps,
)
from edge_runtime.kernels.packing import (
    channels_last,
    fill_square,
    is_uniform,
    linear_constants,
    pack_channel_pairs,
    pack_joined_columns,
    pack_joined_pairs,
    pack_row_pairs,
)
from edge_runtime.kernels.straight import straighten
from edge_runtime.kernels.sums import largest_product_sum, weight_rows
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected, Linear

_FEWEST_COLUMNS = 3
"""Of outputs, for channel planes to take less than pixels."""
_GROUP, _LANES = 4, 4
"""Elements that er_conv_rows_s8_dsp unpacks at once, and outputs that it makes."""
_FEWEST_GROUPS, _MOST_WASTE = 2, 1.15
"""Outputs of a lane that share columns, and how many may be made for each that there is."""
_LEAST = -128
_JOINED_BITS = 24
"""Of sums of products that er_conv_s8_dsp takes apart."""


def _joined_conv(site: Site) -> str | None:
    return ungrouped(site) or _joined(site)


def _conv_rows(site: Site) -> str | None:
    """What er_conv_rows_s8_dsp cannot do, or er_conv_s8_dsp does with less."""
    refused = _joined_conv(site)
    if refused is not None:
        return refused
    slide = Sliding.of(site)
    if slide.kernel[1] == 1 or slide.window.dilation != (1, 1) or slide.in_c % _GROUP:
        return f"kernels of one column, dilation, or channels not in multiples of {_GROUP}"
    parts = slide.parts()
    if not parts or min(groups for _, groups in parts) < _FEWEST_GROUPS:
        return "columns too large to share"
    # The last group of a part has the fewest lanes.
    lanes = min(-(-(outputs - groups + 1) // groups) for outputs, groups in parts)
    made = _LANES * sum(groups for _, groups in parts)
    if lanes < _LANES - 1 or made > _MOST_WASTE * slide.output[1]:
        return f"rows of {slide.output[1]} outputs"
    return None


def _joined_channel(site: Site) -> str | None:
    return single_channel(site) or _joined(site)


def _strips(site: Site) -> str | None:
    """What er_depthwise_3x3_s8_dsp cannot do, or er_depthwise_s8_dsp does with less."""
    refused = small_squares(site)
    if refused is not None:
        return refused
    slide = Sliding.of(site)
    if slide.output[1] < _FEWEST_COLUMNS:
        return f"{slide.output[1]} columns (at least {_FEWEST_COLUMNS})"
    return large_factors(site) or _once_off_lines(site)


def _once_off_lines(site: Site) -> str | None:
    """Products rounded once whose outputs are on no line: there is no fast way for these."""
    op = site.node.op
    assert isinstance(op, Linear)
    if op.rounding is Rounding.TWICE or "shift" not in _strip_constants(site):
        return None
    return "products rounded once, off a line"


def _joined(site: Site) -> str | None:
    """What er_conv_s8_dsp refuses: two channels share its words and sums."""
    first, second = (weight_rows(site)[i::2] for i in (0, 1))
    if np.any((second == _LEAST) & (first[: len(second)] < 0)):
        return f"weights of {_LEAST} beside negative ones"
    if largest_product_sum(site) < 1 << _JOINED_BITS - 1 or "shift" not in _joined_constants(site):
        return None
    return f"sums of products of more than {_JOINED_BITS} bits"


def _joined_constants(site: Site) -> dict[str, Array]:
    run = run_of(site)
    return straighten(site, linear_constants(site, lambda rows: pack_joined_pairs(rows, run)))


def _conv_dsp(site: Site) -> Demand:
    return columns(site, _joined_constants(site))


def _conv_rows_dsp(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    packed = linear_constants(site, lambda rows: pack_joined_columns(rows, slide.kernel))
    return Demand(
        slide.part_bytes(),
        (0,) if slide.parts_trail() and slide.fits_behind(images) else (),
        straighten(site, packed),
        images=images,
        rows=image_rows(site),
    )


def _conv_deep_dsp(site: Site) -> Demand:
    run = run_of(site)
    return columns(site, linear_constants(site, lambda rows: pack_channel_pairs(rows, run)))


def columns(site: Site, constants: dict[str, Array]) -> Demand:
    """What convolutions ask for that unpack the patches of four pixels."""
    slide, images, run = Sliding.of(site), site.inputs[0].shape[0], run_of(site)
    unpacked = 4 * 4 * slide.kernel[0] * -(-run // 2)
    copied = 0 if slide.columns_inside() else run
    trailing = slide.trailing(images)
    return Demand(unpacked + copied, trailing, constants, images=images, rows=image_rows(site))


def _depthwise_dsp(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    constants = straighten(site, linear_constants(site, channels_last, fold=False))
    # The last four channels may overlap the four before.
    whole = slide.in_c == slide.out_c and slide.in_c % 4 == 0
    over = slide.trailing(images) if whole else ()
    return Demand(8 * slide.taps, over, constants, images=images, rows=image_rows(site))


def _depthwise_3x3_dsp(site: Site) -> Demand:
    elements = Sliding.of(site).strip_elements(strips=2, most=TWO_STRIPS_ELEMENTS)
    return planes(site, 2 * elements, _strip_constants(site))


def _strip_constants(site: Site) -> dict[str, Array]:
    kernel = Sliding.of(site).kernel
    constants = linear_constants(site, lambda rows: fill_square(rows, kernel, SQUARE))
    return straighten(site, constants, zero_within=True)


def _linear_dsp(site: Site) -> Demand:
    constants = linear_constants(site, pack_row_pairs)
    straight = straighten(site, constants, shared=is_uniform(site))
    return Demand(constants=shared_factors(site, straight))


KERNELS = (
    declare(
        "er_depthwise_3x3_s8_dsp",
        DepthwiseConv2D,
        "2 channel planes, 2 outputs by SMLAD",
        _strips,
        _depthwise_3x3_dsp,
        conv_struct,
        terms=by_strips,
    ),
    declare(
        "er_conv_rows_s8_dsp",
        Conv2D,
        "4 pixels of parts of rows by SMLAD",
        _conv_rows,
        _conv_rows_dsp,
        conv_struct,
        terms=by_four_parts,
        beside="er_conv_s8_dsp",
    ),
    declare(
        "er_conv_s8_dsp",
        Conv2D,
        "2 channels x 4 pixels by SMLAD",
        _joined_conv,
        _conv_dsp,
        conv_struct,
        terms=by_four_pixels,
    ),
    declare(
        "er_conv_s8_dsp",
        DepthwiseConv2D,
        "one input channel: as a convolution, 2 channels x 4 pixels by SMLAD",
        _joined_channel,
        _conv_dsp,
        conv_struct,
        terms=by_four_pixels,
    ),
    declare(
        "er_conv_deep_s8_dsp",
        Conv2D,
        "4 pixels by SMLAD, sums of any size",
        ungrouped,
        _conv_deep_dsp,
        conv_struct,
        terms=by_four_pixels,
    ),
    declare(
        "er_conv_deep_s8_dsp",
        DepthwiseConv2D,
        "one input channel: as a convolution, by SMLAD, larger sums",
        single_channel,
        _conv_deep_dsp,
        conv_struct,
        terms=by_four_pixels,
    ),
    declare(
        "er_depthwise_s8_dsp",
        DepthwiseConv2D,
        "4 channels at a time by SMLABB",
        symmetric_window,
        _depthwise_dsp,
        conv_struct,
        terms=by_taps,
    ),
    declare(
        "er_linear_s8_dsp",
        FullyConnected,
        "4 rows by SMLAD",
        row_weights,
        _linear_dsp,
        linear_struct,
        terms=by_four_rows,
    ),
)
"""In order of preference within an operation."""
