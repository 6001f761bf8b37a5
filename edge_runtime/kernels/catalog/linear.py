"""Convolution, depthwise and transposed convolution, fully connected: int8."""

from __future__ import annotations

from edge_runtime.graph import DType
from edge_runtime.kernels.geometry import Sliding, image_rows, window_field
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.packing import (
    channels_first,
    channels_last,
    linear_constants,
    offset_constants,
    pack_channel_pairs,
    pack_row_pairs,
)
from edge_runtime.kernels.refusals import packed, weighted
from edge_runtime.kernels.struct import Struct, clamp, pointers, zeros
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected, Linear, TransposeConv2D
from edge_runtime.ops.linear import weight_zero


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


def _window(site: Site) -> str | None:
    return _images(site) or _symmetric(site)


def several_groups(site: Site) -> str | None:
    """Convolutions in groups."""
    groups = group_count(site)
    return f"{groups} groups of channels" if groups > 1 else None


def _ungrouped(site: Site) -> str | None:
    return _window(site) or several_groups(site)


def _rows(site: Site) -> str | None:
    return packed(site, DType.INT8, DType.INT8) or _symmetric(site)


def _single_channel(site: Site) -> str | None:
    """Depthwise convolution of one channel is a convolution."""
    refused = _window(site)
    if refused is None and site.inputs[0].shape[3] != 1:
        return f"{site.inputs[0].shape[3]} input channels (one)"
    return refused


def _plane(site: Site) -> str | None:
    refused = _window(site)
    if refused is None and site.inputs[0].shape[3] != site.output.shape[3]:
        return f"a channel multiplier of {site.output.shape[3] // site.inputs[0].shape[3]}"
    return refused


def _conv_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_first)
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    trailing = slide.trailing(images)
    return Demand(_depth(site), trailing, constants, images=images, rows=image_rows(site))


def _conv_dsp(site: Site) -> Demand:
    depth = _depth(site)
    columns = 4 * 4 * -(-depth // 2)
    patch = 0 if site.inputs[0].shape[3] % 4 == 0 else depth
    constants = linear_constants(site, pack_channel_pairs)
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    trailing = slide.trailing(images)
    return Demand(columns + patch, trailing, constants, images=images, rows=image_rows(site))


def _depth(site: Site) -> int:
    """How many elements a convolution adds up for each output."""
    return Sliding.of(site).taps * site.inputs[0].shape[3]


def _depthwise_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_last, fold=False)
    sums = 4 * site.output.shape[3]
    images = site.inputs[0].shape[0]
    return Demand(sums, (), constants, images=images, rows=image_rows(site))


def _depthwise_dsp(site: Site) -> Demand:
    sliding = Sliding.of(site)
    images = site.inputs[0].shape[0]
    over = (0,) if sliding.rows_trail() and sliding.fits_behind(images) else ()
    constants = linear_constants(site, channels_first)
    # Each call sets every channel up, and expands the rows that it shares with the one before.
    again = max(0, sliding.kernel[0] - sliding.window.stride[0]) * sliding.image[1]
    return Demand(
        sliding.ring_bytes(),
        over,
        constants,
        images=images,
        rows=image_rows(site),
        row_cost=sliding.out_c * (180 + 4 * again),
    )


def _grouped(site: Site) -> Demand:
    depth, images = _depth(site) // group_count(site), site.inputs[0].shape[0]
    return Demand(depth, (), offset_constants(site), images=images, rows=image_rows(site))


def _transposed(site: Site) -> Demand:
    constants = linear_constants(site, channels_first, fold=False)
    return Demand(4 * site.output.shape[3], (), constants, images=site.inputs[0].shape[0])


def _linear_ref(site: Site) -> Demand:
    return Demand(constants=linear_constants(site, channels_first))


def _linear_dsp(site: Site) -> Demand:
    return Demand(constants=linear_constants(site, pack_row_pairs))


_CONSTANTS = pointers("weights", "bias", "mantissa", "shift")


def _conv_struct(site: Site) -> Struct:
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


def _linear_struct(site: Site) -> Struct:
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
            *_CONSTANTS,
        ),
    )


KERNELS = (
    declare(
        "er_conv_s8_dsp",
        Conv2D,
        "2 channels x 4 pixels by SMLAD",
        _ungrouped,
        _conv_dsp,
        _conv_struct,
    ),
    declare(
        "er_conv_s8_dsp",
        DepthwiseConv2D,
        "one input channel: as a convolution, 2 channels x 4 pixels by SMLAD",
        _single_channel,
        _conv_dsp,
        _conv_struct,
    ),
    declare(
        "er_depthwise_s8_dsp",
        DepthwiseConv2D,
        "channel planes through a ring of rows",
        _plane,
        _depthwise_dsp,
        _conv_struct,
    ),
    declare(
        "er_linear_s8_dsp", FullyConnected, "4 rows by SMLAD", _rows, _linear_dsp, _linear_struct
    ),
    declare("er_conv_s8_ref", Conv2D, "portable C", _ungrouped, _conv_ref, _conv_struct),
    declare(
        "er_conv_s8_ref",
        DepthwiseConv2D,
        "portable C; one input channel: as a convolution",
        _single_channel,
        _conv_ref,
        _conv_struct,
    ),
    declare(
        "er_depthwise_s8_ref", DepthwiseConv2D, "portable C", _window, _depthwise_ref, _conv_struct
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
    declare("er_linear_s8_ref", FullyConnected, "portable C", _rows, _linear_ref, _linear_struct),
)
"""In order of preference within an ISA and an operation."""
