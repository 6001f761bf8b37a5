"""Operations that normalize along the last axis: softmax, its logarithm, the Euclidean norm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edge_runtime import numerics
from edge_runtime.graph.op import Op, Scaling, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Quantization, Shape, Tensor
from edge_runtime.numerics import Int64, Multiplier

Floats = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True)
class AlongLastAxis(Op):
    """Base of operations that treat each row of the last axis by itself and keep the shape."""

    INPUTS = (1, 1)
    SCALING = Scaling.FIXED

    TYPES: ClassVar[tuple[tuple[DType, DType], ...]] = (
        (DType.FLOAT32, DType.FLOAT32),
        (DType.INT8, DType.INT8),
    )
    """Types of input and output that go together."""

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        image = inputs[0]
        found = type_problem(image, *dict.fromkeys(first for first, _ in self.TYPES))
        if not found and (image.dtype, output.dtype) not in self.TYPES:
            found.append(f"{image.name} and {output.name} differ in type")
        if not image.shape:
            found.append(f"{image.name} is a scalar; {self.NAME} needs an axis")
        found += per_tensor_problem(image) + per_tensor_problem(output)
        if found or output.dtype.is_float:
            return found
        expected = self._fixed(image.dtype, output.dtype)
        if output.quant != expected:
            found.append(
                f"output {output.name} has scale {output.quant.scale} and zero point"
                f" {output.quant.zero_point}; allowed: 1/{round(1 / expected.scale)} and"
                f" {expected.zero_point}"
            )
        return found

    def _fixed(self, given: DType, made: DType) -> Quantization:
        """The quantization of a result of type `made` from an input of type `given`."""
        return self.fixed_quantization(made)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return len(output.shape) > 1


@dataclass(frozen=True)
class SoftmaxScaling:
    """Constants of the int8 softmax (TFLite: PreprocessSoftmaxScaling, CalculateInputRadius).

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

    def exponentials(self, difference: Int64) -> tuple[Int64, Int64]:
        """exp of each difference as Q0.31; their sums over the last axis with 19 fraction bits."""
        counted = difference >= self.smallest
        exponential = numerics.exp_of_negative(
            self.in_q5(np.where(counted, difference, 0)), self.INTEGER_BITS
        )
        # TFLite's accumulator has 32 bits too, and wraps round where this one stays.
        parts = np.where(counted, numerics.rounding_shift_right(exponential, 12), 0)
        total = np.minimum(parts.sum(-1, keepdims=True), (1 << 32) - 1)
        return np.where(counted, exponential, 0), total

    def in_q5(self, difference: Int64) -> Int64:
        """The real difference as Q5.26."""
        return numerics.doubling_high_multiply(
            difference << self.multiplier.shift, self.multiplier.mantissa
        )


