"""What stands behind the names of an ONNX graph while it is converted.

ONNX images are NCHW, the graph's are NHWC. Nothing is moved for that: every activation carries, as
`axes`, which of ONNX's axes each dimension of its tensor holds. Operations that do not mind the
order hand it on, transposes only change it, and what needs a certain order asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Array, Quantization, Shape
from edge_runtime.importers.unsupported import UnsupportedError

Axes = tuple[int | None, ...]
"""For each dimension of a tensor, the ONNX axis that it holds; None for an extra one of size 1."""


def natural(rank: int) -> Axes:
    """ONNX's own order."""
    return tuple(range(rank))


def channels_last(rank: int) -> Axes:
    """NHWC of an ONNX image (rank 4), or N1WC of an ONNX sequence (rank 3)."""
    return (0, 2, 3, 1) if rank == 4 else (0, None, 2, 1)


def last(axes: Axes, axis: int) -> Axes:
    """`axes` with one of them moved to the end, unchanged if it stands there."""
    return (*(other for other in axes if other != axis), axis)


def sizes(axes: Axes, shape: Shape) -> Shape:
    """The dimensions of a tensor that holds ONNX's `shape` in the order `axes`."""
    return tuple(1 if axis is None else shape[axis] for axis in axes)


def regrouped(shape: Shape, moved: Sequence[int], wanted: Shape) -> tuple[Axes, Axes]:
    """The order that a reshape from `shape` to `wanted` needs, and the order that comes out.

    `moved` are the axes of `shape` that are longer than 1, as they lie. A reshape splits and merges
    axes; those that merge must lie side by side in ONNX's order. Where they do, nothing is moved;
    else as little as that asks for.
    """
    groups = _groups(shape, wanted)
    groups.sort(key=lambda group: max(moved.index(axis) for axis in group[0]))
    before = [axis for given, _ in groups for axis in given]
    after = [axis for _, made in groups for axis in made]
    return _with_ones(before, shape), _with_ones(after, wanted)


def _with_ones(order: list[int], shape: Shape) -> Axes:
    """`order` with the axes of size 1 put in, each behind the one before it."""
    found = list(order)
    for axis, size in enumerate(shape):
        if size == 1:
            found.insert(found.index(axis - 1) + 1 if axis else 0, axis)
    return tuple(found)


def _groups(shape: Shape, wanted: Shape) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The smallest runs of axes of both shapes that hold the same elements; none of size 1."""
    sources = [axis for axis, size in enumerate(shape) if size != 1]
    results = [axis for axis, size in enumerate(wanted) if size != 1]
    found = []
    while sources:
        given, made = [sources.pop(0)], [results.pop(0)]
        left, right = shape[given[0]], wanted[made[0]]
        while left != right:
            if left < right:
                given.append(sources.pop(0))
                left *= shape[given[-1]]
            else:
                made.append(results.pop(0))
                right *= wanted[made[-1]]
        found.append((tuple(given), tuple(made)))
    return found


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

    def widened_axes(self, rank: int) -> Axes:
        """Its order once axes of size 1 are put in front until there are `rank`."""
        if rank == self.rank:
            return self.axes
        shape = (1,) * (rank - self.rank) + self.shape
        return regrouped(self.shape, self.moved(), shape)[1]

    def reduced(self, tensor: str, axes: Collection[int], *, keep_dims: bool) -> Placed:
        """The value that `tensor` holds, in which `axes` were reduced to one element or dropped."""
        if keep_dims:
            shape = tuple(1 if axis in axes else size for axis, size in enumerate(self.shape))
            return Placed(tensor, shape, self.axes)
        left = [axis for axis in range(self.rank) if axis not in axes]
        kept = tuple(
            None if axis is None else left.index(axis) for axis in self.axes if axis not in axes
        )
        return Placed(tensor, tuple(self.shape[axis] for axis in left), kept)

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


def shape_of(value: Value) -> Shape:
    """The shape that ONNX gives a value."""
    return value.shape if isinstance(value, Placed) else value.array.shape


def axis_in(axis: int, rank: int) -> int:
    """An axis counted from the front; UnsupportedError if there is none."""
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} is not among the {rank} of the input")
    return axis + rank if axis < 0 else axis
