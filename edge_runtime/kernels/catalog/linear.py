"""Convolution, depthwise and transposed convolution, fully connected: int8."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_runtime.graph import Array, DType, Rounding
from edge_runtime.kernels.geometry import TWO_STRIPS_ELEMENTS, Sliding, image_rows, window_field
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.loops import (
    by_all_taps,
    by_four_channels,
    by_four_outputs,
    by_four_parts,
    by_four_pixels,
    by_four_rows,
    by_strips,
    by_taps,
)
from edge_runtime.kernels.packing import (
    channels_first,
    channels_last,
    fill_square,
    is_uniform,
    linear_constants,
    offset_constants,
    pack_channel_pairs,
    pack_joined_columns,
    pack_joined_pairs,
    pack_row_pairs,
)
from edge_runtime.kernels.refusals import packed, weighted
from edge_runtime.kernels.straight import straighten
from edge_runtime.kernels.struct import Struct, clamp, pointers, zeros
from edge_runtime.kernels.sums import largest_product_sum, weight_rows
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected, Linear, TransposeConv2D
from edge_runtime.ops.linear import weight_zero

SQUARE = 3
"""Taps of the kernels for 3 x 3 each way; zeros stand for those that a smaller kernel lacks."""
_FEWEST_COLUMNS = 3
"""Of outputs, for channel planes to take less than pixels."""
_LARGEST_QUICK_SHIFT = -2
"""Of factors that fast kernels serve."""
_GROUP, _LANES = 4, 4
"""Elements that er_conv_rows_s8_dsp unpacks at once, and outputs that it makes."""
_FEWEST_GROUPS, _MOST_WASTE = 2, 1.15
"""Outputs of a lane that share columns, and how many may be made for each that there is."""
_LEAST = -128
_JOINED_BITS = 24
"""Of sums of products that er_conv_s8_dsp takes apart."""


def group_count(site: Site) -> int:
    """How many groups of channels a convolution works on apart."""
    op = site.node.op
    if isinstance(op, DepthwiseConv2D):
        return site.inputs[0].shape[3]
    assert isinstance(op, Conv2D | TransposeConv2D)
    return op.groups(site.inputs[0].shape, site.inputs[1].shape)


def _int8(site: Site) -> str | None:
    return weighted(site, DType.INT8, DType.INT8)


def _images(site: Site) -> str | None:
    return _int8(site) or Sliding.of(site).too_large


def _symmetric(site: Site) -> str | None:
    zero = weight_zero(site.inputs[1])
    return f"weights with the zero point {zero}" if zero else None


def symmetric_window(site: Site) -> str | None:
    """What kernels for weights without zero point refuse."""
    return _images(site) or _symmetric(site)


def several_groups(site: Site) -> str | None:
    """Convolutions in groups."""
    groups = group_count(site)
    return f"{groups} groups of channels" if groups > 1 else None


def ungrouped(site: Site) -> str | None:
    """The same, and several groups of channels."""
    return symmetric_window(site) or several_groups(site)


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


def row_weights(site: Site) -> str | None:
    """What fully connected kernels refuse."""
    return packed(site, DType.INT8, DType.INT8) or _symmetric(site)


def single_channel(site: Site) -> str | None:
    """Depthwise convolution of one channel is a convolution."""
    refused = symmetric_window(site)
    if refused is None and site.inputs[0].shape[3] != 1:
        return f"{site.inputs[0].shape[3]} input channels (one)"
    return refused


def plain_depthwise(site: Site) -> str | None:
    """Refuses all but a channel of output for each of input."""
    return symmetric_window(site) or _multiplied(site)


def _multiplied(site: Site) -> str | None:
    multiplier = site.output.shape[3] // site.inputs[0].shape[3]
    return f"a channel multiplier of {multiplier}" if multiplier > 1 else None


def small_squares(site: Site) -> str | None:
    """What kernels for 3 x 3 taps of a channel refuse."""
    refused = symmetric_window(site)
    if refused is not None:
        return refused
    slide = Sliding.of(site)
    window = slide.window
    if max(slide.kernel) > SQUARE or window.dilation != (1, 1):
        return f"more than {SQUARE} x {SQUARE} taps, or dilation"
    if window.stride[1] > 2 or window.pad_before[1] > 2:
        return "a stride or padding of more than 2 columns"
    return None


def _strips(site: Site) -> str | None:
    """What er_depthwise_3x3_s8_dsp cannot do, or er_depthwise_s8_dsp does with less."""
    refused = small_squares(site)
    if refused is not None:
        return refused
    slide = Sliding.of(site)
    if slide.output[1] < _FEWEST_COLUMNS:
        return f"{slide.output[1]} columns (at least {_FEWEST_COLUMNS})"
    return _large_factors(site) or _once_off_lines(site)


def _once_off_lines(site: Site) -> str | None:
    """Products rounded once whose outputs are on no line: there is no fast way for these."""
    op = site.node.op
    assert isinstance(op, Linear)
    if op.rounding is Rounding.TWICE or "shift" not in _strip_constants(site):
        return None
    return "products rounded once, off a line"


def _large_factors(site: Site) -> str | None:
    op = site.node.op
    assert isinstance(op, Linear)
    factors = op.multipliers(site.inputs, site.output)
    if any(factor.mantissa and factor.exponent > _LARGEST_QUICK_SHIFT for factor in factors):
        return "factors of 1/4 or more"
    return None


def small_factors(refuses: Callable[[Site], str | None]) -> Callable[[Site], str | None]:
    """The same, and factors that kernels with fast scaling refuse."""
    return lambda site: refuses(site) or _large_factors(site)


def _conv_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_first)
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    trailing = slide.trailing(images)
    return Demand(depth_of(site), trailing, constants, images=images, rows=image_rows(site))


def run_of(site: Site) -> int:
    """How many elements one row of a convolution's kernel reads."""
    return Sliding.of(site).kernel[1] * site.inputs[0].shape[3]


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


