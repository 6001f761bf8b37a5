"""Images of another height and width: the nearest pixel, or a mixture of the four around.

Coordinates are those of TFLite's `resize_nearest_neighbor.h` and `resize_bilinear.h`, computed in
single precision, or in 1/1024 of a pixel for integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph.op import per_tensor_problem, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.ops.move import Move

ONE = 1 << 10
"""One pixel in the integer coordinates."""


@dataclass(frozen=True)
class Resize(Move):
    """Base: an NHWC image resized to `size` (height, width).

    With `align_corners`, the centres of the corner pixels stay; with `half_pixel`, a pixel's
    coordinate is that of its centre. Both together are refused, as by TFLite.
    """

    size: tuple[int, int] = (1, 1)
    align_corners: bool = False
    half_pixel: bool = False

    def attribute_problems(self, image: Tensor) -> list[str]:
        found = []
        if len(image.shape) != 4:
            found.append(f"tensor {image.name} has shape {image.shape}, not 4 dimensions")
        if min(self.size) < 1:
            found.append(f"size {self.size} is not positive")
        if self.align_corners and self.half_pixel:
            found.append("align_corners and half_pixel_centers are both set; allowed: one of them")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        batch, _, _, channels = inputs[0].shape
        return (batch, *self.size, channels)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True

    def scale(self, axis: int, size: int) -> np.float32:
        """Input pixels to one of the output, along height (0) or width (1)."""
        made = self.size[axis]
        if self.align_corners and made > 1:
            return np.float32(size - 1) / np.float32(made - 1)
        return np.float32(size) / np.float32(made)


@dataclass(frozen=True)
class ResizeNearest(Resize):
    """Each pixel is that of the input nearest to it."""

    NAME = "RESIZE_NEAREST_NEIGHBOR"

    def sources(self, axis: int, size: int) -> Array:
        """For each row (axis 0) or column (1), that of the input, which has `size` of them."""
        offset = np.float32(0.5 if self.half_pixel else 0)
        where = (np.arange(self.size[axis], dtype=np.float32) + offset) * self.scale(axis, size)
        # What is rounded is never negative, so halves go up.
        whole = np.floor(where + np.float32(0.5)) if self.align_corners else np.floor(where)
        return np.asarray(np.minimum(whole.astype(np.int64), size - 1))

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        _, height, width, _ = inputs[0].shape
        return values[0].take(self.sources(0, height), 1).take(self.sources(1, width), 2)


@dataclass(frozen=True)
class Blend:
    """Along one axis: the two pixels that each of the output lies between, and the second's share.

    For integers the share is in 1/1024. Left of the first pixel's centre it may be negative, with
    both pixels being the first.
    """

    first: Array
    second: Array
    share: Array


@dataclass(frozen=True)
class ResizeBilinear(Resize):
    """Each pixel is a mixture of the four of the input around it."""

    NAME = "RESIZE_BILINEAR"

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        return [
            *super().problems(inputs, output),
            *type_problem(inputs[0], DType.FLOAT32, DType.INT8, DType.INT16),
            *per_tensor_problem(inputs[0]),
        ]

    def integer_scale(self, axis: int, size: int) -> int:
        """Input pixels to one of the output, along height (0) or width (1), in 1/1024."""
        made = self.size[axis]
        if self.align_corners and made > 1:
            return (ONE * (size - 1) + (made - 1) // 2) // (made - 1)
        return (ONE * size + made // 2) // made

    def integer_offset(self, axis: int, size: int) -> int:
        """The coordinate of the first pixel, in 1/1024."""
        return self.integer_scale(axis, size) // 2 - ONE // 2 if self.half_pixel else 0

    def integer_blend(self, axis: int, size: int) -> Blend:
        """What is mixed along an axis of `size` pixels, in integers."""
        steps = np.arange(self.size[axis], dtype=np.int64)
        where = steps * self.integer_scale(axis, size) + self.integer_offset(axis, size)
        first = np.maximum(where // ONE, 0)
        second = np.minimum(-(-where // ONE), size - 1)
        return Blend(first, np.maximum(second, 0), where - ONE * first)

    def blend(self, axis: int, size: int) -> Blend:
        """What is mixed along an axis of `size` pixels, in single precision."""
        steps = np.arange(self.size[axis], dtype=np.float32)
        half = np.float32(0.5 if self.half_pixel else 0)
        where = (steps + half) * self.scale(axis, size) - half
        first = np.maximum(np.floor(where).astype(np.int64), 0)
        second = np.minimum(np.ceil(where).astype(np.int64), size - 1)
        return Blend(first, np.maximum(second, 0), where - first.astype(np.float32))

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        _, height, width, _ = inputs[0].shape
        if output.dtype.is_float:
            mixed = _mix(values[0], self.blend(0, height), self.blend(1, width), np.float32(1))
            return mixed.astype(np.float32)
        rows, columns = self.integer_blend(0, height), self.integer_blend(1, width)
        total = _mix(values[0].astype(np.int64), rows, columns, np.int64(ONE))
        rounded = np.sign(total) * ((np.abs(total) + (1 << 19)) >> 20)
        return np.asarray(rounded, output.dtype.numpy)


def _mix(image: Array, rows: Blend, columns: Blend, one: np.generic) -> Array:
    """The sum of the four pixels around, each times its shares."""
    down, right = rows.share[:, None, None], columns.share[:, None]
    total: Array = np.zeros((), image.dtype)
    for row, vertical in ((rows.first, one - down), (rows.second, down)):
        for column, horizontal in ((columns.first, one - right), (columns.second, right)):
            total = total + image.take(row, 1).take(column, 2) * vertical * horizontal
    return total