@dataclass(frozen=True)
class Softmax(AlongLastAxis):
    """Softmax over the last axis.

    int8 gives int8 of scale 1/256 and zero point -128, or int16 of scale 1/65536 and zero point
    -32768; int16 gives int16 of scale 1/32768 and zero point 0.
    """

    NAME = "SOFTMAX"
    TYPES = (
        *AlongLastAxis.TYPES,
        (DType.INT8, DType.INT16),
        (DType.INT16, DType.INT16),
    )

    beta: float = 1.0

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = super().problems(inputs, output)
        if not math.isfinite(self.beta) or self.beta <= 0:
            found.append(f"beta {self.beta} is not positive")
        if found or inputs[0].dtype is not DType.INT8:
            return found
        if self.beta * inputs[0].quant.scale * 2**26 <= 1:
            found.append(f"input {inputs[0].name} has scale {inputs[0].quant.scale}: too small")
        return found

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            return _float_softmax(values[0], self.beta)
        difference = values[0].astype(np.int64) - values[0].max(-1, keepdims=True)
        if inputs[0].dtype is DType.INT16:
            return _softmax_by_tables(difference, self.table_multiplier(inputs[0]))
        scaling = SoftmaxScaling.of(self.beta, inputs[0].quant.scale)
        exponential, total = scaling.exponentials(difference)
        mantissa, over_unit = numerics.reciprocal(total, 12)
        product = numerics.doubling_high_multiply(mantissa, exponential)
        low, high = output.dtype.range
        bits = 8 * output.dtype.bytes
        result = numerics.rounding_shift_right(product, over_unit + 31 - bits) + low
        return np.clip(result, low, high).astype(output.dtype.numpy)

    def table_multiplier(self, image: Tensor) -> Multiplier:
        """The factor from differences of int16 inputs to steps of 10/65535, those of the table."""
        return Multiplier.of(float(image.quant.scale) * self.beta / (10.0 / 65535.0))

    def fixed_quantization(self, dtype: DType) -> Quantization:
        if dtype is DType.INT8:
            return Quantization.per_tensor(1 / 256, -128)
        if dtype is DType.INT16:
            return Quantization.per_tensor(1 / 32768)
        return super().fixed_quantization(dtype)

    def _fixed(self, given: DType, made: DType) -> Quantization:
        if (given, made) == (DType.INT8, DType.INT16):
            return Quantization.per_tensor(1 / 65536, -32768)
        return self.fixed_quantization(made)


def _float_softmax(values: Array, beta: float) -> Array:
    exponential = np.exp((values - values.max(-1, keepdims=True)) * beta)
    return np.asarray(exponential / exponential.sum(-1, keepdims=True), np.float32)


def _table(function: Callable[[Floats], Floats], in_scale: float, zero: int) -> Int16:
    """513 samples of a function from int16 to int16, Q0.15, as TFLite's LUTPopulate takes them.

    Each is shifted by half the error that a straight line to the next one has in the middle. All of
    it happens in single precision.
    """
    scale, out_scale = np.float32(in_scale), np.float32(2.0) / np.float32(65535)
    least, most = scale * np.float32(-32768 - zero), scale * np.float32(32767 - zero)
    step = (most - least) / np.float32(512)
    gain = np.float32(65536) / (out_scale * np.float32(32767) - out_scale * np.float32(-32768))
    places = least + np.arange(512, dtype=np.float32) * step
    nexts = least + np.arange(1, 513, dtype=np.float32) * step
    sample = _round(function(places) * gain)
    middle = _round(function(places + step / np.float32(2)) * gain)
    line = _round((function(nexts) * gain + sample) / np.float32(2))
    samples = sample - _round((line - middle) / np.float32(2))
    last = _round(function(np.array([most])) * gain)
    table: Int16 = np.clip(np.concatenate([samples, last]), -32768, 32767).astype(np.int16)
    return table


def _round(values: Floats) -> Floats:
    """The nearest whole number, halves away from zero."""
    rounded: Floats = np.trunc(values + np.copysign(np.float32(0.5), values))
    return rounded


EXP_TABLE = _table(np.exp, 10 / 65535, 32767)
"""exp on [-10, 0]."""
RECIPROCAL_TABLE = _table(lambda x: np.float32(1) / (np.float32(1) + x), 1 / 65535, -32768)
"""1 / (1 + x) on [0, 1]."""


def look_up(table: Int16, values: Int64) -> Int64:
    """A table of 513 at int16 values, with straight lines between its samples."""
    index, offset = 256 + (values >> 7), values & 127
    base, after = table[index].astype(np.int64), table[index + 1].astype(np.int64)
    result: Int64 = base + (((after - base) * offset + 64) >> 7)
    return result


