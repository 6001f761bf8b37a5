"""What stands behind the names of an ONNX graph while it is converted.

ONNX images are NCHW, the graph's are NHWC. Nothing is moved for that: every activation carries, as
`axes`, which of ONNX's axes each dimension of its tensor holds. Operations that do not mind the
order hand it on, transposes only change it, and what needs a certain order asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Array, Quantization, Shape

Axes = tuple[int | None, ...]
"""For each dimension of a tensor, the ONNX axis that it holds; None for an extra one of size 1."""


def natural(rank: int) -> Axes:
    """ONNX's own order."""
    return tuple(range(rank))


def channels_last(rank: int) -> Axes:
    """NHWC of an ONNX image (rank 4), or N1WC of an ONNX sequence (rank 3)."""
    return (0, 2, 3, 1) if rank == 4 else (0, None, 2, 1)


@dataclass(frozen=True)
class Placed:
    """An activation: its ONNX shape, and the graph's tensor that holds it."""

    tensor: str
    shape: Shape
    axes: Axes

    @property
    def rank(self) -> int:
        """How many axes ONNX gives it."""
        return len(self.shape)

    def dimension(self, axis: int) -> int:
        """Which dimension of the tensor holds an ONNX axis."""
        return self.axes.index(axis)

    def moved(self) -> tuple[int, ...]:
        """The axes in the tensor's order, without those of size 1, whose place is no matter."""
        return tuple(axis for axis in self.axes if axis is not None and self.shape[axis] != 1)


@dataclass(frozen=True)
class Stored:
    """The integers that a constant was dequantized from."""

    integers: Array
    quantization: Quantization


@dataclass(frozen=True)
class Known:
    """A constant in ONNX's order, with the integers behind it where it was dequantized."""

    array: Array
    stored: Stored | None = None

    def transposed(self, order: tuple[int, ...]) -> Known:
        """The same with its axes in another order."""
        if self.stored is None:
            return Known(np.ascontiguousarray(self.array.transpose(order)))
        grid = self.stored.quantization
        axis = None if grid.axis is None else order.index(grid.axis)
        moved = Quantization(grid.scales, grid.zero_points, axis)
        integers = np.ascontiguousarray(self.stored.integers.transpose(order))
        return Known(np.ascontiguousarray(self.array.transpose(order)), Stored(integers, moved))

    def with_axis(self, position: int) -> Known:
        """The same with an axis of size 1 put in at `position`."""
        array = np.expand_dims(self.array, position)
        if self.stored is None:
            return Known(array)
        grid = self.stored.quantization
        axis = grid.axis + 1 if grid.axis is not None and grid.axis >= position else grid.axis
        moved = Quantization(grid.scales, grid.zero_points, axis)
        return Known(array, Stored(np.expand_dims(self.stored.integers, position), moved))


Value = Placed | Known
