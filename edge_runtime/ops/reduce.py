"""Operations that reduce: average and maximum pooling, mean, softmax."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import Activation, Op, Scaling, Window, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Quantization, Shape, Tensor
from edge_runtime.numerics import Multiplier
from edge_runtime.ops.windowed import (
    float_clamp,
    quantized_bounds,
    rank_problem,
    window_problems,
    windows,
)


@dataclass(frozen=True)
class Pool2D(Op):
    """Base of pools over NHWC images. Padding never takes part; the quantization is kept."""

    INPUTS = (1, 1)
    SCALING = Scaling.KEPT

    kernel: tuple[int, int] = (1, 1)
    window: Window = Window()
    activation: Activation = Activation.NONE

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], DType.FLOAT32, DType.INT8) + rank_problem(inputs[0], 4)
        if found:
            return found
        found = window_problems(inputs[0], self.kernel, self.window)
        pads = (*self.window.pad_before, *self.window.pad_after)
        if any(pad >= self.kernel[i % 2] for i, pad in enumerate(pads)):
            found.append(f"padding {pads} is not smaller than the kernel {self.kernel}")
        if output.dtype is not inputs[0].dtype or output.quantization != inputs[0].quantization:
            found.append(f"{inputs[0].name} and {output.name} differ in type or quantization")
        return found + per_tensor_problem(inputs[0])

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        batch, height, width, channels = inputs[0].shape
        return (batch, *self.window.output_size((height, width), self.kernel), channels)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        pooled = self._pool(values[0])
        if output.dtype.is_float:
            return float_clamp(pooled, self.activation)
        return np.clip(pooled, *quantized_bounds(self.activation, output)).astype(np.int8)

    @abstractmethod
    def _pool(self, image: Array) -> Array:
        """The pooled image, not yet clamped."""

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class AveragePool2D(Pool2D):
    """Average over each window; integers round half away from zero."""

    NAME = "AVERAGE_POOL_2D"

    def _pool(self, image: Array) -> Array:
        wide = image.astype(np.float64 if image.dtype.kind == "f" else np.int64)
        total = windows(wide, self.kernel, self.window, 0).sum((3, 4))
        inside = np.ones((1, *image.shape[1:3], 1), np.int64)
        count = windows(inside, self.kernel, self.window, 0).sum((3, 4))
        if image.dtype.kind == "f":
            return np.asarray(total / count)
        halved = np.abs(total) + count // 2
        return np.asarray(np.sign(total) * (halved // count))


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
    """Maximum over each window."""

    NAME = "MAX_POOL_2D"

    def _pool(self, image: Array) -> Array:
        lowest = -np.inf if image.dtype.kind == "f" else np.iinfo(image.dtype).min
        result: Array = windows(image, self.kernel, self.window, lowest).max((3, 4))
        return result


@dataclass(frozen=True)
class Mean(Op):
    """Mean over `axes` (not negative, ascending)."""

    NAME = "MEAN"
    INPUTS = (1, 1)

    axes: tuple[int, ...] = ()
    keep_dims: bool = False

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], DType.FLOAT32, DType.INT8)
        if output.dtype is not inputs[0].dtype:
            found.append(f"{inputs[0].name} and {output.name} differ in type")
        rank = len(inputs[0].shape)
        if not self.axes or sorted(set(self.axes)) != list(self.axes):
            found.append(f"axes {self.axes} are not ascending, or there are none")
        elif not 0 <= self.axes[0] <= self.axes[-1] < rank:
            found.append(f"axes {self.axes} are outside the {rank} dimensions of the input")
        return found + per_tensor_problem(inputs[0]) + per_tensor_problem(output)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        sizes = enumerate(inputs[0].shape)
        if self.keep_dims:
            return tuple(1 if axis in self.axes else size for axis, size in sizes)
        return tuple(size for axis, size in sizes if axis not in self.axes)

    def count(self, inputs: Sequence[Tensor]) -> int:
        """How many elements each mean is taken over."""
        return math.prod(inputs[0].shape[axis] for axis in self.axes)

    def multiplier(self, inputs: Sequence[Tensor], output: Tensor) -> Multiplier:
        """The factor from sums to stored means, 1/count included as TFLite's reduction does it."""
        base = Multiplier.of(inputs[0].quant.scale / output.quant.scale)
        count = self.count(inputs)
        shift = min(count.bit_length() - 1, 32, 31 + base.shift)
        return Multiplier((base.mantissa << shift) // count, base.shift - shift)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            mean = values[0].mean(self.axes, np.float64, keepdims=self.keep_dims)
            return np.asarray(mean, np.float32)
        total = values[0].sum(self.axes, np.int64, keepdims=self.keep_dims)
        centred = np.asarray(total - inputs[0].quant.zero_point * self.count(inputs), np.int64)
        factor = self.multiplier(inputs, output)
        scaled = numerics.multiply(centred, factor.mantissa, factor.shift)
        return np.clip(scaled + output.quant.zero_point, *output.dtype.range).astype(np.int8)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return 0 not in self.axes


@dataclass(frozen=True)
class SoftmaxScaling:
    """Constants of the integer softmax (TFLite: PreprocessSoftmaxScaling, CalculateInputRadius).

    Differences from the maximum become Q5.26 by `multiplier`; those below `smallest` count as
    minus infinity.
    """

    INTEGER_BITS = 5

    multiplier: Multiplier
    smallest: int

    @staticmethod
    def of(beta: float, scale: float) -> SoftmaxScaling:
        """The constants for an input of this scale."""
        bits = SoftmaxScaling.INTEGER_BITS
        real = min(beta * scale * (1 << (31 - bits)), (1 << 31) - 1.0)
        multiplier = Multiplier.of(real)
        radius = ((1 << bits) - 1) * (1 << (31 - bits)) / 2.0**multiplier.shift
        return SoftmaxScaling(multiplier, -math.floor(radius))


@dataclass(frozen=True)
class Softmax(Op):
    """Softmax over the last axis; integer outputs have scale 1/256 and zero point -128."""

    NAME = "SOFTMAX"
    INPUTS = (1, 1)
    SCALING = Scaling.FIXED

    beta: float = 1.0

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], DType.FLOAT32, DType.INT8)
        if output.dtype is not inputs[0].dtype:
            found.append(f"{inputs[0].name} and {output.name} differ in type")
        if not math.isfinite(self.beta) or self.beta <= 0:
            found.append(f"beta {self.beta} is not positive")
        if not inputs[0].shape:
            found.append(f"{inputs[0].name} is a scalar; softmax needs an axis")
        found += per_tensor_problem(inputs[0]) + per_tensor_problem(output)
        if found or output.dtype.is_float:
            return found
        if output.quant != self.fixed_quantization(output.dtype):
            found.append(
                f"output {output.name} has scale {output.quant.scale} and zero point"
                f" {output.quant.zero_point}; allowed: 1/256 and -128"
            )
        if self.beta * inputs[0].quant.scale * 2**26 <= 1:
            found.append(f"input {inputs[0].name} has scale {inputs[0].quant.scale}: too small")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            return _float_softmax(values[0], self.beta)
        scaling = SoftmaxScaling.of(self.beta, inputs[0].quant.scale)
        difference = values[0].astype(np.int64) - values[0].max(-1, keepdims=True)
        counted = difference >= scaling.smallest
        fixed = numerics.doubling_high_multiply(
            np.where(counted, difference, 0) << scaling.multiplier.shift,
            scaling.multiplier.mantissa,
        )
        exponential = numerics.exp_of_negative(fixed, SoftmaxScaling.INTEGER_BITS)
        # Sums are kept in Q12.19, as wide as TFLite's accumulator.
        parts = np.where(counted, numerics.rounding_shift_right(exponential, 12), 0)
        mantissa, over_unit = numerics.reciprocal(parts.sum(-1, keepdims=True), 12)
        product = numerics.doubling_high_multiply(mantissa, exponential)
        result = numerics.rounding_shift_right(product, over_unit + 31 - 8) - 128
        return np.where(counted, np.clip(result, -128, 127), -128).astype(np.int8)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return len(output.shape) > 1

    def fixed_quantization(self, dtype: DType) -> Quantization:
        if dtype is DType.INT8:
            return Quantization.per_tensor(1 / 256, -128)
        return super().fixed_quantization(dtype)


def _float_softmax(values: Array, beta: float) -> Array:
    exponential = np.exp((values - values.max(-1, keepdims=True)) * beta)
    return np.asarray(exponential / exponential.sum(-1, keepdims=True), np.float32)
