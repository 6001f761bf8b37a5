"""Random sizes, tensors and graphs of one operation, of the shapes that real networks have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from edge_runtime.graph import Activation, Array, DType, Graph, Kind, Node, Op, Quantization, Tensor
from edge_runtime.graph.op import Scaling
from edge_runtime.graph.tensor import Shape

T = TypeVar("T")

_SCALES: dict[DType, tuple[float, float]] = {
    DType.INT8: (1 / 32, 1 / 50),
    DType.UINT8: (1 / 32, 1 / 50),
    DType.INT16: (1 / 4096,) * 2,
}
_RESULTS = {DType.INT8: 1 / 24, DType.UINT8: 1 / 24, DType.INT16: 1 / 2048}
_ZEROS = {DType.INT8: 3, DType.UINT8: 131}


@dataclass(frozen=True)
class Limits:
    """The most elements of an activation, elements of weights, and products of one operation."""

    elements: int = 16_384
    weights: int = 6_144
    products: int = 600_000


class Draw:
    """A source of random operations within `limits`; the same seed gives the same ones."""

    def __init__(self, seed: int, limits: Limits) -> None:
        self.random = np.random.default_rng(seed)
        self.limits = limits

    def size(self, low: int, high: int) -> int:
        """A length from `low` to `high`, its logarithm evenly spread."""
        high = max(low, high)
        drawn = math.exp(self.random.uniform(math.log(low), math.log(high + 1)))
        return min(high, max(low, int(drawn)))

    def channels(self, high: int) -> int:
        """A number of channels: mostly whole fours or eights, some odd."""
        count = self.size(1, high)
        multiple = int(self.random.choice([1, 1, 4, 8, 8]))
        return max(1, min(high, -(-count // multiple) * multiple))

    def one_of(self, choices: Sequence[T]) -> T:
        """Any of `choices`."""
        return choices[int(self.random.integers(len(choices)))]

    def image(self, most: int, channels: int = 128) -> Shape:
        """Shape of an NHWC image of at most `most` elements."""
        depth = self.channels(min(channels, most))
        height = self.size(1, min(64, most // depth))
        width = height if self.random.random() < 0.6 else self.size(1, 64)
        return 1, height, max(1, min(width, most // depth // height)), depth

    def array(self, shape: Shape, dtype: DType) -> Array:
        """Values as weights have them."""
        if dtype.is_float:
            return self.random.normal(0, 0.2, shape).astype(dtype.numpy)
        most = 7 if dtype is DType.INT4 else 127
        return self.random.integers(-most, most + 1, shape).astype(dtype.numpy)

    def activation(self) -> Activation:
        """None as often as the others together."""
        return self.one_of([Activation.NONE, Activation.NONE, Activation.RELU, Activation.RELU6])


def source(name: str, shape: Shape, dtype: DType, place: int = 0) -> Tensor:
    """An activation to read, quantized as all of its type and place are."""
    scales = _SCALES.get(dtype)
    grid = None
    if scales is not None:
        grid = Quantization.per_tensor(scales[min(place, 1)], _ZEROS.get(dtype, 0))
    return Tensor(name, shape, dtype, quantization=grid)


def weight_grid(draw: Draw, shape: Shape, axis: int, zero: int = 0) -> Quantization:
    """Scales of weights, of which sums fill a good part of the output's range."""
    out = shape[axis]
    scales = draw.random.uniform(0.5, 1, out) / (96 * math.sqrt(math.prod(shape) // out))
    return Quantization(tuple(float(np.float32(scale)) for scale in scales), (zero,) * out, axis)


def result_grid(op: Op, inputs: Sequence[Tensor], dtype: DType) -> Quantization | None:
    """How the result of an operation is quantized."""
    if dtype not in _RESULTS:
        return None
    if op.SCALING is Scaling.FIXED:
        return op.fixed_quantization(dtype)
    if op.SCALING in (Scaling.KEPT, Scaling.SHARED):
        return inputs[0].quantization
    return Quantization.per_tensor(_RESULTS[dtype], _ZEROS.get(dtype, 0))


def single(
    op: Op, inputs: Sequence[Tensor], dtype: DType, grid: Quantization | None = None
) -> Graph | None:
    """The graph of `op` alone, or None where that is not legal."""
    if op.SCALING is Scaling.SHARED:
        inputs = [replace(tensor, quantization=inputs[0].quantization) for tensor in inputs]
    try:
        output = Tensor("out", (), dtype, quantization=grid or result_grid(op, inputs, dtype))
        if op.problems(inputs, output):
            return None
        output = replace(output, shape=op.output_shape(inputs))
    except (ValueError, IndexError, NotImplementedError):  # drawn at random, so shapes may not fit
        return None
    names = [tensor.name for tensor in inputs]
    given = [tensor.name for tensor in inputs if tensor.kind is Kind.ACTIVATION]
    node = Node("op", op, tuple(names), "out")
    return Graph.build("op", [*inputs, output], [node], given, ["out"])
