"""Conv, Gemm, MatMul, BatchNormalization and the additions around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.graph import Array, DType, Quantization, Shape
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.file import FileNode
from edge_runtime.importers.onnx.pixels import as_image, last
from edge_runtime.importers.onnx.values import Known, Placed, channels_last, natural
from edge_runtime.importers.onnx.window import window
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Add, Conv2D, DepthwiseConv2D, Dequantize, FullyConnected


def convolution(build: Builder, node: FileNode) -> Placed:
    """Conv over sequences or images, all channels or each by itself."""
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
    if value.rank == 3:
        weights = weights.with_axis(2)
    channels, out = value.shape[1], weights.array.shape[0]
    group = node.integer("group", 1)
    slide = window(node, value.shape[2:], kernel)
    if group == 1:
        op: Conv2D | DepthwiseConv2D = Conv2D(window=slide)
        weights = weights.transposed((0, 2, 3, 1))
    elif group == channels and weights.array.shape[1] == 1 and out % channels == 0:
        op = DepthwiseConv2D(window=slide)
        weights = weights.transposed((1, 2, 3, 0))
    else:
        raise UnsupportedError(
            f"{group} groups of {channels} channels; allowed: 1 group, or as many as channels",
            "split the convolution, or make it depthwise and pointwise",
        )
    operands = [
        build.arranged(value, channels_last(value.rank)),
        _weights(build, node.input(1), weights),
        *_bias(build, node.input(2), out),
    ]
    made = build.emit(node, op, operands, node.outputs[0])
    batch, height, width, depth = build.tensor(made).shape
    shape: Shape = (batch, depth, height, width) if value.rank == 4 else (batch, depth, width)
    return Placed(made, shape, channels_last(value.rank))


def gemm(build: Builder, node: FileNode) -> Placed:
    """Gemm with constant B, as a fully connected layer."""
    value = build.placed(node.input(0))
    weights = build.known(node.input(1))
    if value.rank != 2 or weights.array.ndim != 2:
        raise UnsupportedError(f"A has the shape {value.shape}; allowed: 2 dimensions")
    if node.integer("transA", 0):
        raise UnsupportedError("A is transposed; allowed: transA = 0", "transpose it before")
    if not node.integer("transB", 0):
        weights = weights.transposed((1, 0))
    weights = _scaled(weights, node.number("alpha", 1.0))
    if not node.input(2):
        return _matrix(build, node, value, weights, [])
    summand = _scaled(build.known(node.input(2)), node.number("beta", 1.0))
    if summand.array.size not in (1, weights.array.shape[0]) or summand.array.size != max(
        summand.array.shape[-1:], default=1
    ):
        raise UnsupportedError(
            f"C has the shape {summand.array.shape}; allowed: one value for each column"
        )
    bias = np.broadcast_to(summand.array.reshape(-1), weights.array.shape[:1])
    return _matrix(build, node, value, weights, [build.constant(node.input(2), bias)])


def matmul(build: Builder, node: FileNode) -> Placed:
    """MatMul with a constant matrix on the right, as a fully connected layer."""
    value = build.placed(node.input(0))
    weights = build.known(node.input(1))
    if value.rank < 2 or weights.array.ndim != 2:
        raise UnsupportedError(
            f"operands have the shapes {value.shape} and {weights.array.shape}; allowed: an"
            " activation of 2 or more dimensions, and a constant of 2"
        )
    return _matrix(build, node, value, weights.transposed((1, 0)), [])


def _matrix(
    build: Builder, node: FileNode, value: Placed, weights: Known, bias: Sequence[str]
) -> Placed:
    if value.shape[-1] != weights.array.shape[1]:
        raise UnsupportedError(
            f"{value.shape[-1]} columns meet {weights.array.shape[1]} rows of weights"
        )
    tensor = build.arranged(value, natural(value.rank))
    op = FullyConnected(keep_dims=value.rank > 2)
    operands = [tensor, _weights(build, node.input(1), weights), *bias]
    made = build.emit(node, op, operands, node.outputs[0])
    return Placed(made, (*value.shape[:-1], weights.array.shape[0]), natural(value.rank))


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
    return as_image(build, node, placed, DepthwiseConv2D(), operands)


def add(build: Builder, node: FileNode) -> Placed:
    """Add of two activations, or of an activation and a constant."""
    first, second = build.value(node.input(0)), build.value(node.input(1))
    if isinstance(first, Known):
        first, second = second, first
    if isinstance(first, Known):
        raise UnsupportedError("both operands are constant")
    try:
        shape = np.broadcast_shapes(_shape(first), _shape(second))
    except ValueError as error:
        raise UnsupportedError("its operands cannot be broadcast") from error
    if len(shape) > first.rank:
        first = build.reshaped(first, _padded(first.shape, len(shape)), f"{first.tensor}_wide")
    left = build.arranged(first, first.axes)
    right = _operand(build, node.input(1), second, first)
    made = build.emit(node, Add(), [left, right], node.outputs[0])
    return Placed(made, shape, first.axes)


def _operand(build: Builder, name: str, value: Placed | Known, like: Placed) -> str:
    """The second operand, arranged like the first."""
    shape = _padded(_shape(value), like.rank)
    if isinstance(value, Placed):
        if shape != value.shape:
            value = build.reshaped(value, shape, f"{value.tensor}_wide")
        return build.arranged(value, like.axes)
    order = [axis for axis in like.axes if axis is not None]
    sizes = tuple(1 if axis is None else shape[axis] for axis in like.axes)
    stored = value.stored
    if stored is None:
        array = value.array.reshape(shape).transpose(order).reshape(sizes)
        return build.constant(name, array.astype(np.float32))
    integers = stored.integers.reshape(shape).transpose(order).reshape(sizes)
    constant = build.constant(f"{name}_stored", integers, stored.quantization)
    return build.emit(name, Dequantize(), [constant], name, dtype=DType.FLOAT32)


def _shape(value: Placed | Known) -> Shape:
    return value.shape if isinstance(value, Placed) else value.array.shape


def _padded(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape


def _weights(build: Builder, name: str, weights: Known) -> str:
    """A float constant; its scales, where it has some, tell which integers it stands for."""
    grid = None if weights.stored is None else weights.stored.quantization
    if weights.stored is not None and weights.stored.integers.dtype != np.int8:
        grid = None
    if grid is not None and any(grid.zero_points):
        raise UnsupportedError(
            f"weights {name} have a zero point other than 0, which int8 does not allow",
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
