"""Functions of one number, applied to each element.

In float32 they are evaluated in double precision and rounded once. In int8 each is a table of 256
entries, which may be made in any way. In int16 those that TensorFlow Lite Micro has no arithmetic
for are straight lines between 513 points, as LiteRT's tables are.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edge_runtime import numerics
from edge_runtime.graph.op import Op, Scaling, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Int64, Multiplier

Doubles = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

INT8_VALUES = np.arange(-128, 128)
STEPS = 512
"""Of a table for int16."""


@dataclass(frozen=True)
class Unary(Op):
    """Base: `real` is the function."""

    INPUTS = (1, 1)
    TYPES: ClassVar[tuple[DType, ...]] = (DType.FLOAT32, DType.INT8, DType.INT16)

    @abstractmethod
    def real(self, x: Doubles) -> Doubles:
        """The function in double precision."""

    def single(self, x: Singles) -> Singles:
        """The function in single precision."""
        with np.errstate(all="ignore"):
            return self.real(x.astype(np.float64)).astype(np.float32)

    def tabulated(self, x: Singles) -> Singles:
        """The same, rounded as LiteRT's tables are where it has them."""
        return self.single(x)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], *self.TYPES)
        if output.dtype is not inputs[0].dtype:
            found.append(f"{inputs[0].name} is {inputs[0].dtype.value}, {output.name} is not")
        elif inputs[0].dtype in (DType.INT8, DType.INT16):
            found += per_tensor_problem(inputs[0]) + per_tensor_problem(output)
            found += self.grid_problems(inputs[0], output) if not found else []
        return found

    def grid_problems(self, image: Tensor, output: Tensor) -> list[str]:
        """What is wrong with the quantization of integers: where it is prescribed, another one."""
        if self.SCALING is not Scaling.FIXED:
            return []
        fixed = self.fixed_quantization(output.dtype)
        if output.quantization == fixed:
            return []
        return [
            f"{output.name} has scale {output.quant.scale:g} and zero point"
            f" {output.quant.zero_point}; {self.NAME} prescribes {fixed.scale:g} and"
            f" {fixed.zero_point}"
        ]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        image = inputs[0]
        if image.dtype is DType.INT8:
            return self.table(image, output)[values[0].astype(np.int64) + 128]
        if image.dtype is DType.INT16:
            return self.wide(values[0].astype(np.int64), image, output).astype(np.int16)
        return self.single(values[0])

    def table(self, image: Tensor, output: Tensor) -> Array:
        """What stands for each int8 from -128 to 127, rounded step by step as LiteRT does."""
        grid, made = image.quant, output.quant
        real = np.float32(grid.scale) * (INT8_VALUES - grid.zero_point).astype(np.float32)
        scaled = self.tabulated(real) * (np.float32(1) / np.float32(made.scale))
        whole = _rounded(scaled) + np.float32(made.zero_point)
        return _stored(whole, made.zero_point, DType.INT8)

    def wide(self, stored: Int64, image: Tensor, output: Tensor) -> Int64:
        """What stands for int16 values: the line through the two points of the table around it."""
        points = self.wide_table(image, output).astype(np.int64)
        index = (stored >> 7) + STEPS // 2
        slope = points[index + 1] - points[index]
        return np.asarray(points[index] + ((slope * (stored & 127) + 64) >> 7))

    def wide_table(self, image: Tensor, output: Tensor) -> Array:
        """The 513 points, moved by half the error in the middle between them (LiteRT: LUTPopulate).

        The last stands for 32768, which is not stored.
        """
        ends = np.array(DType.INT16.range) - image.quant.zero_point
        ends = np.float32(image.quant.scale) * ends.astype(np.float32)
        step = (ends[1] - ends[0]) / np.float32(STEPS)
        places = ends[0] + np.arange(STEPS + 1, dtype=np.float32) * step
        # LiteRT divides the 65536 numbers of the type by the distance between the outer two.
        span = np.float32(output.quant.scale) * np.float32(65535)
        inverse = np.float32(65536) / span

        def scaled(x: Singles) -> Singles:
            most = np.float32(1 << 20)
            values = self.tabulated(x) * inverse
            return np.where(np.isnan(values), np.float32(0), np.clip(values, -most, most))

        at, after = scaled(places[:-1]), scaled(places[1:])
        middle = _rounded(scaled(places[:-1] + step / np.float32(2)))
        line = _rounded((after + _rounded(at)) / np.float32(2))
        points = _rounded(at) - _rounded((line - middle) / np.float32(2))
        whole = np.concatenate([points, _rounded(scaled(ends[1:]))])
        zero = output.quant.zero_point
        return _stored(whole + np.float32(zero), zero, DType.INT16)


def _rounded(values: Singles) -> Singles:
    """The nearest whole numbers, halves away from zero."""
    return np.trunc(values + np.copysign(np.float32(0.5), values)).astype(np.float32)


