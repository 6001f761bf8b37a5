"""Convolution, depthwise and transposed convolution, fully connected: int8."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.graph import Array, DType
from edge_runtime.kernels.geometry import Sliding, image_rows, window_field
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.loops import (
    by_all_taps,
    by_four_channels,
    by_four_outputs,
)
from edge_runtime.kernels.packing import (
    channels_first,
    channels_last,
    is_uniform,
    linear_constants,
    offset_constants,
)
from edge_runtime.kernels.refusals import packed, weighted
from edge_runtime.kernels.struct import Struct, clamp, pointers, zeros
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected, Linear, TransposeConv2D
from edge_runtime.ops.linear import weight_zero

SQUARE = 3
"""Taps of the kernels for 3 x 3 each way; zeros stand for those that a smaller kernel lacks."""
_LARGEST_QUICK_SHIFT = -2
"""Of factors that fast kernels serve."""


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


def large_factors(site: Site) -> str | None:
    """What fast kernels refuse: factors by which sums hardly shrink."""
    op = site.node.op
    assert isinstance(op, Linear)
    factors = op.multipliers(site.inputs, site.output)
    if any(factor.mantissa and factor.exponent > _LARGEST_QUICK_SHIFT for factor in factors):
        return "factors of 1/4 or more"
    return None


def small_factors(refuses: Callable[[Site], str | None]) -> Callable[[Site], str | None]:
    """The same, and factors that kernels with fast scaling refuse."""
    return lambda site: refuses(site) or large_factors(site)


def _conv_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_first)
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    trailing = slide.trailing(images)
    return Demand(depth_of(site), trailing, constants, images=images, rows=image_rows(site))


def run_of(site: Site) -> int:
    """How many elements one row of a convolution's kernel reads."""
    return Sliding.of(site).kernel[1] * site.inputs[0].shape[3]


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


def _depthwise_m0(site: Site) -> Demand:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    constants = linear_constants(site, channels_last)
    scratch = 8 * slide.taps + slide.in_c
    return Demand(scratch, (), constants, images=images, rows=image_rows(site))


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
