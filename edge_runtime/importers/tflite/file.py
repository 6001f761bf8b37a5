"""The contents of a .tflite file as plain values, none of them trusted further than the file goes.

FlatBuffers' generated accessors follow whatever offsets a file holds: those outside of it raise
struct.error, IndexError or ValueError, which `load_model` turns into a ModelError. What would only
cost time or memory, lengths and shared data, is bounded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import ModelError
from edge_runtime.graph import Array, Shape

Item = TypeVar("Item")

MOST_ITEMS = 20_000
"""Most tensors, operators or buffers of a file: a hundred times those of any microcontroller's."""
MOST_OPERANDS = 1_000
MOST_DIMENSIONS = 8

TYPE_NAMES: dict[int, str] = {
    value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)
}
OPERATOR_NAMES: dict[int, str] = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}


@dataclass(frozen=True)
class FileTensor:
    """A tensor as it stands in the file; `raw` holds the bytes of a constant."""

    name: str
    shape: Shape
    signature: Shape
    type: str
    raw: Array | None
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    is_variable: bool


@dataclass(frozen=True)
class FileOperator:
    """An operator: its operation by name, tensors by index (-1: left out), its options table."""

    operation: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_type: int
    options: Any


@dataclass(frozen=True)
class File:
    """One subgraph of a model, and how many there are."""

    tensors: tuple[FileTensor, ...]
    operators: tuple[FileOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: int


def read_file(content: bytes, subgraph: int = 0) -> File:
    """Decode one subgraph of a .tflite file.

    ModelError for what is refused; other exceptions where the file is malformed.
    """
    if content[4:8] != b"TFL3":
        raise ModelError("this is no TensorFlow Lite file: the identifier TFL3 is missing")
    model = schema.Model.GetRootAs(content, 0)
    if model.SubgraphsLength() < 1:
        raise ModelError("the file holds no graph")
    if not 0 <= subgraph < model.SubgraphsLength():
        raise ModelError(f"the file is malformed: it names subgraph {subgraph}, which is not there")
    graph = model.Subgraphs(subgraph)
    budget = _Budget(4 * len(content) + 1024)
    buffers = tuple(
        _buffer(model.Buffers(i), content)
        for i in range(_bounded(model.BuffersLength(), MOST_ITEMS, "buffers"))
    )
    operations = tuple(
        _operation(model.OperatorCodes(i))
        for i in range(_bounded(model.OperatorCodesLength(), MOST_ITEMS, "operator codes"))
    )
    return File(
        tuple(
            _tensor(graph.Tensors(i), buffers, budget)
            for i in range(_bounded(graph.TensorsLength(), MOST_ITEMS, "tensors"))
        ),
        tuple(
            _operator(graph.Operators(i), operations)
            for i in range(_bounded(graph.OperatorsLength(), MOST_ITEMS, "operators"))
        ),
        _integers(graph.InputsAsNumpy(), MOST_OPERANDS, "inputs"),
        _integers(graph.OutputsAsNumpy(), MOST_OPERANDS, "outputs"),
        model.SubgraphsLength(),
    )


class _Budget:
    """How many bytes may be copied out of a file, so that sharing cannot multiply it."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ModelError("the file is malformed: its tensors name more data than it holds")


def _bounded(count: int, most: int, what: str) -> int:
    if not 0 <= count <= most:
        raise ModelError(f"the file claims {count} {what}; at most {most} are allowed")
    return count


def _pick(items: Sequence[Item], index: int, what: str) -> Item:
    if not 0 <= index < len(items):
        raise ModelError(f"the file is malformed: it names {what} {index} of {len(items)}")
    return items[index]


def _integers(vector: Any, most: int, what: str) -> tuple[int, ...]:
    """A vector as integers; the accessors return the number 0 for one that is left out."""
    values = np.atleast_1d(vector) if isinstance(vector, np.ndarray) else np.zeros(0, np.int64)
    _bounded(values.size, most, what)
    return tuple(int(value) for value in values)


def _buffer(buffer: Any, content: bytes) -> Array | None:
    if buffer is None:
        return None
    if buffer.Offset() > 1:
        start, size = buffer.Offset(), buffer.Size()
        if start + size > len(content):
            raise ModelError("the file is malformed: a buffer lies outside of it")
        return np.frombuffer(content, np.uint8, size, start)
    data = buffer.DataAsNumpy()
    return data if isinstance(data, np.ndarray) and data.size else None


def _operation(code: Any) -> str:
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if builtin == schema.BuiltinOperator.CUSTOM:
        custom = code.CustomCode() or b""
        return f"CUSTOM {custom[:80].decode('utf-8', 'replace')}".strip()
    return OPERATOR_NAMES.get(builtin, f"operator {builtin}")


def _operator(operator: Any, operations: tuple[str, ...]) -> FileOperator:
    return FileOperator(
        _pick(operations, operator.OpcodeIndex(), "operator code"),
        _integers(operator.InputsAsNumpy(), MOST_OPERANDS, "inputs of an operator"),
        _integers(operator.OutputsAsNumpy(), MOST_OPERANDS, "outputs of an operator"),
        operator.BuiltinOptionsType(),
        operator.BuiltinOptions(),
    )


def _tensor(tensor: Any, buffers: tuple[Array | None, ...], budget: _Budget) -> FileTensor:
    name = tensor.Name() or b""
    raw = _pick(buffers, tensor.Buffer(), "buffer")
    quantization = tensor.Quantization()
    scales = _vector(quantization and quantization.ScaleAsNumpy())
    zero_points = _vector(quantization and quantization.ZeroPointAsNumpy())
    budget.spend(len(name) + (0 if raw is None else raw.size) + 8 * len(scales + zero_points))
    return FileTensor(
        name.decode("utf-8", "replace"),
        _integers(tensor.ShapeAsNumpy(), MOST_DIMENSIONS, "dimensions"),
        _integers(tensor.ShapeSignatureAsNumpy(), MOST_DIMENSIONS, "dimensions"),
        TYPE_NAMES.get(tensor.Type(), f"type {tensor.Type()}"),
        raw,
        scales,
        tuple(int(point) for point in zero_points),
        quantization.QuantizedDimension() if quantization else 0,
        bool(tensor.IsVariable()),
    )


def _vector(values: Any) -> tuple[Any, ...]:
    return tuple(values.tolist()) if isinstance(values, np.ndarray) else ()
