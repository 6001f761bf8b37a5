"""Tensors of the file as arrays, those kept in files of their own included."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from edge_runtime.errors import ModelError
from edge_runtime.graph import Array, Shape
from edge_runtime.importers.unsupported import UnsupportedError

MOST_ELEMENTS = 1 << 22
"""Of a constant that is computed here: more than any microcontroller stores."""


def bounded(shape: Shape) -> Shape:
    """A shape of no more elements than that; UnsupportedError for a larger one."""
    if math.prod(shape) > MOST_ELEMENTS:
        raise UnsupportedError(f"it needs a constant of the shape {shape}, which is too large")
    return shape


def decode(tensor: Any, folder: Path) -> Array:
    """A tensor of the file as an array of its own type; UnsupportedError for strings and the like.

    `folder` is the model's: external data is read from nowhere else.
    """
    if any(size < 0 for size in tensor.dims):
        raise UnsupportedError(f"constant {tensor.name} has the shape {list(tensor.dims)}")
    if tensor.data_type == onnx.TensorProto.STRING:
        raise UnsupportedError(f"constant {tensor.name} holds strings")
    if tensor.data_type not in onnx.TensorProto.DataType.values():
        raise UnsupportedError(f"constant {tensor.name} is of the unknown type {tensor.data_type}")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        inline = onnx.TensorProto(dims=tensor.dims, data_type=tensor.data_type, name=tensor.name)
        inline.raw_data = _external(tensor, folder)
        tensor = inline
    try:
        array = np.asarray(onnx.numpy_helper.to_array(tensor))
    except (TypeError, ValueError) as error:
        raise UnsupportedError(f"constant {tensor.name} is malformed: {error}") from error
    if array.dtype.kind == "c":
        raise UnsupportedError(f"constant {tensor.name} holds complex numbers")
    return array


def narrowed(array: Array, name: str) -> Array:
    """The array in a type of the graph's: float32 for other floats, int32 for wider integers.

    UnsupportedError: a value is no number, or does not fit.
    """
    kind, wide = array.dtype.kind, array.dtype.name
    if wide in ("float64", "float16", "bfloat16"):
        array = array.astype(np.float32)
    elif wide in ("int4", "uint4", "int2", "uint2"):
        array = array.astype(np.int8 if wide.startswith("i") else np.uint8)
    elif kind in "iu" and array.dtype.itemsize > 2 and wide != "int32":
        limits = np.iinfo(np.int32)
        if array.size and not limits.min <= int(array.min()) <= int(array.max()) <= limits.max:
            raise UnsupportedError(f"constant {name} is {wide} and does not fit into int32")
        array = array.astype(np.int32)
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise UnsupportedError(f"constant {name} holds values that are no numbers")
    return array


def _external(tensor: Any, folder: Path) -> bytes:
    """The bytes of a tensor kept beside the model; nothing outside its folder is ever read.

    The path is resolved first, so that neither `..` nor a symbolic link leads out.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    inside = folder.resolve()
    path = (inside / entries.get("location", "")).resolve()
    if not path.is_relative_to(inside) or not path.is_file():
        raise ModelError(
            f"constant {tensor.name} is kept in {entries.get('location')!r}, which is no file in"
            " the model's folder",
            hint="put the file beside the model, or save the model with its weights inside",
        )
    offset, size = int(entries.get("offset", 0)), path.stat().st_size
    length = int(entries.get("length", max(0, size - offset)))
    if offset < 0 or length < 0 or offset + length > size:
        raise ModelError(f"constant {tensor.name} lies outside of {path.name}")
    with path.open("rb") as file:
        file.seek(offset)
        return bytes(file.read(length))
