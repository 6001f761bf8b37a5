"""From the operators of a .tflite file to the nodes of a graph."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.errors import ModelError, Problem
from edge_runtime.graph import Graph
from edge_runtime.graph.verify import problems_of, verify
from edge_runtime.importers.tflite import elementwise, linear, move, recurrent, reduce, state
from edge_runtime.importers.tflite.build import Build
from edge_runtime.importers.tflite.constants import fold_dequantize
from edge_runtime.importers.tflite.file import FileOperator, read_file
from edge_runtime.importers.tflite.site import Converter, RefusedTensorError, Site
from edge_runtime.importers.tflite.unsigned import Interface, signed
from edge_runtime.importers.unsupported import UnsupportedError, not_supported, refuse
from edge_runtime.passes import (
    drop_same_quantization,
    fold_crops,
    fold_dilations,
    fold_pads,
    merge_reshapes,
    merge_slices,
    settle_state,
)

OPERATORS: dict[str, Converter] = {
    **elementwise.OPERATIONS,
    **linear.OPERATIONS,
    **move.OPERATIONS,
    **recurrent.OPERATIONS,
    **reduce.OPERATIONS,
    **state.OPERATIONS,
}

_PASSES = (
    verify,
    drop_same_quantization,
    merge_reshapes,
    merge_slices,
    fold_dilations,
    fold_pads,
    fold_crops,
    settle_state,
)

_PAGE = "docs/tflite-coverage.md"
"""What is supported."""

MOST_INITIALIZATIONS = 8
"""Subgraphs that set the variables of a model."""

_REWRITES = {
    **dict.fromkeys(("IF", "WHILE"), "unroll loops and fix conditions before the conversion"),
    "WHERE": "use SELECT_V2, whose output has a fixed shape",
}
"""What to do about operations that are often met and not supported."""


def read_tflite(content: bytes, name: str) -> Graph:
    """The graph in the bytes of a .tflite file, called `name`.

    ModelError: lists every operator that is not supported, or says why the file is refused.
    """
    file, turned = signed(read_file(content))
    for indices, what in ((file.inputs, "inputs"), (file.outputs, "outputs")):
        if not indices:
            raise ModelError(f"the model has no {what}")
        if len(set(indices)) < len(indices):
            raise ModelError(f"the model has one tensor twice among its {what}")
    build = Build(file)
    interface = Interface(build, turned)
    inputs = interface.inputs()
    initializations = _initialize(build, content)
    _convert_all(build, OPERATORS)
    outputs = interface.outputs()
    if file.subgraphs > 1 + initializations:
        reason = f"the model has {file.subgraphs} subgraphs; allowed: one, and those of CALL_ONCE"
        build.problems.append(Problem(name, "model", reason))
    graph = build.graph(name, inputs, outputs)
    refuse([*build.problems, *problems_of(graph)], _PAGE, graph, _PASSES)
    for step in _PASSES:
        graph = step(graph)
    return graph


def _initialize(build: Build, content: bytes) -> int:
    """Read the subgraphs that CALL_ONCE names: what variables start from. How many there are."""
    indices = set(state.initializations(build.file))
    if len(indices) > MOST_INITIALIZATIONS:
        raise ModelError(
            f"{len(indices)} subgraphs are called once; at most {MOST_INITIALIZATIONS}"
        )
    for index in sorted(indices):
        first = Build(read_file(content, index))
        _convert_all(first, OPERATORS | state.INITIALIZATION)
        build.problems += first.problems
        build.variables.initial.update(first.variables.initial)
    return len(indices)


def _convert_all(build: Build, converters: Mapping[str, Converter]) -> None:
    for index, operator in enumerate(build.file.operators):
        _convert(build, index, operator, converters)


def _convert(
    build: Build, index: int, operator: FileOperator, converters: Mapping[str, Converter]
) -> None:
    """Convert one operator; where that fails, the problem is noted."""
    inputs = tuple(None if i == -1 else build.file_tensor(i) for i in operator.inputs)
    outputs = tuple(build.file_tensor(i) for i in operator.outputs)
    name = build.names[operator.outputs[0]] if outputs else f"operator {index}"
    site = Site(name, operator, inputs, outputs, build)
    try:
        if not fold_dequantize(site):
            _converter(operator, converters)(site)
    except UnsupportedError as error:
        build.problems.append(Problem(name, operator.operation, error.reason, error.rewrite))
    except RefusedTensorError:
        return


def _converter(operator: FileOperator, converters: Mapping[str, Converter]) -> Converter:
    if operator.operation not in converters:
        rewrite = _REWRITES.get(operator.operation, "")
        raise not_supported(operator.operation, converters, rewrite)
    return converters[operator.operation]
