"""The parameter struct of a kernel call, as data that a code generator can print."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Activation, Shape, Tensor
from edge_runtime.numerics import Multiplier
from edge_runtime.ops.windowed import quantized_bounds

Field = tuple[str, object]

LARGEST_FLOAT = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Struct:
    """A C struct of type `type_name`: values by field, in the order of the header.

    A value is an int, a float (single precision), a tuple of ints, a Struct, or a str: the field
    of the constant in `Demand.constants` that the pointer goes to. 0 is the pointer to nothing.
    """

    type_name: str
    fields: tuple[Field, ...]


def aligned_shape(shape: Shape) -> tuple[int, int, int, int]:
    """`shape` with leading ones up to four dimensions."""
    a, b, c, d = (1,) * (4 - len(shape)) + shape
    return a, b, c, d


def broadcast_strides(shape: Shape, output: Shape) -> tuple[int, ...]:
    """The step along each of four axes of `output` through an operand of `shape`; 0 repeats it."""
    sizes = aligned_shape(shape)
    steps = [int(np.prod(sizes[axis + 1 :])) for axis in range(4)]
    return tuple(0 if sizes[i] == 1 != aligned_shape(output)[i] else steps[i] for i in range(4))


def multiplier(factor: Multiplier) -> Struct:
    """`factor` as an er_multiplier."""
    return Struct("er_multiplier", (("mantissa", factor.mantissa), ("shift", factor.shift)))


def zeros(image: Tensor, output: Tensor) -> tuple[Field, Field]:
    """The zero points of an input and an output."""
    return ("in_zero", image.quant.zero_point), ("out_zero", output.quant.zero_point)


def clamp(activation: Activation, output: Tensor) -> tuple[Field, Field]:
    """The bounds of a fused activation, in stored values."""
    low, high = quantized_bounds(activation, output)
    return ("act_min", low), ("act_max", high)


def float_clamp(activation: Activation) -> tuple[Field, Field]:
    """The bounds of a fused activation, infinity standing for the largest finite number."""
    low, high = np.clip(activation.bounds, -LARGEST_FLOAT, LARGEST_FLOAT).tolist()
    return ("act_min", low), ("act_max", high)


def pointers(*fields: str) -> tuple[Field, ...]:
    """Pointers to the constants of the same names in `Demand.constants`."""
    return tuple((field, field) for field in fields)