def _softmax_by_tables(difference: Int64, factor: Multiplier) -> Array:
    scaled = numerics.multiply(difference, factor.mantissa, factor.shift)
    exponential = look_up(EXP_TABLE, np.clip(scaled + 32767, -32768, 32767))
    total = exponential.sum(-1, keepdims=True)
    headroom = numerics.leading_zeros(total)
    # The sum as 1 + x in [1, 2), x over the whole range of int16.
    one_and_more = ((total << (headroom - 1)) + (1 << 13)) >> 14
    place = np.clip(one_and_more - (1 << 15) - (1 << 16), -32768, 32767)
    shift = 31 - headroom
    product = exponential * look_up(RECIPROCAL_TABLE, place) + (np.int64(1) << (shift - 1))
    return np.asarray(np.clip(product >> shift, 0, 32767), np.int16)


@dataclass(frozen=True)
class LogSoftmaxScaling:
    """Constants of the int8 log-softmax (TFLite: PreprocessLogSoftmaxScalingExp)."""

    softmax: SoftmaxScaling
    reverse: Multiplier
    """The factor from Q5.26 back to differences."""

    @staticmethod
    def of(scale: float) -> LogSoftmaxScaling:
        """The constants for an input of this scale."""
        softmax = SoftmaxScaling.of(1.0, scale)
        factor = softmax.multiplier
        reverse = Multiplier.of((1 << (31 - factor.shift)) / factor.mantissa)
        return LogSoftmaxScaling(softmax, reverse)


@dataclass(frozen=True)
class LogSoftmax(AlongLastAxis):
    """Logarithm of the softmax over the last axis; int8 has scale 1/16 and zero point 127."""

    NAME = "LOG_SOFTMAX"

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = super().problems(inputs, output)
        if not found and not output.dtype.is_float and inputs[0].quant.scale * 2**26 <= 1:
            found.append(f"input {inputs[0].name} has scale {inputs[0].quant.scale}: too small")
        return found

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            shifted = values[0].astype(np.float64) - values[0].max(-1, keepdims=True)
            return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)), np.float32)
        scaling = LogSoftmaxScaling.of(inputs[0].quant.scale)
        difference = values[0].astype(np.int64) - values[0].max(-1, keepdims=True)
        _, total = scaling.softmax.exponentials(difference)
        log_total = numerics.log_of_at_least_one(np.minimum(total, numerics.INT32_MAX))
        reverse = scaling.reverse
        least = numerics.multiply(log_total - (1 << 31), reverse.mantissa, reverse.shift)
        counted = difference > np.maximum(least, scaling.softmax.smallest - 1)
        fixed = scaling.softmax.in_q5(np.where(counted, difference, 0))
        result = numerics.rounding_shift_right(fixed - log_total, 31 - 5 - 4) + 127
        return np.where(counted, np.clip(result, -128, 127), -128).astype(np.int8)

    def fixed_quantization(self, dtype: DType) -> Quantization:
        if dtype is DType.INT8:
            return Quantization.per_tensor(1 / 16, 127)
        return super().fixed_quantization(dtype)


@dataclass(frozen=True)
class L2Normalization(AlongLastAxis):
    """The last axis divided by its Euclidean norm; int8 has scale 1/128 and zero point 0.

    A norm below 1e-6 counts as 1e-6 in floating point.
    """

    NAME = "L2_NORMALIZATION"

    EPSILON = 1e-6

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            wide = values[0].astype(np.float64)
            norm = np.sqrt((wide * wide).sum(-1, keepdims=True))
            return np.asarray(wide / np.maximum(norm, self.EPSILON), np.float32)
        centred = values[0].astype(np.int64) - inputs[0].quant.zero_point
        squares = numerics.wrap32((centred * centred).sum(-1, keepdims=True))
        mantissa, shift = numerics.reciprocal_square_root(squares)
        result = numerics.multiply(centred, mantissa, shift + 7)
        return np.clip(result, -128, 127).astype(np.int8)

    def fixed_quantization(self, dtype: DType) -> Quantization:
        if dtype is DType.INT8:
            return Quantization.per_tensor(1 / 128)
        return super().fixed_quantization(dtype)
