"""What treats each element by itself: add, quantize, dequantize."""

from __future__ import annotations

from edge_runtime.graph import DType
from edge_runtime.kernels.geometry import element_rows
from edge_runtime.kernels.kernel import Demand, Site, declare, nothing, over_input
from edge_runtime.kernels.refusals import int8, int8_axes, never
from edge_runtime.kernels.struct import (
    Struct,
    aligned_shape,
    broadcast_strides,
    clamp,
    multiplier,
    zeros,
)
from edge_runtime.ops import Add, AddScaling, Dequantize, Quantize


def _same_shapes(site: Site) -> str | None:
    refused = int8(site)
    if refused is None and site.inputs[0].shape != site.inputs[1].shape:
        return "operands of different shapes"
    return refused


def _ordinary_sum(site: Site) -> str | None:
    """The larger scale has the factor 1/2; the other must not be 0, nor the sum's be too large."""
    refused = _same_shapes(site)
    if refused is not None:
        return refused
    scaling = AddScaling.of(site.inputs, site.output)
    if 0 in (scaling.first.mantissa, scaling.second.mantissa):
        return "operands of which one is too small to count"
    if scaling.result.shift > -2:
        return "an output scale far below those of the operands"
    return None


def _input_float(site: Site) -> str | None:
    return None if site.inputs[0].dtype is DType.FLOAT32 else f"{site.inputs[0].dtype.value} input"


def _over_operands(site: Site) -> Demand:
    shape = site.output.shape
    over = tuple(i for i in (0, 1) if site.inputs[i].shape == shape)
    return Demand(in_place=over, operands=(0, 1), rows=element_rows(site))


def _add_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Add)
    scaling = AddScaling.of(site.inputs, site.output)
    first, second = site.inputs
    output = site.output
    return Struct(
        "er_add_s8",
        (
            ("elements", output.elements),
            ("shape", aligned_shape(output.shape)),
            ("stride_a", broadcast_strides(first.shape, output.shape)),
            ("stride_b", broadcast_strides(second.shape, output.shape)),
            ("zero_a", first.quant.zero_point),
            ("zero_b", second.quant.zero_point),
            ("out_zero", output.quant.zero_point),
            *clamp(op.activation, site.output),
            ("factor_a", multiplier(scaling.first)),
            ("factor_b", multiplier(scaling.second)),
            ("factor_out", multiplier(scaling.result)),
        ),
    )


def _quantize_struct(site: Site) -> Struct:
    op, output = site.node.op, site.output
    assert isinstance(op, Quantize)
    elements = ("elements", output.elements)
    if site.inputs[0].dtype.is_float:
        scale, zero = output.quant.scale, output.quant.zero_point
        return Struct("er_quantize_f32", (elements, ("scale", scale), ("zero", zero)))
    factor = multiplier(op.multiplier(site.inputs, output))
    return Struct(
        "er_requantize_s8", (elements, *zeros(site.inputs[0], site.output), ("factor", factor))
    )


def _dequantize_struct(site: Site) -> Struct:
    quantization = site.inputs[0].quant
    return Struct(
        "er_dequantize_s8",
        (
            ("elements", site.output.elements),
            ("scale", quantization.scale),
            ("zero", quantization.zero_point),
        ),
    )


KERNELS = (
    declare("er_add_s8_dsp", Add, "by SMMLAR", _ordinary_sum, _over_operands, _add_struct),
    declare("er_add_s8_ref", Add, "portable C", _same_shapes, _over_operands, _add_struct),
    declare(
        "er_add_broadcast_s8_ref",
        Add,
        "portable C, broadcasting",
        int8_axes,
        _over_operands,
        _add_struct,
    ),
    declare(
        "er_quantize_f32_ref", Quantize, "portable C", _input_float, over_input, _quantize_struct
    ),
    declare("er_requantize_s8_ref", Quantize, "portable C", int8, over_input, _quantize_struct),
    declare("er_dequantize_s8_ref", Dequantize, "portable C", never, nothing, _dequantize_struct),
)
"""In order of preference within an ISA and an operation."""
