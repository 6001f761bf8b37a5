"""From the nodes of an .onnx file to a graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import Problem
from edge_runtime.graph import DType, Graph
from edge_runtime.graph.verify import verify
from edge_runtime.importers.onnx import linear, pixels, quantization, reduce, shapes
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.file import File, FileInput, FileNode
from edge_runtime.importers.onnx.values import Known, Value
from edge_runtime.importers.unsupported import UnsupportedError, refuse
from edge_runtime.passes import simplify

Converter = Callable[[Builder, FileNode], Value]

_OPERATIONS: dict[str, Converter] = {
    "Add": linear.add,
    "AveragePool": reduce.average_pool,
    "BatchNormalization": linear.batch_normalization,
    "Clip": pixels.clip,
    "Constant": shapes.constant,
    "Conv": linear.convolution,
    "DequantizeLinear": quantization.dequantize_linear,
    "Dropout": shapes.identity,
    "Flatten": shapes.flatten,
    "Gemm": linear.gemm,
    "GlobalAveragePool": reduce.global_average_pool,
    "Identity": shapes.identity,
    "MatMul": linear.matmul,
    "MaxPool": reduce.max_pool,
    "Pad": shapes.pad,
    "QuantizeLinear": quantization.quantize_linear,
    "ReduceMean": reduce.reduce_mean,
    "Relu": pixels.relu,
    "Reshape": shapes.reshape,
    "Shape": shapes.shape_of,
    "Softmax": reduce.softmax,
    "Squeeze": shapes.squeeze,
    "Transpose": shapes.transpose,
    "Unsqueeze": shapes.unsqueeze,
    # Our own exporter's way to make QuantizeLinear round as the integer kernels do anyway.
    **dict.fromkeys(("edge_runtime.AwayFromZero", "edge_runtime.Requantize"), shapes.identity),
}

_NAMED = tuple(name for name in _OPERATIONS if "." not in name)
"""The supported operations that messages name."""

_FOLDED = frozenset(("Add", "Cast", "Concat", "Div", "Gather", "Mul", "Slice", "Sub"))
"""What is computed here where all operands are constant, as exporters compute shapes."""

_REWRITES = {
    **dict.fromkeys(
        ("Elu", "Gelu", "HardSwish", "LeakyRelu", "PRelu", "Selu", "Tanh"), "use ReLU or ReLU6"
    ),
    "Sigmoid": "leave it out at the end of a model, and compare the output before it instead",
    "ConvTranspose": "use a convolution",
    "QLinearConv": "quantize the model in the QDQ format",
}
"""What to do about operations that are often met and not supported."""


def read_onnx(content: bytes, name: str, folder: Path) -> Graph:
    """The graph in the bytes of an .onnx file called `name`, which came out of `folder`.

    ModelError: lists every node that is not supported, or says why the file is refused.
    """
    file = File(content, folder)
    build = Builder(file)
    problems = [problem for node in file.nodes if (problem := _convert(build, node)) is not None]
    refuse(name, problems, _NAMED)
    try:
        graph = build.graph(name, file.outputs)
    except UnsupportedError as error:
        refuse(name, [Problem("outputs", "model", error.reason, error.rewrite)], _NAMED)
        raise
    return simplify(verify(graph))


def _convert(build: Builder, node: FileNode) -> Problem | None:
    """Convert one node; where that fails, say why and put something of its shape in its place."""
    supported = node.operation in _OPERATIONS or node.operation in _FOLDED
    if supported and any(name in build.unknown for name in node.inputs):
        build.unknown.update(node.outputs)
        return None
    try:
        value = _converter(build, node)(build, node)
    except UnsupportedError as error:
        constant = all(isinstance(build.values.get(name), Known) for name in node.inputs if name)
        for output in filter(None, node.outputs):
            _stand_in(build, output, constant)
        return Problem(node.name, node.operation, error.reason, error.rewrite)
    build.values[node.outputs[0]] = value
    return None


def _converter(build: Builder, node: FileNode) -> Converter:
    if node.operation in _FOLDED and all(
        isinstance(build.value(name), Known) for name in node.inputs if name
    ):
        return shapes.fold
    if node.operation in _OPERATIONS:
        return _OPERATIONS[node.operation]
    raise UnsupportedError("the operation is not supported", _REWRITES.get(node.operation, ""))


def _stand_in(build: Builder, output: str, constant: bool) -> None:
    """Let the nodes behind a refused one be judged as well, if ONNX can tell the shape."""
    shape = build.file.inferred_shape(output)
    if constant or shape is None or min(shape, default=1) < 1:
        build.unknown.add(output)
    else:
        build.values[output] = build.activation(FileInput(output, shape, DType.FLOAT32))
