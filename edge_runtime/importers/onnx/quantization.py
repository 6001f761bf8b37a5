"""QuantizeLinear and DequantizeLinear, on activations and on constants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_runtime.graph import Array, DType, Quantization, Shape
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.file import FileNode
from edge_runtime.importers.onnx.values import Known, Stored, Value
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Dequantize, Quantize

_UNSIGNED_OFFSET = 128
"""uint8 with zero point z means the same as int8 with z - 128, every stored value 128 less."""


def quantize_linear(build: Builder, node: FileNode) -> Value:
    """QuantizeLinear to 8 bits."""
    value = build.value(node.input(0))
    if isinstance(value, Known):
        return _quantized(build, node, value)
    grid, unsigned = _grid(build, node, value.shape)
    if unsigned is None:
        raise UnsupportedError("the result is not 8 bits wide; allowed: int8, uint8")
    if grid.axis is not None:
        raise UnsupportedError("activations have scales along an axis; allowed: one scale")
    made = build.emit(
        node, Quantize(), [value.tensor], node.outputs[0], dtype=DType.INT8, quantization=grid
    )
    return replace(value, tensor=made)


def dequantize_linear(build: Builder, node: FileNode) -> Value:
    """DequantizeLinear of 8 bits, or of a constant of 32."""
    value = build.value(node.input(0))
    if isinstance(value, Known):
        return _dequantized(build, node, value)
    tensor = build.tensor(value.tensor)
    grid, _ = _grid(build, node, value.shape)
    if tensor.dtype is not DType.INT8:
        raise UnsupportedError(
            f"input {tensor.name} is {tensor.dtype.value}; allowed: int8",
            "give the model float32 or int8 inputs",
        )
    if tensor.quantization is None:
        build.annotate(tensor.name, grid)
    elif tensor.quantization != grid:
        raise UnsupportedError("its scale or zero point is not that of the quantization before it")
    made = build.emit(node, Dequantize(), [tensor.name], node.outputs[0], dtype=DType.FLOAT32)
    return replace(value, tensor=made)


def _quantized(build: Builder, node: FileNode, value: Known) -> Known:
    """A constant put on a grid; halves go to even, as ONNX has it."""
    grid, unsigned = _grid(build, node, value.array.shape)
    if unsigned is None:
        raise UnsupportedError("the result is not 8 bits wide; allowed: int8, uint8")
    ratio = np.rint(value.array / _along(grid.scales, grid, value.array.ndim))
    stored = np.clip(ratio + _along(grid.zero_points, grid, value.array.ndim), -128, 127)
    integers = stored.astype(np.int16) + (_UNSIGNED_OFFSET if unsigned else 0)
    return Known(integers.astype(np.uint8 if unsigned else np.int8))


def _dequantized(build: Builder, node: FileNode, value: Known) -> Known:
    integers = value.array
    if integers.dtype.name not in ("int8", "uint8", "int32"):
        raise UnsupportedError(
            f"input {node.input(0)} is {integers.dtype.name}; allowed: int8, uint8, int32"
        )
    grid, unsigned = _grid(build, node, integers.shape, integers.dtype.name)
    if unsigned:
        integers = (integers.astype(np.int16) - _UNSIGNED_OFFSET).astype(np.int8)
    offset = _along(grid.zero_points, grid, integers.ndim)
    real = (integers - offset) * _along(grid.scales, grid, integers.ndim)
    return Known(real.astype(np.float32), Stored(integers, grid))


def _along(values: tuple[float, ...], grid: Quantization, rank: int) -> Array:
    shape = [1] * rank
    if grid.axis is not None:
        shape[grid.axis] = len(values)
    return np.asarray(values, np.float64).reshape(shape)


def _grid(
    build: Builder, node: FileNode, shape: Shape, stored: str = ""
) -> tuple[Quantization, bool | None]:
    """Scales and int8 zero points, and whether the file's integers are uint8 (None: wider)."""
    if node.integer("block_size", 0):
        raise UnsupportedError("scales by blocks are not supported")
    scales = build.known(node.input(1)).array.astype(np.float32)
    if node.input(2):
        points = build.known(node.input(2)).array
    else:
        points = np.zeros(scales.shape, stored or "uint8")
    if points.size != scales.size or scales.ndim > 1:
        raise UnsupportedError(f"scales {scales.shape} and zero points {points.shape} do not match")
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        bad = scales.ravel()[~(np.isfinite(scales) & (scales > 0)).ravel()][0]
        raise UnsupportedError(f"scale {bad} is not a positive finite number")
    unsigned = {"uint8": True, "int8": False}.get(points.dtype.name)
    shifted = points.astype(np.int64) - (_UNSIGNED_OFFSET if unsigned else 0)
    axis = _axis(node, shape, scales.size) if scales.size > 1 else None
    grid = Quantization(tuple(scales.ravel().tolist()), tuple(shifted.ravel().tolist()), axis)
    return grid, unsigned


def _axis(node: FileNode, shape: Shape, count: int) -> int:
    axis = node.integer("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    if not 0 <= axis < len(shape) or shape[axis] != count:
        raise UnsupportedError(f"{count} scales do not fit axis {axis} of {shape}")
    return axis
