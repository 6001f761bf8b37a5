"""Operations that give elements another shape or order, and constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edge_runtime.graph import Shape
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.file import FileNode, decode
from edge_runtime.importers.onnx.values import Known, Placed, Value
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Pad


def identity(build: Builder, node: FileNode) -> Value:
    """Identity, and Dropout at inference."""
    if len([name for name in node.outputs if name]) > 1:
        raise UnsupportedError("its mask is asked for; allowed: the values only")
    return build.value(node.input(0))


def transpose(build: Builder, node: FileNode) -> Value:
    """Transpose: only the account of which axis lies where changes."""
    value = build.value(node.input(0))
    rank = value.array.ndim if isinstance(value, Known) else value.rank
    order = node.integers("perm", range(rank)[::-1])
    if sorted(order) != list(range(rank)):
        raise UnsupportedError(f"perm {order} does not permute {rank} axes")
    if isinstance(value, Known):
        return value.transposed(order)
    axes = tuple(None if axis is None else order.index(axis) for axis in value.axes)
    return Placed(value.tensor, tuple(value.shape[axis] for axis in order), axes)


def reshape(build: Builder, node: FileNode) -> Value:
    """Reshape to a constant shape, where 0 copies a size and -1 takes what is left."""
    value = build.value(node.input(0))
    wanted = list(build.integers(node.input(1)))
    given = value.array.shape if isinstance(value, Known) else value.shape
    if not node.integer("allowzero", 0):
        wanted = [given[i] if w == 0 and i < len(given) else w for i, w in enumerate(wanted)]
    return _reshaped(build, node, value, _resolved(given, wanted))


def flatten(build: Builder, node: FileNode) -> Value:
    """Flatten to two dimensions around an axis."""
    value = build.placed(node.input(0))
    axis = node.integer("axis", 1)
    axis = axis + value.rank if axis < 0 else axis
    if not 0 <= axis <= value.rank:
        raise UnsupportedError(f"axis {axis} is not among the {value.rank} of the input")
    rows = int(np.prod(value.shape[:axis], dtype=object))
    return _reshaped(build, node, value, _resolved(value.shape, [rows, -1]))


def squeeze(build: Builder, node: FileNode) -> Value:
    """Squeeze: axes of size 1 leave the account, elements stay where they are."""
    value = build.value(node.input(0))
    given = value.array.shape if isinstance(value, Known) else value.shape
    axes = _axes(build, node, len(given)) or {i for i, size in enumerate(given) if size == 1}
    if any(axis >= len(given) or given[axis] != 1 for axis in axes):
        raise UnsupportedError(f"axes {sorted(axes)} of shape {given} are not of size 1")
    left = [axis for axis in range(len(given)) if axis not in axes]
    shape = tuple(given[axis] for axis in left)
    if isinstance(value, Known):
        return _reshaped(build, node, value, shape)
    kept = tuple(None if a is None or a in axes else left.index(a) for a in value.axes)
    return Placed(value.tensor, shape, kept)


def unsqueeze(build: Builder, node: FileNode) -> Value:
    """Unsqueeze: axes of size 1 put in."""
    value = build.value(node.input(0))
    given = value.array.shape if isinstance(value, Known) else value.shape
    count = len(node.integers("axes", ())) or len(build.integers(node.input(1)))
    axes = _axes(build, node, len(given) + count)
    if len(axes) != count or any(axis >= len(given) + count for axis in axes):
        raise UnsupportedError(f"axes {sorted(axes)} do not fit {len(given)} dimensions")
    sizes = iter(given)
    shape = tuple(1 if i in axes else next(sizes) for i in range(len(given) + count))
    return _reshaped(build, node, value, shape)


def pad(build: Builder, node: FileNode) -> Placed:
    """Pad with one value; a pass makes it a part of what reads it."""
    value = build.placed(node.input(0))
    mode = node.text("mode", "constant")
    if mode != "constant":
        raise UnsupportedError(f"its mode is {mode}; allowed: constant")
    fill = node.number("value", 0.0)
    if node.input(2):
        fill = float(build.known(node.input(2)).array.reshape(-1)[0])
    pads = build.integers(node.input(1)) if node.input(1) else node.integers("pads", ())
    axes = build.integers(node.input(3)) if node.input(3) else tuple(range(value.rank))
    if len(pads) != 2 * len(axes) or min(pads, default=0) < 0:
        raise UnsupportedError(f"pads are {pads}; allowed: {2 * len(axes)}, none negative")
    before, after = [0] * len(value.axes), [0] * len(value.axes)
    for axis, front, back in zip(axes, pads, pads[len(axes) :], strict=False):
        dimension = value.dimension(axis % value.rank)
        before[dimension], after[dimension] = front, back
    op = Pad(tuple(before), tuple(after), fill)
    made = build.emit(node, op, [value.tensor], node.outputs[0])
    sizes = dict(zip(value.axes, build.tensor(made).shape, strict=True))
    return replace(value, tensor=made, shape=tuple(sizes[axis] for axis in range(value.rank)))


def constant(build: Builder, node: FileNode) -> Known:
    """Constant, in any of its forms but strings and sparse ones."""
    if node.has("value"):
        return Known(decode(node.tensor("value"), build.file.folder))
    for attribute, dtype in (
        ("value_float", np.float32),
        ("value_floats", np.float32),
        ("value_int", np.int64),
        ("value_ints", np.int64),
    ):
        if node.has(attribute):
            return Known(np.asarray(node.plain(attribute), dtype))
    raise UnsupportedError("it holds no number")


def shape_of(build: Builder, node: FileNode) -> Known:
    """Shape, known here for every value."""
    value = build.value(node.input(0))
    given = value.array.shape if isinstance(value, Known) else value.shape
    start, end = node.integer("start", 0), node.integer("end", len(given))
    return Known(np.asarray(given[start:end], np.int64))


def fold(build: Builder, node: FileNode) -> Known:
    """The result of a small node of constants, by ONNX's reference evaluator."""
    from onnx.reference import ReferenceEvaluator

    arrays = {name: build.known(name).array for name in node.inputs if name}
    if sum(array.size for array in arrays.values()) > 1024:
        raise UnsupportedError("it computes large constants", "fold them when exporting the model")
    try:
        evaluator: Any = ReferenceEvaluator(node.proto, opsets={"": build.file.opset})
        return Known(np.asarray(evaluator.run(None, arrays)[0]))
    except Exception as error:  # It raises whatever NumPy does, and kinds of its own.
        raise UnsupportedError(f"it cannot be computed: {error}") from error


