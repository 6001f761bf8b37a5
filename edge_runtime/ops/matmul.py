"""Products of two matrices, of which neither need be constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph.op import Op, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.ops.linear import (
    MOST_WIDE_SHIFT,
    product_multiplier,
    requantize,
    symmetric_problem,
)


@dataclass(frozen=True)
class BatchMatMul(Op):
    """Products of matrices, the last two dimensions of each operand; the others broadcast.

    Both operands may be activations. With `transpose_a` or `transpose_b` the two last dimensions of
    that operand change places first. Integer forms: int8 and int16, sums of 64 bits for the latter.
    """

    NAME = "BATCH_MATMUL"
    INPUTS = (2, 2)

    transpose_a: bool = False
    transpose_b: bool = False

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], DType.FLOAT32, DType.INT8, DType.INT16)
        if {inputs[0].dtype, inputs[1].dtype, output.dtype} != {inputs[0].dtype}:
            found.append(
                f"operands and result are {inputs[0].dtype.value}, {inputs[1].dtype.value} and"
                f" {output.dtype.value}; allowed: all of one type"
            )
        for tensor in (*inputs, output):
            found += per_tensor_problem(tensor)
        found += self._shape_problems(inputs)
        if not found and output.dtype is DType.INT16:
            for tensor in (*inputs, output):
                found += symmetric_problem(tensor)
            shift = product_multiplier(inputs[0], inputs[1], output).shift
            if shift > MOST_WIDE_SHIFT:
                found.append(
                    f"output {output.name} has a scale 2^{shift} times below that of the products"
                )
        return found

    def _shape_problems(self, inputs: Sequence[Tensor]) -> list[str]:
        shapes = [tensor.shape for tensor in inputs]
        if min(map(len, shapes)) < 2:
            return [f"operands have the shapes {shapes[0]} and {shapes[1]}, not two dimensions"]
        first, second = self.matrices(inputs)
        if first[-1] != second[-2]:
            return [f"matrices {first[-2:]} and {second[-2:]} cannot be multiplied"]
        try:
            np.broadcast_shapes(first[:-2], second[:-2])
        except ValueError:
            return [f"shapes {shapes[0]} and {shapes[1]} cannot be broadcast"]
        return []

    def matrices(self, inputs: Sequence[Tensor]) -> tuple[Shape, Shape]:
        """The shapes of both operands after their transposition."""
        first, second = inputs[0].shape, inputs[1].shape
        if self.transpose_a:
            first = (*first[:-2], first[-1], first[-2])
        if self.transpose_b:
            second = (*second[:-2], second[-1], second[-2])
        return first, second

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        first, second = self.matrices(inputs)
        return (*np.broadcast_shapes(first[:-2], second[:-2]), first[-2], second[-1])

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        return output.elements * self.matrices(inputs)[0][-1]

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        zeros = [0 if t.dtype.is_float else t.quant.zero_point for t in inputs]
        first, second = (
            value.astype(np.float64) - zero for value, zero in zip(values, zeros, strict=True)
        )
        if self.transpose_a:
            first = first.swapaxes(-1, -2)
        if self.transpose_b:
            second = second.swapaxes(-1, -2)
        total = first @ second
        if output.dtype.is_float:
            return total.astype(np.float32)
        factor = product_multiplier(inputs[0], inputs[1], output)
        scaled = requantize(total.astype(np.int64), [factor], wide=output.dtype is DType.INT16)
        scaled = scaled + output.quant.zero_point
        return np.clip(scaled, *output.dtype.range).astype(output.dtype.numpy)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        leading, rank = output.shape[0], len(output.shape)
        if rank == 2:
            constant = [tensor.data is not None for tensor in inputs]
            return constant == [False, True] and not self.transpose_a
        return all(
            len(tensor.shape) < rank or tensor.shape[0] == 1
            if tensor.data is not None
            else len(tensor.shape) == rank and tensor.shape[0] == leading
            for tensor in inputs
        )
