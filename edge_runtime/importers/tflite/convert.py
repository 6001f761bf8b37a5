"""From the operators of a .tflite file to the nodes of a graph."""

from __future__ import annotations

from edge_runtime.errors import Problem
from edge_runtime.graph import Graph
from edge_runtime.graph.verify import problems_of, verify
from edge_runtime.importers.tflite import elementwise, linear, move, reduce
from edge_runtime.importers.tflite.build import Build
from edge_runtime.importers.tflite.file import FileOperator, read_file
from edge_runtime.importers.tflite.site import Converter, RefusedTensorError, Site
from edge_runtime.importers.unsupported import UnsupportedError, refuse
from edge_runtime.passes import fold_pads

_OPERATIONS: dict[str, Converter] = {
    **elementwise.OPERATIONS,
    **linear.OPERATIONS,
    **move.OPERATIONS,
    **reduce.OPERATIONS,
}

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
    file = read_file(content)
    build = Build(file)
    inputs = build.interface(file.inputs, "inputs")
    outputs = build.interface(file.outputs, "outputs")
    for index, operator in enumerate(file.operators):
        _convert(build, index, operator)
    if file.subgraphs > 1:
        reason = f"the model has {file.subgraphs} subgraphs; allowed: one"
        build.problems.append(Problem(name, "model", reason))
    graph = build.graph(name, inputs, outputs)
    refuse(name, [*build.problems, *problems_of(graph)], _OPERATIONS)
    return fold_pads(verify(graph))


def _convert(build: Build, index: int, operator: FileOperator) -> None:
    """Convert one operator; where that fails, the problem is noted."""
    inputs = tuple(None if i == -1 else build.file_tensor(i) for i in operator.inputs)
    outputs = tuple(build.file_tensor(i) for i in operator.outputs)
    name = build.names[operator.outputs[0]] if outputs else f"operator {index}"
    try:
        _converter(operator)(Site(name, operator, inputs, outputs, build))
    except UnsupportedError as error:
        build.problems.append(Problem(name, operator.operation, error.reason, error.rewrite))
    except RefusedTensorError:
        return


def _converter(operator: FileOperator) -> Converter:
    if operator.operation not in _OPERATIONS:
        raise UnsupportedError(
            "the operation is not supported", _REWRITES.get(operator.operation, "")
        )
    return _OPERATIONS[operator.operation]
