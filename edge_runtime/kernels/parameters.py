"""The parameter struct of each kernel call, as data that a code generator can print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Node, Op, Shape, Window
from edge_runtime.kernels.kernel import Choice, Site
from edge_runtime.numerics import Multiplier
from edge_runtime.ops import (
    Add,
    AddScaling,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    Linear,
    MaxPool2D,
    Mean,
    Pool2D,
    Quantize,
    Softmax,
    SoftmaxScaling,
    Transpose,
)
from edge_runtime.ops.windowed import quantized_bounds

Field = tuple[str, object]


@dataclass(frozen=True)
class Struct:
    """A C struct of type `type_name`: values by field, in the order of er_kernels.h.

    A value is an int, a float (single precision), a tuple of ints, a Struct, or a str: the field
    of the constant in `Demand.constants` that the pointer goes to.
    """

    type_name: str
    fields: tuple[Field, ...]


def parameters(site: Site, choice: Choice) -> Struct:
    """The parameters with which `choice.kernel` does the work of `site`."""
    return _BUILDERS[choice.kernel.op](site)


def operands(node: Node) -> tuple[str, ...]:
    """The tensors to which a kernel is given pointers, in order; other inputs are packed."""
    return node.inputs if isinstance(node.op, Add) else node.inputs[:1]


def aligned_shape(shape: Shape) -> tuple[int, int, int, int]:
    """`shape` with leading ones up to four dimensions."""
    a, b, c, d = (1,) * (4 - len(shape)) + shape
    return a, b, c, d


def broadcast_strides(shape: Shape, output: Shape) -> tuple[int, ...]:
    """The step along each of four axes of `output` through an operand of `shape`; 0 repeats it."""
    sizes = aligned_shape(shape)
    steps = [int(np.prod(sizes[axis + 1 :])) for axis in range(4)]
    return tuple(0 if sizes[i] == 1 != aligned_shape(output)[i] else steps[i] for i in range(4))


def _multiplier(factor: Multiplier) -> Struct:
    return Struct("er_multiplier", (("mantissa", factor.mantissa), ("shift", factor.shift)))


def _window(site: Site, kernel: tuple[int, int], window: Window) -> Field:
    image, output = site.inputs[0].shape, site.output.shape
    numbers = {
        "in_h": image[1],
        "in_w": image[2],
        "in_c": image[3],
        "out_h": output[1],
        "out_w": output[2],
        "out_c": output[3],
        "kernel_h": kernel[0],
        "kernel_w": kernel[1],
        "stride_h": window.stride[0],
        "stride_w": window.stride[1],
        "dilation_h": window.dilation[0],
        "dilation_w": window.dilation[1],
        "pad_top": window.pad_before[0],
        "pad_left": window.pad_before[1],
    }
    return "window", Struct("er_window", tuple(numbers.items()))


def _zeros(site: Site) -> tuple[Field, Field]:
    return (
        ("in_zero", site.inputs[0].quant.zero_point),
        ("out_zero", site.output.quant.zero_point),
    )


def _clamp(site: Site) -> tuple[Field, Field]:
    op = site.node.op
    assert isinstance(op, Linear | Pool2D | Add)
    low, high = quantized_bounds(op.activation, site.output)
    return ("act_min", low), ("act_max", high)


_CONSTANTS: tuple[Field, ...] = tuple(
    (field, field) for field in ("weights", "bias", "mantissa", "shift")
)


def _conv(site: Site) -> Struct:
    op, weights = site.node.op, site.inputs[1].shape
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    window = _window(site, (weights[1], weights[2]), op.window)
    return Struct("er_conv_s8", (window, *_zeros(site), *_clamp(site), *_CONSTANTS))


def _linear(site: Site) -> Struct:
    out, depth = site.inputs[1].shape
    sizes = (("rows", site.inputs[0].elements // depth), ("in", depth), ("out", out))
    return Struct("er_linear_s8", (*sizes, *_zeros(site), *_clamp(site), *_CONSTANTS))


def _pool(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Pool2D)
    return Struct("er_pool_s8", (_window(site, op.kernel, op.window), *_clamp(site)))


def _add(site: Site) -> Struct:
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
            *_clamp(site),
            ("factor_a", _multiplier(scaling.first)),
            ("factor_b", _multiplier(scaling.second)),
            ("factor_out", _multiplier(scaling.result)),
        ),
    )


def _mean(site: Site) -> Struct:
    op, image = site.node.op, site.inputs[0]
    assert isinstance(op, Mean)
    added = 4 - len(image.shape)
    return Struct(
        "er_mean_s8",
        (
            ("shape", aligned_shape(image.shape)),
            ("reduce", sum(1 << axis + added for axis in op.axes)),
            *_zeros(site),
            ("count", op.count(site.inputs)),
            ("factor", _multiplier(op.multiplier(site.inputs, site.output))),
        ),
    )


def _softmax(site: Site) -> Struct:
    op, image = site.node.op, site.inputs[0]
    assert isinstance(op, Softmax)
    scaling = SoftmaxScaling.of(op.beta, image.quant.scale)
    return Struct(
        "er_softmax_s8",
        (
            ("rows", image.elements // image.shape[-1]),
            ("depth", image.shape[-1]),
            ("factor", _multiplier(scaling.multiplier)),
            ("smallest", scaling.smallest),
        ),
    )


def _quantize(site: Site) -> Struct:
    op, output = site.node.op, site.output
    assert isinstance(op, Quantize)
    elements = ("elements", output.elements)
    if site.inputs[0].dtype.is_float:
        scale, zero = output.quant.scale, output.quant.zero_point
        return Struct("er_quantize_f32", (elements, ("scale", scale), ("zero", zero)))
    factor = _multiplier(op.multiplier(site.inputs, output))
    return Struct("er_requantize_s8", (elements, *_zeros(site), ("factor", factor)))


def _dequantize(site: Site) -> Struct:
    quantization = site.inputs[0].quant
    return Struct(
        "er_dequantize_s8",
        (
            ("elements", site.output.elements),
            ("scale", quantization.scale),
            ("zero", quantization.zero_point),
        ),
    )


def _transpose(site: Site) -> Struct:
    op, sizes = site.node.op, site.inputs[0].shape
    assert isinstance(op, Transpose)
    steps = [int(np.prod(sizes[axis + 1 :])) for axis in op.order]
    stride = tuple([0] * (4 - len(steps)) + steps)
    return Struct("er_transpose", (("shape", aligned_shape(site.output.shape)), ("stride", stride)))


_BUILDERS: dict[type[Op], Callable[[Site], Struct]] = {
    Add: _add,
    AveragePool2D: _pool,
    Conv2D: _conv,
    DepthwiseConv2D: _conv,
    Dequantize: _dequantize,
    FullyConnected: _linear,
    MaxPool2D: _pool,
    Mean: _mean,
    Quantize: _quantize,
    Softmax: _softmax,
    Transpose: _transpose,
}