def _conv_m0(site: Site) -> Demand:
    constants = linear_constants(site, channels_first)
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    side_by_side = slide.taps == 1 and slide.window.pad_before == slide.window.pad_after == (0, 0)
    scratch = 0 if side_by_side else depth_of(site)
    over = () if side_by_side else slide.trailing(images)
    return Demand(scratch, over, constants, images=images, rows=image_rows(site))


def depth_of(site: Site) -> int:
    """How many elements a convolution adds up for each output."""
    return Sliding.of(site).taps * site.inputs[0].shape[3]


def _depthwise_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_last, fold=False)
    sums = 4 * site.output.shape[3]
    images = site.inputs[0].shape[0]
    return Demand(sums, (), constants, images=images, rows=image_rows(site))


def _depthwise_dsp(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    constants = straighten(site, linear_constants(site, channels_last, fold=False))
    # The last four channels may overlap the four before.
    whole = slide.in_c == slide.out_c and slide.in_c % 4 == 0
    over = slide.trailing(images) if whole else ()
    return Demand(8 * slide.taps, over, constants, images=images, rows=image_rows(site))


def _depthwise_m0(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    constants = linear_constants(site, channels_last)
    scratch = 8 * slide.taps + slide.in_c
    return Demand(scratch, (), constants, images=images, rows=image_rows(site))


def _depthwise_3x3_dsp(site: Site) -> Demand:
    elements = Sliding.of(site).strip_elements(strips=2, most=TWO_STRIPS_ELEMENTS)
    return planes(site, 2 * elements, _strip_constants(site))


def _strip_constants(site: Site) -> dict[str, Array]:
    kernel = Sliding.of(site).kernel
    constants = linear_constants(site, lambda rows: fill_square(rows, kernel, SQUARE))
    return straighten(site, constants, zero_within=True)


def planes(site: Site, scratch: int, constants: dict[str, Array]) -> Demand:
    """What kernels ask for that go channel by channel, row by row."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    trails = slide.in_c == slide.out_c and slide.rows_trail() and slide.fits_behind(images)
    # Each call sets every channel up, and expands the rows that it shares with the one before.
    again = max(0, slide.kernel[0] - slide.window.stride[0]) * slide.image[1]
    return Demand(
        scratch,
        (0,) if trails else (),
        constants,
        images=images,
        rows=image_rows(site),
        row_cost=slide.out_c * (120 + 3 * again),
    )


def _grouped(site: Site) -> Demand:
    depth, images = depth_of(site) // group_count(site), site.inputs[0].shape[0]
    return Demand(depth, (), offset_constants(site), images=images, rows=image_rows(site))


def _transposed(site: Site) -> Demand:
    constants = linear_constants(site, channels_first, fold=False)
    return Demand(4 * site.output.shape[3], (), constants, images=site.inputs[0].shape[0])


def _linear_ref(site: Site) -> Demand:
    return Demand(constants=shared_factors(site, linear_constants(site, channels_first)))


def _linear_dsp(site: Site) -> Demand:
    constants = linear_constants(site, pack_row_pairs)
    straight = straighten(site, constants, shared=is_uniform(site))
    return Demand(constants=shared_factors(site, straight))


def shared_factors(site: Site, constants: dict[str, Array]) -> dict[str, Array]:
    """Four factors for all outputs where these are alike; kernels make four outputs at a time."""
    if is_uniform(site):
        constants |= {name: constants[name][:4] for name in _FACTORS if name in constants}
    return constants


_FACTORS = ("mantissa", "shift")
_CONSTANTS = pointers("weights", "bias", *_FACTORS)


def conv_struct(site: Site) -> Struct:
    """The parameters of convolutions in one group, and of depthwise ones."""
    op = site.node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    return Struct(
        "er_conv_s8",
        (
            window_field(site),
            *zeros(site.inputs[0], site.output),
            *clamp(op.activation, site.output),
            *_CONSTANTS,
        ),
    )


def _grouped_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Linear)
    return Struct(
        "er_conv_grouped_s8",
        (
            window_field(site),
            ("groups", group_count(site)),
            ("in_zero", site.inputs[0].quant.zero_point),
            ("weight_zero", weight_zero(site.inputs[1])),
            ("out_zero", site.output.quant.zero_point),
            *clamp(op.activation, site.output),
            *_CONSTANTS,
        ),
    )


def linear_struct(site: Site) -> Struct:
    """The parameters of fully connected kernels."""
    op = site.node.op
    assert isinstance(op, FullyConnected)
    out, depth = site.inputs[1].shape
    sizes = (("rows", site.inputs[0].elements // depth), ("in", depth), ("out", out))
    return Struct(
        "er_linear_s8",
        (
            *sizes,
            *zeros(site.inputs[0], site.output),
            *clamp(op.activation, site.output),
            ("scale_step", 0 if is_uniform(site) else 1),
            *_CONSTANTS,
        ),
    )


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
    declare(
        "er_depthwise_s8_m0",
        DepthwiseConv2D,
        "pixel by pixel",
        small_factors(plain_depthwise),
        _depthwise_m0,
        conv_struct,
        terms=by_all_taps,
    ),
    declare(
        "er_conv_s8_m0",
        Conv2D,
        "4 channels at a time",
        small_factors(ungrouped),
        _conv_m0,
        conv_struct,
        terms=by_four_channels,
    ),
    declare(
        "er_conv_s8_m0",
        DepthwiseConv2D,
        "one input channel: as a convolution, 4 channels at a time",
        small_factors(single_channel),
        _conv_m0,
        conv_struct,
        terms=by_four_channels,
    ),
    declare(
        "er_linear_s8_m0",
        FullyConnected,
        "4 rows at a time",
        small_factors(row_weights),
        _linear_ref,
        linear_struct,
        terms=by_four_outputs,
    ),
    declare("er_conv_s8_ref", Conv2D, "portable C", ungrouped, _conv_ref, conv_struct),
    declare(
        "er_conv_s8_ref",
        DepthwiseConv2D,
        "portable C; one input channel: as a convolution",
        single_channel,
        _conv_ref,
        conv_struct,
    ),
    declare(
        "er_depthwise_s8_ref",
        DepthwiseConv2D,
        "portable C",
        symmetric_window,
        _depthwise_ref,
        conv_struct,
    ),
    declare(
        "er_conv_grouped_s8_ref",
        Conv2D,
        "portable C, groups and zero points of weights",
        _images,
        _grouped,
        _grouped_struct,
    ),
    declare(
        "er_conv_grouped_s8_ref",
        DepthwiseConv2D,
        "portable C, zero points of weights",
        _images,
        _grouped,
        _grouped_struct,
    ),
    declare(
        "er_conv_transposed_s8_ref",
        TransposeConv2D,
        "portable C",
        _images,
        _transposed,
        _grouped_struct,
    ),
    declare(
        "er_linear_s8_ref", FullyConnected, "portable C", row_weights, _linear_ref, linear_struct
    ),
)
"""In order of preference within an ISA and an operation."""
