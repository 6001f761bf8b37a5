"""Nodes added in place of a node that is written in others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

from edge_runtime.graph import Array, Shape
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import axis_in, shape_of

OPSET = 18
"""The operator set that recipes are written for."""


class Steps:
    """The nodes that stand for `node`. Calling it adds one and gives the name of its output."""

    def __init__(self, build: Builder, node: FileNode) -> None:
        self.build = build
        self.node = node
        self._protos: list[Any] = []

    def __call__(self, operation: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node with one output, which is `output` or a new name."""
        name = output or f"{self.node.outputs[0]}//{operation}{len(self._protos)}"
        self.add(operation, inputs, [name], **attributes)
        return name

    def add(
        self, operation: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        """Add a node with these outputs."""
        given = {key: value for key, value in attributes.items() if value not in (None, (), [])}
        self._protos.append(
            onnx.helper.make_node(operation, inputs, outputs, self.node.name, **given)
        )

    def constant(self, array: Array) -> str:
        """Add a constant."""
        return self("Constant", value=onnx.numpy_helper.from_array(np.asarray(array), ""))

    def number(self, value: float) -> str:
        """Add a float32 constant of one element and no axes."""
        return self.constant(np.asarray(value, np.float32))

    def integers(self, values: Sequence[int]) -> str:
        """Add a constant list of integers."""
        return self.constant(np.asarray(values, np.int64))

    def shape(self, index: int = 0) -> Shape:
        """The shape of an input of the node."""
        return shape_of(self.build.value(self.node.input(index)))

    def axis(self, attribute: str, default: int) -> int:
        """An attribute that is an axis of the first input, counted from the front."""
        return axis_in(self.node.integer(attribute, default), len(self.shape()))

    def nodes(self) -> tuple[FileNode, ...]:
        """What was added."""
        return tuple(FileNode.of(proto, {"": OPSET}) for proto in self._protos)


Recipe = Callable[[Steps], None]


def reduced_axes(build: Builder, node: FileNode) -> tuple[int, ...]:
    """The axes of a reduction, ascending: an attribute in older operator sets, then an input.

    Empty where nothing is to be reduced.
    """
    rank = len(shape_of(build.value(node.input(0))))
    given = build.integers(node.input(1)) if node.input(1) else node.integers("axes", ())
    if not given:
        return () if node.integer("noop_with_empty_axes", 0) else tuple(range(rank))
    return tuple(sorted({axis_in(axis, rank) for axis in given}))
