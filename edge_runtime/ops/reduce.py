"""Operations that reduce over axes, and sums that run along one."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import Op, Scaling, per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Int64, Multiplier

_NUMBERS = (DType.FLOAT32, DType.INT8, DType.INT16)


@dataclass(frozen=True)
class Reduce(Op):
    """Base of reductions over `axes` (not negative, ascending)."""

    INPUTS = (1, 1)
    TYPES: ClassVar[tuple[DType, ...]] = _NUMBERS

    axes: tuple[int, ...] = ()
    keep_dims: bool = False

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], *self.TYPES)
        if output.dtype is not inputs[0].dtype:
            found.append(f"{inputs[0].name} and {output.name} differ in type")
        rank = len(inputs[0].shape)
        if not self.axes or sorted(set(self.axes)) != list(self.axes):
            found.append(f"axes {self.axes} are not ascending, or there are none")
        elif not 0 <= self.axes[0] <= self.axes[-1] < rank:
            found.append(f"axes {self.axes} are outside the {rank} dimensions of the input")
        if inputs[0].dtype is DType.BOOL:
            return found
        if self.SCALING is Scaling.KEPT and output.quantization != inputs[0].quantization:
            found.append(f"{inputs[0].name} and {output.name} differ in quantization")
        return found + per_tensor_problem(inputs[0]) + per_tensor_problem(output)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        sizes = enumerate(inputs[0].shape)
        if self.keep_dims:
            return tuple(1 if axis in self.axes else size for axis, size in sizes)
        return tuple(size for axis, size in sizes if axis not in self.axes)

    def count(self, inputs: Sequence[Tensor]) -> int:
        """How many elements each result is made of."""
        return math.prod(inputs[0].shape[axis] for axis in self.axes)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return 0 not in self.axes


@dataclass(frozen=True)
class Sum(Reduce):
    """Sum over `axes`; integers are scaled to the output's quantization."""

    NAME = "SUM"

    def multiplier(self, inputs: Sequence[Tensor], output: Tensor) -> Multiplier:
        """The factor from sums, less the zero point of each term, to stored results."""
        return Multiplier.of(inputs[0].quant.scale / output.quant.scale)

    def divisor(self, inputs: Sequence[Tensor]) -> int:
        """What sums of floats are divided by."""
        return 1

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            total = values[0].sum(self.axes, np.float64, keepdims=self.keep_dims)
            return np.asarray(total / self.divisor(inputs), np.float32)
        total = values[0].sum(self.axes, np.int64, keepdims=self.keep_dims)
        centred = np.asarray(total - inputs[0].quant.zero_point * self.count(inputs), np.int64)
        factor = self.multiplier(inputs, output)
        scaled = numerics.multiply(numerics.wrap32(centred), factor.mantissa, factor.shift)
        stored = np.clip(scaled + output.quant.zero_point, *output.dtype.range)
        return stored.astype(output.dtype.numpy)


