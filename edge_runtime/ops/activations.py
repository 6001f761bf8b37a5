"""Activation functions that are operations of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import Scaling
from edge_runtime.graph.tensor import Array, DType, Quantization, Tensor
from edge_runtime.numerics import Int64, Multiplier
from edge_runtime.ops.sigmoid16 import sigmoid16, tanh16
from edge_runtime.ops.unary import INT8_VALUES, Doubles, Singles, Unary
from edge_runtime.ops.windowed import bounded


@dataclass(frozen=True)
class Clamp(Unary):
    """x, but not below `low` nor above `high`: ReLU, ReLU6, Clip. Either may be infinite.

    Integers are brought to the scale of the result first, and then clamped.
    """

    NAME = "CLAMP"
    SCALING = Scaling.KEPT

    low: float = 0.0
    high: float = math.inf

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = super().problems(inputs, output)
        if not self.low <= self.high:
            found.append(f"the bounds {self.low:g} and {self.high:g} are no range")
        return found

    def real(self, x: Doubles) -> Doubles:
        return np.clip(x, np.float32(self.low), np.float32(self.high))

    def factor(self, image: Tensor, output: Tensor) -> Multiplier:
        """The factor between the two integer scales."""
        return Multiplier.of(image.quant.scale / output.quant.scale)

    def bounds(self, output: Tensor) -> tuple[int, int]:
        """The least and the greatest stored value."""
        return bounded(self.low, self.high, output)

    def table(self, image: Tensor, output: Tensor) -> Array:
        return self.wide(INT8_VALUES, image, output).astype(np.int8)

    def wide(self, stored: Int64, image: Tensor, output: Tensor) -> Int64:
        factor = self.factor(image, output)
        scaled = numerics.multiply(stored - image.quant.zero_point, factor.mantissa, factor.shift)
        return np.asarray(np.clip(scaled + output.quant.zero_point, *self.bounds(output)))


@dataclass(frozen=True)
class _Sigmoidal(Unary):
    """Logistic and tanh: gemmlowp's fixed point in int8, a table of the logistic in int16."""

    SCALING = Scaling.FIXED

    def _fixed(self, x: Int64) -> Int64:
        """The function as Q0.31 for x in Q4.27."""
        raise NotImplementedError

    def grid_problems(self, image: Tensor, output: Tensor) -> list[str]:
        found = super().grid_problems(image, output)
        if image.dtype is DType.INT16 and image.quant.zero_point:
            found.append(f"{image.name} is int16 with zero point {image.quant.zero_point}, not 0")
        if image.dtype is DType.INT16 and self.step(image)[0] > DType.INT16.range[1]:
            found.append(f"scale {image.quant.scale:g} of {image.name} is above 2.6, int16's limit")
        return found

    def table(self, image: Tensor, output: Tensor) -> Array:
        """As CalculateInputRadius and the 8-bit kernels of TFLite have it."""
        fraction, shift = math.frexp(image.quant.scale * float(1 << 27))
        mantissa = math.floor(fraction * (1 << 31) + 0.5)
        radius = math.floor(15 * 2.0 ** (27 - shift))
        value = INT8_VALUES - image.quant.zero_point
        inner = np.clip(value, 1 - radius, radius - 1)
        fixed = self._fixed(numerics.multiply(inner, mantissa, max(shift, -31)))
        bits = 31 + round(math.log2(output.quant.scale))
        made = numerics.rounding_shift_right(fixed, bits) + output.quant.zero_point
        made = np.where(value >= radius, 127, np.where(value <= -radius, -128, made))
        return np.clip(made, -128, 127).astype(np.int8)

    def step(self, image: Tensor) -> tuple[int, int]:
        """Factor and shift to the right that bring an int16 to steps of 1 / 12288."""
        exponent = math.log2(image.quant.scale)
        shift = round(exponent) + 12
        if abs(exponent - round(exponent)) < 1e-3 and shift in self.POWERS:
            return 3 << shift, 0
        factor, shift = image.quant.scale * 4096.0 * 3.0, 0
        while factor <= 32767.0 / 2.0 and shift <= 30:
            factor, shift = 2 * factor, shift + 1
        return int(factor), shift

    POWERS: ClassVar[tuple[int, ...]] = (0,)
    """Shifts of scales that are powers of two and are taken as they are."""

    def scaled(self, stored: Int64, image: Tensor) -> Int64:
        """`stored` in steps of 1 / 12288, rounded."""
        factor, shift = self.step(image)
        return np.asarray((stored * factor + ((1 << shift) >> 1)) >> shift)


