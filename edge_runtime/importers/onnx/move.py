"""Operations that move elements: concatenate, slice, split, pad, repeat, gather."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from edge_runtime import ops
from edge_runtime.graph import Array, DType, Op, Shape
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.constants import bounded
from edge_runtime.importers.onnx.elementwise import leading
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import (
    Axes,
    Known,
    Placed,
    Value,
    axis_in,
    channels_last,
    natural,
    shape_of,
    sizes,
)
from edge_runtime.importers.unsupported import UnsupportedError


def concat(build: Builder, node: FileNode) -> Placed:
    """Concat, of constants too."""
    found = {name: build.value(name) for name in node.inputs}
    operands = [name for name in node.inputs if 0 not in shape_of(found[name])]
    values = [found[name] for name in operands]
    lead = leading(values)
    axis = axis_in(node.integer("axis", 0), lead.rank)
    shapes = [shape_of(value) for value in values]
    if any(len(shape) != lead.rank for shape in shapes):
        raise UnsupportedError("its operands differ in their number of axes")
    if len(values) == 1:
        return lead
    tensors = [
        build.broadcast(name, value, lead.axes)
        for name, value in zip(operands, values, strict=True)
    ]
    op = ops.Concat(lead.dimension(axis))
    made = build.emit(node, op, tensors, node.outputs[0])
    return _resized(lead, made, axis, sum(shape[axis] for shape in shapes))


def _resized(value: Placed, tensor: str, axis: int, size: int) -> Placed:
    shape = list(value.shape)
    shape[axis] = size
    return Placed(tensor, tuple(shape), value.axes)


def slice_(build: Builder, node: FileNode) -> Value:
    """Slice; its bounds are attributes before operator set 10, then constant inputs."""
    value = build.placed(node.input(0))
    if node.has("starts"):
        starts, ends = node.integers("starts", ()), node.integers("ends", ())
        axes = node.integers("axes", range(len(starts)))
        steps: Sequence[int] = (1,) * len(starts)
    else:
        starts, ends = build.integers(node.input(1)), build.integers(node.input(2))
        axes = build.integers(node.input(3)) if node.input(3) else tuple(range(len(starts)))
        steps = build.integers(node.input(4)) if node.input(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise UnsupportedError("its starts, ends, axes and steps do not fit one another")
    taken = [range(size) for size in value.shape]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = axis_in(axis, value.rank)
        taken[place] = range(value.shape[place])[start:end:step]
    return part(build, node.outputs[0], value, taken, node.name)


def part(
    build: Builder, output: str, value: Placed, taken: Sequence[range], node: str = ""
) -> Value:
    """The elements of `value` at these places along each of ONNX's axes; none are a constant."""
    if not all(taken):
        dtype = build.tensor(value.tensor).dtype.numpy
        return Known(np.empty(tuple(map(len, taken)), dtype))
    places = [range(1) if axis is None else taken[axis] for axis in value.axes]
    shape = tuple(len(place) for place in taken)
    op = ops.Slice(
        tuple(place.start for place in places),
        tuple(len(place) for place in places),
        tuple(place.step for place in places),
    )
    if all(place == range(size) for place, size in zip(taken, value.shape, strict=True)):
        return value
    return Placed(build.emit(node or output, op, [value.tensor], output), shape, value.axes)


def _some(value: Value) -> Placed:
    if isinstance(value, Known):
        raise UnsupportedError("nothing is left of its input")
    return value


