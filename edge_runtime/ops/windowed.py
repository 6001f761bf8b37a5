"""What convolutions and pools share: sliding a window over height and width."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.graph.op import Activation, Window, type_problem
from edge_runtime.graph.tensor import Array, DType, Quantization, Tensor

MOST_STEPS = 1 << 20
"""Of a window along one axis."""


def windows(image: Array, kernel: tuple[int, int], window: Window, fill: float) -> Array:
    """All windows of an NHWC image: (N, out_h, out_w, kernel_h, kernel_w, C), a view where it can.

    Elements outside the image are `fill`.
    """
    pads = ((0, 0), *zip(window.pad_before, window.pad_after, strict=True), (0, 0))
    padded = np.pad(image, pads, constant_values=fill) if np.any(pads) else image
    out_h, out_w = window.output_size((image.shape[1], image.shape[2]), kernel)
    batch, row, column, channel = padded.strides
    return np.lib.stride_tricks.as_strided(
        padded,
        (image.shape[0], out_h, out_w, kernel[0], kernel[1], image.shape[3]),
        (
            batch,
            row * window.stride[0],
            column * window.stride[1],
            row * window.dilation[0],
            column * window.dilation[1],
            channel,
        ),
        writeable=False,
    )


def rank_problem(tensor: Tensor, rank: int) -> list[str]:
    """A sentence when `tensor` has not `rank` dimensions, else nothing."""
    if len(tensor.shape) == rank:
        return []
    return [f"tensor {tensor.name} has shape {tensor.shape}, not {rank} dimensions"]


def window_problems(image: Tensor, kernel: tuple[int, int], window: Window) -> list[str]:
    """What is wrong with sliding `kernel` over `image`."""
    found = window.problems(kernel)
    if found:
        return found
    out = window.output_size((image.shape[1], image.shape[2]), kernel)
    if min(out) < 1:
        return [f"kernel {kernel} does not fit into the padded input {image.shape[1:3]}"]
    if max(out) > MOST_STEPS:
        return [f"its output would be {out[0]} by {out[1]}; allowed: {MOST_STEPS} either way"]
    return []


def float_clamp(values: Array, activation: Activation) -> Array:
    """`values` clamped as `activation` says, as float32."""
    return np.clip(values, *activation.bounds).astype(np.float32)


def quantized_bounds(activation: Activation, output: Tensor) -> tuple[int, int]:
    """The clamp in stored values of `output` (TFLite: CalculateActivationRangeQuantized)."""
    return bounded(*activation.bounds, output)


def bounded(real_low: float, real_high: float, output: Tensor) -> tuple[int, int]:
    """The stored values of `output` next to two real ones, within its type."""
    low, high = output.dtype.range
    quantization: Quantization = output.quant
    if real_low != float("-inf"):
        low = min(high, max(low, _quantize_bound(real_low, quantization)))
    if real_high != float("inf"):
        high = max(low, min(high, _quantize_bound(real_high, quantization)))
    return low, high


def _quantize_bound(real: float, quantization: Quantization) -> int:
    ratio = float(np.float32(real) / np.float32(quantization.scale))
    return quantization.zero_point + int(np.trunc(ratio + np.copysign(0.5, ratio)))


def weights_problems(weights: Tensor, axis: int) -> list[str]:
    """Sentences when integer weights are neither per-tensor nor per-channel along `axis`."""
    quantization = weights.quantization
    if weights.dtype.is_float:
        return []
    if quantization is None:
        return [f"weights {weights.name} are {weights.dtype.value} without a scale"]
    if len(set(quantization.zero_points)) > 1:
        return [f"weights {weights.name} have several zero points; allowed: one for all channels"]
    if len(quantization.scales) == 1:
        return []
    if quantization.axis != axis or len(quantization.scales) != weights.shape[axis]:
        return [
            f"weights {weights.name} have {len(quantization.scales)} scales along axis"
            f" {quantization.axis}; allowed: one, or {weights.shape[axis]} along axis {axis}"
        ]
    return []


def bias_problems(inputs: Sequence[Tensor], channels: int, allowed: Sequence[DType]) -> list[str]:
    """What is wrong with the optional third input of a convolution or fully connected layer."""
    if len(inputs) < 3:
        return []
    bias = inputs[2]
    found = type_problem(bias, *allowed)
    if bias.data is None:
        found.append(f"bias {bias.name} is computed at run time; it must be a constant")
    if bias.elements != channels:
        found.append(f"bias {bias.name} has {bias.elements} values for {channels} channels")
    return found
