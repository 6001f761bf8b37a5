"""Pools: the average or the maximum over each window of an image."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_runtime.graph.op import (
    Activation,
    Op,
    Rounding,
    Scaling,
    Window,
    per_tensor_problem,
    type_problem,
)
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.ops.windowed import (
    float_clamp,
    quantized_bounds,
    rank_problem,
    window_problems,
    windows,
)


@dataclass(frozen=True)
class Pool2D(Op):
    """Base of pools over NHWC images; the quantization is kept."""

    INPUTS = (1, 1)
    SCALING = Scaling.KEPT

    kernel: tuple[int, int] = (1, 1)
    window: Window = Window()
    activation: Activation = Activation.NONE

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        image = inputs[0]
        found = type_problem(image, DType.FLOAT32, DType.INT8, DType.INT16) + rank_problem(image, 4)
        if found:
            return found
        found = window_problems(image, self.kernel, self.window)
        if not found and self._pads_alone(image):
            pads = (*self.window.pad_before, *self.window.pad_after)
            found.append(
                f"padding {pads} is not smaller than the kernel {self.kernel}: some windows lie in"
                " it altogether"
            )
        if output.dtype is not image.dtype or output.quantization != image.quantization:
            found.append(f"{image.name} and {output.name} differ in type or quantization")
        return found + per_tensor_problem(image)

    def _pads_alone(self, image: Tensor) -> bool:
        """Whether a window has no element of the image below it."""
        return any(0 in self._taps_inside(axis, image.shape[1 + axis]) for axis in (0, 1))

    def _taps_inside(self, axis: int, size: int) -> Array:
        """How many of the kernel's elements along an axis lie in the image, for each window."""
        window, taps = self.window, self.kernel[axis]
        stride, dilation = window.stride[axis], window.dilation[axis]
        span = size + window.pad_before[axis] + window.pad_after[axis]
        count = (span - dilation * (taps - 1) - 1) // stride + 1
        start = np.arange(count) * stride - window.pad_before[axis]
        first = np.clip(-(start // dilation), 0, taps)
        end = np.clip(-((start - size) // dilation), 0, taps)
        return np.asarray(np.maximum(end - first, 0))

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        batch, height, width, channels = inputs[0].shape
        return (batch, *self.window.output_size((height, width), self.kernel), channels)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        zero = 0 if output.dtype.is_float else output.quant.zero_point
        pooled = self._pool(values[0], zero)
        if output.dtype.is_float:
            return float_clamp(pooled, self.activation)
        bounds = quantized_bounds(self.activation, output)
        return np.clip(pooled, *bounds).astype(output.dtype.numpy)

    @abstractmethod
    def _pool(self, image: Array, zero: int) -> Array:
        """The pooled image, not yet clamped; `zero` is what stands for a real zero."""

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class AveragePool2D(Pool2D):
    """Average over each window.

    Padding takes no part, as in TFLite; with `count_include_pad` it counts as real zeros. Stored
    averages round halves away from zero, as TFLite has it; with rounding ONCE, real ones in units
    of the scale round halves to even, as ONNX means QuantizeLinear.
    """

    NAME = "AVERAGE_POOL_2D"

    count_include_pad: bool = False
    rounding: Rounding = field(default=Rounding.TWICE, kw_only=True)

    def _pads_alone(self, image: Tensor) -> bool:
        return not self.count_include_pad and super()._pads_alone(image)

    def _pool(self, image: Array, zero: int) -> Array:
        wide = image.astype(np.float64 if image.dtype.kind == "f" else np.int64)
        if self.count_include_pad:
            count = np.asarray(self.kernel[0] * self.kernel[1])
            total = windows(wide, self.kernel, self.window, zero).sum((3, 4))
        else:
            rows, columns = (self._taps_inside(axis, image.shape[1 + axis]) for axis in (0, 1))
            count = (rows[:, None] * columns)[..., None]
            total = windows(wide, self.kernel, self.window, 0).sum((3, 4))
        if image.dtype.kind == "f":
            return np.asarray(total / count)
        if self.rounding is Rounding.ONCE:
            doubled = 2 * (total - count * zero)
            up, rest = np.divmod(doubled + count, 2 * count)
            return np.asarray(up - ((rest == 0) & (up % 2 != 0)) + zero)
        halved = np.abs(total) + count // 2
        return np.asarray(np.sign(total) * (halved // count))


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
    """Maximum over each window; padding takes no part."""

    NAME = "MAX_POOL_2D"

    def _pool(self, image: Array, zero: int) -> Array:
        lowest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).min
        result: Array = windows(image, self.kernel, self.window, lowest).max((3, 4))
        return result