def split(build: Builder, node: FileNode) -> list[Value]:
    """Split, as a slice for each output that is asked for."""
    lengths = build.integers(node.input(1)) if node.input(1) else node.integers("split", ())
    value = build.placed(node.input(0))
    axis = axis_in(node.integer("axis", 0), value.rank)
    size, count = value.shape[axis], node.integer("num_outputs", len(node.outputs))
    if count != len(node.outputs):
        raise UnsupportedError(f"num_outputs is {count}; it has {len(node.outputs)}")
    if not lengths:
        each = -(-size // count)
        lengths = tuple(min(each, size - each * index) for index in range(count))
    if sum(lengths) != size or min(lengths) < 0 or len(lengths) < len(node.outputs):
        raise UnsupportedError(f"{size} elements cannot be split into {lengths}")
    made: list[Value] = []
    start = 0
    for output, length in zip(node.outputs, lengths, strict=False):
        taken = [range(whole) for whole in value.shape]
        taken[axis] = range(start, start + length)
        start += length
        made.append(part(build, output, value, taken) if output else value)
    return made


def pad(build: Builder, node: FileNode) -> Placed:
    """Pad: with one value, which a pass may make a part of what reads it, or with the edges."""
    value = build.placed(node.input(0))
    pads = build.integers(node.input(1)) if node.input(1) else node.integers("pads", ())
    axes = build.integers(node.input(3)) if node.input(3) else tuple(range(value.rank))
    if len(pads) != 2 * len(axes):
        raise UnsupportedError(f"pads are {pads}; allowed: {2 * len(axes)} of them")
    widths = [(0, 0)] * value.rank
    for axis, before, after in zip(axes, pads, pads[len(axes) :], strict=False):
        widths[axis_in(axis, value.rank)] = (before, after)
    if any(min(width) < 0 for width in widths):
        cut = [
            range(max(0, -before), size - max(0, -after))
            for size, (before, after) in zip(value.shape, widths, strict=True)
        ]
        value = _some(part(build, f"{node.outputs[0]}_cut", value, cut))
        widths = [(max(0, before), max(0, after)) for before, after in widths]
    return _padded(build, node, value, widths, node.text("mode", "constant"))


def _padded(
    build: Builder, node: FileNode, value: Placed, widths: list[tuple[int, int]], mode: str
) -> Placed:
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise UnsupportedError(f"its mode is {mode}; allowed: constant, reflect, edge, wrap")
    if not any(map(any, widths)):
        return value
    if mode in ("edge", "wrap"):
        for axis, width in enumerate(widths):
            if any(width):
                value = picked(build, node, value, axis, _beyond(value.shape[axis], width, mode))
        return value
    before = tuple(0 if axis is None else widths[axis][0] for axis in value.axes)
    after = tuple(0 if axis is None else widths[axis][1] for axis in value.axes)
    fill = _fill(build, node, value)
    op: Op = ops.MirrorPad(before, after) if mode == "reflect" else ops.Pad(before, after, fill)
    made = build.emit(node, op, [value.tensor], node.outputs[0])
    shape = tuple(size + sum(width) for size, width in zip(value.shape, widths, strict=True))
    return Placed(made, shape, value.axes)


def _beyond(size: int, width: tuple[int, int], mode: str) -> Array:
    """The places that stand in for those before and after an axis, and its own between them."""
    bounded((size + sum(width),))
    places = np.arange(-width[0], size + width[1])
    return np.clip(places, 0, size - 1) if mode == "edge" else places % size


def _fill(build: Builder, node: FileNode, value: Placed) -> float:
    """The stored value that Pad fills with."""
    if not node.input(2):
        return node.number("value", 0.0)
    fill = build.number(node.input(2))
    unsigned = build.known(node.input(2)).array.dtype == np.uint8
    # What ONNX stores as uint8 is int8 here.
    return fill - 128 if unsigned and build.tensor(value.tensor).dtype is DType.INT8 else fill


def picked(build: Builder, node: FileNode, value: Placed, axis: int, places: Array) -> Placed:
    """The elements at `places` along an axis, by a slice where they are evenly spaced."""
    steps = np.unique(np.diff(places))
    if len(places) and len(steps) <= 1 and (not len(steps) or steps[0]):
        step = int(steps[0]) if len(steps) else 1
        taken = [range(size) for size in value.shape]
        taken[axis] = range(int(places[0]), int(places[-1]) + (1 if step > 0 else -1), step)
        return _some(part(build, node.outputs[0], value, taken, node.name))
    indices = build.constant(f"{node.name}_indices", places.astype(np.int32))
    op = ops.Gather(value.dimension(axis))
    made = build.emit(node, op, [value.tensor, indices], node.outputs[0])
    return _resized(value, made, axis, len(places))


def gather(build: Builder, node: FileNode) -> Placed:
    """Gather: an embedding where the table is constant, a slice where the indices are."""
    table, indices = build.value(node.input(0)), build.value(node.input(1))
    axis = axis_in(node.integer("axis", 0), len(shape_of(table)))
    if isinstance(table, Placed) and isinstance(indices, Known):
        return _gathered(build, node, table, axis, indices.array)
    if isinstance(table, Placed):
        source, axes, shape = table.tensor, table.axes, table.shape
    else:
        shape = table.array.shape
        axes = natural(len(shape))
        source = build.broadcast(node.input(0), table, axes)
    rank = len(shape_of(indices))
    places = build.broadcast(node.input(1), indices, natural(rank))
    op = ops.Gather(axes.index(axis))
    made = build.emit(node, op, [source, places], node.outputs[0])
    return Placed(
        made,
        (*shape[:axis], *shape_of(indices), *shape[axis + 1 :]),
        tuple(new for old in axes for new in _moved(old, axis, rank)),
    )


def _moved(old: int | None, axis: int, rank: int) -> Axes:
    """The axes that stand for an old one, when `axis` is replaced by `rank` others."""
    if old == axis:
        return tuple(range(axis, axis + rank))
    return (old + rank - 1 if old is not None and old > axis else old,)


def _gathered(build: Builder, node: FileNode, table: Placed, axis: int, indices: Array) -> Placed:
    size = table.shape[axis]
    if indices.dtype.kind not in "iu" or not ((-size <= indices) & (indices < size)).all():
        raise UnsupportedError(f"its indices are outside the {size} elements of axis {axis}")
    places = np.where(indices < 0, indices + size, indices)
    made = picked(build, node, table, axis, places.ravel())
    shape = (*table.shape[:axis], *indices.shape, *table.shape[axis + 1 :])
    return build.reshaped(made, shape, f"{node.outputs[0]}_gathered")


def compress(build: Builder, node: FileNode) -> Placed:
    """Compress by a constant condition."""
    value = build.placed(node.input(0))
    axis = axis_in(node.integer("axis", 0), value.rank)
    if not node.has("axis"):
        raise UnsupportedError("it has no axis", "flatten its input, and give an axis")
    return picked(build, node, value, axis, np.flatnonzero(build.known(node.input(1)).array))


def expand(build: Builder, node: FileNode) -> Placed:
    """Expand to a constant shape."""
    wanted = build.integers(node.input(1))
    value = build.placed(node.input(0))
    try:
        shape: Shape = np.broadcast_shapes(value.shape, wanted)
    except ValueError as error:
        raise UnsupportedError(f"{value.shape} cannot be expanded to {wanted}") from error
    value = build.widened(value, len(shape))
    if shape == value.shape:
        return value
    op = ops.BroadcastTo(sizes(value.axes, shape))
    return Placed(build.emit(node, op, [value.tensor], node.outputs[0]), shape, value.axes)


def tile(build: Builder, node: FileNode) -> Placed:
    """Tile, so many times along each axis."""
    value = build.placed(node.input(0))
    repeats = build.integers(node.input(1))
    if len(repeats) != value.rank or min(repeats, default=1) < 1:
        raise UnsupportedError(f"repeats are {repeats}; allowed: {value.rank}, all positive")
    op = ops.Tile(tuple(1 if axis is None else repeats[axis] for axis in value.axes))
    made = build.emit(node, op, [value.tensor], node.outputs[0])
    shape = tuple(size * times for size, times in zip(value.shape, repeats, strict=True))
    return Placed(made, shape, value.axes)


def space_to_depth(build: Builder, node: FileNode) -> Placed:
    """SpaceToDepth of an image."""
    value = _image(build, node)
    tensor = build.arranged(value, channels_last(4))
    block = node.integer("blocksize", 0)
    made = build.emit(node, ops.SpaceToDepth(block), [tensor], node.outputs[0])
    if node.text("mode", "DCR") == "CRD":
        made = _swapped(build, made, block**2, value.shape[1])
    return build.image(made, 4)


def depth_to_space(build: Builder, node: FileNode) -> Placed:
    """DepthToSpace of an image; in mode CRD (PyTorch's pixel shuffle) channels come first."""
    value = _image(build, node)
    tensor = build.arranged(value, channels_last(4))
    block = node.integer("blocksize", 0)
    depth = value.shape[1]
    if block < 1 or depth % block**2:
        raise UnsupportedError(f"{depth} channels cannot become blocks of {block} x {block}")
    if node.text("mode", "DCR") == "CRD" and depth > block**2:
        tensor = _swapped(build, tensor, depth // block**2, block**2)
    return build.image(build.emit(node, ops.DepthToSpace(block), [tensor], node.outputs[0]), 4)


def _swapped(build: Builder, tensor: str, outer: int, inner: int) -> str:
    """An NHWC tensor whose channels, outer * inner of them, come in the order inner * outer."""
    whole = build.tensor(tensor).shape
    apart = (math.prod(whole[:3]), outer, inner)
    made = build.move(ops.Reshape(apart), tensor, f"{tensor}_blocks")
    made = build.move(ops.Transpose((0, 2, 1)), made, f"{tensor}_swapped")
    return build.move(ops.Reshape(whole), made, f"{tensor}_pixels")


def _image(build: Builder, node: FileNode) -> Placed:
    value = build.placed(node.input(0))
    if value.rank != 4:
        raise UnsupportedError(f"input has the shape {value.shape}; allowed: 4 dimensions")
    return value


CONVERTERS: dict[str, Converter] = {
    "Compress": compress,
    "Concat": concat,
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Gather": gather,
    "Pad": pad,
    "Slice": slice_,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Tile": tile,
}
