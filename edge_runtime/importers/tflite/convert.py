"""From the operators of a .tflite file to the nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import ModelError, Problem
from edge_runtime.graph import Activation, Graph, Node, Op, Tensor, Window
from edge_runtime.graph.names import UniqueNames
from edge_runtime.graph.verify import problems_of, verify
from edge_runtime.importers.tflite.file import File, FileOperator, FileTensor, read_file
from edge_runtime.importers.tflite.tensors import constant_values, graph_tensor
from edge_runtime.importers.unsupported import UnsupportedError, refuse
from edge_runtime.ops import (
    Add,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Mean,
    Pad,
    Pool2D,
    Quantize,
    Reshape,
    Softmax,
    Transpose,
)
from edge_runtime.passes import fold_pads

_ACTIVATIONS = {
    schema.ActivationFunctionType.NONE: Activation.NONE,
    schema.ActivationFunctionType.RELU: Activation.RELU,
    schema.ActivationFunctionType.RELU6: Activation.RELU6,
}


@dataclass(frozen=True)
class _Site:
    """One operator with its tensors; None stands for an operand that was left out."""

    operator: FileOperator
    inputs: tuple[FileTensor | None, ...]
    output: FileTensor

    def input(self, index: int) -> FileTensor:
        """The input tensor at `index`; UnsupportedError where there is none."""
        tensor = self.inputs[index] if index < len(self.inputs) else None
        if tensor is None:
            raise UnsupportedError(f"input {index} is missing")
        return tensor

    def constant(self, index: int) -> tuple[int, ...]:
        """The values of a constant list of integers at input `index`."""
        tensor = self.input(index)
        if tensor.raw is None:
            raise UnsupportedError(f"input {tensor.name} must be constant")
        return tuple(int(value) for value in np.ravel(constant_values(tensor)))

    def options(self, name: str) -> Any:
        """The options table of the type `name`."""
        if self.operator.options_type != getattr(schema.BuiltinOptions, name):
            raise UnsupportedError(f"the operator has no {name}")
        options = getattr(schema, name)()
        options.Init(self.operator.options.Bytes, self.operator.options.Pos)
        return options


def _activation(options: Any) -> Activation:
    code = options.FusedActivationFunction()
    if code not in _ACTIVATIONS:
        raise UnsupportedError(
            f"fused activation {code} is not supported; allowed: none, RELU, RELU6",
            "use one of these in the layer",
        )
    return _ACTIVATIONS[code]


def _window(
    site: _Site, options: Any, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> Window:
    stride = (options.StrideH(), options.StrideW())
    if options.Padding() == schema.Padding.VALID or min(*stride, *dilation) < 1:
        return Window(stride, dilation)
    return Window.same(_height_width(site.input(0)), kernel, stride, dilation)


def _height_width(tensor: FileTensor) -> tuple[int, int]:
    if len(tensor.shape) != 4:
        raise UnsupportedError(f"tensor {tensor.name} has shape {tensor.shape}, not 4 dimensions")
    return tensor.shape[1], tensor.shape[2]


def _convolution(site: _Site) -> Op:
    options = site.options("Conv2DOptions")
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    window = _window(site, options, _height_width(site.input(1)), dilation)
    return Conv2D(_activation(options), window)


def _depthwise(site: _Site) -> Op:
    options = site.options("DepthwiseConv2DOptions")
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    window = _window(site, options, _height_width(site.input(1)), dilation)
    return DepthwiseConv2D(_activation(options), window)


def _fully_connected(site: _Site) -> Op:
    options = site.options("FullyConnectedOptions")
    if options.WeightsFormat() != schema.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise UnsupportedError("weights are shuffled; allowed: the default format")
    return FullyConnected(_activation(options), bool(options.KeepNumDims()))


def _add(site: _Site) -> Op:
    return Add(_activation(site.options("AddOptions")))


def _pool(operation: type[Pool2D]) -> Callable[[_Site], Op]:
    def convert(site: _Site) -> Op:
        options = site.options("Pool2DOptions")
        kernel = (options.FilterHeight(), options.FilterWidth())
        return operation(kernel, _window(site, options, kernel), _activation(options))

    return convert


def _mean(site: _Site) -> Op:
    rank = len(site.input(0).shape)
    axes = {axis + rank if axis < 0 else axis for axis in site.constant(1)}
    return Mean(tuple(sorted(axes)), bool(site.options("ReducerOptions").KeepDims()))


def _softmax(site: _Site) -> Op:
    return Softmax(site.options("SoftmaxOptions").Beta())


def _pad(site: _Site) -> Op:
    """PAD fills with the zero point, PADV2 with a constant."""
    if len(site.inputs) > 2:
        value = _single(site.input(2))
    else:
        value = next(iter(site.input(0).zero_points), 0)
    widths = site.constant(1)
    if any(width < 0 for width in widths):
        raise UnsupportedError(f"paddings {widths} are negative")
    return Pad(widths[0::2], widths[1::2], value)


def _single(tensor: FileTensor) -> float:
    values = constant_values(tensor)
    if values.size != 1:
        raise UnsupportedError(f"{tensor.name} is no single number")
    return float(values.reshape(-1)[0])


def _reshape(site: _Site) -> Op:
    if len(site.inputs) > 1:
        site.constant(1)
    return Reshape(site.output.shape)


_OPERATIONS: dict[str, tuple[int, Callable[[_Site], Op]]] = {
    "ADD": (2, _add),
    "AVERAGE_POOL_2D": (1, _pool(AveragePool2D)),
    "CONV_2D": (3, _convolution),
    "DEPTHWISE_CONV_2D": (3, _depthwise),
    "DEQUANTIZE": (1, lambda site: Dequantize()),
    "EXPAND_DIMS": (1, _reshape),
    "FULLY_CONNECTED": (3, _fully_connected),
    "MAX_POOL_2D": (1, _pool(MaxPool2D)),
    "MEAN": (1, _mean),
    "PAD": (1, _pad),
    "PADV2": (1, _pad),
    "QUANTIZE": (1, lambda site: Quantize()),
    "RESHAPE": (1, _reshape),
    "SOFTMAX": (1, _softmax),
    "SQUEEZE": (1, lambda site: Reshape(site.output.shape)),
    "TRANSPOSE": (1, lambda site: Transpose(site.constant(1))),
}
"""For each supported operation: how many operands its node takes, and what makes it."""

_REWRITES = {
    **dict.fromkeys(
        ("ELU", "HARD_SWISH", "LEAKY_RELU", "PRELU", "RELU", "RELU6", "RELU_N1_TO_1", "TANH"),
        "use ReLU or ReLU6 as the activation of the layer before",
    ),
    "LOGISTIC": "leave it out at the end of a model, and compare the output before it instead",
}
"""What to do about operations that are often met and not supported."""


def read_tflite(content: bytes, name: str) -> Graph:
    """The graph in the bytes of a .tflite file, called `name`.

    ModelError: lists every operator that is not supported, or says why the file is refused.
    """
    return _Conversion(read_file(content), name).run()


class _Conversion:
    """Goes through a file once and gathers tensors, nodes and problems."""

    def __init__(self, file: File, name: str) -> None:
        self.file = file
        self.name = name
        self.problems: list[Problem] = []
        self.tensors: dict[int, Tensor] = {}
        self.refused: set[int] = set()
        unique = UniqueNames()
        self.names = [unique(t.name or f"tensor_{i}") for i, t in enumerate(file.tensors)]

    def run(self) -> Graph:
        inputs = self._interface(self.file.inputs, "inputs")
        outputs = self._interface(self.file.outputs, "outputs")
        nodes = [
            node
            for index, operator in enumerate(self.file.operators)
            if (node := self._node(index, operator)) is not None
        ]
        if self.file.subgraphs > 1:
            reason = f"the model has {self.file.subgraphs} subgraphs; allowed: one"
            self.problems.append(Problem(self.name, "model", reason))
        graph = Graph.build(self.name, self.tensors.values(), nodes, inputs, outputs)
        refuse(self.name, [*self.problems, *problems_of(graph)], _OPERATIONS)
        return fold_pads(verify(graph))

    def _interface(self, indices: tuple[int, ...], what: str) -> list[str]:
        if not indices:
            raise ModelError(f"the model has no {what}")
        return [tensor.name for index in indices if (tensor := self._tensor(index)) is not None]

    def _file_tensor(self, index: int) -> FileTensor:
        if not 0 <= index < len(self.file.tensors):
            raise ModelError(f"the file is malformed: it names tensor {index}, which is not there")
        return self.file.tensors[index]

    def _tensor(self, index: int) -> Tensor | None:
        """The graph's tensor for one of the file's; None, and a problem, if there can be none."""
        tensor = self._file_tensor(index)
        if index not in self.tensors and index not in self.refused:
            try:
                self.tensors[index] = graph_tensor(self.names[index], tensor)
            except UnsupportedError as error:
                self.refused.add(index)
                self.problems.append(
                    Problem(self.names[index], "tensor", error.reason, error.rewrite)
                )
        return self.tensors.get(index)

    def _node(self, index: int, operator: FileOperator) -> Node | None:
        inputs = tuple(None if i == -1 else self._file_tensor(i) for i in operator.inputs)
        outputs = [self._file_tensor(index) for index in operator.outputs]
        name = self.names[operator.outputs[0]] if outputs else f"operator {index}"
        try:
            count, convert = _supported(operator)
            if len(outputs) != 1:
                raise UnsupportedError(f"it has {len(outputs)} outputs; allowed: one")
            op = convert(_Site(operator, inputs, outputs[0]))
        except UnsupportedError as error:
            self.problems.append(Problem(name, operator.operation, error.reason, error.rewrite))
            return None
        operands = [self._tensor(index) for index in operator.inputs[:count] if index != -1]
        output = self._tensor(operator.outputs[0])
        if output is None or any(tensor is None for tensor in operands):
            return None
        return Node(name, op, tuple(t.name for t in operands if t is not None), output.name)


def _supported(operator: FileOperator) -> tuple[int, Callable[[_Site], Op]]:
    if operator.operation not in _OPERATIONS:
        raise UnsupportedError(
            "the operation is not supported", _REWRITES.get(operator.operation, "")
        )
    return _OPERATIONS[operator.operation]
