"""Comparisons, logic and selection: what makes truth values, and what takes them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import Op, Scaling, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Int64, Multiplier
from edge_runtime.ops.binary import QUANTIZED, shared_problem
from edge_runtime.ops.elementwise import broadcast_problem, spans_samples

LEFT_SHIFT = 8
"""How many more bits quantized numbers are compared with."""


@dataclass(frozen=True)
class Truth(Op):
    """Base of operations on two tensors that make truth values."""

    INPUTS = (2, 2)
    TYPES: ClassVar[tuple[DType, ...]]

    @abstractmethod
    def holds(self, a: Array, b: Array) -> Array:
        """The result."""

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], *self.TYPES) + type_problem(output, DType.BOOL)
        found += type_problem(inputs[1], inputs[0].dtype)
        for tensor in inputs:
            found += per_tensor_problem(tensor) if tensor.dtype in QUANTIZED else []
        return found + broadcast_problem(inputs)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return np.broadcast_shapes(*(tensor.shape for tensor in inputs))

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return self.holds(values[0], values[1])

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return spans_samples(inputs, output)


@dataclass(frozen=True)
class Comparison(Truth):
    """Base of comparisons. Quantized numbers are brought to a common scale first."""

    TYPES: ClassVar[tuple[DType, ...]] = (DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32)
    RELATIONS: ClassVar[int]
    """Where it holds: 1 where a < b, plus 2 where a = b, plus 4 where a > b, plus 8 where one of
    them is no number."""

    def holds(self, a: Array, b: Array) -> Array:
        held = np.where(a < b, 1, np.where(a == b, 2, np.where(a > b, 4, 8)))
        return np.asarray((held & self.RELATIONS) != 0)

    @staticmethod
    def factors(inputs: Sequence[Tensor]) -> tuple[Multiplier, Multiplier]:
        """What quantized operands are multiplied by: their scales."""
        one, two = (Multiplier.of(tensor.quant.scale) for tensor in inputs)
        return one, two

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if inputs[0].dtype not in QUANTIZED:
            return self.holds(values[0], values[1])
        scaled: list[Int64] = [
            numerics.multiply(
                (value.astype(np.int64) - tensor.quant.zero_point) << LEFT_SHIFT,
                factor.mantissa,
                factor.shift,
            )
            for value, tensor, factor in zip(values, inputs, self.factors(inputs), strict=True)
        ]
        return self.holds(scaled[0], scaled[1])


@dataclass(frozen=True)
class Equal(Comparison):
    """a = b."""

    NAME = "EQUAL"
    TYPES = (*Comparison.TYPES, DType.BOOL)
    RELATIONS = 2


@dataclass(frozen=True)
class NotEqual(Comparison):
    """Not a = b."""

    NAME = "NOT_EQUAL"
    TYPES = (*Comparison.TYPES, DType.BOOL)
    RELATIONS = 1 + 4 + 8


@dataclass(frozen=True)
class Less(Comparison):
    """a < b."""

    NAME = "LESS"
    RELATIONS = 1


@dataclass(frozen=True)
class LessEqual(Comparison):
    """a <= b."""

    NAME = "LESS_EQUAL"
    RELATIONS = 1 + 2


@dataclass(frozen=True)
class Greater(Comparison):
    """a > b."""

    NAME = "GREATER"
    RELATIONS = 4


@dataclass(frozen=True)
class GreaterEqual(Comparison):
    """a >= b."""

    NAME = "GREATER_EQUAL"
    RELATIONS = 2 + 4


@dataclass(frozen=True)
class LogicalAnd(Truth):
    """a and b."""

    NAME = "LOGICAL_AND"
    TYPES = (DType.BOOL,)

    def holds(self, a: Array, b: Array) -> Array:
        return np.logical_and(a, b)


@dataclass(frozen=True)
class LogicalOr(Truth):
    """a or b."""

    NAME = "LOGICAL_OR"
    TYPES = (DType.BOOL,)

    def holds(self, a: Array, b: Array) -> Array:
        return np.logical_or(a, b)


@dataclass(frozen=True)
class Select(Op):
    """a where the condition, input 0, is true, else b; all three are broadcast."""

    NAME = "SELECT_V2"
    INPUTS = (3, 3)
    SCALING = Scaling.SHARED

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], DType.BOOL)
        found += type_problem(inputs[1], output.dtype) + type_problem(inputs[2], output.dtype)
        return found + broadcast_problem(inputs) + shared_problem(inputs[1:], output)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return np.broadcast_shapes(*(tensor.shape for tensor in inputs))

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.where(values[0], values[1], values[2])

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return spans_samples(inputs, output)
