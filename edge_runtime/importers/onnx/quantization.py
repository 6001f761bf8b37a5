"""QuantizeLinear and DequantizeLinear, on activations and on constants."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnx

from edge_runtime import ops
from edge_runtime.graph import Array, DType, Quantization, Shape
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import Known, Stored, Value, axis_in, shape_of
from edge_runtime.importers.unsupported import UnsupportedError

_UNSIGNED_OFFSET = 128
"""uint8 with zero point z means the same as int8 with z - 128, every stored value 128 less."""


def quantize_linear(build: Builder, node: FileNode) -> Value:
    """QuantizeLinear to int8, uint8 (which becomes int8), or int16."""
    value = build.value(node.input(0))
    grid = _grid(build, node, shape_of(value), _asked(build, node))
    if isinstance(value, Known):
        return _quantized(value, grid)
    if grid.quantization.axis is not None:
        raise UnsupportedError("activations have scales along an axis; allowed: one scale")
    made = build.emit(
        node,
        ops.Quantize(),
        [value.tensor],
        node.outputs[0],
        dtype=grid.dtype,
        quantization=grid.quantization,
    )
    return replace(value, tensor=made)


def dequantize_linear(build: Builder, node: FileNode) -> Value:
    """DequantizeLinear of int8, uint8 or int16, or of a constant of up to 32 bits."""
    value = build.value(node.input(0))
    if isinstance(value, Known):
        return _dequantized(build, node, value)
    tensor = build.tensor(value.tensor)
    stored = "" if node.input(2) else tensor.dtype.value
    grid = _grid(build, node, value.shape, stored)
    if tensor.dtype is DType.UINT8 and grid.stored == "uint8":
        tensor = build.tensor(_signed(build, value.tensor, grid))
    if tensor.dtype is not grid.dtype:
        raise UnsupportedError(
            f"input {tensor.name} is {tensor.dtype.value}; allowed: {grid.dtype.value}, the type"
            " of its zero point"
        )
    if tensor.quantization is None:
        build.annotate(tensor.name, grid.quantization)
    elif tensor.quantization != grid.quantization:
        raise UnsupportedError("its scale or zero point is not that of the quantization before it")
    made = build.emit(node, ops.Dequantize(), [tensor.name], node.outputs[0], dtype=DType.FLOAT32)
    return replace(value, tensor=made)


def _signed(build: Builder, name: str, grid: Grid) -> str:
    """The int8 tensor for a uint8 input of the model."""
    if build.tensor(name).quantization is None:
        zero = grid.quantization.zero_points[0] + _UNSIGNED_OFFSET
        build.annotate(name, Quantization(grid.quantization.scales, (zero,)))
    output = f"{name}_int8"
    return build.emit(
        output, ops.Quantize(), [name], output, dtype=DType.INT8, quantization=grid.quantization
    )


def _asked(build: Builder, node: FileNode) -> str:
    """The type that QuantizeLinear makes where no zero point tells it."""
    number = node.integer("output_dtype", 0)
    if node.input(2) or not number:
        return "" if node.input(2) else "uint8"
    known = onnx.TensorProto.DataType.items()
    return next((name.lower() for name, value in known if value == number), f"type {number}")


def _quantized(value: Known, grid: Grid) -> Known:
    """A constant put on a grid; halves go to even, as ONNX has it."""
    quantization, rank = grid.quantization, value.array.ndim
    ratio = np.rint(value.array / _along(quantization.scales, quantization, rank))
    stored = ratio + _along(quantization.zero_points, quantization, rank)
    integers = np.clip(stored, *grid.dtype.range).astype(np.int32)
    return Known((integers + grid.offset).astype(grid.stored))


def _dequantized(build: Builder, node: FileNode, value: Known) -> Known:
    name = value.array.dtype.name
    if name not in ("int8", "uint8", "int16", "uint16", "int32", "int4", "uint4"):
        raise UnsupportedError(
            f"input {node.input(0)} is {name}; allowed: int4 to int32, uint4 to uint16"
        )
    grid = _grid(build, node, value.array.shape, "" if node.input(2) else name)
    quantization = grid.quantization
    integers = value.array.astype(np.int32) - grid.offset
    offset = _along(quantization.zero_points, quantization, integers.ndim)
    real = (integers - offset) * _along(quantization.scales, quantization, integers.ndim)
    return Known(real.astype(np.float32), Stored(integers.astype(grid.dtype.value), quantization))


def _along(values: tuple[float, ...], grid: Quantization, rank: int) -> Array:
    shape = [1] * rank
    if grid.axis is not None:
        shape[grid.axis] = len(values)
    return np.asarray(values, np.float64).reshape(shape)


@dataclass(frozen=True)
class Grid:
    """What integers mean: those of the file, and those that stand for them here.

    Unsigned ones become signed: `offset` less, with the zero point as much less.
    """

    quantization: Quantization
    stored: str
    dtype: DType
    offset: int


_SIGNED = {
    "int4": (DType.INT8, 0),
    "uint4": (DType.INT8, 0),
    "int8": (DType.INT8, 0),
    "uint8": (DType.INT8, _UNSIGNED_OFFSET),
    "int16": (DType.INT16, 0),
    "uint16": (DType.INT16, 1 << 15),
    "int32": (DType.INT32, 0),
}


def _grid(build: Builder, node: FileNode, shape: Shape, stored: str) -> Grid:
    """The grid that a node names; `stored` is the file's type where it has no zero point."""
    if node.integer("block_size", 0):
        raise UnsupportedError("scales by blocks are not supported", "use one scale a channel")
    scales = build.known(node.input(1)).array.astype(np.float32)
    if node.input(2):
        points = build.known(node.input(2)).array
        stored = points.dtype.name
    else:
        points = np.zeros(scales.shape, np.int32)
    if points.size != scales.size or scales.ndim > 1:
        raise UnsupportedError(f"scales {scales.shape} and zero points {points.shape} do not match")
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        bad = scales.ravel()[~(np.isfinite(scales) & (scales > 0)).ravel()][0]
        rewrite = "give masks a finite value before calibration" if np.isinf(bad) else ""
        raise UnsupportedError(f"scale {bad} is not a positive finite number", rewrite)
    if stored not in _SIGNED:
        raise UnsupportedError(f"its integers are {stored}; allowed: {', '.join(_SIGNED)}")
    dtype, offset = _SIGNED[stored]
    shifted = points.astype(np.int64).ravel() - offset
    axis = _axis(node, shape, scales.size) if scales.size > 1 else None
    grid = Quantization(tuple(scales.ravel().tolist()), tuple(shifted.tolist()), axis)
    return Grid(grid, stored, dtype, offset)


def _axis(node: FileNode, shape: Shape, count: int) -> int:
    axis = axis_in(node.integer("axis", 1), len(shape))
    if shape[axis] != count:
        raise UnsupportedError(f"{count} scales do not fit axis {axis} of {shape}")
    return axis


CONSTANT_TOO: dict[str, Converter] = {
    "DequantizeLinear": dequantize_linear,
    "QuantizeLinear": quantize_linear,
    # ONNX Runtime's, from before ONNX had 16 bits.
    "com.microsoft.DequantizeLinear": dequantize_linear,
    "com.microsoft.QuantizeLinear": quantize_linear,
}
"""Operations whose inputs may be constants."""
