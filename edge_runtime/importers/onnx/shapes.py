"""Operations that give elements another shape or order, and constants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx
import onnx.helper

from edge_runtime.graph import Shape
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.constants import bounded, decode
from edge_runtime.importers.onnx.functions import OWN_DOMAIN
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.steps import Recipe, Steps
from edge_runtime.importers.onnx.values import Known, Placed, Value, shape_of
from edge_runtime.importers.unsupported import UnsupportedError


def identity(build: Builder, node: FileNode) -> Value:
    """Identity."""
    return build.value(node.input(0))


def dropout(build: Builder, node: FileNode) -> list[Value]:
    """Dropout at inference, which drops nothing."""
    value = build.value(node.input(0))
    training = bool(build.number(node.input(2))) if node.input(2) else False
    ratio = build.number(node.input(1)) if training and node.input(1) else 0.5
    if training and ratio > 0:
        raise UnsupportedError("it is in training mode", "export the model for inference")
    if not node.output(1):
        return [value]
    return [value, Known(np.ones(bounded(shape_of(value)), bool))]


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


def reshape(build: Builder, node: FileNode) -> Value | None:
    """Reshape to a constant shape, where 0 copies a size and -1 takes what is left.

    None where it ends a group normalization.
    """
    value = build.value(node.input(0))
    wanted = list(build.integers(node.input(1)))
    given = shape_of(value)
    if not node.integer("allowzero", 0):
        wanted = [given[i] if w == 0 and i < len(given) else w for i, w in enumerate(wanted)]
    shape = _resolved(given, wanted)
    if isinstance(value, Placed) and ends_group_normalization(build, node, shape):
        return None
    return _reshaped(build, node, value, shape)


def ends_group_normalization(build: Builder, node: FileNode, shape: Shape) -> bool:
    """Whether it undoes a reshape around an InstanceNormalization, as PyTorch writes groups."""
    inner = build.file.maker(node.input(0))
    outer = build.file.maker(inner.input(0)) if inner else None
    if not inner or not outer:
        return False
    names = (inner.operation, outer.operation)
    if names != ("InstanceNormalization", "Reshape"):
        return False
    value = build.value(outer.input(0))
    return isinstance(value, Placed) and value.shape == shape and value.rank > 2


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
    given = shape_of(value)
    axes = _axes(build, node, len(given)) or {i for i, size in enumerate(given) if size == 1}
    if any(given[axis] != 1 for axis in axes):
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
    given = shape_of(value)
    count = len(node.integers("axes", ())) or len(build.integers(node.input(1)))
    axes = _axes(build, node, len(given) + count)
    if len(axes) != count:
        raise UnsupportedError(f"axes {sorted(axes)} do not fit {len(given)} dimensions")
    sizes = iter(given)
    shape = tuple(1 if i in axes else next(sizes) for i in range(len(given) + count))
    return _reshaped(build, node, value, shape)


def constant_of_shape(build: Builder, node: FileNode) -> Known:
    """ConstantOfShape of a shape that is not known, which is refused."""
    return build.known(node.input(0))


def eye_like(build: Builder, node: FileNode) -> Known:
    """EyeLike, which reads nothing but a shape."""
    value = build.value(node.input(0))
    shape = shape_of(value)
    if len(shape) != 2:
        raise UnsupportedError(f"input has the shape {shape}; allowed: 2 dimensions")
    number = node.integer("dtype", build.type_of(node.input(0)).tensor_type.elem_type)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(number)
    rows, columns = bounded(shape)
    return Known(np.eye(rows, columns, node.integer("k", 0), dtype))


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


def shape(build: Builder, node: FileNode) -> Known:
    """Shape, known here for every value."""
    given = shape_of(build.value(node.input(0)))
    start, end = node.integer("start", 0), node.integer("end", len(given))
    return Known(np.asarray(given[start:end], np.int64))


def size(build: Builder, node: FileNode) -> Known:
    """Size: how many elements a value has."""
    return Known(np.asarray(math.prod(shape_of(build.value(node.input(0)))), np.int64))


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
        return build.reshaped(value, shape, node.outputs[0])
    stored = value.stored
    if stored is not None and stored.quantization.axis is None:
        stored = replace(stored, integers=stored.integers.reshape(shape))
    elif stored is not None and shape != value.array.shape:
        stored = None
    return Known(value.array.reshape(shape), stored)


def group_normalization(steps: Steps) -> None:
    """The group normalization that a Reshape ends."""
    inner = steps.build.file.maker(steps.node.inputs[0])
    outer = steps.build.file.maker(inner.inputs[0]) if inner else None
    if inner is None or outer is None:
        raise UnsupportedError("it ends no group normalization")
    groups = shape_of(steps.build.value(inner.inputs[1]))[0]
    epsilon = inner.number("epsilon", 1e-5)
    normalize = "GroupNormalization"
    source, scale, bias = outer.inputs[0], *inner.inputs[1:3]
    output = steps.node.outputs[0]
    steps(normalize, source, scale, bias, num_groups=groups, epsilon=epsilon, output=output)


RECIPES: dict[str, Recipe] = {"Reshape": group_normalization}

CONSTANT_TOO: dict[str, Converter] = {
    "Constant": constant,
    "Dropout": dropout,
    "Identity": identity,
    "Reshape": reshape,
    "Shape": shape,
    "Size": size,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    # Our own exporter's way to make QuantizeLinear round as the integer kernels do anyway.
    f"{OWN_DOMAIN}.AwayFromZero": identity,
    f"{OWN_DOMAIN}.Requantize": identity,
}
"""Operations whose inputs may be constants."""

CONVERTERS: dict[str, Converter] = {
    "ConstantOfShape": constant_of_shape,
    "EyeLike": eye_like,
    "Flatten": flatten,
}
