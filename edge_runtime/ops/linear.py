"""Operations that multiply by constant weights: convolution, depthwise, fully connected."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime import numerics
from edge_runtime.graph.op import Activation, Op, Window, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Multiplier
from edge_runtime.ops.windowed import (
    bias_problems,
    float_clamp,
    quantization_axis_problem,
    quantized_bounds,
    rank_problem,
    window_problems,
    windows,
)

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Linear(Op):
    """Base of operations output = activation(input * weights + bias).

    Inputs: the activation, constant weights and, optionally, a constant bias. Integer form: int8
    activations and weights, int32 bias in units of input scale times weight scale.
    """

    activation: Activation = Activation.NONE

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
        found = type_problem(image, DType.FLOAT32, DType.INT8)
        if weights.data is None:
            found.append(f"weights {weights.name} are computed at run time; they must be constant")
        if weights.dtype is not image.dtype or output.dtype is not image.dtype:
            found.append(
                f"input, weights and output are {image.dtype.value}, {weights.dtype.value} and"
                f" {output.dtype.value}; allowed: all float32, or all int8"
            )
        if found:
            return found
        found = self._geometry_problems(inputs)
        if not found:
            expected = "float32" if image.dtype.is_float else "int32"
            found += bias_problems(inputs, self.output_channels(weights), expected)
        if not image.dtype.is_float:
            found += per_tensor_problem(image) + per_tensor_problem(output)
            found += quantization_axis_problem(weights, self.weight_axis)
        return found

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        weights = values[1].astype(np.float64)
        if output.dtype.is_float:
            total = self._accumulate(values[0].astype(np.float64), weights)
            total = total + values[2].reshape(-1) if len(values) > 2 else total
            return float_clamp(total, self.activation)
        # Doubles hold every partial sum of int8 products exactly, and BLAS adds them quickly.
        shifted = values[0].astype(np.float64) - inputs[0].quant.zero_point
        sums = self._accumulate(shifted, weights).astype(np.int64)
        if len(values) > 2:
            sums = sums + values[2].reshape(-1).astype(np.int64)
        return self.requantize(numerics.wrap32(sums), inputs, output)

    def requantize(self, sums: numerics.Int64, inputs: Sequence[Tensor], output: Tensor) -> Array:
        """Stored outputs for sums of products and bias, output channels last."""
        factors = self.multipliers(inputs, output)
        mantissas = np.array([factor.mantissa for factor in factors], np.int64)
        shifts = np.array([factor.shift for factor in factors], np.int64)
        scaled = numerics.multiply(sums, mantissas, shifts) + output.quant.zero_point
        return np.clip(scaled, *quantized_bounds(self.activation, output)).astype(np.int8)

    def multipliers(self, inputs: Sequence[Tensor], output: Tensor) -> tuple[Multiplier, ...]:
        """The factor from sums to stored outputs, one for each output channel."""
        scales = inputs[1].quant.scales
        factor = inputs[0].quant.scale
        factors = [Multiplier.of(factor * scale / output.quant.scale) for scale in scales]
        return tuple(factors * self.output_channels(inputs[1]) if len(factors) == 1 else factors)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class SlidingConv2D(Linear):
    """Base of convolutions that slide a window of constant weights over an NHWC image."""

    window: Window = Window()

    @abstractmethod
    def _channel_problems(self, image: Tensor, weights: Tensor) -> list[str]:
        """What is wrong with the numbers of channels."""

    def _geometry_problems(self, inputs: Sequence[Tensor]) -> list[str]:
        image, weights = inputs[0], inputs[1]
        found = rank_problem(image, 4) + rank_problem(weights, 4)
        if found:
            return found
        found = window_problems(image, (weights.shape[1], weights.shape[2]), self.window)
        return found + self._channel_problems(image, weights)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        image, weights = inputs[0].shape, inputs[1].shape
        height, width = self.window.output_size((image[1], image[2]), (weights[1], weights[2]))
        return (image[0], height, width, self.output_channels(inputs[1]))


@dataclass(frozen=True)
class Conv2D(SlidingConv2D):
    """Two-dimensional convolution: NHWC input, OHWI weights, I being the input's channels."""

    NAME = "CONV_2D"
    INPUTS = (2, 3)

    @property
    def weight_axis(self) -> int:
        return 0

    def _channel_problems(self, image: Tensor, weights: Tensor) -> list[str]:
        if image.shape[3] == weights.shape[3]:
            return []
        return [
            f"weights {weights.name} have {weights.shape[3]} input channels, the input has"
            f" {image.shape[3]}; allowed: the same number (there are no groups yet)"
        ]

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        return output.elements * math.prod(inputs[1].shape[1:])

    def _accumulate(self, image: Doubles, weights: Doubles) -> Doubles:
        out, height, width, depth = weights.shape
        patches = windows(image, (height, width), self.window, 0.0)
        columns = patches.reshape(*patches.shape[:3], height * width * depth)
        result: Doubles = columns @ weights.reshape(out, -1).T
        return result


@dataclass(frozen=True)
class DepthwiseConv2D(SlidingConv2D):
    """Depthwise convolution: NHWC input, 1HWO weights, O a multiple of the input's channels."""

    NAME = "DEPTHWISE_CONV_2D"
    INPUTS = (2, 3)

    @property
    def weight_axis(self) -> int:
        return 3

    def _channel_problems(self, image: Tensor, weights: Tensor) -> list[str]:
        if weights.shape[0] == 1 and image.shape[3] > 0 and weights.shape[3] % image.shape[3] == 0:
            return []
        return [
            f"weights {weights.name} have shape {weights.shape}; allowed: (1, height, width,"
            f" a multiple of {image.shape[3]})"
        ]

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        return output.elements * inputs[1].shape[1] * inputs[1].shape[2]

    def _accumulate(self, image: Doubles, weights: Doubles) -> Doubles:
        _, height, width, out = weights.shape
        multiplier = out // image.shape[3]
        total = np.zeros((), np.float64)
        patches = windows(image, (height, width), self.window, 0.0)
        for row in range(height):
            for column in range(width):
                taps = patches[:, :, :, row, column]
                if multiplier > 1:
                    taps = np.repeat(taps, multiplier, axis=-1)
                total = total + taps * weights[0, row, column]
        return np.asarray(total)


@dataclass(frozen=True)
class FullyConnected(Linear):
    """Matrix product with OI weights; the input is read as rows of I values.

    With `keep_dims` the output keeps the leading dimensions of the input, else it is (rows, O).
    """

    NAME = "FULLY_CONNECTED"
    INPUTS = (2, 3)

    keep_dims: bool = False

    @property
    def weight_axis(self) -> int:
        return 0

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
        # TFLite multiplies these two in single precision here, though not for convolutions.
        product = float(np.float32(inputs[0].quant.scale) * np.float32(scales[0]))
        factor = Multiplier.of(product / output.quant.scale)
        return (factor,) * self.output_channels(inputs[1])

    def _accumulate(self, image: Doubles, weights: Doubles) -> Doubles:
        rows = image.reshape(-1, weights.shape[1])
        result: Doubles = rows @ weights.T
        return result.reshape(*image.shape[:-1], -1) if self.keep_dims else result
