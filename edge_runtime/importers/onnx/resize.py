"""Resize, in every mode of ONNX.

A resize is a linear map along each axis. Its matrix is what ONNX's reference evaluator makes of the
identity, so that coordinates, modes and rounding need not be known here. Where both axes of an
image agree with one of TFLite's two operations, that one is taken; else elements are gathered
(nearest) or multiplied by the matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnx.helper

from edge_runtime import ops
from edge_runtime.graph import Array, Shape
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.constants import bounded
from edge_runtime.importers.onnx.move import picked
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import Placed, axis_in, channels_last
from edge_runtime.importers.unsupported import UnsupportedError

MOST_WEIGHTS = 1 << 16
"""Elements of a matrix that stands for a resize along one axis."""


@dataclass(frozen=True)
class _Axis:
    """A resize along one axis: `size` elements, and what makes them."""

    size: int
    scale: float | None
    wanted: int | None


def resize(build: Builder, node: FileNode) -> Placed:
    """Resize by constant scales or to constant sizes."""
    value = build.placed(node.input(0))
    mode = node.text("coordinate_transformation_mode", "half_pixel")
    if mode == "tf_crop_and_resize":
        raise UnsupportedError(f"its coordinate mode is {mode}", "slice the input, then resize it")
    changed: dict[int, Array] = {}
    for axis, how in _axes(build, node, value).items():
        matrix = _matrix(node, how)
        if matrix is not None:
            changed[axis] = matrix
    if value.rank in (3, 4) and not {0, 1} & changed.keys() and changed:
        image = _as_image(build, node, value, changed)
        if image is not None:
            return image
    for axis, matrix in changed.items():
        value = _along(build, node, value, axis, matrix)
    return value


def _axes(build: Builder, node: FileNode, value: Placed) -> dict[int, _Axis]:
    old = node.opset < 11
    scales = node.input(1 if old else 2)
    sizes = "" if old else node.input(3)
    factors = build.known(scales).array.ravel() if scales else np.empty(0)
    wanted = build.integers(sizes) if sizes else ()
    count = len(wanted) or len(factors)
    axes = [axis_in(axis, value.rank) for axis in node.integers("axes", range(value.rank))]
    if not count or count != len(axes):
        raise UnsupportedError(f"{count} scales or sizes for {len(axes)} axes")
    given = [value.shape[axis] for axis in axes]
    if wanted:
        policy = node.text("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            ratios = [w / g for w, g in zip(wanted, given, strict=True)]
            ratio = min(ratios) if policy == "not_larger" else max(ratios)
            factors = np.full(count, ratio)
            wanted = tuple(math.floor(ratio * size + 0.5) for size in given)
        return {
            axis: _Axis(size, float(factors[i]) if len(factors) else None, wanted[i])
            for i, (axis, size) in enumerate(zip(axes, given, strict=True))
        }
    return {
        axis: _Axis(size, float(factor), None)
        for axis, size, factor in zip(axes, given, factors, strict=True)
    }


def _matrix(node: FileNode, how: _Axis) -> Array | None:
    """The matrix (outputs, inputs) of a resize along one axis; None if it changes nothing."""
    from onnx.reference import ReferenceEvaluator

    made = how.wanted if how.wanted is not None else math.floor(how.size * (how.scale or 0))
    if made == how.size and how.scale in (1.0, None):
        return None
    if made < 1:
        raise UnsupportedError(f"it makes {made} elements of {how.size}")
    bounded((made, how.size))
    bounded((how.size, how.size))
    kept = {
        key: value
        for key, value in node.attributes.items()
        if key not in ("axes", "keep_aspect_ratio_policy")
    }
    if node.opset < 11:
        kept["coordinate_transformation_mode"] = "asymmetric"
        kept["nearest_mode"] = "floor"
    by_scale = how.wanted is None
    names = ["x", "", "s"] if by_scale else ["x", "", "", "s"]
    proto = onnx.helper.make_node("Resize", names, ["y"], **kept)
    amount = [1.0, how.scale or 1.0] if by_scale else [how.size, made]
    try:
        evaluator: Any = ReferenceEvaluator(proto, opsets={"": max(node.opset, 13)})
        # Each row of the identity is resized alone, so that antialiasing and edges stay linear.
        rows = evaluator.run(
            None,
            {
                "x": np.eye(how.size, dtype=np.float32),
                "s": np.array(amount, np.float32 if by_scale else np.int64),
            },
        )[0]
    except Exception as error:  # It raises whatever NumPy does, and kinds of its own.
        raise UnsupportedError(f"it cannot be computed: {error}") from error
    matrix = np.asarray(rows, np.float32).T
    same = matrix.shape == (how.size, how.size) and np.array_equal(matrix, np.eye(how.size))
    return None if same else matrix


def _as_image(
    build: Builder, node: FileNode, value: Placed, changed: dict[int, Array]
) -> Placed | None:
    """The image resized by an operation of TFLite's; None where neither makes the same."""
    axes = channels_last(value.rank)
    # Height and width by ONNX's axes; a sequence has no height.
    places = {2: 1} if value.rank == 3 else {2: 0, 3: 1}
    size = [1, value.shape[2]] if value.rank == 3 else list(value.shape[2:])
    for axis, matrix in changed.items():
        size[places[axis]] = len(matrix)
    candidates = [
        kind((size[0], size[1]), align, half)
        for align, half in ((False, False), (False, True), (True, False))
        for kind in (ops.ResizeNearest, ops.ResizeBilinear)
    ]
    for op in candidates:
        if all(
            np.allclose(_made_by(op, places[axis], matrix.shape[1]), matrix, atol=1e-6)
            for axis, matrix in changed.items()
        ):
            tensor = build.arranged(value, axes)
            return build.image(build.emit(node, op, [tensor], node.outputs[0]), value.rank)
    return None


