"""Hypothesis strategies: graphs of one operation that moves elements, of any type and shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from one_op import grids, one_op, seeds

from edge_runtime.graph import Array, DType, Graph, Op, Quantization, Shape, Tensor
from edge_runtime.ops import (
    BatchToSpace,
    BroadcastTo,
    Concat,
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

Draw = st.DrawFn
INT8, INT16, INT32, FLOAT = DType.INT8, DType.INT16, DType.INT32, DType.FLOAT32


@st.composite
def tensors(
    draw: Draw, types: Sequence[DType], least: int = 1, most: int = 4, sizes: int = 5
) -> Tensor:
    """An activation of one of `types`, with so many dimensions."""
    shape = tuple(draw(st.lists(st.integers(1, sizes), min_size=least, max_size=most)))
    return of_type(draw, "image", shape, draw(st.sampled_from(types)))


def of_type(draw: Draw, name: str, shape: Shape, dtype: DType) -> Tensor:
    grid: Quantization | None = None
    if dtype is INT8:
        grid = draw(grids())
    if dtype is INT16:
        grid = Quantization.per_tensor(draw(grids()).scale)
    return Tensor(name, shape, dtype, quantization=grid)


def moved(op: Op, *inputs: Tensor) -> Graph:
    return one_op(op, inputs, inputs[0].quantization, inputs[0].dtype)


@st.composite
def transposes(draw: Draw, most: int = 5) -> Graph:
    image = draw(tensors((INT8, INT16, FLOAT), most=most))
    return moved(Transpose(tuple(draw(st.permutations(range(len(image.shape)))))), image)


@st.composite
def slices(draw: Draw) -> Graph:
    image = draw(tensors((INT8, INT16, INT32, FLOAT), sizes=7))
    begin, size, strides = [], [], []
    for whole in image.shape:
        first, last = draw(st.integers(0, whole - 1)), draw(st.integers(0, whole - 1))
        step = draw(st.integers(1, 3)) * (1 if first <= last else -1)
        begin.append(first)
        size.append(abs(last - first) // abs(step) + 1)
        strides.append(step)
    return moved(Slice(tuple(begin), tuple(size), tuple(strides)), image)


@st.composite
def reverses(draw: Draw) -> Graph:
    image = draw(tensors((INT8, INT16, FLOAT)))
    return moved(Reverse((draw(st.integers(0, len(image.shape) - 1)),)), image)


@st.composite
def tiles(draw: Draw) -> Graph:
    image = draw(tensors((INT8, FLOAT), sizes=3))
    return moved(Tile(tuple(draw(st.integers(1, 3)) for _ in image.shape)), image)


@st.composite
def broadcasts(draw: Draw) -> Graph:
    image = draw(tensors((INT8, INT16, FLOAT), sizes=3))
    wanted = [size if size > 1 else draw(st.integers(1, 4)) for size in image.shape]
    more = draw(st.lists(st.integers(1, 3), max_size=5 - len(wanted)))
    return moved(BroadcastTo((*more, *wanted)), image)


@st.composite
def space_to_depths(draw: Draw) -> Graph:
    block, size = draw(st.integers(1, 3)), st.integers(1, 3)
    shape = (draw(size), block * draw(size), block * draw(size), draw(size))
    return moved(SpaceToDepth(block), of_type(draw, "image", shape, draw(_IMAGES)))


@st.composite
def depth_to_spaces(draw: Draw) -> Graph:
    block, size = draw(st.integers(1, 3)), st.integers(1, 3)
    shape = (draw(size), draw(size), draw(size), block**2 * draw(size))
    return moved(DepthToSpace(block), of_type(draw, "image", shape, draw(_IMAGES)))


@st.composite
def space_to_batches(draw: Draw) -> Graph:
    size, block = st.integers(1, 3), (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    shape = (draw(size), block[0] * draw(size), block[1] * draw(size), draw(size))
    return moved(SpaceToBatch(block), of_type(draw, "image", shape, draw(_IMAGES)))


@st.composite
def batch_to_spaces(draw: Draw) -> Graph:
    size, block = st.integers(1, 3), (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    shape = (draw(size) * block[0] * block[1], draw(size), draw(size), draw(size))
    return moved(BatchToSpace(block), of_type(draw, "image", shape, draw(_IMAGES)))


_IMAGES = st.sampled_from([INT8, FLOAT])


@st.composite
def pads(draw: Draw) -> Graph:
    image = draw(tensors((INT8, INT16, FLOAT), most=4))
    widths = [draw(st.tuples(st.integers(0, 3), st.integers(0, 3))) for _ in image.shape]
    before, after = zip(*widths, strict=True)
    value = draw(st.integers(-128, 127))
    return moved(Pad(before, after, value), image)


@st.composite
def mirror_pads(draw: Draw) -> Graph:
    image = draw(tensors((INT8, FLOAT), most=4))
    symmetric = draw(st.booleans())
    most = [size - (not symmetric) for size in image.shape]
    widths = [(draw(st.integers(0, m)), draw(st.integers(0, m))) for m in most]
    before, after = zip(*widths, strict=True)
    return moved(MirrorPad(before, after, symmetric), image)


@st.composite
def concats(draw: Draw) -> Graph:
    first = draw(tensors((INT8, INT16, INT32, FLOAT)))
    axis = draw(st.integers(0, len(first.shape) - 1))
    inputs = []
    for number in range(draw(st.integers(1, 5))):
        size = draw(st.integers(1, 4))
        shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
        inputs.append(Tensor(f"in{number}", shape, first.dtype, quantization=first.quantization))
    return moved(Concat(axis), *inputs)


@st.composite
def gathers(draw: Draw) -> Graph:
    table = draw(tensors((INT8, FLOAT), most=3))
    axis = draw(st.integers(0, len(table.shape) - 1))
    random = np.random.default_rng(draw(seeds))
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=2)))
    picked = random.integers(0, table.shape[axis], shape).astype(np.int32)
    return moved(Gather(axis), table, Tensor.constant("indices", picked))


@st.composite
def resizes(
    draw: Draw, kind: type[ResizeNearest] | type[ResizeBilinear], types: Sequence[DType]
) -> Graph:
    size = st.integers(1, 9)
    shape = (draw(st.integers(1, 2)), draw(size), draw(size), draw(st.integers(1, 3)))
    image = of_type(draw, "image", shape, draw(st.sampled_from(types)))
    align, half = draw(st.sampled_from([(False, False), (True, False), (False, True)]))
    return moved(kind((draw(st.integers(1, 20)), draw(st.integers(1, 20))), align, half), image)


def cases(graph: Graph, seed: int, count: int = 3) -> list[list[Array]]:
    """Inputs over the whole range of each type."""
    random = np.random.default_rng(seed)
    return [[values(graph.tensors[name], random) for name in graph.inputs] for _ in range(count)]


def values(tensor: Tensor, random: np.random.Generator) -> Array:
    if tensor.dtype.is_float:
        return random.normal(0, 3, tensor.shape).astype(np.float32)
    low, high = tensor.dtype.range
    return random.integers(low, high + 1, tensor.shape).astype(tensor.dtype.numpy)
