"""Convolution, depthwise and transposed convolution, fully connected: int16 by int8 weights."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.graph import DType
from edge_runtime.kernels.catalog.linear import group_count, several_groups
from edge_runtime.kernels.geometry import LARGEST, Sliding, image_rows, pixel_window, window_field
from edge_runtime.kernels.kernel import Demand, Kernel, Site, declare
from edge_runtime.kernels.loops import by_two_pixels, by_two_rows
from edge_runtime.kernels.packing import (
    GROUP,
    VECTOR,
    Int8,
    channels_first,
    channels_last,
    pack_groups,
    pack_halves,
    wide_constants,
)
from edge_runtime.kernels.refusals import packed
from edge_runtime.kernels.struct import Field, Struct, clamp, pointers
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected, Linear, TransposeConv2D
from edge_runtime.ops.linear import wide_sums

_MOST_TAPS = 511
"""So many products of int16 by int8 add up within 32 bits."""


def _rows(site: Site) -> str | None:
    return packed(site, DType.INT16, DType.INT8)


def _window(site: Site) -> str | None:
    refused = _rows(site) or Sliding.of(site).too_large
    depth = site.inputs[0].shape[3] if refused is None else 0
    if 2 * depth > LARGEST:
        return f"{depth} channels (at most {LARGEST // 2})"
    return refused


def _depthwise(site: Site) -> str | None:
    refused = _window(site)
    if refused is None and Sliding.of(site).taps > _MOST_TAPS:
        return f"a window of {Sliding.of(site).taps} elements (at most {_MOST_TAPS})"
    return refused


def _ungrouped(site: Site) -> str | None:
    return _window(site) or several_groups(site)


def _as_pixels(site: Site) -> str | None:
    """Rows as the pixels of an image one pixel high."""
    refused = _rows(site)
    if refused is not None:
        return refused
    out, depth = site.inputs[1].shape
    most = max(_row_count(site), out, 2 * depth)
    return f"a matrix with the number {most} (at most {LARGEST})" if most > LARGEST else None


def _row_count(site: Site) -> int:
    return site.inputs[0].elements // site.inputs[1].shape[1]


def _patches(pixels: int, depth: int, group: int) -> int:
    """Bytes of the patches of er_conv_s16_dsp and er_conv_s16_mve."""
    return min(2, pixels) * 2 * group * -(-depth // group)


def _conv_pairs(group: int, pack: Callable[[Int8], Int8]) -> Callable[[Site], Demand]:
    def demand(site: Site) -> Demand:
        sliding, images = Sliding.of(site), site.inputs[0].shape[0]
        pixels = sliding.output[0] * sliding.output[1]
        scratch = _patches(pixels, sliding.taps * sliding.in_c, group)
        constants = wide_constants(site, pack)
        over = sliding.trailing(images)
        return Demand(scratch, over, constants, images=images, rows=image_rows(site))

    return demand


def _linear_pairs(group: int, pack: Callable[[Int8], Int8]) -> Callable[[Site], Demand]:
    def demand(site: Site) -> Demand:
        scratch = _patches(_row_count(site), site.inputs[1].shape[1], group)
        return Demand(scratch, constants=wide_constants(site, pack))

    return demand


def _conv_demand(site: Site) -> Demand:
    sliding, groups, images = Sliding.of(site), group_count(site), site.inputs[0].shape[0]
    over = sliding.trailing(images) if groups == 1 else ()
    patch = 2 * sliding.taps * sliding.in_c // groups
    constants = wide_constants(site, channels_first)
    return Demand(patch, over, constants, images=images, rows=image_rows(site))


def _depthwise_demand(site: Site) -> Demand:
    constants = wide_constants(site, channels_last)
    images = site.inputs[0].shape[0]
    return Demand(constants=constants, images=images, rows=image_rows(site))


def _transposed_demand(site: Site) -> Demand:
    constants = wide_constants(site, channels_first)
    return Demand(8 * site.output.shape[3], (), constants, images=site.inputs[0].shape[0])


def _linear_demand(site: Site) -> Demand:
    return Demand(constants=wide_constants(site, channels_first))


def _tail(site: Site) -> tuple[Field, ...]:
    op = site.node.op
    assert isinstance(op, Linear)
    wide = ("wide", int(wide_sums(site.inputs)))
    constants = pointers("weights", "bias", "mantissa", "shift")
    return (*clamp(op.activation, site.output), wide, *constants)


def _conv_struct(site: Site) -> Struct:
    groups = ("groups", group_count(site))
    return Struct("er_conv_s16", (window_field(site), groups, *_tail(site)))


def _linear_struct(site: Site) -> Struct:
    out, depth = site.inputs[1].shape
    sizes = (("rows", site.inputs[0].elements // depth), ("in", depth), ("out", out))
    return Struct("er_linear_s16", (*sizes, *_tail(site)))


def _pixels_struct(site: Site) -> Struct:
    out, depth = site.inputs[1].shape
    window = pixel_window(_row_count(site), depth, out)
    return Struct("er_conv_s16", (window, ("groups", 1), *_tail(site)))


def _pairs(
    name: str, instruction: str, group: int, pack: Callable[[Int8], Int8]
) -> tuple[Kernel, Kernel]:
    """A kernel of two channels by two pixels."""
    return (
        declare(
            name,
            Conv2D,
            f"2 channels x 2 pixels by {instruction}",
            _ungrouped,
            _conv_pairs(group, pack),
            _conv_struct,
            terms=by_two_pixels,
        ),
        declare(
            name,
            FullyConnected,
            f"as a convolution, 2 channels x 2 rows by {instruction}",
            _as_pixels,
            _linear_pairs(group, pack),
            _pixels_struct,
            terms=by_two_rows,
        ),
    )


KERNELS = (
    *_pairs("er_conv_s16_mve", "VMLADAVA", VECTOR // 2, pack_halves),
    *_pairs("er_conv_s16_dsp", "SMLAD", GROUP, pack_groups),
    declare("er_conv_s16_ref", Conv2D, "portable C", _window, _conv_demand, _conv_struct),
    declare(
        "er_depthwise_s16_ref",
        DepthwiseConv2D,
        "portable C",
        _depthwise,
        _depthwise_demand,
        _conv_struct,
    ),
    declare(
        "er_conv_transposed_s16_ref",
        TransposeConv2D,
        "portable C",
        _window,
        _transposed_demand,
        _conv_struct,
    ),
    declare(
        "er_linear_s16_ref", FullyConnected, "portable C", _rows, _linear_demand, _linear_struct
    ),
)
"""In order of preference within an ISA and an operation."""
