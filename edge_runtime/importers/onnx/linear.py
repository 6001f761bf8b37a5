"""Conv, ConvTranspose, Gemm, MatMul and BatchNormalization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime import ops
from edge_runtime.graph import Array, Op, Quantization, Shape, Window
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import (
    Axes,
    Known,
    Placed,
    Value,
    channels_last,
    last,
    natural,
    shape_of,
)
from edge_runtime.importers.onnx.window import pads_of, pair_of, two, window
from edge_runtime.importers.unsupported import UnsupportedError


def convolution(build: Builder, node: FileNode) -> Placed:
    """Conv over sequences or images, of all channels, in groups, or each by itself."""
    value, weights, kernel = _kernels(build, node)
    channels, out = value.shape[1], weights.array.shape[0]
    group = node.integer("group", 1)
    if group < 1 or channels % group or weights.array.shape[1] != channels // group:
        raise UnsupportedError(
            f"{channels} channels in {group} groups meet weights of {weights.array.shape[1]}"
        )
    slide = window(node, value.shape[2:], kernel)
    if group == channels > 1 and out % channels == 0:
        op: Op = ops.DepthwiseConv2D(window=slide)
        weights = weights.transposed((1, 2, 3, 0))
    else:
        op = ops.Conv2D(window=slide)
        weights = weights.transposed((0, 2, 3, 1))
    return _convolved(build, node, op, value, weights, out)


def _kernels(build: Builder, node: FileNode) -> tuple[Placed, Known, Shape]:
    """The input, the weights of an image, and the kernel's size as ONNX has it."""
    value = build.placed(node.input(0))
    weights = build.known(node.input(1))
    if value.rank not in (3, 4) or weights.array.ndim != value.rank:
        raise UnsupportedError(
            f"input and weights have the shapes {value.shape} and {weights.array.shape}; allowed:"
            " both of 3 dimensions, or both of 4"
        )
    kernel = weights.array.shape[2:]
    if node.integers("kernel_shape", kernel) != kernel:
        raise UnsupportedError(f"kernel_shape is not that of the weights, {kernel}")
    return value, weights.with_axis(2) if value.rank == 3 else weights, kernel


def _convolved(
    build: Builder, node: FileNode, op: Op, value: Placed, weights: Known, out: int
) -> Placed:
    operands = [
        build.arranged(value, channels_last(value.rank)),
        _weights(build, node.input(1), weights),
        *_bias(build, node.input(2), out),
    ]
    return build.image(build.emit(node, op, operands, node.outputs[0]), value.rank)


