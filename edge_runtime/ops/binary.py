"""Arithmetic on two tensors, with NumPy's broadcasting."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import Activation, Op, Scaling, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Int64, Multiplier
from edge_runtime.ops.elementwise import broadcast_problem, spans_samples
from edge_runtime.ops.windowed import float_clamp, quantized_bounds

QUANTIZED = (DType.INT8, DType.INT16)


@dataclass(frozen=True)
class Binary(Op):
    """Base: `real` on floats, `whole` on plain int32, `stored` on quantized numbers."""

    INPUTS = (2, 2)
    TYPES: ClassVar[tuple[DType, ...]] = (DType.FLOAT32,)

    @abstractmethod
    def real(self, a: Array, b: Array) -> Array:
        """The result for floats of the precision of `a` and `b`."""

    def whole(self, a: Int64, b: Int64) -> Int64:
        """The result for plain integers, before it wraps round at 32 bits."""
        raise NotImplementedError

    def stored(self, a: Int64, b: Int64, inputs: Sequence[Tensor], output: Tensor) -> Int64:
        """The result for quantized numbers less their zero points, before zero point and clamp."""
        raise NotImplementedError

    @property
    def clamp(self) -> Activation:
        """The fused activation."""
        return Activation.NONE

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], *self.TYPES)
        if {inputs[0].dtype, inputs[1].dtype, output.dtype} != {inputs[0].dtype}:
            found.append(
                f"operands and result are {inputs[0].dtype.value}, {inputs[1].dtype.value} and"
                f" {output.dtype.value}; allowed: all of one type"
            )
        for tensor in (*inputs, output):
            found += per_tensor_problem(tensor) if tensor.dtype in QUANTIZED else []
        if self.clamp is not Activation.NONE and inputs[0].dtype is DType.INT32:
            found.append(f"{self.clamp.value} of int32; allowed: none")
        return found + broadcast_problem(inputs)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return np.broadcast_shapes(*(tensor.shape for tensor in inputs))

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            with np.errstate(all="ignore"):
                return float_clamp(self.real(values[0], values[1]), self.clamp)
        a, b = (value.astype(np.int64) for value in values)
        if output.dtype not in QUANTIZED:
            return numerics.wrap32(self.whole(a, b)).astype(np.int32)
        a, b = a - inputs[0].quant.zero_point, b - inputs[1].quant.zero_point
        made = self.stored(a, b, inputs, output) + output.quant.zero_point
        bounds = quantized_bounds(self.clamp, output)
        return np.clip(made, *bounds).astype(output.dtype.numpy)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return spans_samples(inputs, output)


@dataclass(frozen=True)
class Activated(Binary):
    """Base of those with a fused activation."""

    TYPES: ClassVar[tuple[DType, ...]] = (DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32)

    activation: Activation = Activation.NONE

    @property
    def clamp(self) -> Activation:
        return self.activation


@dataclass(frozen=True)
class AddScaling:
    """The three factors of an integer sum or difference, and what is shifted left before.

    Operands are brought to twice the larger scale, with `left` more bits.
    """

    first: Multiplier
    second: Multiplier
    result: Multiplier
    left: int

    @staticmethod
    def of(inputs: Sequence[Tensor], output: Tensor) -> AddScaling:
        """The factors for these tensors (TFLite: ADD, PrepareGeneralAddOp)."""
        scales = [tensor.quant.scale for tensor in inputs]
        twice, left = 2.0 * max(scales), AddScaling.shift(output)
        return AddScaling(
            Multiplier.of(scales[0] / twice),
            Multiplier.of(scales[1] / twice),
            Multiplier.of(twice / ((1 << left) * output.quant.scale)),
            left,
        )

    @staticmethod
    def of_squares(inputs: Sequence[Tensor], output: Tensor) -> AddScaling:
        """Those of a squared difference, whose squares must fit into 32 bits."""
        scales = [tensor.quant.scale for tensor in inputs]
        twice, left = 2.0 * max(scales), 7 if output.dtype is DType.INT8 else 0
        made = np.float32(1 << 2 * left) * np.float32(output.quant.scale)
        return AddScaling(
            Multiplier.of(scales[0] / twice),
            Multiplier.of(scales[1] / twice),
            Multiplier.of(twice * twice / float(made)),
            left,
        )

    @staticmethod
    def shift(output: Tensor) -> int:
        """As far as sums of two numbers of this type stay within 32 bits."""
        return 20 if output.dtype is DType.INT8 else 15

    def operands(self, a: Int64, b: Int64) -> tuple[Int64, Int64]:
        """Both on the common scale."""
        one, two = (
            numerics.multiply(value << self.left, factor.mantissa, factor.shift)
            for value, factor in ((a, self.first), (b, self.second))
        )
        return one, two

    def made(self, value: Int64) -> Int64:
        """A number of the common scale on that of the result."""
        return numerics.multiply(value, self.result.mantissa, self.result.shift)


@dataclass(frozen=True)
class Add(Activated):
    """a + b."""

    NAME = "ADD"

    def real(self, a: Array, b: Array) -> Array:
        return np.asarray(a + b)

    def whole(self, a: Int64, b: Int64) -> Int64:
        return a + b

    def stored(self, a: Int64, b: Int64, inputs: Sequence[Tensor], output: Tensor) -> Int64:
        scaling = AddScaling.of(inputs, output)
        one, two = scaling.operands(a, b)
        return scaling.made(one + two)


@dataclass(frozen=True)
class Sub(Activated):
    """a - b."""

    NAME = "SUB"

    def real(self, a: Array, b: Array) -> Array:
        return np.asarray(a - b)

    def whole(self, a: Int64, b: Int64) -> Int64:
        return a - b

    def stored(self, a: Int64, b: Int64, inputs: Sequence[Tensor], output: Tensor) -> Int64:
        scaling = AddScaling.of(inputs, output)
        one, two = scaling.operands(a, b)
        return scaling.made(one - two)


@dataclass(frozen=True)
class Mul(Activated):
    """a * b."""

    NAME = "MUL"

    def real(self, a: Array, b: Array) -> Array:
        return np.asarray(a * b)

    def whole(self, a: Int64, b: Int64) -> Int64:
        return a * b

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = super().problems(inputs, output)
        return found or [text for tensor in inputs for text in centred_problem(tensor)]

    def factor(self, inputs: Sequence[Tensor], output: Tensor) -> Multiplier:
        """From products to the result."""
        return Multiplier.of(inputs[0].quant.scale * inputs[1].quant.scale / output.quant.scale)

    def stored(self, a: Int64, b: Int64, inputs: Sequence[Tensor], output: Tensor) -> Int64:
        factor = self.factor(inputs, output)
        return numerics.multiply(a * b, factor.mantissa, factor.shift)


@dataclass(frozen=True)
class Div(Activated):
    """a / b, of whole numbers without the rest.

    In int8, and for whole numbers, dividing by zero saturates or gives 0: TFLite leaves that open.
    """

    NAME = "DIV"
    TYPES = (DType.FLOAT32, DType.INT8, DType.INT32)

    def real(self, a: Array, b: Array) -> Array:
        return np.asarray(a / b)

    def whole(self, a: Int64, b: Int64) -> Int64:
        quotient = np.abs(a) // np.where(b == 0, 1, np.abs(b))
        return np.where(b == 0, 0, quotient * np.sign(a) * np.sign(b))

    def factor(self, inputs: Sequence[Tensor], output: Tensor) -> Multiplier:
        """From quotients to the result."""
        first, second = (np.float32(tensor.quant.scale) for tensor in inputs)
        return Multiplier.of(float(first / (second * np.float32(output.quant.scale))))

    def stored(self, a: Int64, b: Int64, inputs: Sequence[Tensor], output: Tensor) -> Int64:
        """TFLite's: the reciprocal of b by Newton's iteration, times a shifted up to 31 bits."""
        factor = self.factor(inputs, output)
        value = np.where(b < 0, -a, a)
        mantissa, over = numerics.reciprocal(np.maximum(np.abs(b), 1), 31)
        room = _sign_bits(value)
        quotient = numerics.doubling_high_multiply(value << room, mantissa)
        shift = factor.shift - over - room
        # Left shifts do not occur: what is shifted right by more than 31 bits is nothing.
        high = numerics.doubling_high_multiply(quotient, factor.mantissa)
        made = numerics.rounding_shift_right(high, np.clip(-shift, 0, 40))
        return np.where(b == 0, np.sign(a) * (1 << 16), made)


def _sign_bits(x: Int64) -> Int64:
    """How far a 32-bit number can be shifted left."""
    size = np.where(x < 0, ~x, x)
    return np.where(size == 0, 31, numerics.leading_zeros(np.maximum(size, 1)) - 1)


@dataclass(frozen=True)
class _Picked(Binary):
    """Base of those that pick one operand; quantized ones have one scale for all."""

    SCALING = Scaling.SHARED
    TYPES = (DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        return super().problems(inputs, output) or shared_problem(inputs, output)

    def whole(self, a: Int64, b: Int64) -> Int64:
        return np.asarray(self.real(a, b))

    def stored(self, a: Int64, b: Int64, inputs: Sequence[Tensor], output: Tensor) -> Int64:
        return self.whole(a, b)


def centred_problem(tensor: Tensor) -> list[str]:
    """A sentence where int16 has a zero point, as TFLite never has: products outgrow 32 bits."""
    if tensor.dtype is not DType.INT16 or tensor.quant.zero_point == 0:
        return []
    return [f"{tensor.name} is int16 with the zero point {tensor.quant.zero_point}, not 0"]


def shared_problem(inputs: Sequence[Tensor], output: Tensor) -> list[str]:
    """A sentence where quantized operands and the result have not all one quantization."""
    grids = {tensor.quantization for tensor in (*inputs, output)}
    if output.dtype not in QUANTIZED or len(grids) == 1:
        return []
    return ["operands and result have different scales or zero points; allowed: all the same"]


@dataclass(frozen=True)
class Minimum(_Picked):
    """The smaller of a and b; b where they cannot be compared."""

    NAME = "MINIMUM"

    def real(self, a: Array, b: Array) -> Array:
        return np.where(a < b, a, b)


@dataclass(frozen=True)
class Maximum(_Picked):
    """The larger of a and b; b where they cannot be compared."""

    NAME = "MAXIMUM"

    def real(self, a: Array, b: Array) -> Array:
        return np.where(a > b, a, b)


@dataclass(frozen=True)
class Pow(Binary):
    """a to the power b."""

    NAME = "POW"

    def real(self, a: Array, b: Array) -> Array:
        return np.power(a.astype(np.float64), b.astype(np.float64)).astype(np.float32)


@dataclass(frozen=True)
class SquaredDifference(Binary):
    """(a - b)^2."""

    NAME = "SQUARED_DIFFERENCE"
    TYPES = (DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = super().problems(inputs, output)
        return found or [text for tensor in inputs for text in centred_problem(tensor)]

    def real(self, a: Array, b: Array) -> Array:
        return np.asarray((a - b) * (a - b))

    def whole(self, a: Int64, b: Int64) -> Int64:
        difference = numerics.wrap32(a - b)
        return difference * difference

    def stored(self, a: Int64, b: Int64, inputs: Sequence[Tensor], output: Tensor) -> Int64:
        scaling = AddScaling.of_squares(inputs, output)
        one, two = scaling.operands(a, b)
        return scaling.made(numerics.wrap32((one - two) * (one - two)))


@dataclass(frozen=True)
class FloorDiv(Binary):
    """a / b rounded down; 0 where whole numbers are divided by 0."""

    NAME = "FLOOR_DIV"
    TYPES = (DType.FLOAT32, DType.INT32)

    def real(self, a: Array, b: Array) -> Array:
        return np.floor(a / b)

    def whole(self, a: Int64, b: Int64) -> Int64:
        return np.where(b == 0, 0, a // np.where(b == 0, 1, b))


@dataclass(frozen=True)
class FloorMod(Binary):
    """The rest of a / b rounded down, of the sign of b; 0 where whole numbers are divided by 0."""

    NAME = "FLOOR_MOD"
    TYPES = (DType.FLOAT32, DType.INT32)

    def real(self, a: Array, b: Array) -> Array:
        rest = np.fmod(a, b)
        return np.where((rest != 0) & ((rest < 0) != (b < 0)), rest + b, rest)

    def whole(self, a: Int64, b: Int64) -> Int64:
        return np.where(b == 0, 0, a % np.where(b == 0, 1, b))


@dataclass(frozen=True)
class Prelu(Binary):
    """a, or a * b where a is negative: b is the slope."""

    NAME = "PRELU"
    TYPES = (DType.FLOAT32, DType.INT8)

    def real(self, a: Array, b: Array) -> Array:
        return np.where(a >= 0, a, a * b)

    def factors(self, inputs: Sequence[Tensor], output: Tensor) -> tuple[Multiplier, Multiplier]:
        """The factors for a of 0 or more, and for products of negative a and the slope."""
        scale, made = inputs[0].quant.scale, output.quant.scale
        return Multiplier.of(scale / made), Multiplier.of(scale * inputs[1].quant.scale / made)

    def stored(self, a: Int64, b: Int64, inputs: Sequence[Tensor], output: Tensor) -> Int64:
        upper, lower = self.factors(inputs, output)
        return np.where(
            a >= 0,
            numerics.multiply(a, upper.mantissa, upper.shift),
            numerics.multiply(a * b, lower.mantissa, lower.shift),
        )
