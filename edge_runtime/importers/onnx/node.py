"""A node of an .onnx file, with its attributes by name and type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
import onnx.helper

from edge_runtime.importers.unsupported import UnsupportedError

PLAIN_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class FileNode:
    """A node of the file. Attributes have the names of ONNX's operator documents.

    `opset` is the version of the node's own domain that its file or function imports, 0 if it
    names none.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: Any
    opset: int

    @staticmethod
    def of(proto: Any, opsets: Mapping[str, int]) -> FileNode:
        """The node in a NodeProto, whose domain has one of these versions."""
        named = next((name for name in proto.output if name), "")
        domain = "" if proto.domain in PLAIN_DOMAINS else proto.domain
        return FileNode(
            proto.name or named,
            f"{domain}.{proto.op_type}" if domain else proto.op_type,
            tuple(proto.input),
            tuple(proto.output),
            {a.name: _plain(onnx.helper.get_attribute_value(a)) for a in proto.attribute},
            proto,
            opsets.get(domain, 0),
        )

    def input(self, index: int) -> str:
        """Name of an input; empty where it was left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def output(self, index: int) -> str:
        """Name of an output; empty where it is not asked for."""
        return self.outputs[index] if index < len(self.outputs) else ""

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

    def texts(self, attribute: str, default: Sequence[str]) -> tuple[str, ...]:
        """An attribute that is a list of strings."""
        values = self._get(attribute, [text.encode() for text in default], list)
        return tuple(bytes(value).decode("utf-8", "replace") for value in values)

    def tensor(self, attribute: str) -> Any:
        """An attribute that is a tensor."""
        return self._get(attribute, None, onnx.TensorProto)

    def graph(self, attribute: str) -> Any:
        """An attribute that is a graph."""
        return self._get(attribute, None, onnx.GraphProto)

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

    def numbers(self, attribute: str, default: Sequence[float]) -> tuple[float, ...]:
        """An attribute that is a list of floating-point numbers."""
        values = self._get(attribute, list(default), list)
        return tuple(float(value) for value in values)

    def _get(self, attribute: str, default: Any, kind: type | tuple[type, ...]) -> Any:
        value = self.attributes.get(attribute, default)
        if not isinstance(value, kind):
            raise UnsupportedError(f"attribute {attribute} is of a wrong type")
        return value


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, bytes) else value
