"""The one list of kernels: where each may be used, what it asks for, and the choice among them.

Adding a kernel: its C file in firmware/kernels/<isa>, its prototype in er_kernels.h, an entry here.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.graph import DType, Op
from edge_runtime.kernels.geometry import Sliding
from edge_runtime.kernels.kernel import Demand, Kernel, Site
from edge_runtime.kernels.packing import (
    channels_first,
    channels_last,
    linear_constants,
    pack_channel_pairs,
    pack_row_pairs,
)
from edge_runtime.ops import (
    Add,
    AddScaling,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Mean,
    Quantize,
    Softmax,
    Transpose,
)

_MOST_SOFTMAX_TERMS = 4095
_MOST_SUMMED = 1 << 23
"""So many int8 values less a zero point add up within 32 bits."""


def _int8(site: Site) -> str | None:
    for tensor in (site.inputs[0], site.output):
        if tensor.dtype is not DType.INT8:
            return str(tensor.dtype.value)
    return None


def _one_image(site: Site) -> str | None:
    if site.inputs[0].shape[0] != 1:
        return f"a batch of {site.inputs[0].shape[0]} images (one at a time)"
    return Sliding.of(site).too_large


def _image(site: Site) -> str | None:
    return _int8(site) or _one_image(site)


def _pool(site: Site) -> str | None:
    refused = _image(site)
    if refused is None and Sliding.of(site).taps > _MOST_SUMMED:
        return f"a window of {Sliding.of(site).taps} elements (at most {_MOST_SUMMED})"
    return refused


def _single_channel(site: Site) -> str | None:
    """Depthwise convolution of one channel is a convolution."""
    refused = _image(site)
    if refused is None and site.inputs[0].shape[3] != 1:
        return f"{site.inputs[0].shape[3]} input channels (one)"
    return refused


def _plane(site: Site) -> str | None:
    refused = _image(site)
    if refused is None and site.inputs[0].shape[3] != site.output.shape[3]:
        return f"a channel multiplier of {site.output.shape[3] // site.inputs[0].shape[3]}"
    return refused


def _rank(site: Site) -> str | None:
    rank = max(len(tensor.shape) for tensor in (*site.inputs, site.output))
    return f"{rank} dimensions (at most 4)" if rank > 4 else None


def _same_shapes(site: Site) -> str | None:
    refused = _int8(site)
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


def _four_axes(site: Site) -> str | None:
    return _int8(site) or _rank(site)


def _mean(site: Site) -> str | None:
    refused = _int8(site) or _rank(site)
    op = site.node.op
    assert isinstance(op, Mean)
    if refused is None and op.count(site.inputs) > _MOST_SUMMED:
        return f"a mean of {op.count(site.inputs)} elements (at most {_MOST_SUMMED})"
    return refused


def _softmax(site: Site) -> str | None:
    refused = _int8(site)
    if refused is None and site.inputs[0].shape[-1] > _MOST_SOFTMAX_TERMS:
        return f"{site.inputs[0].shape[-1]} classes (at most {_MOST_SOFTMAX_TERMS})"
    return refused


def _input_float(site: Site) -> str | None:
    return None if site.inputs[0].dtype is DType.FLOAT32 else f"{site.inputs[0].dtype.value} input"


def _floats(site: Site) -> str | None:
    return _input_float(site) or _rank(site)


def _accepts(site: Site) -> str | None:
    return None


def _nothing(site: Site) -> Demand:
    return Demand()


def _over_input(site: Site) -> Demand:
    return Demand(in_place=(0,))


def _over_operands(site: Site) -> Demand:
    shape = site.output.shape
    return Demand(in_place=tuple(i for i in (0, 1) if site.inputs[i].shape == shape))


def _trailing(site: Site) -> tuple[int, ...]:
    return (0,) if Sliding.of(site).pixels_trail() else ()


def _pool_demand(site: Site) -> Demand:
    return Demand(in_place=_trailing(site))


def _conv_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_first)
    return Demand(_depth(site), _trailing(site), constants)


def _conv_dsp(site: Site) -> Demand:
    depth = _depth(site)
    columns = 4 * 4 * -(-depth // 2)
    patch = 0 if site.inputs[0].shape[3] % 4 == 0 else depth
    constants = linear_constants(site, pack_channel_pairs)
    return Demand(columns + patch, _trailing(site), constants)


def _depth(site: Site) -> int:
    """How many elements a convolution adds up for each output."""
    return Sliding.of(site).taps * site.inputs[0].shape[3]


def _depthwise_ref(site: Site) -> Demand:
    constants = linear_constants(site, channels_last, fold=False)
    return Demand(4 * site.output.shape[3], (), constants)


def _depthwise_dsp(site: Site) -> Demand:
    sliding = Sliding.of(site)
    over = (0,) if sliding.rows_trail() else ()
    return Demand(sliding.ring_bytes(), over, linear_constants(site, channels_first))


def _linear_ref(site: Site) -> Demand:
    return Demand(constants=linear_constants(site, channels_first))


def _linear_dsp(site: Site) -> Demand:
    return Demand(constants=linear_constants(site, pack_row_pairs))


def _kernel(
    name: str,
    op: type[Op],
    reason: str,
    refuses: Callable[[Site], str | None],
    demand: Callable[[Site], Demand],
) -> Kernel:
    isa = name.rpartition("_")[2]
    return Kernel(name, isa, op, f"{isa}/{name}.c", reason, refuses, demand)


KERNELS: tuple[Kernel, ...] = (
    _kernel("er_conv_s8_dsp", Conv2D, "2 channels x 4 pixels by SMLAD", _image, _conv_dsp),
    _kernel(
        "er_conv_s8_dsp",
        DepthwiseConv2D,
        "one input channel: as a convolution, 2 channels x 4 pixels by SMLAD",
        _single_channel,
        _conv_dsp,
    ),
    _kernel(
        "er_depthwise_s8_dsp",
        DepthwiseConv2D,
        "channel planes through a ring of rows",
        _plane,
        _depthwise_dsp,
    ),
    _kernel("er_linear_s8_dsp", FullyConnected, "4 rows by SMLAD", _int8, _linear_dsp),
    _kernel("er_add_s8_dsp", Add, "by SMMLAR", _ordinary_sum, _over_operands),
    _kernel("er_conv_s8_ref", Conv2D, "portable C", _image, _conv_ref),
    _kernel(
        "er_conv_s8_ref",
        DepthwiseConv2D,
        "portable C; one input channel: as a convolution",
        _single_channel,
        _conv_ref,
    ),
    _kernel("er_depthwise_s8_ref", DepthwiseConv2D, "portable C", _image, _depthwise_ref),
    _kernel("er_linear_s8_ref", FullyConnected, "portable C", _int8, _linear_ref),
    _kernel("er_average_pool_s8_ref", AveragePool2D, "portable C", _pool, _pool_demand),
    _kernel("er_max_pool_s8_ref", MaxPool2D, "portable C", _image, _pool_demand),
    _kernel("er_add_s8_ref", Add, "portable C", _same_shapes, _over_operands),
    _kernel("er_add_broadcast_s8_ref", Add, "portable C, broadcasting", _four_axes, _over_operands),
    _kernel("er_mean_s8_ref", Mean, "portable C", _mean, _nothing),
    _kernel("er_softmax_s8_ref", Softmax, "portable C", _softmax, _over_input),
    _kernel("er_quantize_f32_ref", Quantize, "portable C", _input_float, _over_input),
    _kernel("er_requantize_s8_ref", Quantize, "portable C", _int8, _over_input),
    _kernel("er_dequantize_s8_ref", Dequantize, "portable C", _accepts, _nothing),
    _kernel("er_transpose_s8_ref", Transpose, "portable C", _four_axes, _nothing),
    _kernel("er_transpose_f32_ref", Transpose, "portable C", _floats, _nothing),
)
"""In order of preference within an ISA and an operation."""
