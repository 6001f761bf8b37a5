"""From the nodes of an .onnx file to a graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_runtime.errors import Problem
from edge_runtime.graph import Graph, Rounding
from edge_runtime.graph.verify import verify
from edge_runtime.importers.onnx import (
    dynamic,
    elementwise,
    functions,
    fused,
    indexing,
    linear,
    move,
    norms,
    pool,
    qoperator,
    quantization,
    recipes,
    recurrent,
    reduce,
    resize,
    shapes,
)
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.file import File, needed
from edge_runtime.importers.onnx.fold import fold, foldable
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.steps import Recipe, Steps
from edge_runtime.importers.onnx.values import Known, Value
from edge_runtime.importers.unsupported import UnsupportedError, not_supported, refuse
from edge_runtime.passes import simplify

_CONSTANT_TOO: dict[str, Converter] = {**shapes.CONSTANT_TOO, **quantization.CONSTANT_TOO}
"""Operations that are converted as well where all inputs are constant; others are computed."""

_CONVERTERS: dict[str, Converter] = {
    **dynamic.CONVERTERS,
    **elementwise.CONVERTERS,
    **linear.CONVERTERS,
    **move.CONVERTERS,
    **pool.CONVERTERS,
    **recurrent.CONVERTERS,
    **reduce.CONVERTERS,
    **resize.CONVERTERS,
    **shapes.CONVERTERS,
    **_CONSTANT_TOO,
}

_RECIPES: dict[str, Recipe] = {
    **recipes.RECIPES,
    **dynamic.RECIPES,
    **fused.RECIPES,
    **indexing.RECIPES,
    **norms.RECIPES,
    **qoperator.RECIPES,
    **shapes.RECIPES,
}
"""Operations that are written in others."""

_NAMED = tuple(sorted(name for name in (*_CONVERTERS, *_RECIPES) if "." not in name))
"""The supported operations that messages name."""

_REWRITES = {
    "Loop": "unroll it when exporting the model",
    "NonMaxSuppression": "end the model before it, and select boxes on the host",
    "Scan": "unroll it when exporting the model",
}
"""What to do about operations that are often met and not supported."""

_LAYOUT = "com.microsoft.nchwc."
"""Of operations that ONNX Runtime writes for the vectors of the processor that it runs on."""


def _rewrite(operation: str) -> str:
    if operation.startswith(_LAYOUT):
        return "save the model with optimizations up to ORT_ENABLE_EXTENDED, or without any"
    return _REWRITES.get(operation, "")


_PASSES = (verify, simplify)
_PAGE = "docs/onnx-coverage.md"
"""What is supported."""

DEEPEST = 16
"""Operations written in operations written in operations."""


def read_onnx(content: bytes, name: str, folder: Path) -> Graph:
    """The graph in the bytes of an .onnx file called `name`, which came out of `folder`.

    ModelError: lists every node that is not supported, or says why the file is refused.
    """
    file = File(content, folder)
    build = Builder(file)
    problems = [problem for node in file.nodes if (problem := _convert(build, node)) is not None]
    refuse(problems, _PAGE, build.rest(name), _PASSES)
    try:
        graph = build.graph(name, file.outputs)
    except UnsupportedError as error:
        problem = Problem("outputs", "model", error.reason, error.rewrite)
        refuse([problem], _PAGE, build.rest(name), _PASSES)
        raise
    return simplify(verify(graph), Rounding.TWICE if file.rounds_twice else Rounding.ONCE)


def _convert(build: Builder, node: FileNode) -> Problem | None:
    """Convert one node; where that fails, say why and put something of its shape in its place."""
    if any(name in build.unknown for name in node.inputs):
        build.unknown.update(node.outputs)
        return _unknown(node)
    try:
        _take(build, node, 0)
    except UnsupportedError as error:
        constant = all(isinstance(build.values.get(name), Known) for name in node.inputs if name)
        for output in filter(None, node.outputs):
            _stand_in(build, output, constant)
        rewrite = error.rewrite or _rewrite(node.operation)
        return Problem(node.name, node.operation, error.reason, rewrite)
    return None


def _take(build: Builder, node: FileNode, depth: int) -> None:
    """Enter what a node makes; UnsupportedError if it is not supported."""
    if depth > DEEPEST:
        raise UnsupportedError("it is written in too many operations within operations")
    if _is_supported(node) and (misfit := functions.misfit(node)):
        raise UnsupportedError(misfit)
    made: Value | Sequence[Value] | None = None
    if node.operation not in _CONSTANT_TOO and foldable(build, node):
        made = fold(build, node)
    elif node.operation in _CONVERTERS:
        made = _CONVERTERS[node.operation](build, node)
    if made is None:
        for inner in needed(_written(build, node), [name for name in node.outputs if name]):
            _inner(build, node, inner, depth)
        return
    values = made if isinstance(made, Sequence) else [made]
    for name, value in zip(node.outputs, values, strict=False):
        if name:
            build.values[name] = value


def _written(build: Builder, node: FileNode) -> Sequence[FileNode]:
    """The nodes that do what `node` does; UnsupportedError if there are none."""
    if node.operation in _RECIPES:
        steps = Steps(build, node)
        _RECIPES[node.operation](steps)
        return steps.nodes()
    if node.operation == "If":
        return _branch(build, node)
    body = functions.defined(node, build.file.opsets, build.type_of)
    if body is None:
        raise not_supported(node.operation, _NAMED, _rewrite(node.operation))
    return body


def _branch(build: Builder, node: FileNode) -> Sequence[FileNode]:
    """The branch of an If whose condition is constant."""
    taken = build.known(node.input(0)).array
    if taken.size != 1:
        raise UnsupportedError("its condition is no single value")
    graph = node.graph("then_branch" if taken.item() else "else_branch")
    opsets = {**build.file.opsets, "": node.opset}
    return [FileNode.of(proto, opsets) for proto in functions.branch(graph, node.proto)]


def _inner(build: Builder, outer: FileNode, node: FileNode, depth: int) -> None:
    """`_take` for a node that `outer` is written in; an error names it where that helps."""
    try:
        _take(build, node, depth + 1)
    except UnsupportedError as error:
        within = "" if outer.operation in _RECIPES else f"it is made of {node.operation}: "
        raise UnsupportedError(f"{within}{error.reason}", error.rewrite) from error


def _unknown(node: FileNode) -> Problem | None:
    """What is wrong with a node already without knowing its inputs."""
    if _is_supported(node):
        return None
    told = not_supported(node.operation, _NAMED, _rewrite(node.operation))
    return Problem(node.name, node.operation, told.reason, told.rewrite)


def _is_supported(node: FileNode) -> bool:
    """Whether some nodes of this operation can be converted."""
    known = node.operation in _CONVERTERS or node.operation in _RECIPES or node.operation == "If"
    return known or functions.is_defined(node)


def _stand_in(build: Builder, output: str, constant: bool) -> None:
    """Let the nodes behind a refused one be judged as well, if ONNX can tell the shape."""
    found = build.file.inferred(output)
    if constant or found is None or min(found.shape, default=1) < 1:
        build.unknown.add(output)
    else:
        build.values[output] = build.activation(found)
