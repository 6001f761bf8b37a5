"""The contents of an .onnx file as plain values: nodes, constants, inputs and outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnx.defs

from edge_runtime.errors import ModelError, Problem
from edge_runtime.graph import Array, DType, Shape
from edge_runtime.graph.verify import MOST_ELEMENTS
from edge_runtime.importers.onnx.constants import decode
from edge_runtime.importers.onnx.functions import Functions, opsets_of
from edge_runtime.importers.onnx.inference import InferenceError, infer_shapes
from edge_runtime.importers.onnx.node import FileNode

OLDEST_OPSET = 6
"""Earlier ones have attributes that no exporter of today's models has written."""
MOST_NODES = 5_000


@dataclass(frozen=True)
class FileInput:
    """An input of the model, its batch set to 1 where the file leaves it open."""

    name: str
    shape: Shape
    dtype: DType


Inferred = Mapping[str, FileInput]


class File:
    """A model's graph. Constants are decoded when they are asked for."""

    def __init__(self, content: bytes, folder: Path) -> None:
        self._model = onnx.load_model_from_string(content)
        self.folder = folder
        # Files of our own say that kernels are to round twice; all others mean what they say.
        properties = {entry.key: entry.value for entry in self._model.metadata_props}
        self.rounds_twice = properties.get("edge_runtime.rounding") == "twice"
        graph = self._model.graph
        _check_names(self._model)
        self.opsets = _opsets(self._model)
        self._initializers = {tensor.name: tensor for tensor in graph.initializer}
        self.inputs, self.empty = _inputs(graph, self._initializers)
        self.outputs = tuple(value.name for value in graph.output)
        self._output_types = {v.name: v.type.tensor_type.elem_type for v in graph.output}
        if not self.outputs:
            raise ModelError("the model has no outputs", hint="is this an ONNX file at all?")
        nodes = Functions(self._model, MOST_NODES).flatten(graph.node, self.opsets)
        self.nodes = needed(_ordered(tuple(nodes)), self.outputs)
        self._makers = {name: node for node in self.nodes for name in node.outputs}
        self._read = {name for node in self.nodes for name in reads(node.proto)} | set(self.outputs)
        self._inferred: Inferred | None = None

    def is_constant(self, name: str) -> bool:
        """Whether an initializer has this name."""
        return name in self._initializers

    def output_type(self, name: str) -> DType | None:
        """The type that the file declares for an output; None if it is none of ours."""
        return _TYPES.get(self._output_types[name])

    def maker(self, name: str) -> FileNode | None:
        """The node that makes a value."""
        return self._makers.get(name)

    def is_read(self, name: str) -> bool:
        """Whether a node reads a value, or it is an output."""
        return name in self._read

    def constant(self, name: str) -> Array:
        """The values of an initializer; UnsupportedError where they cannot be had."""
        return decode(self._initializers[name], self.folder)

    def inferred(self, name: str) -> FileInput | None:
        """What ONNX's shape inference makes of a value, to go on behind a node that is refused."""
        if self._inferred is None:
            self._inferred = _inferred(self._model, self.inputs, self.nodes)
        return self._inferred.get(name)


def _check_names(model: Any) -> None:
    """ModelError where a name is no UTF-8, which protobuf gives as bytes."""
    graphs = list(_graphs(model.graph))
    nodes = [node for body in (*graphs, *model.functions) for node in body.node]
    names = [name for node in nodes for name in (*node.input, *node.output)]
    names += [name for node in nodes for name in (node.name, node.op_type, node.domain)]
    for graph in graphs:
        names += [value.name for value in (*graph.input, *graph.output, *graph.initializer)]
    for name in names:
        if not isinstance(name, str):
            raise ModelError(f"the file is malformed: the name {name!r} is no UTF-8")