@dataclass(frozen=True)
class Logistic(_Sigmoidal):
    """1 / (1 + exp(-x))."""

    NAME = "LOGISTIC"

    def real(self, x: Doubles) -> Doubles:
        upper = np.where(x < 0, np.exp(np.minimum(x, 0)), 1)
        return np.asarray(upper / (1 + np.exp(-np.abs(x))))

    def fixed_quantization(self, dtype: DType) -> Quantization:
        if dtype is DType.INT8:
            return Quantization.per_tensor(1 / 256, -128)
        return Quantization.per_tensor(1 / 32768)

    def _fixed(self, x: Int64) -> Int64:
        return numerics.logistic(x)

    def wide(self, stored: Int64, image: Tensor, output: Tensor) -> Int64:
        return sigmoid16(self.scaled(stored, image))


@dataclass(frozen=True)
class Tanh(_Sigmoidal):
    """tanh(x), in int16 as 2 logistic(2 x) - 1."""

    NAME = "TANH"
    POWERS = (0, 1)

    def real(self, x: Doubles) -> Doubles:
        return np.tanh(x)

    def fixed_quantization(self, dtype: DType) -> Quantization:
        return Quantization.per_tensor(1 / 128 if dtype is DType.INT8 else 1 / 32768)

    def _fixed(self, x: Int64) -> Int64:
        return numerics.tanh(x)

    def wide(self, stored: Int64, image: Tensor, output: Tensor) -> Int64:
        return tanh16(self.scaled(stored, image))


@dataclass(frozen=True)
class HardSwish(Unary):
    """x * min(max(x + 3, 0), 6) / 6."""

    NAME = "HARD_SWISH"

    def real(self, x: Doubles) -> Doubles:
        return x * np.clip(x + 3, 0, 6) / 6

    def table(self, image: Tensor, output: Tensor) -> Array:
        """TFLite's arithmetic in 16 bits: x / 3 saturating in [-1, 1], times x, rounded down."""
        fine = np.float32(image.quant.scale) * np.float32(1 / 128)
        result = Multiplier.of(float(fine / np.float32(output.quant.scale)))
        third = Multiplier.of(float(fine / np.float32(3 / 32768)))
        value = (INT8_VALUES - image.quant.zero_point) << 7
        scaled = _high16(value, _halved(result.mantissa))
        left = max(third.shift - 1, 0)
        ramp = _high16(_saturated16(value << left), _halved(third.mantissa))
        if third.shift > 0:
            ramp = _saturated16(ramp << 1)
        ramp = numerics.rounding_shift_right(ramp, max(-third.shift, 0))
        product = ((ramp + (1 << 15)) >> 1) * scaled
        # Rounded towards zero, unlike all else.
        whole = np.sign(product) * (np.abs(product) >> 15)
        made = numerics.rounding_shift_right(whole, max(-result.shift, 0))
        return np.clip(made + output.quant.zero_point, -128, 127).astype(np.int8)

    def grid_problems(self, image: Tensor, output: Tensor) -> list[str]:
        found = super().grid_problems(image, output)
        if output.quant.scale < image.quant.scale / 128:
            found.append(
                f"scale {output.quant.scale:g} of {output.name} is below 1/128 of the input's,"
                f" {image.quant.scale:g}"
            )
        return found


def _halved(mantissa: int) -> int:
    """The upper 16 bits of a factor, rounded."""
    return min((mantissa + (1 << 15)) >> 16, 32767)


def _saturated16(values: Int64) -> Int64:
    return np.asarray(np.clip(values, -32768, 32767), np.int64)


def _high16(values: Int64, factor: int) -> Int64:
    """The rounding doubling high multiply of 16 bits, whose halves go away from zero."""
    product = values * factor
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.asarray(np.sign(nudged) * (np.abs(nudged) >> 15), np.int64)


@dataclass(frozen=True)
class HardSigmoid(Unary):
    """min(max(alpha * x + beta, 0), 1)."""

    NAME = "HARD_SIGMOID"

    alpha: float = 0.2
    beta: float = 0.5

    def real(self, x: Doubles) -> Doubles:
        return np.clip(np.float32(self.alpha) * x + np.float32(self.beta), 0, 1)


