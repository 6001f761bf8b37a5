"""Operations that treat each element by itself: add, quantize, dequantize, reshape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import Activation, Op, Scaling, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Multiplier
from edge_runtime.ops.windowed import float_clamp, quantized_bounds


@dataclass(frozen=True)
class AddScaling:
    """The three factors of an integer addition; inputs are first shifted left by `LEFT_SHIFT`."""

    LEFT_SHIFT = 20

    first: Multiplier
    second: Multiplier
    result: Multiplier

    @staticmethod
    def of(inputs: Sequence[Tensor], output: Tensor) -> AddScaling:
        """The factors for these tensors (TFLite: ADD, PrepareGeneralAddOp)."""
        scales = [tensor.quant.scale for tensor in inputs]
        twice = 2.0 * max(scales)
        return AddScaling(
            Multiplier.of(scales[0] / twice),
            Multiplier.of(scales[1] / twice),
            Multiplier.of(twice / ((1 << AddScaling.LEFT_SHIFT) * output.quant.scale)),
        )


@dataclass(frozen=True)
class Add(Op):
    """Sum of two tensors, with NumPy's broadcasting and a fused activation."""

    NAME = "ADD"
    INPUTS = (2, 2)

    activation: Activation = Activation.NONE

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], DType.FLOAT32, DType.INT8)
        if {inputs[0].dtype, inputs[1].dtype, output.dtype} != {inputs[0].dtype}:
            found.append(
                f"operands and result are {inputs[0].dtype.value}, {inputs[1].dtype.value} and"
                f" {output.dtype.value}; allowed: all of one type"
            )
        for tensor in (*inputs, output):
            found += per_tensor_problem(tensor)
        try:
            np.broadcast_shapes(inputs[0].shape, inputs[1].shape)
        except ValueError:
            found.append(f"shapes {inputs[0].shape} and {inputs[1].shape} cannot be broadcast")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return np.broadcast_shapes(inputs[0].shape, inputs[1].shape)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            return float_clamp(values[0] + values[1], self.activation)
        scaling = AddScaling.of(inputs, output)
        total = np.zeros((), np.int64)
        for value, tensor, factor in zip(
            values, inputs, (scaling.first, scaling.second), strict=True
        ):
            shifted = (value.astype(np.int64) - tensor.quant.zero_point) << scaling.LEFT_SHIFT
            total = total + numerics.multiply(shifted, factor.mantissa, factor.shift)
        result = numerics.multiply(total, scaling.result.mantissa, scaling.result.shift)
        bounds = quantized_bounds(self.activation, output)
        return np.clip(result + output.quant.zero_point, *bounds).astype(np.int8)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return spans_samples(inputs, output)


@dataclass(frozen=True)
class Quantize(Op):
    """float32 to int8, int8 of one scale to int8 of another, or between int8 and uint8."""

    NAME = "QUANTIZE"
    INPUTS = (1, 1)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        wider = (DType.UINT8,) if inputs[0].dtype is DType.INT8 else ()
        return [
            *type_problem(inputs[0], DType.FLOAT32, DType.INT8, DType.UINT8),
            *type_problem(output, DType.INT8, *wider),
            *per_tensor_problem(inputs[0]),
            *per_tensor_problem(output),
        ]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def multiplier(self, inputs: Sequence[Tensor], output: Tensor) -> Multiplier:
        """The factor between the two integer scales."""
        return Multiplier.of(inputs[0].quant.scale / output.quant.scale)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if inputs[0].dtype.is_float:
            return output.quant.quantize(values[0], output.dtype)
        factor = self.multiplier(inputs, output)
        shifted = values[0].astype(np.int64) - inputs[0].quant.zero_point
        scaled = numerics.multiply(shifted, factor.mantissa, factor.shift)
        bounds = output.dtype.range
        return np.clip(scaled + output.quant.zero_point, *bounds).astype(output.dtype.numpy)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class Dequantize(Op):
    """int8 to float32."""

    NAME = "DEQUANTIZE"
    INPUTS = (1, 1)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        return [
            *type_problem(inputs[0], DType.INT8),
            *type_problem(output, DType.FLOAT32),
            *per_tensor_problem(inputs[0]),
        ]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return inputs[0].quant.dequantize(values[0])

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class Reshape(Op):
    """The same elements under another shape; costs nothing, as the planner shares the buffer."""

    NAME = "RESHAPE"
    INPUTS = (1, 1)
    SCALING = Scaling.KEPT

    shape: Shape = ()

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = []
        if math.prod(self.shape) != inputs[0].elements:
            found.append(f"{inputs[0].elements} elements cannot take the shape {self.shape}")
        if inputs[0].dtype is not output.dtype or inputs[0].quantization != output.quantization:
            found.append(f"{inputs[0].name} and {output.name} differ in type or quantization")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return self.shape

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return values[0].reshape(self.shape)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True

    def repeated(self, count: int) -> Op:
        return Reshape((count * self.shape[0], *self.shape[1:]))


def spans_samples(inputs: Sequence[Tensor], output: Tensor) -> bool:
    """Whether activations span the output's dimensions, and constants are the same for all."""
    rank, leading = len(output.shape), output.shape[0]
    return all(
        len(tensor.shape) < rank or tensor.shape[0] == 1
        if tensor.data is not None
        else len(tensor.shape) == rank and tensor.shape[0] == leading
        for tensor in inputs
    )