def transposed_convolution(build: Builder, node: FileNode) -> Placed:
    """ConvTranspose over sequences or images."""
    value, weights, kernel = _kernels(build, node)
    group, channels = node.integer("group", 1), value.shape[1]
    if group < 1 or channels % group or weights.array.shape[0] != channels:
        raise UnsupportedError(
            f"{channels} channels in {group} groups meet weights of {weights.array.shape[0]}"
        )
    each = weights.array.shape[1]
    if group > 1:
        # (groups, inputs, outputs, height, width), of which the inputs go last.
        split = weights.array.reshape(group, channels // group, *weights.array.shape[1:])
        array = np.moveaxis(split, 1, -1).reshape(group * each, *weights.array.shape[2:], -1)
        weights = Known(np.ascontiguousarray(array))
    else:
        weights = weights.transposed((1, 2, 3, 0))
    size, slide = _spread(node, value.shape[2:], kernel)
    op = ops.TransposeConv2D(window=slide, size=size)
    return _convolved(build, node, op, value, weights, group * each)


def _spread(node: FileNode, size: Sequence[int], kernel: Sequence[int]) -> tuple[Shape2, Window]:
    """The size that a ConvTranspose makes, and the window of the convolution it turns round."""
    rank = len(size)
    stride, dilation = pair_of(node, "strides", rank), pair_of(node, "dilations", rank)
    extra = two(node.integers("output_padding", (0,) * rank), 0)
    wanted = node.integers("output_shape", ())
    given, reach = two(size), two(kernel)
    # Without padding; each element is spread over the kernel's reach.
    whole = [
        (given[i] - 1) * stride[i] + (reach[i] - 1) * dilation[i] + 1 + extra[i] for i in (0, 1)
    ]
    automatic = node.text("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER") or wanted:
        goal = two(wanted[-rank:]) if wanted else (given[0] * stride[0], given[1] * stride[1])
        total = [max(0, whole[i] - goal[i]) for i in (0, 1)]
        # The odd element goes to the end, but for SAME_LOWER.
        before = [-(-t // 2) if automatic == "SAME_LOWER" else t // 2 for t in total]
        made = goal
    else:
        pads = ((0, 0), (0, 0)) if automatic == "VALID" else pads_of(node, rank)
        before = list(pads[0])
        made = (whole[0] - sum(p[0] for p in pads), whole[1] - sum(p[1] for p in pads))
    return made, Window(stride, dilation, (before[0], before[1]))


Shape2 = tuple[int, int]


def gemm(build: Builder, node: FileNode) -> Placed | None:
    """Gemm with constant B and one summand a column, as a fully connected layer.

    None for any other, which is a MatMul and an Add.
    """
    first, second = build.value(node.input(0)), build.value(node.input(1))
    third = build.value(node.input(2)) if node.input(2) else None
    if isinstance(first, Known) or isinstance(second, Placed) or isinstance(third, Placed):
        return None
    if first.rank != 2 or second.array.ndim != 2:
        raise UnsupportedError(
            f"A and B have the shapes {first.shape} and {second.array.shape}; allowed: 2 dimensions"
        )
    if node.integer("transA", 0):
        order = tuple(None if axis is None else 1 - axis for axis in first.axes)
        first = Placed(first.tensor, first.shape[::-1], order)
    weights = second if node.integer("transB", 0) else second.transposed((1, 0))
    weights = _scaled(weights, node.number("alpha", 1.0))
    columns = weights.array.shape[0]
    if third is None:
        return _matrix(build, node, first, 1, weights)
    summand = _scaled(third, node.number("beta", 1.0)).array
    if summand.size not in (1, columns) or summand.size != max(summand.shape[-1:], default=1):
        return None
    bias = build.constant(node.input(2), np.broadcast_to(summand.reshape(-1), (columns,)))
    return _matrix(build, node, first, 1, weights, [bias])


def matmul(build: Builder, node: FileNode) -> Placed:
    """MatMul of an activation and a constant matrix, or of any two operands."""
    first, second = build.value(node.input(0)), build.value(node.input(1))
    inner = shape_of(first)[-1:], (shape_of(second)[-2:] or (0,))[0:1]
    if not all(inner) or inner[0] != inner[1]:
        raise UnsupportedError(
            f"{shape_of(first)} and {shape_of(second)} cannot be multiplied:"
            f" {(*inner[0], 0)[0]} columns meet {(*inner[1], 0)[0]} rows"
        )
    if isinstance(first, Placed) and isinstance(second, Known) and second.array.ndim == 2:
        return _matrix(build, node, first, first.rank - 1, second.transposed((1, 0)))
    if isinstance(first, Known) and isinstance(second, Placed) and first.array.ndim == 2:
        axis = max(second.rank - 2, 0)
        if second.axes[-1] == axis:
            return _matrix(build, node, second, axis, first, name=node.input(0))
    return _product(build, node, first, second)


def _matrix(
    build: Builder,
    node: FileNode,
    value: Placed,
    axis: int,
    weights: Known,
    bias: Sequence[str] = (),
    *,
    name: str = "",
) -> Placed:
    """The rows of `value` along `axis`, each multiplied by weights (outputs, inputs)."""
    if value.shape[axis] != weights.array.shape[1]:
        raise UnsupportedError(
            f"{value.shape[axis]} columns meet {weights.array.shape[1]} rows of weights"
        )
    axes = last(value.axes, axis)
    tensor = build.arranged(value, axes)
    flat = len(axes) < 2
    if flat:
        tensor = build.move(ops.Reshape((1, *value.shape)), tensor, f"{tensor}_row")
    op = ops.FullyConnected(keep_dims=len(axes) > 2)
    operands = [tensor, _weights(build, name or node.input(1), weights), *bias]
    made = build.emit(node, op, operands, f"{node.outputs[0]}_row" if flat else node.outputs[0])
    if flat:
        made = build.move(ops.Reshape((weights.array.shape[0],)), made, node.outputs[0])
    shape = list(value.shape)
    shape[axis] = weights.array.shape[0]
    return Placed(made, tuple(shape), axes)


def _product(build: Builder, node: FileNode, first: Value, second: Value) -> Placed:
    """Matrix products of any two operands, whose leading axes are broadcast."""
    left, right = _as_matrix(build, first, 0), _as_matrix(build, second, -1)
    (a, transpose_a), (b, transpose_b) = (
        _pages(build, name, value) for name, value in zip(node.inputs, (left, right), strict=True)
    )
    made = build.emit(node, ops.BatchMatMul(transpose_a, transpose_b), [a, b], node.outputs[0])
    shape = build.tensor(made).shape
    value = Placed(made, shape, natural(len(shape)))
    kept = shape[:-2] + (() if len(shape_of(first)) == 1 else shape[-2:-1])
    kept += () if len(shape_of(second)) == 1 else shape[-1:]
    return build.reshaped(value, kept, f"{node.outputs[0]}_flat")


def _as_matrix(build: Builder, value: Value, place: int) -> Value:
    """An operand of one axis with another of size 1, before it (0) or behind it (-1)."""
    shape = shape_of(value)
    if len(shape) != 1:
        return value
    wide = (1, *shape) if place == 0 else (*shape, 1)
    if isinstance(value, Known):
        return Known(value.array.reshape(wide))
    return build.reshaped(value, wide, f"{value.tensor}_matrix")


def _pages(build: Builder, name: str, value: Value) -> tuple[str, bool]:
    """A tensor whose last dimensions are the last two axes, and whether they are swapped."""
    rank = len(shape_of(value))
    plain = natural(rank)
    swapped: Axes = (*plain[:-2], rank - 1, rank - 2)
    if isinstance(value, Placed):
        for axes in (plain, swapped):
            if value.moved() == Placed("", value.shape, axes).moved():
                return build.arranged(value, axes), axes is swapped
    return build.broadcast(name, value, plain), False


def batch_normalization(build: Builder, node: FileNode) -> Placed:
    """BatchNormalization as one factor and one summand a channel; a pass folds it further."""
    value = build.placed(node.input(0))
    if len([name for name in node.outputs if name]) > 1 or node.integer("training_mode", 0):
        raise UnsupportedError("it is in training mode", "export the model for inference")
    gamma, beta, mean, variance = (
        build.known(node.input(index)).array.astype(np.float64).reshape(-1) for index in range(1, 5)
    )
    if value.rank < 2 or len({len(gamma), len(beta), len(mean), len(variance)}) != 1:
        raise UnsupportedError("its parameters differ in length")
    deviation = np.sqrt(variance + node.number("epsilon", 1e-5))
    if not (deviation > 0).all():
        raise UnsupportedError("a variance is not positive")
    scale = gamma / deviation
    return per_channel(build, node, value, scale, beta - mean * scale)


def per_channel(
    build: Builder, node: FileNode, value: Placed, scale: Array, shift: Array
) -> Placed:
    """scale * value + shift along ONNX's axis 1, as a depthwise convolution of single pixels."""
    if len(scale) != value.shape[1]:
        raise UnsupportedError(f"{len(scale)} factors meet {value.shape[1]} channels")
    axes = last(value.axes, 1)
    placed = replace(value, tensor=build.arranged(value, axes), axes=axes)
    weights = scale.astype(np.float32).reshape(1, 1, 1, -1)
    operands = [
        build.constant(f"{node.name}_scale", weights),
        build.constant(f"{node.name}_shift", shift.astype(np.float32)),
    ]
    return as_image(build, node, placed, ops.DepthwiseConv2D(), operands)


def as_image(
    build: Builder, node: FileNode, value: Placed, op: Op, constants: Sequence[str] = ()
) -> Placed:
    """Apply an operation that keeps the shape of images to a value of any shape."""
    tensor = build.tensor(value.tensor)
    if len(tensor.shape) == 4:
        made = build.emit(node, op, [value.tensor, *constants], node.outputs[0])
        return replace(value, tensor=made)
    channels = tensor.shape[-1] if tensor.shape else 1
    image = (1, 1, math.prod(tensor.shape) // channels, channels)
    flat = build.move(ops.Reshape(image), value.tensor, f"{value.tensor}_image")
    made = build.emit(node, op, [flat, *constants], f"{node.outputs[0]}_image")
    return replace(value, tensor=build.move(ops.Reshape(tensor.shape), made, node.outputs[0]))


def _weights(build: Builder, name: str, weights: Known) -> str:
    """A float constant; its scales, where it has some, tell which integers it stands for."""
    grid = None if weights.stored is None else weights.stored.quantization
    if weights.stored is not None and weights.stored.integers.dtype != np.int8:
        grid = None
    if grid is not None and len(grid.zero_points) > 1 and any(grid.zero_points):
        raise UnsupportedError(
            f"weights {name} have zero points other than 0 for each channel; allowed: 0, or one for"
            " all of them",
            "quantize weights symmetrically",
        )
    return build.constant(name, weights.array.astype(np.float32), grid)


def _bias(build: Builder, name: str, channels: int) -> list[str]:
    if not name:
        return []
    array = build.known(name).array
    if array.shape != (channels,):
        raise UnsupportedError(f"bias {name} has the shape {array.shape}, not ({channels},)")
    return [build.constant(name, array.astype(np.float32))]


def _scaled(value: Known, factor: float) -> Known:
    if factor == 1.0:
        return value
    array = (value.array.astype(np.float64) * factor).astype(np.float32)
    if value.stored is None or factor <= 0:
        return Known(array)
    grid = value.stored.quantization
    scales = tuple(float(np.float32(scale * factor)) for scale in grid.scales)
    scaled = Quantization(scales, grid.zero_points, grid.axis)
    return Known(array, replace(value.stored, quantization=scaled))


CONVERTERS: dict[str, Converter] = {
    "BatchNormalization": batch_normalization,
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "Gemm": gemm,
    "MatMul": matmul,
}
