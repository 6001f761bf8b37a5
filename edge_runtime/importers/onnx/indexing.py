"""Elements picked and placed by index, and arithmetic of whole numbers that has no kernel."""

from __future__ import annotations

import math

import numpy as np
import onnx

from edge_runtime.graph import Array, DType, Shape
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.constants import bounded
from edge_runtime.importers.onnx.steps import Recipe, Steps
from edge_runtime.importers.onnx.values import Known, Placed, axis_in
from edge_runtime.importers.unsupported import UnsupportedError


def is_whole(build: Builder, name: str) -> bool:
    """Whether a value is an activation of int32: a number or an index, and nothing quantized."""
    value = build.value(name)
    return isinstance(value, Placed) and build.tensor(value.tensor).dtype is DType.INT32


def _strides(shape: Shape) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _gather_elements(steps: Steps) -> None:
    """GatherElements as a Gather of single elements, by their places in the input laid out flat."""
    node, given, wanted = steps.node, steps.shape(), steps.shape(1)
    axis, strides = steps.axis("axis", 0), _strides(given)
    if len(wanted) != len(given):
        raise UnsupportedError(f"indices of shape {wanted} for an input of shape {given}")
    places = np.indices(bounded(wanted), np.int32)
    rest = sum(
        (places[other] * strides[other] for other in range(len(given)) if other != axis),
        np.zeros(wanted, np.int32),
    )
    index = _from_front(steps, node.inputs[1], given[axis])
    if strides[axis] != 1:
        index = steps("Mul", index, _like(steps, np.int64(strides[axis]), index))
    flat = steps("Add", index, _like(steps, rest.astype(np.int64), index))
    source = steps("Reshape", node.inputs[0], steps.integers([-1]))
    steps("Gather", source, flat, output=node.outputs[0])


def _like(steps: Steps, values: Array | np.int64, name: str) -> str:
    return steps("CastLike", steps.constant(np.asarray(values)), name)


def _from_front(steps: Steps, name: str, size: int) -> str:
    """Indices that count from the end, counted from the front."""
    if isinstance(known := steps.build.value(name), Known):
        return steps.constant(np.where(known.array < 0, known.array + size, known.array))
    negative = steps("Less", name, _like(steps, np.int64(0), name))
    moved = steps("Add", name, _like(steps, np.int64(size), name))
    return steps("Where", negative, moved, name)


def _gather_nd(steps: Steps) -> None:
    """GatherND by constant indices, as a Gather over the axes that they are of."""
    node, given = steps.node, steps.shape()
    indices = steps.build.known(node.input(1)).array
    depth = indices.shape[-1] if indices.ndim else 0
    if node.integer("batch_dims", 0) or not 0 < depth <= len(given):
        raise UnsupportedError(f"indices of shape {indices.shape} and batch_dims; allowed: none")
    flat = _flat(indices, given[:depth])
    rows = (math.prod(given[:depth]), *given[depth:])
    source = steps("Reshape", node.inputs[0], steps.integers(rows))
    steps("Gather", source, steps.constant(flat), output=node.outputs[0])


def _flat(indices: Array, shape: Shape) -> Array:
    """Indices (..., axes) of axes of `shape` as one, along all of them."""
    sizes = np.asarray(shape)
    if not ((-sizes <= indices) & (indices < sizes)).all():
        raise UnsupportedError(f"its indices are outside of {shape}")
    places = np.where(indices < 0, indices + sizes, indices)
    return np.asarray((places * np.asarray(_strides(shape))).sum(-1), np.int64)


def _scatter_nd(steps: Steps) -> None:
    given = steps.shape()
    indices = steps.build.known(steps.node.input(1)).array
    depth = indices.shape[-1] if indices.ndim else 0
    if not 0 < depth <= len(given):
        raise UnsupportedError(f"indices of shape {indices.shape} for an input of shape {given}")
    inner = np.arange(math.prod(given[depth:]))
    starts = _flat(indices, given[:depth]).reshape(-1, 1) * len(inner)
    _placed(steps, (starts + inner).ravel())


def _scatter_elements(steps: Steps) -> None:
    given = steps.shape()
    indices = steps.build.known(steps.node.input(1)).array
    axis = steps.axis("axis", 0)
    if indices.ndim != len(given):
        raise UnsupportedError(f"indices of shape {indices.shape} for an input of shape {given}")
    places = np.indices(indices.shape)
    places[axis] = indices
    _placed(steps, _flat(np.moveaxis(places, 0, -1), given).ravel())


def _placed(steps: Steps, places: Array) -> None:
    """The input with the updates at these places, picked from both by constant indices."""
    node, given = steps.node, steps.shape()
    if node.text("reduction", "none") != "none":
        raise UnsupportedError("it combines updates; allowed: reduction none")
    if places.size != math.prod(steps.shape(2)):
        raise UnsupportedError(f"updates have the shape {steps.shape(2)}")
    count = math.prod(bounded(given))
    picked = np.arange(count)
    picked[places] = count + np.arange(places.size)
    both = [steps("Reshape", node.inputs[i], steps.integers([-1])) for i in (0, 2)]
    made = steps("Gather", steps("Concat", *both, axis=0), steps.constant(picked))
    steps("Reshape", made, steps.integers(given), output=node.outputs[0])


def _first(steps: Steps) -> None:
    """TopK of one element: the extreme, and where it stands."""
    node = steps.node
    count = int(steps.build.number(node.input(1))) if node.input(1) else node.integer("k", 0)
    if count != 1:
        raise UnsupportedError(f"k is {count}; allowed: 1", "end the model before it")
    axis = axis_in(node.integer("axis", -1), len(steps.shape()))
    end = "Max" if node.integer("largest", 1) else "Min"
    if node.output(0):
        axes = steps.integers([axis])
        steps(f"Reduce{end}", node.inputs[0], axes, output=node.output(0))
    if node.output(1):
        steps(f"Arg{end}", node.inputs[0], axis=axis, output=node.output(1))


def _whole_clip(steps: Steps) -> None:
    """Clip of int32: the larger, then the smaller of it and a bound."""
    node, name = steps.node, steps.node.inputs[0]
    for operation, index in (("Max", 1), ("Min", 2)):
        if node.input(index):
            name = steps(operation, name, node.input(index))
    steps("Identity", name, output=node.outputs[0])


def _in_float(steps: Steps) -> None:
    """An operation on int32, in float32, which is exact up to 2**24."""
    node = steps.node
    single = steps("Cast", node.inputs[0], to=onnx.TensorProto.FLOAT)
    made = steps(node.operation, single, *node.inputs[1:], **node.attributes)
    steps("Cast", made, to=onnx.TensorProto.INT32, output=node.outputs[0])


RECIPES: dict[str, Recipe] = {
    "Clip": _whole_clip,
    "CumSum": _in_float,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "ReduceMax": _in_float,
    "ReduceMin": _in_float,
    "ReduceProd": _in_float,
    "ReduceSum": _in_float,
    "Scatter": _scatter_elements,  # Its name before operator set 11.
    "ScatterElements": _scatter_elements,
    "ScatterND": _scatter_nd,
    "TopK": _first,
}
"""Those that also have a converter are for whole numbers, which the converters leave alone."""
