"""Convolution, depthwise and transposed convolution, fully connected: single precision.

Weights may be float32, or stay int8 or float16 in flash; each is a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from edge_runtime.graph import DType, Op
from edge_runtime.kernels.catalog.linear import group_count
from edge_runtime.kernels.geometry import LARGEST, Sliding, image_rows, window_field
from edge_runtime.kernels.kernel import Demand, Kernel, Site, declare
from edge_runtime.kernels.packing import (
    channels_first,
    channels_last,
    float_constants,
    pack_lanes,
)
from edge_runtime.kernels.refusals import packed
from edge_runtime.kernels.struct import Field, Struct, float_clamp
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected, Linear, TransposeConv2D

_FLOAT_BYTES = 4
_AT_ONCE = 2
"""Output pixels that er_conv_floats works on at a time."""
_KINDS = {
    "f32": (DType.FLOAT32, "portable C"),
    "f32s8": (DType.INT8, "portable C, int8 weights"),
    "f32f16": (DType.FLOAT16, "portable C, float16 weights"),
}


def _rows(site: Site, weights: DType) -> str | None:
    return packed(site, DType.FLOAT32, weights)


def _window(site: Site, weights: DType) -> str | None:
    refused = _rows(site, weights) or Sliding.of(site).too_large
    depth = site.inputs[0].shape[3] if refused is None else 0
    if _FLOAT_BYTES * depth > LARGEST:
        return f"{depth} channels (at most {LARGEST // _FLOAT_BYTES})"
    return refused


def _conv_demand(site: Site) -> Demand:
    sliding, groups, images = Sliding.of(site), group_count(site), site.inputs[0].shape[0]
    patches = min(_AT_ONCE, sliding.output[0] * sliding.output[1])
    scratch = patches * sliding.taps * sliding.in_c // groups * _FLOAT_BYTES
    over = sliding.trailing(images) if groups == 1 else ()
    constants = float_constants(site, partial(pack_lanes, groups=groups))
    return Demand(scratch, over, constants, images=images, rows=image_rows(site))


def _depthwise_demand(site: Site) -> Demand:
    constants = float_constants(site, channels_last)
    images = site.inputs[0].shape[0]
    return Demand(constants=constants, images=images, rows=image_rows(site))


def _transposed_demand(site: Site) -> Demand:
    sums = _FLOAT_BYTES * site.output.shape[3]
    constants = float_constants(site, channels_first)
    return Demand(sums, (), constants, images=site.inputs[0].shape[0])


def _linear_demand(site: Site) -> Demand:
    return Demand(constants=float_constants(site, pack_lanes))


def _tail(site: Site) -> tuple[Field, ...]:
    op = site.node.op
    assert isinstance(op, Linear)
    scale = ("scale", 0 if site.inputs[1].dtype.is_float else "scale")
    return (*float_clamp(op.activation), ("weights", "weights"), scale, ("bias", "bias"))


def _conv_struct(site: Site) -> Struct:
    groups = ("groups", group_count(site))
    return Struct("er_conv_f32", (window_field(site), groups, *_tail(site)))


def _linear_struct(site: Site) -> Struct:
    out, depth = site.inputs[1].shape
    sizes = (("rows", site.inputs[0].elements // depth), ("in", depth), ("out", out))
    return Struct("er_linear_f32", (*sizes, *_tail(site)))


_Refusal = Callable[[Site, DType], str | None]
_FORMS: tuple[
    tuple[str, type[Op], _Refusal, Callable[[Site], Demand], Callable[[Site], Struct]], ...
] = (
    ("er_conv", Conv2D, _window, _conv_demand, _conv_struct),
    ("er_depthwise", DepthwiseConv2D, _window, _depthwise_demand, _conv_struct),
    ("er_conv_transposed", TransposeConv2D, _window, _transposed_demand, _conv_struct),
    ("er_linear", FullyConnected, _rows, _linear_demand, _linear_struct),
)


def _kernels() -> Iterator[Kernel]:
    for name, op, refuses, demand, parameters in _FORMS:
        for kind, (weights, reason) in _KINDS.items():
            refusal = _of_weights(refuses, weights)
            yield declare(f"{name}_{kind}_ref", op, reason, refusal, demand, parameters)


def _of_weights(refuses: _Refusal, weights: DType) -> Callable[[Site], str | None]:
    return lambda site: refuses(site, weights)


KERNELS = tuple(_kernels())
"""In order of preference within an ISA and an operation."""
