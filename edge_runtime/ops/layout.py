"""Operations that move elements and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph.op import Op, Scaling
from edge_runtime.graph.tensor import Array, Shape, Tensor


@dataclass(frozen=True)
class Transpose(Op):
    """Dimensions in another order: dimension i of the output is `order[i]` of the input.

    Importers need it where a model's interface has another layout than NHWC, and nowhere else if
    they can help it.
    """

    NAME = "TRANSPOSE"
    INPUTS = (1, 1)
    SCALING = Scaling.KEPT

    order: tuple[int, ...] = ()

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = []
        if sorted(self.order) != list(range(len(inputs[0].shape))):
            found.append(f"order {self.order} does not permute the dimensions {inputs[0].shape}")
        if inputs[0].dtype is not output.dtype or inputs[0].quantization != output.quantization:
            found.append(f"{inputs[0].name} and {output.name} differ in type or quantization")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return tuple(inputs[0].shape[axis] for axis in self.order)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.ascontiguousarray(values[0].transpose(self.order))

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.order[0] == 0


@dataclass(frozen=True)
class Pad(Op):
    """Elements of one stored value around the input, so many before and after each dimension.

    A pass makes it a part of the convolutions and pools that read it; no kernel computes it.
    """

    NAME = "PAD"
    INPUTS = (1, 1)
    SCALING = Scaling.KEPT

    before: Shape = ()
    after: Shape = ()
    value: float = 0

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        found = []
        if not len(self.before) == len(self.after) == len(inputs[0].shape):
            found.append(f"paddings {self.before}, {self.after} do not fit {inputs[0].shape}")
        if min(*self.before, *self.after, 0) < 0:
            found.append(f"paddings {self.before}, {self.after} are negative")
        if inputs[0].dtype is not output.dtype or inputs[0].quantization != output.quantization:
            found.append(f"{inputs[0].name} and {output.name} differ in type or quantization")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        sizes = zip(self.before, inputs[0].shape, self.after, strict=True)
        return tuple(sum(parts) for parts in sizes)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        widths = list(zip(self.before, self.after, strict=True))
        return np.pad(values[0], widths, constant_values=self.value)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.before[0] == self.after[0] == 0
