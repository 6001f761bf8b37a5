"""Hostile cases of what moves elements: every type, odd sizes, rows of every alignment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from sites import Case, case, random_int8

from edge_runtime.graph import Array, DType, Op, Quantization, Shape, Tensor
from edge_runtime.ops import (
    BatchToSpace,
    BroadcastTo,
    Concat,
    Copy,
    DepthToSpace,
    Gather,
    MirrorPad,
    Pad,
    ResizeBilinear,
    ResizeNearest,
    Reverse,
    Slice,
    SpaceToBatch,
    SpaceToDepth,
    Tile,
    Transpose,
)

TYPES = (DType.INT8, DType.INT16, DType.FLOAT32, DType.INT64)
GRID = Quantization.per_tensor(0.1, 4)
RANDOM = np.random.default_rng(9)


def of_type(shape: Shape, dtype: DType, name: str = "in") -> Tensor:
    return Tensor(name, shape, dtype, quantization=GRID if dtype is DType.INT8 else None)


def values(tensor: Tensor) -> Array:
    if tensor.dtype is DType.INT8:
        return random_int8(RANDOM, tensor.shape)
    return RANDOM.integers(-9999, 9999, tensor.shape).astype(tensor.dtype.numpy)


def moved(op: Op, *inputs: Tensor) -> Case:
    name = f"{op} {[tensor.shape for tensor in inputs]} {inputs[0].dtype.value}"
    return case(name, op, inputs, [values(tensor) for tensor in inputs], inputs[0])


def _copies() -> Iterator[tuple[Op, Shape]]:
    for shape in ((5,), (3, 4), (2, 3, 4), (2, 3, 4, 5)):
        for order in itertools.permutations(range(len(shape))):
            yield Transpose(order), shape
    yield Transpose((5, 3, 1, 4, 2, 0)), (2, 3, 2, 3, 2, 3)
    yield Transpose((0, 2, 1)), (3, 5, 2)
    yield Transpose((0, 2, 1)), (3, 5, 16)
    for first, count, step in ((0, 4, 1), (1, 5, 1), (3, 33, 1), (0, 3, 4), (39, 40, -1)):
        yield Slice((first,), (count,), (step,)), (40,)
        yield Slice((1, first), (2, count), (1, step)), (4, 40)
        yield Slice((1, first, 1), (1, count, 2), (1, step, 1)), (2, 40, 5)
    yield Slice((2, 0), (1, 6), (1, 1)), (3, 6)
    yield Reverse((0, 2)), (3, 4, 5)
    yield Reverse((1,)), (3, 4, 4)
    for multiples in ((2, 3), (1, 3), (2, 1)):
        yield Tile(multiples), (3, 5)
    yield Tile((2, 2, 2, 2)), (2, 3, 2, 3)
    yield BroadcastTo((2, 3, 5)), (3, 1)
    yield BroadcastTo((2, 3, 4)), (1, 1, 1)
    for block in (1, 2, 3):
        yield SpaceToDepth(block), (2, 2 * block, 3 * block, 3)
        yield DepthToSpace(block), (2, 2, 3, 3 * block**2)
    yield SpaceToBatch((2, 3)), (2, 4, 6, 3)
    yield BatchToSpace((2, 3)), (12, 2, 2, 3)
    yield SpaceToBatch((3,)), (1, 6, 5)
    for size in (1, 3, 16, 35):
        yield Copy(), (size,)


def _pads() -> Iterator[tuple[Op, Shape]]:
    yield Pad((0, 1, 2, 0), (0, 2, 0, 3), -7), (2, 3, 4, 5)
    yield Pad((3,), (2,), 5), (2,)
    yield Pad((0,), (0,), 5), (7,)
    for symmetric in (False, True):
        yield MirrorPad((0, 1, 2, 0), (0, 2, 1, 0), symmetric), (2, 3, 4, 5)
        yield MirrorPad((1, 1, 1, 1, 1, 2), (1, 0, 1, 1, 0, 1), symmetric), (2, 2, 2, 2, 2, 3)
        yield MirrorPad((2,), (1,), symmetric), (4,)


def _resizes() -> Iterator[tuple[tuple[int, int], Shape, bool, bool]]:
    for size, shape in (
        ((4, 6), (1, 2, 3, 4)),
        ((5, 7), (2, 3, 4, 1)),
        ((1, 1), (1, 5, 6, 3)),
        ((7, 2), (1, 1, 1, 2)),
        ((2, 3), (1, 9, 8, 5)),
    ):
        for align, half in ((False, False), (True, False), (False, True)):
            yield size, shape, align, half


def move_cases() -> Iterator[Case]:
    for dtype in TYPES:
        for op, shape in (*_copies(), *_pads()):
            yield moved(op, of_type(shape, dtype))
        for number, (size, shape, align, half) in enumerate(_resizes()):
            yield moved(ResizeNearest(size, align, half), of_type(shape, dtype))
            if number < 2:
                yield moved(Concat(number), of_type((3, 2, 3), dtype))
        for axis in (0, 1, 2):
            inputs = [
                of_type((*(4,) * axis, size, *(4,) * (2 - axis)), dtype, f"in{size}")
                for size in (3, 1, 5, 2)
            ]
            yield moved(Concat(axis), *inputs)
        yield moved(Concat(0), *(of_type((size,), dtype, f"in{size}") for size in (3, 4, 1)))
        yield from _gathers(dtype)


def _gathers(dtype: DType) -> Iterator[Case]:
    for index in (DType.INT8, DType.INT16, DType.INT32, DType.INT64):
        for axis, shape in ((0, (5, 3)), (1, (2, 5)), (1, (2, 5, 4))):
            picked = np.array([[0, 4, 2], [-1, -5, 1], [5, 127, -128]], index.numpy)
            if index.bytes > 2:
                picked[2] = (np.iinfo(index.numpy).max, np.iinfo(index.numpy).min, 3)
            op, table = Gather(axis), of_type(shape, dtype)
            indices = Tensor("indices", picked.shape, index)
            name = f"{op} {shape} {dtype.value} {index.value}"
            yield case(name, op, [table, indices], [values(table), picked], table)


def bilinear_cases() -> Iterator[Case]:
    for dtype in (DType.INT8, DType.INT16, DType.FLOAT32):
        for size, shape, align, half in _resizes():
            image = Tensor("in", shape, dtype, quantization=None if dtype.is_float else ZERO)
            op = ResizeBilinear(size, align, half)
            for made in (values(image), np.full(shape, -128, dtype.numpy)):
                yield case(f"{op} {shape} {dtype.value}", op, [image], [made], image)
    lowest = np.full((1, 4, 4, 2), -32768, np.int16)
    image = Tensor("in", lowest.shape, DType.INT16, quantization=ZERO)
    yield case("lowest", ResizeBilinear((9, 9), half_pixel=True), [image], [lowest], image)


ZERO = Quantization.per_tensor(0.1, 0)
