"""Reshape, and what operations on single elements share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph.op import Op, Scaling
from edge_runtime.graph.tensor import Array, Shape, Tensor


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


def broadcast_problem(inputs: Sequence[Tensor]) -> list[str]:
    """A sentence where shapes cannot be broadcast, else nothing."""
    try:
        np.broadcast_shapes(*(tensor.shape for tensor in inputs))
    except ValueError:
        shapes = " and ".join(str(tensor.shape) for tensor in inputs)
        return [f"shapes {shapes} cannot be broadcast"]
    return []