def _made_by(op: ops.ResizeNearest | ops.ResizeBilinear, axis: int, size: int) -> Array:
    """The matrix of one of our own operations along height (0) or width (1)."""
    made = op.size[axis]
    matrix = np.zeros((made, size))
    places = np.arange(made)
    if isinstance(op, ops.ResizeNearest):
        matrix[places, op.sources(axis, size)] = 1
        return matrix
    blend = op.blend(axis, size)
    np.add.at(matrix, (places, blend.first), 1 - blend.share)
    np.add.at(matrix, (places, blend.second), blend.share)
    return matrix


def _along(build: Builder, node: FileNode, value: Placed, axis: int, matrix: Array) -> Placed:
    """The value multiplied by `matrix` along an axis, whatever lies before and behind it."""
    if np.isin(matrix, (0, 1)).all() and (matrix.sum(1) == 1).all():
        return picked(build, node, value, axis, matrix.argmax(1))
    if matrix.size > MOST_WEIGHTS:
        raise UnsupportedError(
            f"its mode makes a matrix of {matrix.shape[0]} x {matrix.shape[1]}; allowed:"
            f" {MOST_WEIGHTS} elements",
            "use mode nearest or linear with half_pixel, align_corners or asymmetric coordinates",
        )
    dimension = value.dimension(axis)
    shape = build.tensor(value.tensor).shape
    pages, columns = math.prod(shape[:dimension]), math.prod(shape[dimension + 1 :])
    rows: Shape = (pages, shape[dimension], columns)
    name = f"{node.outputs[0]}_{axis}"
    tensor = build.move(ops.Reshape(rows), value.tensor, f"{name}_rows")
    weights = build.constant(f"{name}_weights", matrix.reshape(1, *matrix.shape))
    made = build.emit(node, ops.BatchMatMul(), [weights, tensor], f"{name}_product")
    whole = (*shape[:dimension], len(matrix), *shape[dimension + 1 :])
    result = build.move(ops.Reshape(whole), made, name)
    resized = list(value.shape)
    resized[axis] = len(matrix)
    return replace(value, tensor=result, shape=tuple(resized))


CONVERTERS: dict[str, Converter] = {"Resize": resize}
