"""Arrangements of elements as er_copy and er_take see them: offsets and steps in bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Array, Shape, Tensor
from edge_runtime.kernels.struct import Struct

MOST_AXES = 8
WORD = 4
_TABLES = 4

Axis = tuple[int, int, int]
"""Length of an axis, and the steps along it through the input and the output."""
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class StridedCopy:
    """Elements of `size` bytes from one arrangement to another, in as few axes as can be."""

    size: int
    axes: tuple[Axis, ...]
    in_start: int
    out_start: int

    @staticmethod
    def of(source: tuple[Array, Array], target: tuple[Array, Array]) -> StridedCopy:
        """What copies a view of one array to a view of another: each given as (array, view)."""
        view, made = source[1], target[1]
        axes = list(zip(view.shape, view.strides, made.strides, strict=True))
        size = view.itemsize
        if size > WORD:
            axes.append((size // WORD, WORD, WORD))
            size = WORD
        plain = StridedCopy(size, _merged(axes), _start(*source), _start(*target))
        return plain._in_larger_elements()

    def _in_larger_elements(self) -> StridedCopy:
        """The same, with rows of two or four bytes as one element where they are aligned."""
        *outer, (count, *steps) = self.axes or [(1, self.size, self.size)]
        size = count * self.size
        starts = (self.in_start, self.out_start, *(step for axis in outer for step in axis[1:]))
        whole = steps == [self.size, self.size] and size in (2, WORD)
        if not outer or not whole or any(start % size for start in starts):
            return self
        return StridedCopy(size, tuple(outer), self.in_start, self.out_start)

    @property
    def trails(self) -> bool:
        """Whether no element goes behind where it comes from, so that it may work in place."""
        forward = all(0 <= out <= step for _, step, out in self.axes)
        return forward and self.in_start >= self.out_start

    def table(self) -> Int32:
        """`er_copy.axes`."""
        return np.array(self.axes or [(1, self.size, self.size)], np.int32).reshape(-1)

    def struct(self) -> Struct:
        """The parameters, whose `axes` are a constant of that name."""
        return Struct(
            "er_copy",
            (
                ("axes", "axes"),
                ("rank", max(1, len(self.axes))),
                ("size", self.size),
                ("in_start", self.in_start),
                ("out_start", self.out_start),
            ),
        )


def blank(tensor: Tensor) -> Array:
    """An array of the shape and type of `tensor`, for the sake of its strides."""
    return np.empty(tensor.shape, tensor.dtype.numpy)


def _start(array: Array, view: Array) -> int:
    first: int = view.__array_interface__["data"][0] - array.__array_interface__["data"][0]
    return first


def _merged(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Without axes of one element, and with those that follow on from each other as one."""
    merged: list[Axis] = []
    for count, step, out in axes:
        if count == 1:
            continue
        if merged and merged[-1][1:] == (count * step, count * out):
            count *= merged.pop()[0]  # noqa: PLW2901
        merged.append((count, step, out))
    return tuple(merged)


@dataclass(frozen=True)
class Taken:
    """Blocks of `bytes` at sums of offsets, one out of each table."""

    tables: tuple[Int32, ...]
    bytes: int

    @staticmethod
    def of(image: Tensor, sources: Sequence[Array]) -> Taken:
        """What takes, along each axis of `image`, the elements that `sources` names."""
        block, rest = image.dtype.bytes, list(zip(image.shape, sources, strict=True))
        while rest and _is_all(*rest[-1]):
            block *= rest.pop()[0]
        tables = [
            np.asarray(source) * _step(image.shape, axis) * image.dtype.bytes
            for axis, (_, source) in enumerate(rest)
        ]
        tables = [table for table in tables if table.shape != (1,) or table[0]]
        while len(tables) > _TABLES:
            tables[:2] = [np.add.outer(tables[0], tables[1]).reshape(-1)]
        missing = [np.zeros(1, np.int32)] * (_TABLES - len(tables))
        return Taken(tuple(table.astype(np.int32) for table in (*missing, *tables)), block)

    def table(self) -> Int32:
        """`er_take.offsets`."""
        return np.concatenate(self.tables)

    def struct(self) -> Struct:
        """The parameters, whose `offsets` are a constant of that name."""
        count = tuple(len(table) for table in self.tables)
        return Struct("er_take", (("offsets", "offsets"), ("count", count), ("bytes", self.bytes)))


def _step(shape: Shape, axis: int) -> int:
    return math.prod(shape[axis + 1 :])


def _is_all(size: int, source: Array) -> bool:
    return bool(np.array_equal(source, np.arange(size)))