@dataclass(frozen=True)
class Mean(Sum):
    """Mean over `axes`."""

    NAME = "MEAN"

    def multiplier(self, inputs: Sequence[Tensor], output: Tensor) -> Multiplier:
        """The factor from sums to stored means, 1/count included as TFLite's reduction does it."""
        base = super().multiplier(inputs, output)
        count = self.count(inputs)
        shift = min(count.bit_length() - 1, 32, 31 + base.shift)
        return Multiplier((base.mantissa << shift) // count, base.shift - shift)

    def divisor(self, inputs: Sequence[Tensor]) -> int:
        return self.count(inputs)


@dataclass(frozen=True)
class ReduceMax(Reduce):
    """Maximum over `axes`."""

    NAME = "REDUCE_MAX"
    SCALING = Scaling.KEPT

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.asarray(values[0].max(self.axes, keepdims=self.keep_dims))


@dataclass(frozen=True)
class ReduceMin(Reduce):
    """Minimum over `axes`."""

    NAME = "REDUCE_MIN"
    SCALING = Scaling.KEPT

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.asarray(values[0].min(self.axes, keepdims=self.keep_dims))


@dataclass(frozen=True)
class ReduceAny(ReduceMax):
    """Whether any element over `axes` is true."""

    NAME = "REDUCE_ANY"
    TYPES = (DType.BOOL,)


@dataclass(frozen=True)
class ReduceAll(ReduceMin):
    """Whether all elements over `axes` are true."""

    NAME = "REDUCE_ALL"
    TYPES = (DType.BOOL,)


@dataclass(frozen=True)
class ReduceProd(Reduce):
    """Product over `axes`.

    Integers follow LiteRT: each factor but the first multiplies what there is, which is scaled
    back by the input's scale over the count-th root of the output's; so is the last product.
    """

    NAME = "REDUCE_PROD"

    def multiplier(self, inputs: Sequence[Tensor], output: Tensor) -> Multiplier:
        """The factor by which every product is scaled."""
        root = output.quant.scale ** (1.0 / self.count(inputs))
        return Multiplier.of(inputs[0].quant.scale / root)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = super().problems(inputs, output)
        if not found and not output.dtype.is_float:
            shift = self.multiplier(inputs, output).shift
            if shift >= 8:
                found.append(
                    f"output {output.name} has scale {output.quant.scale}: too small for products"
                    f" of {self.count(inputs)} values of scale {inputs[0].quant.scale}"
                )
        return found

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            whole = values[0].prod(self.axes, np.float64, keepdims=self.keep_dims)
            return np.asarray(whole, np.float32)
        factor = self.multiplier(inputs, output)
        centred = values[0].astype(np.int64) - inputs[0].quant.zero_point
        rows = np.moveaxis(centred, self.axes, range(len(self.axes)))
        rows = rows.reshape(self.count(inputs), -1)
        product: Int64 = rows[0]
        for row in rows[1:]:
            product = numerics.multiply_wide(product * row, factor.mantissa, factor.shift)
        product = numerics.multiply_wide(product, factor.mantissa, factor.shift)
        stored = np.clip(product + output.quant.zero_point, *output.dtype.range)
        return stored.astype(output.dtype.numpy).reshape(self.output_shape(inputs))


@dataclass(frozen=True)
class ArgReduce(Op):
    """Base of where along `axis` the extreme is: int32 or int64, the first one unless `last`."""

    INPUTS = (1, 1)

    axis: int = 0
    keep_dims: bool = False
    last: bool = False

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], *_NUMBERS)
        found += type_problem(output, DType.INT32, DType.INT64)
        rank = len(inputs[0].shape)
        if not 0 <= self.axis < rank:
            found.append(f"axis {self.axis} is outside the {rank} dimensions of the input")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        shape = inputs[0].shape
        kept = (1,) if self.keep_dims else ()
        return (*shape[: self.axis], *kept, *shape[self.axis + 1 :])

    @abstractmethod
    def _first(self, values: Array) -> Array:
        """Where along the axis the first extreme is."""

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if self.last:
            found = inputs[0].shape[self.axis] - 1 - self._first(np.flip(values[0], self.axis))
        else:
            found = self._first(values[0])
        return np.asarray(found, output.dtype.numpy).reshape(self.output_shape(inputs))

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.axis != 0


@dataclass(frozen=True)
class ArgMax(ArgReduce):
    """Where the largest element is."""

    NAME = "ARG_MAX"

    def _first(self, values: Array) -> Array:
        return np.asarray(values.argmax(self.axis))


@dataclass(frozen=True)
class ArgMin(ArgReduce):
    """Where the smallest element is."""

    NAME = "ARG_MIN"

    def _first(self, values: Array) -> Array:
        return np.asarray(values.argmin(self.axis))


@dataclass(frozen=True)
class CumSum(Op):
    """Running sums along `axis`; `exclusive` leaves the element itself out, `reverse` runs back.

    Integers follow TensorFlow Lite Micro, whose sums start with the real value of a stored 0.
    """

    NAME = "CUMSUM"
    INPUTS = (1, 1)

    LEFT_SHIFT = 20

    axis: int = 0
    exclusive: bool = False
    reverse: bool = False

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = type_problem(inputs[0], DType.FLOAT32, DType.INT8)
        if output.dtype is not inputs[0].dtype:
            found.append(f"{inputs[0].name} and {output.name} differ in type")
        rank = len(inputs[0].shape)
        if not 0 <= self.axis < rank:
            found.append(f"axis {self.axis} is outside the {rank} dimensions of the input")
        found += per_tensor_problem(inputs[0]) + per_tensor_problem(output)
        if not found and not output.dtype.is_float and self.multiplier(inputs, output).shift > 0:
            found.append(
                f"output {output.name} has scale {output.quant.scale}: too small beside that of"
                f" the input, {inputs[0].quant.scale}"
            )
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def multiplier(self, inputs: Sequence[Tensor], output: Tensor) -> Multiplier:
        """The factor from sums, of terms shifted left by 19, to stored results."""
        return Multiplier.of(
            2.0 * inputs[0].quant.scale / ((1 << self.LEFT_SHIFT) * output.quant.scale)
        )

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            return self._running(values[0].astype(np.float64)).astype(np.float32)
        zero = inputs[0].quant.zero_point
        # Half of each term shifted left by 20 bits.
        terms = (values[0].astype(np.int64) - zero) << (self.LEFT_SHIFT - 1)
        total = self._running(terms) - (zero << (self.LEFT_SHIFT - 1))
        factor = self.multiplier(inputs, output)
        scaled = numerics.multiply(numerics.wrap32(total), factor.mantissa, factor.shift)
        stored = np.clip(scaled + output.quant.zero_point, *output.dtype.range)
        return stored.astype(output.dtype.numpy)

    def _running(self, values: Array) -> Array:
        ordered = np.flip(values, self.axis) if self.reverse else values
        total = ordered.cumsum(self.axis)
        if self.exclusive:
            total = total - ordered
        return np.asarray(np.flip(total, self.axis) if self.reverse else total)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.axis != 0
