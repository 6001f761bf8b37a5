"""The contents of an .onnx file as plain values: nodes, constants, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.shape_inference

from edge_runtime.errors import ModelError, Problem
from edge_runtime.graph import Array, DType, Shape
from edge_runtime.importers.unsupported import UnsupportedError

OLDEST_OPSET = 7
"""Operators broadcast as NumPy does from here on."""
MOST_NODES = 5_000


@dataclass(frozen=True)
class FileNode:
    """A node of the file. Attributes have the names of ONNX's operator documents."""

    name: str
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: Any

    def input(self, index: int) -> str:
        """Name of an input; empty where it was left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def has(self, attribute: str) -> bool:
        """Whether an attribute is given."""
        return attribute in self.attributes

    def integer(self, attribute: str, default: int) -> int:
        """An attribute that is an integer."""
        return int(self._get(attribute, default, int))

    def number(self, attribute: str, default: float) -> float:
        """An attribute that is a floating-point number."""
        return float(self._get(attribute, default, float))

    def text(self, attribute: str, default: str) -> str:
        """An attribute that is a string."""
        return bytes(self._get(attribute, default.encode(), bytes)).decode("utf-8", "replace")

    def tensor(self, attribute: str) -> Any:
        """An attribute that is a tensor."""
        return self._get(attribute, None, onnx.TensorProto)

    def plain(self, attribute: str) -> Any:
        """An attribute that is a number or a list of numbers."""
        value = self._get(attribute, None, (int, float, list))
        if isinstance(value, list) and not all(isinstance(item, (int, float)) for item in value):
            raise UnsupportedError(f"attribute {attribute} is no list of numbers")
        return value

    def integers(self, attribute: str, default: Sequence[int]) -> tuple[int, ...]:
        """An attribute that is a list of integers."""
        values = self._get(attribute, list(default), list)
        return tuple(int(value) for value in values)

    def _get(self, attribute: str, default: Any, kind: type | tuple[type, ...]) -> Any:
        value = self.attributes.get(attribute, default)
        if not isinstance(value, kind):
            raise UnsupportedError(f"attribute {attribute} is of a wrong type")
        return value


@dataclass(frozen=True)
class FileInput:
    """An input of the model, its batch set to 1 where the file leaves it open."""

    name: str
    shape: Shape
    dtype: DType


class File:
    """A model's graph. Constants are decoded when they are asked for."""

    def __init__(self, content: bytes, folder: Path) -> None:
        self._model = onnx.load_model_from_string(content)
        self.folder = folder
        graph = self._model.graph
        self.opset = _opset(self._model)
        if len(graph.node) > MOST_NODES:
            raise ModelError(f"the model has {len(graph.node)} nodes; at most {MOST_NODES}")
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.inputs = _inputs(graph, self._initializers)
        self.outputs = tuple(value.name for value in graph.output)
        if not self.outputs:
            raise ModelError("the model has no outputs", hint="is this an ONNX file at all?")
        self.nodes = _ordered(tuple(map(_node, graph.node)), self.outputs)
        self._shapes: dict[str, Shape] | None = None

    def is_constant(self, name: str) -> bool:
        """Whether an initializer has this name."""
        return name in self._initializers

    def constant(self, name: str) -> Array:
        """The values of an initializer; UnsupportedError where they cannot be had."""
        return decode(self._initializers[name], self.folder)

    def inferred_shape(self, name: str) -> Shape | None:
        """What ONNX's shape inference makes of a value, to go on behind a node that is refused."""
        if self._shapes is None:
            self._shapes = _inferred_shapes(self._model)
        return self._shapes.get(name)


def decode(tensor: Any, folder: Path) -> Array:
    """A tensor of the file as an array; half and double precision become single precision."""
    if any(size < 0 for size in tensor.dims):
        raise UnsupportedError(f"constant {tensor.name} has the shape {list(tensor.dims)}")
    if tensor.data_type == onnx.TensorProto.STRING:
        raise UnsupportedError(f"constant {tensor.name} holds strings")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        inline = onnx.TensorProto(dims=tensor.dims, data_type=tensor.data_type, name=tensor.name)
        inline.raw_data = _external(tensor, folder)
        tensor = inline
    try:
        array = onnx.numpy_helper.to_array(tensor)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(f"constant {tensor.name} is malformed: {error}") from error
    if array.dtype.kind == "c":
        raise UnsupportedError(f"constant {tensor.name} holds complex numbers")
    if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
        return np.asarray(array, np.float32)
    return np.asarray(array)


