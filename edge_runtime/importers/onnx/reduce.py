"""Reductions over axes, and operations along one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

from edge_runtime import ops
from edge_runtime.graph import DType, Op
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.indexing import is_whole
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.steps import reduced_axes
from edge_runtime.importers.onnx.values import Placed, axis_in, last
from edge_runtime.importers.unsupported import UnsupportedError


class _Reduction(Protocol):
    def __call__(self, axes: tuple[int, ...], keep_dims: bool) -> Op: ...


def _reduce(op: _Reduction, logical: _Reduction | None = None) -> Converter:
    """A reduction; `logical` is what serves booleans. None for whole numbers."""

    def convert(build: Builder, node: FileNode) -> Placed | None:
        axes = reduced_axes(build, node)
        value = build.placed(node.input(0))
        if not axes:
            return value
        if is_whole(build, node.input(0)) and op is not ops.Mean:
            return None
        make = op
        if build.tensor(value.tensor).dtype is DType.BOOL and logical is not None:
            make = logical
        return _over(build, node, value, axes, make, keep=bool(node.integer("keepdims", 1)))

    return convert


def _over(
    build: Builder,
    node: FileNode,
    value: Placed,
    axes: tuple[int, ...],
    op: _Reduction,
    *,
    keep: bool,
) -> Placed:
    dimensions = tuple(sorted(value.dimension(axis) for axis in axes))
    made = build.emit(node, op(dimensions, keep), [value.tensor], node.outputs[0])
    return value.reduced(made, axes, keep_dims=keep)


def global_average_pool(build: Builder, node: FileNode) -> Placed:
    """GlobalAveragePool as a mean over all but batch and channels."""
    value = build.placed(node.input(0))
    if value.rank < 3:
        raise UnsupportedError(f"input has the shape {value.shape}; allowed: 3 or more dimensions")
    return _over(build, node, value, tuple(range(2, value.rank)), ops.Mean, keep=True)


def _extreme(op: type[ops.ArgMax] | type[ops.ArgMin]) -> Converter:
    def convert(build: Builder, node: FileNode) -> Placed:
        value = build.placed(node.input(0))
        axis = axis_in(node.integer("axis", 0), value.rank)
        keep = bool(node.integer("keepdims", 1))
        latest = bool(node.integer("select_last_index", 0))
        made = build.emit(
            node,
            op(value.dimension(axis), keep, latest),
            [value.tensor],
            node.outputs[0],
            dtype=DType.INT32,
        )
        return value.reduced(made, (axis,), keep_dims=keep)

    return convert


def _softmax(op: type[ops.Softmax] | type[ops.LogSoftmax]) -> Converter:
    """Softmax over one axis. Before operator set 13 it ran over all axes from `axis` on."""

    def convert(build: Builder, node: FileNode) -> Placed:
        value = build.placed(node.input(0))
        old = node.opset < 13
        axis = axis_in(node.integer("axis", 1 if old else -1), value.rank)
        shape = value.shape
        if old and any(size != 1 for size in shape[axis + 1 :]):
            row = math.prod(shape[axis:])
            flat = build.reshaped(value, (*shape[:axis], row), f"{value.tensor}_rows")
            return build.reshaped(_along(build, node, flat, axis, op()), shape, node.outputs[0])
        return _along(build, node, value, axis, op())

    return convert


def _along(build: Builder, node: FileNode, value: Placed, axis: int, op: Op) -> Placed:
    axes = last(value.axes, axis)
    made = build.emit(node, op, [build.arranged(value, axes)], node.outputs[0])
    return replace(value, tensor=made, axes=axes)


def cumulative_sum(build: Builder, node: FileNode) -> Placed | None:
    """CumSum along a constant axis. None for whole numbers."""
    if is_whole(build, node.input(0)):
        return None
    value = build.placed(node.input(0))
    axis = axis_in(int(build.number(node.input(1))), value.rank)
    exclusive, reverse = (bool(node.integer(name, 0)) for name in ("exclusive", "reverse"))
    op = ops.CumSum(value.dimension(axis), exclusive, reverse)
    made = build.emit(node, op, [value.tensor], node.outputs[0])
    return replace(value, tensor=made)


CONVERTERS: dict[str, Converter] = {
    "ArgMax": _extreme(ops.ArgMax),
    "ArgMin": _extreme(ops.ArgMin),
    "CumSum": cumulative_sum,
    "GlobalAveragePool": global_average_pool,
    "LogSoftmax": _softmax(ops.LogSoftmax),
    "ReduceMax": _reduce(ops.ReduceMax, ops.ReduceAny),
    "ReduceMean": _reduce(ops.Mean),
    "ReduceMin": _reduce(ops.ReduceMin, ops.ReduceAll),
    "ReduceProd": _reduce(ops.ReduceProd),
    "ReduceSum": _reduce(ops.Sum),
    "Softmax": _softmax(ops.Softmax),
}