@dataclass(frozen=True)
class LeakyRelu(Unary):
    """x, or alpha * x where that is negative."""

    NAME = "LEAKY_RELU"

    alpha: float = 0.01

    def real(self, x: Doubles) -> Doubles:
        return np.where(x > 0, x, np.float32(self.alpha) * x)

    def grid_problems(self, image: Tensor, output: Tensor) -> list[str]:
        found = super().grid_problems(image, output)
        return found if math.isfinite(self.alpha) else [*found, f"alpha is {self.alpha}"]

    def factors(self, image: Tensor, output: Tensor) -> tuple[Multiplier, Multiplier]:
        """The factors for x of 0 or more, and for negative x."""
        ratio = image.quant.scale / output.quant.scale
        slope = image.quant.scale * float(np.float32(self.alpha)) / output.quant.scale
        return Multiplier.of(ratio), Multiplier.signed(slope)

    def table(self, image: Tensor, output: Tensor) -> Array:
        return self.wide(INT8_VALUES, image, output).astype(np.int8)

    def wide(self, stored: Int64, image: Tensor, output: Tensor) -> Int64:
        value = stored - image.quant.zero_point
        upper, lower = (
            numerics.multiply(value, factor.mantissa, factor.shift)
            for factor in self.factors(image, output)
        )
        made = np.where(value >= 0, upper, lower) + output.quant.zero_point
        return np.asarray(np.clip(made, *output.dtype.range))


@dataclass(frozen=True)
class Elu(Unary):
    """x, or alpha * (exp(x) - 1) where that is negative."""

    NAME = "ELU"

    alpha: float = 1.0

    def real(self, x: Doubles) -> Doubles:
        return np.where(x < 0, np.float32(self.alpha) * np.expm1(np.minimum(x, 0)), x)

    def tabulated(self, x: Singles) -> Singles:
        """The power is rounded before 1 is taken off."""
        power = np.exp(np.minimum(x, 0).astype(np.float64)).astype(np.float32)
        return np.where(x < 0, np.float32(self.alpha) * (power - np.float32(1)), x)


@dataclass(frozen=True)
class Selu(Unary):
    """gamma * x, or gamma * alpha * (exp(x) - 1) where x is negative."""

    NAME = "SELU"

    alpha: float = 1.67326319217681884765625
    gamma: float = 1.05070102214813232421875

    def real(self, x: Doubles) -> Doubles:
        lower = np.float32(self.alpha) * np.expm1(np.minimum(x, 0))
        return np.asarray(np.float32(self.gamma) * np.where(x < 0, lower, x))


@dataclass(frozen=True)
class Celu(Unary):
    """x, or alpha * (exp(x / alpha) - 1) where that is negative."""

    NAME = "CELU"

    alpha: float = 1.0

    def real(self, x: Doubles) -> Doubles:
        alpha = np.float32(self.alpha)
        return np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha))


@dataclass(frozen=True)
class Erf(Unary):
    """The error function."""

    NAME = "ERF"

    def real(self, x: Doubles) -> Doubles:
        return _erf(x)


def _erf(x: Doubles) -> Doubles:
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x))


@dataclass(frozen=True)
class Gelu(Unary):
    """x * (1 + erf(x / sqrt(2))) / 2, or with `approximate` its form with tanh."""

    NAME = "GELU"

    approximate: bool = False

    def real(self, x: Doubles) -> Doubles:
        if self.approximate:
            inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
            return np.asarray(0.5 * x * (1 + np.tanh(inner)))
        return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


@dataclass(frozen=True)
class Silu(Unary):
    """x / (1 + exp(-x))."""

    NAME = "SILU"

    def real(self, x: Doubles) -> Doubles:
        return np.asarray(x * Logistic().real(x))


@dataclass(frozen=True)
class Softplus(Unary):
    """ln(1 + exp(x))."""

    NAME = "SOFTPLUS"

    def real(self, x: Doubles) -> Doubles:
        return np.logaddexp(0.0, x)


@dataclass(frozen=True)
class Mish(Unary):
    """x * tanh(ln(1 + exp(x)))."""

    NAME = "MISH"

    def real(self, x: Doubles) -> Doubles:
        return np.asarray(x * np.tanh(np.logaddexp(0.0, x)))


@dataclass(frozen=True)
class Softsign(Unary):
    """x / (1 + |x|)."""

    NAME = "SOFTSIGN"

    def real(self, x: Doubles) -> Doubles:
        return np.asarray(x / (1 + np.abs(x)))
