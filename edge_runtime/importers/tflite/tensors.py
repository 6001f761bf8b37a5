"""From the tensors of a .tflite file to those of a graph."""

from __future__ import annotations

import math

import numpy as np

from edge_runtime.graph import Array, DType, Kind, Quantization, Tensor
from edge_runtime.importers.tflite.file import FileTensor
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.nibbles import unpack_nibbles

_TYPES = {dtype.value: dtype for dtype in DType}


def graph_tensor(name: str, tensor: FileTensor) -> Tensor:
    """The tensor of a graph for one of a file; UnsupportedError if there can be none."""
    quantization = _quantization(tensor)
    if tensor.raw is None:
        kind = Kind.STATE if tensor.is_variable else Kind.ACTIVATION
        return Tensor(name, tensor.shape, _dtype(tensor), kind, quantization)
    return Tensor.constant(name, constant_values(tensor), quantization, _dtype(tensor))


def is_dynamic(tensor: FileTensor) -> bool:
    """Whether the file leaves sizes other than the batch open."""
    return any(size == -1 for size in tensor.signature[1:])


def refuse_dynamic(tensor: FileTensor) -> None:
    """UnsupportedError for an input of which the file leaves sizes open."""
    if is_dynamic(tensor):
        raise UnsupportedError(
            f"shape {tensor.signature} is dynamic; allowed: fixed sizes, but for a batch of 1",
            "give the model fixed input shapes before converting it",
        )


def constant_values(tensor: FileTensor) -> Array:
    """The data of a constant; UnsupportedError where they do not fit its shape and type."""
    kept = _dtype(tensor)
    needed = -(-math.prod(tensor.shape) * kept.bits // 8)
    if min(tensor.shape, default=1) < 1 or tensor.raw is None or tensor.raw.size != needed:
        held = 0 if tensor.raw is None else tensor.raw.size
        raise UnsupportedError(
            f"shape {tensor.shape} of {tensor.type} takes {needed} bytes, the file holds {held}"
        )
    if kept is DType.INT4:
        return unpack_nibbles(tensor.raw, math.prod(tensor.shape)).reshape(tensor.shape)
    dtype = kept.numpy.newbyteorder("<")
    values = np.frombuffer(tensor.raw.tobytes(), dtype).reshape(tensor.shape)
    if np.isnan(values).any():
        raise UnsupportedError("it holds values that are no numbers")
    return values


def _dtype(tensor: FileTensor) -> DType:
    if tensor.type not in _TYPES:
        raise UnsupportedError(
            f"type {tensor.type} is not supported; allowed: {', '.join(_TYPES)}",
            "convert the model to int8 or float32",
        )
    return _TYPES[tensor.type]


def _quantization(tensor: FileTensor) -> Quantization | None:
    if not tensor.scales or _dtype(tensor).is_float:
        return None
    points = tensor.zero_points or (0,)
    if len(points) == 1:
        points = points * len(tensor.scales)
    if len(points) != len(tensor.scales):
        raise UnsupportedError(f"it has {len(tensor.scales)} scales, but {len(points)} zero points")
    if len(tensor.scales) == 1:
        return Quantization(tensor.scales, points)
    sizes = dict(enumerate(tensor.shape))
    if sizes.get(tensor.axis) != len(tensor.scales):
        raise UnsupportedError(
            f"it has {len(tensor.scales)} scales along dimension {tensor.axis} of {tensor.shape}"
        )
    return Quantization(tensor.scales, points, tensor.axis)
