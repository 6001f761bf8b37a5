"""Pools over sequences and images."""

from __future__ import annotations

from dataclasses import replace

from edge_runtime import ops
from edge_runtime.graph import Op, Window
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import Placed, channels_last
from edge_runtime.importers.onnx.window import in_ceiling, kernel_of, window
from edge_runtime.importers.unsupported import UnsupportedError


def max_pool(build: Builder, node: FileNode) -> Placed:
    """MaxPool, without the indices it can also give."""
    if any(node.outputs[1:]):
        raise UnsupportedError("its indices are asked for; allowed: the maxima only")
    value, kernel = _operands(build, node)
    slide = window(node, value.shape[2:], node.integers("kernel_shape", ()))
    return _slid(build, node, value, ops.MaxPool2D(kernel, slide))


def average_pool(build: Builder, node: FileNode) -> Placed:
    """AveragePool, in which padding counts or does not.

    Where it counts and ceil_mode lets windows reach beyond it, it is made a node of its own: ONNX
    counts the padding, but not what lies behind it.
    """
    value, kernel = _operands(build, node)
    slide = window(node, value.shape[2:], node.integers("kernel_shape", ()))
    padded = any((*slide.pad_before, *slide.pad_after))
    if not padded or not node.integer("count_include_pad", 0):
        return _slid(build, node, value, ops.AveragePool2D(kernel, slide))
    given = in_ceiling(node, value.shape[2:])
    if given is None:
        return _slid(build, node, value, ops.AveragePool2D(kernel, slide, count_include_pad=True))
    before, after = given
    axes = channels_last(value.rank)
    pad = ops.Pad((0, *before, 0), (0, *after, 0))
    tensor = build.move(pad, build.arranged(value, axes), f"{value.tensor}_padded")
    beyond = (slide.pad_after[0] - after[0], slide.pad_after[1] - after[1])
    op = ops.AveragePool2D(kernel, Window(slide.stride, slide.dilation, (0, 0), beyond))
    return _emitted(build, node, replace(value, tensor=tensor, axes=axes), op)


def _operands(build: Builder, node: FileNode) -> tuple[Placed, tuple[int, int]]:
    value = build.placed(node.input(0))
    if value.rank not in (3, 4):
        raise UnsupportedError(
            f"input has the shape {value.shape}; allowed: 3 or 4 dimensions, of which the last one"
            " or two are slid over"
        )
    return value, kernel_of(node, value.rank - 2)


def _slid(build: Builder, node: FileNode, value: Placed, op: Op) -> Placed:
    axes = channels_last(value.rank)
    return _emitted(build, node, replace(value, tensor=build.arranged(value, axes), axes=axes), op)


def _emitted(build: Builder, node: FileNode, value: Placed, op: Op) -> Placed:
    made = build.emit(node, op, [value.tensor], node.outputs[0])
    return build.image(made, value.rank)


CONVERTERS: dict[str, Converter] = {"AveragePool": average_pool, "MaxPool": max_pool}
