"""Operations that multiply by weights, and the plainest of them: fully connected."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edge_runtime import numerics
from edge_runtime.graph.op import Activation, Op, Rounding, per_tensor_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Multiplier
from edge_runtime.ops.windowed import (
    bias_problems,
    float_clamp,
    quantized_bounds,
    rank_problem,
    weights_problems,
)

Doubles = npt.NDArray[np.float64]

MOST_WIDE_SHIFT = 7
"""TFLite's factor for sums of 64 bits is below 2**7."""

_FORMS: dict[tuple[DType, DType, DType], tuple[DType, ...]] = {
    (DType.FLOAT32, DType.FLOAT32, DType.FLOAT32): (DType.FLOAT32,),
    (DType.FLOAT32, DType.FLOAT16, DType.FLOAT32): (DType.FLOAT32,),
    (DType.FLOAT32, DType.INT8, DType.FLOAT32): (DType.FLOAT32,),
    (DType.INT8, DType.INT8, DType.INT8): (DType.INT32,),
    (DType.INT8, DType.INT4, DType.INT8): (DType.INT32,),
    (DType.INT16, DType.INT8, DType.INT16): (DType.INT64, DType.INT32),
}
"""Types of the bias, by those of input, weights and output."""


@dataclass(frozen=True)
class Linear(Op):
    """Base of operations output = activation(input * weights + bias).

    Inputs: the activation, the weights and, optionally, a constant bias. Forms, by the types of
    input and weights: float32 and float32, float16, or int8, whose weights are multiplied by their
    scales; int8 and int8 or int4; int16 and int8. An integer bias is in units of input scale times
    weight scale. Sums of int16 have 64 bits and are scaled by `multiply_wide`, unless the bias is
    int32. All channels of int8 weights have the same zero point, 0 where the input is int16 or
    float32.
    """

    activation: Activation = Activation.NONE
    rounding: Rounding = field(default=Rounding.TWICE, kw_only=True)
    """Of int8 results; wider ones have TFLite's."""
    NARROW_BIAS: ClassVar[bool] = True
    """Whether TFLite has the form with int16 and an int32 bias."""

    @property
    @abstractmethod
    def weight_axis(self) -> int:
        """The axis of the weights that runs over output channels."""

    @abstractmethod
    def _accumulate(self, image: Doubles, weights: Doubles) -> Doubles:
        """Sums of products without bias, in double precision."""

    @abstractmethod
    def _geometry_problems(self, inputs: Sequence[Tensor]) -> list[str]:
        """What is wrong with the shapes."""

    def output_channels(self, weights: Tensor) -> int:
        """How many channels come out."""
        return weights.shape[self.weight_axis]

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        image, weights = inputs[0], inputs[1]
        found = self._weights_at_run_time(inputs)
        biases = _FORMS.get((image.dtype, weights.dtype, output.dtype))
        if biases is not None and not self.NARROW_BIAS:
            biases = biases[:1]
        if biases is None:
            found.append(
                f"input, weights and output are {image.dtype.value}, {weights.dtype.value} and"
                f" {output.dtype.value}; allowed: all float32, all int8, int8 with int4 weights,"
                " int16 with int8 weights, float32 with float16 or int8 weights"
            )
        if found or biases is None:
            return found
        found = self._geometry_problems(inputs)
        if not found:
            found += bias_problems(inputs, self.output_channels(weights), biases)
        found += per_tensor_problem(image) + per_tensor_problem(output)
        found += weights_problems(weights, self.weight_axis)
        if image.dtype is not DType.INT8 and weights.dtype is DType.INT8 and not found:
            found += _zero_problem(weights)
        if image.dtype is DType.INT16 and not found:
            found += symmetric_problem(image) + symmetric_problem(output)
            found += self._shift_problem(inputs, output)
        return found

    def _weights_at_run_time(self, inputs: Sequence[Tensor]) -> list[str]:
        if inputs[1].data is not None:
            return []
        return [f"weights {inputs[1].name} are computed at run time; they must be constant"]

    def _shift_problem(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        shift = max(factor.shift for factor in self.multipliers(inputs, output))
        if not wide_sums(inputs) or shift <= MOST_WIDE_SHIFT:
            return []
        return [f"output {output.name} has a scale 2^{shift} times below those of the products"]

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        weights = values[1].astype(np.float64)
        if output.dtype.is_float:
            if not inputs[1].dtype.is_float:
                weights = inputs[1].quant.dequantize(values[1]).astype(np.float64)
            total = self._accumulate(values[0].astype(np.float64), weights)
            total = total + values[2].reshape(-1) if len(values) > 2 else total
            return float_clamp(total, self.activation)
        # Doubles hold every partial sum of integer products exactly, and BLAS adds them quickly.
        shifted = values[0].astype(np.float64) - inputs[0].quant.zero_point
        weights = weights - weight_zero(inputs[1])
        sums = self._accumulate(shifted, weights).astype(np.int64)
        if len(values) > 2:
            sums = sums + values[2].reshape(-1).astype(np.int64)
        return self.requantize(sums, inputs, output)

    def requantize(self, sums: numerics.Int64, inputs: Sequence[Tensor], output: Tensor) -> Array:
        """Stored outputs for sums of products and bias, output channels last."""
        factors = self.multipliers(inputs, output)
        scaled = requantize(sums, factors, wide=wide_sums(inputs)) + output.quant.zero_point
        bounds = quantized_bounds(self.activation, output)
        result: Array = np.clip(scaled, *bounds).astype(output.dtype.numpy)
        return result

    def multipliers(self, inputs: Sequence[Tensor], output: Tensor) -> tuple[Multiplier, ...]:
        """The factor from sums to stored outputs, one for each output channel."""
        scales = inputs[1].quant.scales
        factor = inputs[0].quant.scale
        factors = [Multiplier.of(factor * scale / output.quant.scale) for scale in scales]
        factors = [self._rounded(each, output) for each in factors]
        return tuple(factors * self.output_channels(inputs[1]) if len(factors) == 1 else factors)

    def _rounded(self, factor: Multiplier, output: Tensor) -> Multiplier:
        """The factor with this operation's rounding; that of nothing stays as it is."""
        once = self.rounding is Rounding.ONCE and output.dtype is DType.INT8
        return factor.once if once and factor.mantissa else factor

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return inputs[1].data is not None


def _zero_problem(weights: Tensor) -> list[str]:
    zero = weight_zero(weights)
    if zero == 0:
        return []
    return [f"weights {weights.name} have the zero point {zero}; allowed with int8 inputs only"]


def wide_sums(inputs: Sequence[Tensor]) -> bool:
    """Whether an integer operation on these adds up in 64 bits."""
    narrow = len(inputs) > 2 and inputs[2].dtype is DType.INT32
    return inputs[0].dtype is DType.INT16 and not narrow


def weight_zero(weights: Tensor) -> int:
    """The zero point that all channels share."""
    return weights.quant.zero_points[0]


def requantize(sums: numerics.Int64, factors: Sequence[Multiplier], *, wide: bool) -> Array:
    """Sums times one factor for each index of the last dimension."""
    mantissas = np.array([factor.mantissa for factor in factors], np.int64)
    shifts = np.array([factor.shift for factor in factors], np.int64)
    if wide:
        return numerics.multiply_wide(sums, mantissas, shifts)
    return numerics.multiply(numerics.wrap32(sums), mantissas, shifts)


def symmetric_problem(tensor: Tensor) -> list[str]:
    """A sentence when an int16 tensor has a zero point other than 0, else nothing."""
    if tensor.quant.zero_point == 0:
        return []
    return [f"tensor {tensor.name} is int16 with the zero point {tensor.quant.zero_point}, not 0"]


def product_multiplier(first: Tensor, second: Tensor, output: Tensor) -> Multiplier:
    """The factor from sums of products to stored outputs, each with one scale.

    TFLite multiplies the first two in single precision here, though not for convolutions.
    """
    product = float(np.float32(first.quant.scale) * np.float32(second.quant.scale))
    return Multiplier.of(product / output.quant.scale)


@dataclass(frozen=True)
class FullyConnected(Linear):
    """Matrix product with OI weights; the input is read as rows of I values.

    With `keep_dims` the output keeps the leading dimensions of the input, else it is (rows, O).
    The weights may be an activation.
    """

    NAME = "FULLY_CONNECTED"
    INPUTS = (2, 3)

    keep_dims: bool = False

    @property
    def weight_axis(self) -> int:
        return 0

    def _weights_at_run_time(self, inputs: Sequence[Tensor]) -> list[str]:
        return []

    def _geometry_problems(self, inputs: Sequence[Tensor]) -> list[str]:
        image, weights = inputs[0], inputs[1]
        found = rank_problem(weights, 2)
        if found:
            return found
        if self.keep_dims and (not image.shape or image.shape[-1] != weights.shape[1]):
            found.append(
                f"input {image.name} has shape {image.shape}; with keep_dims its last dimension"
                f" must be {weights.shape[1]}, the columns of weights {weights.name}"
            )
        elif weights.shape[1] < 1 or image.elements % weights.shape[1]:
            found.append(
                f"input {image.name} has {image.elements} elements, which {weights.shape[1]}"
                f" columns of weights {weights.name} do not divide"
            )
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        image, weights = inputs[0], inputs[1]
        if self.keep_dims:
            return (*image.shape[:-1], weights.shape[0])
        return (image.elements // weights.shape[1], weights.shape[0])

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        return output.elements * inputs[1].shape[1]

    def multipliers(self, inputs: Sequence[Tensor], output: Tensor) -> tuple[Multiplier, ...]:
        scales = inputs[1].quant.scales
        if len(scales) > 1:
            return super().multipliers(inputs, output)
        factor = self._rounded(product_multiplier(inputs[0], inputs[1], output), output)
        return (factor,) * self.output_channels(inputs[1])

    def _accumulate(self, image: Doubles, weights: Doubles) -> Doubles:
        rows = image.reshape(-1, weights.shape[1])
        result: Doubles = rows @ weights.T
        return result.reshape(*image.shape[:-1], -1) if self.keep_dims else result