def _external(tensor: Any, folder: Path) -> bytes:
    """The bytes of a tensor kept beside the model; nothing outside its folder is ever read."""
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


def _opset(model: Any) -> int:
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    newest = onnx.defs.onnx_opset_version()
    if not versions:
        raise ModelError("the file names no ONNX operator set", hint="is this an ONNX file at all?")
    version = max(versions)
    if not OLDEST_OPSET <= version <= newest:
        raise ModelError(
            f"operator set {version} is not supported; allowed: {OLDEST_OPSET} to {newest}",
            hint="convert the model with onnx.version_converter, or export it again",
        )
    return int(version)


def _inputs(graph: Any, initializers: Mapping[str, Any]) -> tuple[FileInput, ...]:
    """All inputs that are no constants; ModelError names every one that cannot be used."""
    found, problems = [], []
    for value in graph.input:
        if value.name in initializers:
            continue
        shape = _shape(value)
        dtype = _TYPES.get(value.type.tensor_type.elem_type)
        if shape is None or min(shape, default=1) < 1:
            problems.append(
                Problem(
                    value.name,
                    "input",
                    f"shape {_shape_text(value)} is dynamic; allowed: fixed sizes, but for a batch"
                    " of 1",
                    "export the model with fixed input shapes",
                )
            )
        elif dtype is None:
            problems.append(Problem(value.name, "input", "its type is not supported"))
        else:
            found.append(FileInput(value.name, shape, dtype))
    if problems:
        raise ModelError("the model's inputs cannot be used:", problems=problems)
    return tuple(found)


_TYPES = {
    onnx.TensorProto.FLOAT: DType.FLOAT32,
    onnx.TensorProto.INT8: DType.INT8,
    onnx.TensorProto.UINT8: DType.UINT8,
    onnx.TensorProto.INT16: DType.INT16,
    onnx.TensorProto.INT32: DType.INT32,
    onnx.TensorProto.INT64: DType.INT64,
}


def _shape(value: Any) -> Shape | None:
    """A static shape; a first dimension left open is a batch of 1. None if others are open."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        return None
    sizes = [d.dim_value if d.HasField("dim_value") else 0 for d in tensor.shape.dim]
    if len(sizes) > 1 and not tensor.shape.dim[0].HasField("dim_value"):
        sizes[0] = 1
    return None if 0 in sizes else tuple(sizes)


def _shape_text(value: Any) -> str:
    dims = value.type.tensor_type.shape.dim
    return f"[{', '.join(str(d.dim_value or d.dim_param or '?') for d in dims)}]"


def _node(proto: Any) -> FileNode:
    named = next((name for name in proto.output if name), "")
    domain = "" if proto.domain in ("", "ai.onnx") else f"{proto.domain}."
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
    attributes = {
        name: list(value) if isinstance(value, Sequence) and not isinstance(value, bytes) else value
        for name, value in attributes.items()
    }
    return FileNode(
        proto.name or named,
        domain + proto.op_type,
        tuple(proto.input),
        tuple(proto.output),
        attributes,
        proto,
    )


def _ordered(nodes: Sequence[FileNode], outputs: Sequence[str]) -> tuple[FileNode, ...]:
    """The nodes that the outputs need, in the order of the file."""
    needed = set(outputs)
    kept = []
    for node in reversed(nodes):
        if needed.intersection(filter(None, node.outputs)):
            needed.update(node.inputs)
            kept.append(node)
    return tuple(reversed(kept))


def _inferred_shapes(model: Any) -> dict[str, Shape]:
    try:
        model = onnx.shape_inference.infer_shapes(model)
    except Exception:  # It fails in many ways on a model that is refused anyhow.
        return {}
    found = ((value.name, _shape(value)) for value in model.graph.value_info)
    return {name: shape for name, shape in found if shape is not None}