def _graphs(graph: Any) -> Iterator[Any]:
    """The graph, and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _graphs(inner)


def _opsets(model: Any) -> dict[str, int]:
    versions = opsets_of(model)
    newest = onnx.defs.onnx_opset_version()
    if "" not in versions:
        raise ModelError("the file names no ONNX operator set", hint="is this an ONNX file at all?")
    version = versions[""]
    if not OLDEST_OPSET <= version <= newest:
        raise ModelError(
            f"operator set {version} is not supported; allowed: {OLDEST_OPSET} to {newest}",
            hint="convert the model with onnx.version_converter, or export it again",
        )
    return versions


def _inputs(
    graph: Any, initializers: Mapping[str, Any]
) -> tuple[tuple[FileInput, ...], tuple[FileInput, ...]]:
    """All inputs that are no constants, and those that have no elements.

    ModelError names every one that cannot be used.
    """
    found: list[FileInput] = []
    empty: list[FileInput] = []
    problems = []
    for value in graph.input:
        if value.name in initializers:
            continue
        shape = _shape(value)
        dtype = _TYPES.get(value.type.tensor_type.elem_type)
        if not value.type.HasField("tensor_type"):
            problems.append(Problem(value.name, "input", _type_text(value)))
        elif shape is None:
            problems.append(
                Problem(
                    value.name,
                    "input",
                    f"shape {_shape_text(value)} is dynamic; allowed: fixed sizes, but for a batch"
                    " of 1",
                    "export the model with fixed input shapes",
                )
            )
        elif math.prod(size or 1 for size in shape) > MOST_ELEMENTS:
            reason = f"shape {_shape_text(value)} is too large for any board"
            problems.append(Problem(value.name, "input", reason))
        elif dtype is None:
            problems.append(Problem(value.name, "input", _type_text(value), "cast it to float32"))
        else:
            (empty if 0 in shape else found).append(FileInput(value.name, shape, dtype))
    if problems:
        raise ModelError("the model's inputs cannot be used:", problems=problems)
    return tuple(found), tuple(empty)


_TYPES = {
    onnx.TensorProto.FLOAT: DType.FLOAT32,
    onnx.TensorProto.FLOAT16: DType.FLOAT32,
    onnx.TensorProto.BFLOAT16: DType.FLOAT32,
    onnx.TensorProto.INT8: DType.INT8,
    onnx.TensorProto.UINT8: DType.UINT8,
    onnx.TensorProto.INT16: DType.INT16,
    onnx.TensorProto.INT32: DType.INT32,
    onnx.TensorProto.INT64: DType.INT32,
    onnx.TensorProto.BOOL: DType.BOOL,
}
"""What the firmware takes for an input of a file's type: half precision becomes single, and int64,
which is the type of indices, int32."""


def _shape(value: Any) -> Shape | None:
    """A static shape; a batch left open is 1: the first dimension, or one whose name says so.

    None if others are open.
    """
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        return None
    sizes = [d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim]
    for axis, dim in enumerate(tensor.shape.dim):
        leads = axis == 0 and len(sizes) > 1
        if not dim.HasField("dim_value") and (leads or "batch" in dim.dim_param.lower()):
            sizes[axis] = 1
    return None if min(sizes, default=0) < 0 else tuple(sizes)


def _shape_text(value: Any) -> str:
    dims = value.type.tensor_type.shape.dim
    sizes = (str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in dims)
    return f"[{', '.join(sizes)}]"


def _type_text(value: Any) -> str:
    number = value.type.tensor_type.elem_type
    known = number in onnx.TensorProto.DataType.values()
    name = onnx.TensorProto.DataType.Name(number).lower() if known else f"type {number}"
    if not value.type.HasField("tensor_type"):
        name = f"a {value.type.WhichOneof('value') or 'value'}".replace("_type", "")
    allowed = ", ".join(onnx.TensorProto.DataType.Name(allowed).lower() for allowed in _TYPES)
    return f"it is {name}; allowed: {allowed}"


def _ordered(nodes: Sequence[FileNode]) -> tuple[FileNode, ...]:
    """The nodes, each behind those that make what it reads; where they are so, as they are.

    ONNX asks for that order, but some tools put nodes at the end and ONNX Runtime does not mind.
    """
    makers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            makers.setdefault(name, index)
    placed: dict[int, FileNode] = {}
    for first in range(len(nodes)):
        waiting, seen = [first], {first}
        while waiting:
            index = waiting[-1]
            needs = sorted({makers[name] for name in reads(nodes[index].proto) & makers.keys()})
            missing = [other for other in needs if other not in placed and other not in seen]
            if missing and index not in placed:
                waiting.append(missing[0])
                seen.add(missing[0])
            else:
                placed.setdefault(index, nodes[waiting.pop()])
    return tuple(placed.values())


def needed(nodes: Sequence[FileNode], outputs: Sequence[str]) -> tuple[FileNode, ...]:
    """The nodes that the outputs need, in the order of the file."""
    names = set(outputs)
    kept = []
    for node in reversed(nodes):
        if names.intersection(filter(None, node.outputs)):
            names.update(reads(node.proto))
            kept.append(node)
    return tuple(reversed(kept))


def reads(proto: Any) -> set[str]:
    """The names that a node reads, and those that graphs within it may read."""
    names = set(proto.input)
    for attribute in proto.attribute:
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            names.update(*(reads(node) for node in graph.node))
            names.update(value.name for value in graph.output)
    return names


def _inferred(model: Any, inputs: Sequence[FileInput], nodes: Sequence[FileNode]) -> Inferred:
    """What ONNX's shape inference finds with all functions called and the batch set to 1."""
    flat = onnx.ModelProto()
    flat.CopyFrom(model)
    del flat.functions[:]
    del flat.graph.node[:]
    flat.graph.node.extend(node.proto for node in nodes)
    shapes = {source.name: source.shape for source in inputs}
    for value in flat.graph.input:
        for dim, size in zip(
            value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False
        ):
            dim.dim_value = size
    try:
        flat = infer_shapes(flat)
    except InferenceError:  # The model is refused anyhow.
        return {}
    found = ((value, _shape(value)) for value in flat.graph.value_info)
    return {
        value.name: FileInput(value.name, shape, _TYPES[value.type.tensor_type.elem_type])
        for value, shape in found
        if shape is not None and value.type.tensor_type.elem_type in _TYPES
    }
