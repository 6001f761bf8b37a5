"""One operator of a .tflite file, as the converters of the families see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.graph import Activation, Array, Op, Tensor
from edge_runtime.importers.tflite.build import Build
from edge_runtime.importers.tflite.file import FileOperator, FileTensor
from edge_runtime.importers.unsupported import UnsupportedError

_ACTIVATIONS = {
    schema.ActivationFunctionType.NONE: Activation.NONE,
    schema.ActivationFunctionType.RELU: Activation.RELU,
    schema.ActivationFunctionType.RELU6: Activation.RELU6,
}


class RefusedTensorError(Exception):
    """Raised where an operator needs a tensor that was refused, which is a problem of its own."""


@dataclass(frozen=True)
class Site:
    """One operator with its tensors, and the graph that it goes into.

    `name` is that of its first output; None among the inputs stands for one that was left out.
    """

    name: str
    operator: FileOperator
    inputs: tuple[FileTensor | None, ...]
    outputs: tuple[FileTensor, ...]
    build: Build

    @property
    def output(self) -> FileTensor:
        """The only output."""
        if len(self.outputs) != 1:
            raise UnsupportedError(f"it has {len(self.outputs)} outputs; allowed: one")
        return self.outputs[0]

    def has(self, index: int) -> bool:
        """Whether there is an input at `index`."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def input(self, index: int) -> FileTensor:
        """The input at `index`; UnsupportedError where there is none."""
        tensor = self.inputs[index] if index < len(self.inputs) else None
        if tensor is None:
            raise UnsupportedError(f"input {index} is missing")
        return tensor

    def values(self, index: int) -> Array:
        """The values of a constant at input `index`, of the file or computed from such."""
        tensor = self.read(index)
        if tensor.data is None:
            raise UnsupportedError(f"input {tensor.name} must be constant")
        return tensor.data

    def constant(self, index: int) -> tuple[int, ...]:
        """The values of a constant list of integers at input `index`."""
        return tuple(int(value) for value in np.ravel(self.values(index)))

    def options(self, name: str) -> Any:
        """The options table of the type `name`."""
        return options_of(self.operator, name)

    def read(self, index: int) -> Tensor:
        """The graph's tensor for the input at `index`."""
        return self._tensor(self.input_index(index))

    def made(self, index: int = 0) -> Tensor:
        """The graph's tensor for an output."""
        return self._tensor(self.output_index(index))

    def output_index(self, index: int = 0) -> int:
        """The file's index of an output; UnsupportedError where there is none."""
        if index >= len(self.outputs):
            raise UnsupportedError(f"output {index} is missing")
        return self.operator.outputs[index]

    def input_index(self, index: int) -> int:
        """The file's index of an input; UnsupportedError where there is none."""
        self.input(index)
        return self.operator.inputs[index]

    def _tensor(self, index: int) -> Tensor:
        tensor = self.build.tensor(index)
        if tensor is None:
            raise RefusedTensorError
        return tensor

    def emit(self, op: Op, inputs: Sequence[Tensor], output: int = 0) -> None:
        """Add the node that makes an output of this operator."""
        made = self.made(output)
        name = self.name if output == 0 else made.name
        self.build.make(name, op, inputs, self.output_index(output), made)


Converter = Callable[[Site], None]
"""Adds to the graph what an operator is; UnsupportedError where it cannot."""


def options_of(operator: FileOperator, name: str) -> Any:
    """The options table of the type `name`; UnsupportedError where there is none."""
    if operator.options_type != getattr(schema.BuiltinOptions, name) or operator.options is None:
        raise UnsupportedError(f"the operator has no {name}")
    options = getattr(schema, name)()
    options.Init(operator.options.Bytes, operator.options.Pos)
    return options


def plain(operands: int, make: Callable[[Site], Op]) -> Converter:
    """The converter of an operator that is one operation on its first `operands` inputs."""

    def convert(site: Site) -> None:
        _ = site.output
        op = make(site)
        present = [i for i, tensor in enumerate(site.inputs[:operands]) if tensor is not None]
        if len(present) < op.INPUTS[0]:
            raise UnsupportedError(f"it has {len(present)} inputs; allowed: {op.INPUTS[0]} or more")
        site.emit(op, [site.read(index) for index in present])

    return convert


def activation(options: Any) -> Activation:
    """The fused activation that an options table names."""
    code = options.FusedActivationFunction()
    if code not in _ACTIVATIONS:
        raise UnsupportedError(
            f"fused activation {code} is not supported; allowed: none, RELU, RELU6",
            "use one of these in the layer",
        )
    return _ACTIVATIONS[code]
