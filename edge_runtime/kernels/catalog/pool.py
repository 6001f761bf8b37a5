"""Average and maximum pools."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.graph import DType, Rounding
from edge_runtime.kernels.geometry import Sliding, image_rows, window_field
from edge_runtime.kernels.kernel import Demand, Kernel, Site, declare
from edge_runtime.kernels.loops import by_four_averages
from edge_runtime.kernels.refusals import MOST_SUMMED, MOST_SUMMED_WIDE, of_type
from edge_runtime.kernels.struct import Field, Struct, clamp, float_clamp
from edge_runtime.ops import AveragePool2D, MaxPool2D, Pool2D

_MOST_IN_16_BITS = 256
"""So many int8 values add up within 16 bits."""


def _typed(dtype: DType) -> Callable[[Site], str | None]:
    return lambda site: of_type(site, dtype) or Sliding.of(site).too_large


def _summable(dtype: DType, most: int) -> Callable[[Site], str | None]:
    def refuses(site: Site) -> str | None:
        refused = _typed(dtype)(site)
        if refused is None and Sliding.of(site).taps > most:
            return f"a window of {Sliding.of(site).taps} elements (at most {most})"
        return refused

    return refuses


def _demand(site: Site) -> Demand:
    images = site.inputs[0].shape[0]
    trailing = Sliding.of(site).trailing(images)
    return Demand(in_place=trailing, images=images, rows=image_rows(site))


def _include_pad(site: Site) -> Field:
    op = site.node.op
    return "include_pad", int(isinstance(op, AveragePool2D) and op.count_include_pad)


def rounds_to_even(site: Site) -> bool:
    """Whether an average pool rounds as ONNX does it."""
    op = site.node.op
    return isinstance(op, AveragePool2D) and op.rounding is Rounding.ONCE


def _away_from_zero(site: Site) -> str | None:
    """What sums of 16 bits cannot hold, and ONNX's rounding."""
    if rounds_to_even(site):
        return "halves to even"
    return _summable(DType.INT8, _MOST_IN_16_BITS)(site)


def _struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Pool2D)
    return Struct(
        "er_pool",
        (
            window_field(site),
            *clamp(op.activation, site.output),
            ("zero", site.output.quant.zero_point),
            _include_pad(site),
            ("to_even", int(rounds_to_even(site))),
        ),
    )


def _struct_f32(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Pool2D)
    fields = (window_field(site), *float_clamp(op.activation), _include_pad(site))
    return Struct("er_pool_f32", fields)


def _side_by_side(site: Site) -> str | None:
    """The same, and windows with gaps or padding that counts."""
    refused = _away_from_zero(site)
    op = site.node.op
    assert isinstance(op, AveragePool2D)
    if refused is None and op.window.dilation != (1, 1):
        return "dilation"
    if refused is None and op.count_include_pad:
        return "averages that count padding"
    return refused


def _average(name: str, dtype: DType, most: int) -> Kernel:
    parameters = _struct_f32 if dtype.is_float else _struct
    refuses = _summable(dtype, most)
    return declare(name, AveragePool2D, "portable C", refuses, _demand, parameters)


def _max(name: str, dtype: DType) -> Kernel:
    parameters = _struct_f32 if dtype.is_float else _struct
    return declare(name, MaxPool2D, "portable C", _typed(dtype), _demand, parameters)


KERNELS = (
    declare(
        "er_average_pool_s8_dsp",
        AveragePool2D,
        "4 channels at a time by SXTAB16",
        _side_by_side,
        _demand,
        _struct,
    ),
    declare(
        "er_average_pool_s8_mve",
        AveragePool2D,
        "8 channels at a time",
        _away_from_zero,
        _demand,
        _struct,
        terms=by_four_averages,
    ),
    declare(
        "er_max_pool_s8_mve",
        MaxPool2D,
        "16 channels at a time",
        _typed(DType.INT8),
        _demand,
        _struct,
    ),
    _average("er_average_pool_s8_ref", DType.INT8, MOST_SUMMED),
    _average("er_average_pool_s16_ref", DType.INT16, MOST_SUMMED_WIDE),
    _average("er_average_pool_f32_ref", DType.FLOAT32, MOST_SUMMED),
    _max("er_max_pool_s8_ref", DType.INT8),
    _max("er_max_pool_s16_ref", DType.INT16),
    _max("er_max_pool_f32_ref", DType.FLOAT32),
)
"""In order of preference within an ISA and an operation."""
