"""Changes of type and of quantization: quantize, dequantize, cast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import Op, Scaling, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Multiplier

INTEGERS = (DType.INT8, DType.UINT8, DType.INT16, DType.INT32)
QUANTIZED = {
    DType.FLOAT32: (DType.INT8, DType.UINT8, DType.INT16),
    DType.INT8: INTEGERS,
    DType.UINT8: (DType.INT8,),
    DType.INT16: (DType.INT8, DType.INT16, DType.INT32),
    DType.INT32: (DType.INT8, DType.INT16),
}
"""What each type can be quantized to: as in TensorFlow Lite Micro, and uint8."""


@dataclass(frozen=True)
class Quantize(Op):
    """float32 to int8, uint8 or int16, or integers of one scale to those of another."""

    NAME = "QUANTIZE"
    INPUTS = (1, 1)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        return [
            *type_problem(inputs[0], *QUANTIZED),
            *type_problem(output, *QUANTIZED.get(inputs[0].dtype, INTEGERS)),
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
        shifted = numerics.wrap32(values[0].astype(np.int64) - inputs[0].quant.zero_point)
        scaled = numerics.multiply(shifted, factor.mantissa, factor.shift)
        made = scaled + output.quant.zero_point
        return np.clip(made, *output.dtype.range).astype(output.dtype.numpy)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class Dequantize(Op):
    """Integers to float32."""

    NAME = "DEQUANTIZE"
    INPUTS = (1, 1)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        return [
            *type_problem(inputs[0], *INTEGERS),
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
class Cast(Op):
    """The same numbers in another type; quantization is not looked at.

    Floats lose their fraction and saturate, what is no number becomes 0; integers keep their lower
    bits; what is not zero is true.
    """

    NAME = "CAST"
    INPUTS = (1, 1)
    SCALING = Scaling.KEPT

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        allowed = (DType.FLOAT32, *INTEGERS, DType.BOOL)
        return [*type_problem(inputs[0], *allowed), *type_problem(output, *allowed)]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype in (DType.BOOL, DType.FLOAT32) or not inputs[0].dtype.is_float:
            return values[0].astype(output.dtype.numpy)
        whole = np.trunc(np.nan_to_num(values[0].astype(np.float64), nan=0.0))
        return np.clip(whole, *output.dtype.range).astype(output.dtype.numpy)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True