def _axes(build: Builder, node: FileNode, rank: int) -> set[int]:
    """The attribute or the input `axes`, counted from the front."""
    axes = build.integers(node.input(1)) if node.input(1) else node.integers("axes", ())
    if any(not -rank <= axis < rank for axis in axes):
        raise UnsupportedError(f"axes {axes} are not among {rank}")
    return {axis + rank if axis < 0 else axis for axis in axes}


def _resolved(given: Shape, wanted: Sequence[int]) -> Shape:
    elements = int(np.prod(given, dtype=object))
    known = int(np.prod([size for size in wanted if size != -1], dtype=object))
    if wanted.count(-1) > 1 or (-1 in wanted and (known < 1 or elements % known)):
        raise UnsupportedError(f"shape {given} cannot become {tuple(wanted)}")
    shape = tuple(elements // known if size == -1 else size for size in wanted)
    if min(shape, default=1) < 1 or int(np.prod(shape, dtype=object)) != elements:
        raise UnsupportedError(f"shape {given} cannot become {tuple(wanted)}")
    return shape


def _reshaped(build: Builder, node: FileNode, value: Value, shape: Shape) -> Value:
    if isinstance(value, Placed):
        if shape == value.shape:
            return value
        return build.reshaped(value, shape, node.outputs[0])
    stored = value.stored
    if stored is not None and stored.quantization.axis is None:
        stored = replace(stored, integers=stored.integers.reshape(shape))
    elif stored is not None and shape != value.array.shape:
        stored = None
    return Known(value.array.reshape(shape), stored)