def _stored(whole: Singles, zero: int, dtype: DType) -> Array:
    """Whole numbers as a type that saturates; what is no number is stored as a real zero."""
    finite = np.where(np.isnan(whole), np.float32(zero), whole)
    return np.clip(finite, *dtype.range).astype(dtype.numpy)


@dataclass(frozen=True)
class Abs(Unary):
    """|x|."""

    NAME = "ABS"

    def real(self, x: Doubles) -> Doubles:
        return np.abs(x)

    def factor(self, image: Tensor, output: Tensor) -> Multiplier:
        """The factor between the two integer scales."""
        return Multiplier.of(image.quant.scale / output.quant.scale)

    def table(self, image: Tensor, output: Tensor) -> Array:
        return self.wide(INT8_VALUES, image, output).astype(np.int8)

    def wide(self, stored: Int64, image: Tensor, output: Tensor) -> Int64:
        factor, made = self.factor(image, output), output.quant
        size = np.abs(stored - image.quant.zero_point)
        scaled = numerics.multiply(size, factor.mantissa, factor.shift)
        return np.asarray(np.clip(scaled + made.zero_point, *output.dtype.range))


@dataclass(frozen=True)
class Ceil(Unary):
    """The smallest whole number that is not below x."""

    NAME = "CEIL"

    def real(self, x: Doubles) -> Doubles:
        return np.ceil(x)


@dataclass(frozen=True)
class Cos(Unary):
    """cos(x)."""

    NAME = "COS"

    def real(self, x: Doubles) -> Doubles:
        return np.cos(x)


@dataclass(frozen=True)
class Exp(Unary):
    """exp(x)."""

    NAME = "EXP"

    def real(self, x: Doubles) -> Doubles:
        return np.exp(x)


@dataclass(frozen=True)
class Floor(Unary):
    """The largest whole number that is not above x."""

    NAME = "FLOOR"

    def real(self, x: Doubles) -> Doubles:
        return np.floor(x)


@dataclass(frozen=True)
class Log(Unary):
    """ln(x)."""

    NAME = "LOG"

    def real(self, x: Doubles) -> Doubles:
        return np.log(x)

    def tabulated(self, x: Singles) -> Singles:
        """What has no logarithm is stored as the least number."""
        return self.single(np.maximum(x, np.float32(0)))


@dataclass(frozen=True)
class Neg(Unary):
    """-x."""

    NAME = "NEG"

    def real(self, x: Doubles) -> Doubles:
        return -x


@dataclass(frozen=True)
class Reciprocal(Unary):
    """1 / x."""

    NAME = "RECIPROCAL"

    def real(self, x: Doubles) -> Doubles:
        return np.asarray(1 / x)


@dataclass(frozen=True)
class Round(Unary):
    """The nearest whole number, halves to the even one."""

    NAME = "ROUND"

    def real(self, x: Doubles) -> Doubles:
        return np.rint(x)


@dataclass(frozen=True)
class Rsqrt(Unary):
    """1 / sqrt(x)."""

    NAME = "RSQRT"
    TYPES = (DType.FLOAT32, DType.INT8)

    def real(self, x: Doubles) -> Doubles:
        return np.asarray(1 / np.sqrt(x))

    def table(self, image: Tensor, output: Tensor) -> Array:
        return self.wide(INT8_VALUES, image, output).astype(np.int8)

    def wide(self, stored: Int64, image: Tensor, output: Tensor) -> Int64:
        """TFLite's Newton iteration; 0, and what is negative, which TFLite refuses, saturate."""
        value = stored - image.quant.zero_point
        mantissa, shift = numerics.reciprocal_square_root(np.maximum(value, 1))
        root = numerics.multiply(np.ones_like(value), mantissa, shift + 20)
        factor = Multiplier.of(1.0 / (np.sqrt(image.quant.scale) * output.quant.scale))
        scaled = numerics.multiply(root, factor.mantissa, factor.shift - 20)
        low, high = output.dtype.range
        made = np.clip(scaled + output.quant.zero_point, low, high)
        return np.where(value <= 0, high, made)


@dataclass(frozen=True)
class Sign(Unary):
    """-1, 0 or 1."""

    NAME = "SIGN"

    def real(self, x: Doubles) -> Doubles:
        return np.sign(x)


@dataclass(frozen=True)
class Sin(Unary):
    """sin(x)."""

    NAME = "SIN"

    def real(self, x: Doubles) -> Doubles:
        return np.sin(x)


@dataclass(frozen=True)
class Sqrt(Unary):
    """sqrt(x)."""

    NAME = "SQRT"

    def real(self, x: Doubles) -> Doubles:
        return np.sqrt(x)


@dataclass(frozen=True)
class Square(Unary):
    """x * x."""

    NAME = "SQUARE"

    def real(self, x: Doubles) -> Doubles:
        return x * x


@dataclass(frozen=True)
class LogicalNot(Unary):
    """Whether x is false."""

    NAME = "LOGICAL_NOT"
    TYPES = (DType.BOOL,)
    SCALING = Scaling.KEPT

    def real(self, x: Doubles) -> Doubles:
        return np.asarray(x == 0, np.float64)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.logical_not(values[0])
