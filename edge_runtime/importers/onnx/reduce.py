"""Pools, means and softmax."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from edge_runtime.graph import Shape
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.file import FileNode
from edge_runtime.importers.onnx.pixels import last
from edge_runtime.importers.onnx.values import Axes, Placed, channels_last
from edge_runtime.importers.onnx.window import window
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import AveragePool2D, DepthwiseConv2D, MaxPool2D, Mean, Softmax

MOST_WEIGHTS = 1 << 20
"""Of what replaces an average pool in which padding counts: far more than a board would hold."""


def max_pool(build: Builder, node: FileNode) -> Placed:
    """MaxPool, without the indices it can also give."""
    if len([name for name in node.outputs if name]) > 1:
        raise UnsupportedError("its indices are asked for; allowed: the maxima only")
    return _pool(build, node, MaxPool2D)


def average_pool(build: Builder, node: FileNode) -> Placed:
    """AveragePool; where padding counts, a depthwise convolution by one over the window's area."""
    return _pool(build, node, AveragePool2D)


def _pool(
    build: Builder, node: FileNode, operation: type[MaxPool2D] | type[AveragePool2D]
) -> Placed:
    value = build.placed(node.input(0))
    if value.rank not in (3, 4):
        raise UnsupportedError(f"input has the shape {value.shape}; allowed: 3 or 4 dimensions")
    kernel = node.integers("kernel_shape", ())
    if len(kernel) != value.rank - 2:
        raise UnsupportedError(f"kernel_shape is {kernel}; allowed: {value.rank - 2} of them")
    slide = window(node, value.shape[2:], kernel)
    size = (kernel[0], kernel[1]) if len(kernel) == 2 else (1, kernel[0])
    tensor = build.arranged(value, channels_last(value.rank))
    padded = any((*slide.pad_before, *slide.pad_after))
    if operation is AveragePool2D and padded and node.integer("count_include_pad", 0):
        if node.integer("ceil_mode", 0):
            raise UnsupportedError("count_include_pad and ceil_mode together are not supported")
        shape = (1, *size, value.shape[1])
        if not 0 < math.prod(shape) <= MOST_WEIGHTS:
            raise UnsupportedError(
                f"count_include_pad makes weights of the shape {shape}; allowed: {MOST_WEIGHTS}",
                "leave count_include_pad out",
            )
        weights = np.full(shape, 1 / math.prod(size), np.float32)
        constant = build.constant(f"{node.name}_weights", weights)
        made = build.emit(node, DepthwiseConv2D(window=slide), [tensor, constant], node.outputs[0])
    else:
        made = build.emit(node, operation(size, slide), [tensor], node.outputs[0])
    batch, height, width, depth = build.tensor(made).shape
    result: Shape = (batch, depth, height, width) if value.rank == 4 else (batch, depth, width)
    return Placed(made, result, channels_last(value.rank))


def global_average_pool(build: Builder, node: FileNode) -> Placed:
    """GlobalAveragePool as a mean over all but batch and channels."""
    value = build.placed(node.input(0))
    return _mean(build, node, value, range(2, value.rank), keep_dims=True)


def reduce_mean(build: Builder, node: FileNode) -> Placed:
    """ReduceMean; its axes are an attribute up to operator set 17, an input from 18."""
    value = build.placed(node.input(0))
    axes = node.integers("axes", ())
    if node.input(1):
        axes = build.integers(node.input(1))
    if not axes and node.integer("noop_with_empty_axes", 0):
        return value
    given = {axis + value.rank if axis < 0 else axis for axis in axes} or range(value.rank)
    return _mean(build, node, value, given, keep_dims=bool(node.integer("keepdims", 1)))


def _mean(
    build: Builder, node: FileNode, value: Placed, given: object, *, keep_dims: bool
) -> Placed:
    axes = sorted(given)  # type: ignore[call-overload]
    if not axes or not 0 <= axes[0] <= axes[-1] < value.rank:
        raise UnsupportedError(f"axes {axes} are not among the {value.rank} of the input")
    over = tuple(sorted(value.dimension(axis) for axis in axes))
    made = build.emit(node, Mean(over, keep_dims), [value.tensor], node.outputs[0])
    if keep_dims:
        shape = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape))
        return Placed(made, shape, value.axes)
    left = [axis for axis in range(value.rank) if axis not in axes]
    kept: Axes = tuple(
        None if axis is None else left.index(axis) for axis in value.axes if axis not in axes
    )
    return Placed(made, tuple(value.shape[axis] for axis in left), kept)


def softmax(build: Builder, node: FileNode) -> Placed:
    """Softmax over one axis. Before operator set 13 it ran over all axes from `axis` on."""
    value = build.placed(node.input(0))
    old = build.file.opset < 13
    axis = node.integer("axis", 1 if old else -1)
    axis = axis + value.rank if axis < 0 else axis
    if not 0 <= axis < value.rank:
        raise UnsupportedError(f"axis {axis} is not among the {value.rank} of the input")
    if old and any(size != 1 for size in value.shape[axis + 1 :]):
        raise UnsupportedError(
            f"it runs over axes {axis} to {value.rank - 1} together; allowed: one axis",
            "reshape before it",
        )
    axes = last(value.axes, axis)
    made = build.emit(node, Softmax(), [build.arranged(value, axes)], node.outputs[0])
    return replace(value, tensor=made, axes=axes)
