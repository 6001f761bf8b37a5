"""How a converter says that it cannot convert a node."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence

from edge_runtime.errors import EdgeRuntimeError, ModelError, Problem
from edge_runtime.graph import Graph, Kind, Node
from edge_runtime.graph.verify import node_problems, tensor_problems


class UnsupportedError(Exception):
    """Raised within an importer for one node; becomes one `Problem` of the ModelError."""

    def __init__(self, reason: str, rewrite: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.rewrite = rewrite


class PartlySupportedError(ModelError):
    """Some nodes of a model cannot be converted; `part` holds those that can, to be judged too."""

    def __init__(
        self, message: str, *, hint: str, problems: Sequence[Problem], part: Graph
    ) -> None:
        super().__init__(message, hint=hint, problems=problems)
        self.part = part

    def within(self, place: str) -> PartlySupportedError:
        return PartlySupportedError(
            f"{place}: {self.message}", hint=self.hint, problems=self.problems, part=self.part
        )


def not_supported(operation: str, supported: Iterable[str], rewrite: str = "") -> UnsupportedError:
    """What to raise for an operation that there is no converter for."""
    if not rewrite:
        near = difflib.get_close_matches(operation, list(supported), 1, 0.7)
        rewrite = f"the nearest name that is supported: {near[0]}" if near else ""
    return UnsupportedError("the operation is not supported", rewrite)


def refuse(
    problems: Sequence[Problem], page: str, rest: Graph, passes: Sequence[Callable[[Graph], Graph]]
) -> None:
    """PartlySupportedError with all `problems` of the model, if there are any.

    `page` tells what is supported; `rest` is what could be converted, of whatever structure, and
    `passes` what a whole model would go through.
    """
    if problems:
        raise PartlySupportedError(
            f"model {rest.name} cannot be compiled; {len(problems)} problem(s):",
            hint="change these nodes in the model, then export it again; what is supported stands"
            f" in {page}",
            problems=problems,
            part=_passed(_legal(rest), passes),
        )


def _legal(graph: Graph) -> Graph:
    """The nodes that are legal by themselves; what no other one makes becomes an input."""
    made = {t.name for t in graph.tensors.values() if t.kind is not Kind.ACTIVATION}
    inputs: dict[str, None] = {}
    sound = {t.name for t in graph.tensors.values() if not tensor_problems(t)}
    kept: list[Node] = []
    for node in graph.nodes:
        judged = sound.issuperset((*node.inputs, *node.outputs))
        if not judged or not made.isdisjoint({node.output}) or node_problems(graph, node):
            continue
        inputs.update(dict.fromkeys(name for name in node.inputs if name not in made))
        made.update((*node.inputs, *node.outputs))
        kept.append(node)
    read = {name for node in kept for name in node.inputs}
    outputs = [node.output for node in kept if node.output not in read]
    return Graph.build(graph.name, graph.tensors.values(), kept, inputs, outputs)


def _passed(graph: Graph, passes: Sequence[Callable[[Graph], Graph]]) -> Graph:
    try:
        for step in passes:
            graph = step(graph)
    except EdgeRuntimeError:
        pass  # What is wrong has been told; the nodes are judged as they are.
    return graph
