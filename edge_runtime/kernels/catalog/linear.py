"""Convolution, depthwise convolution and fully connected."""

from __future__ import annotations

from edge_runtime.kernels.geometry import Sliding, window_field
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.packing import (
    channels_first,
    channels_last,
    linear_constants,
    pack_channel_pairs,
    pack_row_pairs,
)
from edge_runtime.kernels.refusals import image, int8
from edge_runtime.kernels.struct import Struct, clamp, pointers, zeros
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected


def _single_channel(site: Site) -> str | None:
    """Depthwise convolution of one channel is a convolution."""
    refused = image(site)
    if refused is None and site.inputs[0].shape[3] != 1:
        return f"{site.inputs[0].shape[3]} input channels (one)"
    return refused


def _plane(site: Site) -> str | None:
    refused = image(site)
    if refused is None and site.inputs[0].shape[3] != site.output.shape[3]:
        return f"a channel multiplier of {site.output.shape[3] // site.inputs[0].shape[3]}"
    return refused


def _conv_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_first)
    slide = Sliding.of(site)
    return Demand(_depth(site), slide.trailing(), constants, rows=slide.rows)


def _conv_dsp(site: Site) -> Demand:
    depth = _depth(site)
    columns = 4 * 4 * -(-depth // 2)
    patch = 0 if site.inputs[0].shape[3] % 4 == 0 else depth
    constants = linear_constants(site, pack_channel_pairs)
    slide = Sliding.of(site)
    return Demand(columns + patch, slide.trailing(), constants, rows=slide.rows)


def _depth(site: Site) -> int:
    """How many elements a convolution adds up for each output."""
    return Sliding.of(site).taps * site.inputs[0].shape[3]


def _depthwise_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_last, fold=False)
    return Demand(4 * site.output.shape[3], (), constants, rows=Sliding.of(site).rows)


def _depthwise_dsp(site: Site) -> Demand:
    sliding = Sliding.of(site)
    over = (0,) if sliding.rows_trail() else ()
    constants = linear_constants(site, channels_first)
    # Each call sets every channel up, and expands the rows that it shares with the one before.
    again = max(0, sliding.kernel[0] - sliding.window.stride[0]) * sliding.image[1]
    return Demand(
        sliding.ring_bytes(),
        over,
        constants,
        rows=sliding.rows,
        row_cost=sliding.out_c * (180 + 4 * again),
    )


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
        "er_conv_s8_dsp", Conv2D, "2 channels x 4 pixels by SMLAD", image, _conv_dsp, _conv_struct
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
        "er_linear_s8_dsp", FullyConnected, "4 rows by SMLAD", int8, _linear_dsp, _linear_struct
    ),
    declare("er_conv_s8_ref", Conv2D, "portable C", image, _conv_ref, _conv_struct),
    declare(
        "er_conv_s8_ref",
        DepthwiseConv2D,
        "portable C; one input channel: as a convolution",
        _single_channel,
        _conv_ref,
        _conv_struct,
    ),
    declare(
        "er_depthwise_s8_ref", DepthwiseConv2D, "portable C", image, _depthwise_ref, _conv_struct
    ),
    declare("er_linear_s8_ref", FullyConnected, "portable C", int8, _linear_ref, _linear_struct),
)
"""In order of preference within an ISA and an operation."""
