"""Models that keep a state between calls, quantized by what they see along a sequence.

Each state becomes an input, and its new value an output; the states that the float model has before
each step of the calibration sequences are samples of that input. What is quantized so is closed
again: the new value is written to the state, in the state's scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.errors import DataError, ModelError, Problem
from edge_runtime.evaluate import evaluate
from edge_runtime.graph import Array, Graph, Kind, Node, Tensor
from edge_runtime.graph.names import UniqueNames
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Copy, Quantize, Recurrent, Svdf
from edge_runtime.passes.state import settle_state


@dataclass(frozen=True, eq=False)
class Opened:
    """A streaming graph without state: `states` gives for each state the output that follows it."""

    graph: Graph
    states: Mapping[str, str]
    starts: Mapping[str, Array]
    outputs: tuple[str, ...]
    """Those of the model."""

    @staticmethod
    def of(graph: Graph) -> Opened:
        """The parts of a float graph; ModelError where an operation updates its own state."""
        _check(graph)
        states = {tensor.name: tensor for tensor in graph.of_kind(Kind.STATE)}
        written = {name for node in graph.nodes for name in node.outputs} & states.keys()
        tensors, unique = dict(graph.tensors), UniqueNames(graph.tensors)
        for name, tensor in states.items():
            if name in written:
                tensors[name] = replace(tensor, kind=Kind.ACTIVATION, initial=None)
            else:
                tensors[name] = Tensor.constant(name, tensor.start, tensor.quantization)
        current = {name: name for name in states}
        nodes = []
        for node in graph.nodes:
            inputs = tuple(current.get(name, name) for name in node.inputs)
            for name in written & set(node.outputs):
                current[name] = unique(f"{name}/next")
                tensors[current[name]] = replace(tensors[name], name=current[name])
            output, *also = (current.get(name, name) for name in node.outputs)
            nodes.append(replace(node, inputs=inputs, output=output, also=tuple(also)))
        kept = [name for name in states if name in written]
        outputs = tuple(current.get(name, name) for name in graph.outputs)
        follow = {name: current[name] for name in kept}
        ports = [*graph.inputs, *kept], list(dict.fromkeys([*outputs, *follow.values()]))
        opened = verify(Graph.build(graph.name, tensors.values(), nodes, *ports))
        return Opened(opened, follow, {name: states[name].start for name in kept}, outputs)

    def recorded(self, sequences: Mapping[str, Array]) -> dict[str, Array]:
        """Samples of all inputs, states among them, from (sequences, steps, *shape) of the others.

        DataError: arrays do not fit, or are no sequences.
        """
        steps = _steps(self.graph, sequences, self.states)
        count = len(next(iter(sequences.values())))
        states = {name: np.stack([start] * count) for name, start in self.starts.items()}
        seen: dict[str, list[Array]] = {name: [] for name in self.graph.inputs}
        for step in range(steps):
            given = {name: array[:, step].astype(np.float32) for name, array in sequences.items()}
            given |= states
            for name, array in given.items():
                seen[name].append(array)
            made = evaluate(self.graph, given)
            states = {name: made[follows] for name, follows in self.states.items()}
        return {name: np.concatenate(arrays) for name, arrays in seen.items()}

    def closed(self, quantized: Graph) -> Graph:
        """The integer form of `graph` with its states again."""
        tensors = dict(quantized.tensors)
        nodes, unique = list(quantized.nodes), UniqueNames(node.name for node in quantized.nodes)
        for name, follows in self.states.items():
            state, made = tensors[name], tensors[follows]
            grid = state.quantization
            start = (
                self.starts[name] if grid is None else grid.quantize(self.starts[name], state.dtype)
            )
            tensors[name] = replace(state, kind=Kind.STATE, initial=start)
            op = Copy() if made.quantization == grid else Quantize()
            nodes.append(Node(unique(f"{name}/{op.NAME.lower()}"), op, (follows,), name))
        inputs = [name for name in quantized.inputs if name not in self.states]
        graph = Graph.build(quantized.name, tensors.values(), nodes, inputs, self.outputs)
        return settle_state(verify(graph))


def _check(graph: Graph) -> None:
    kept = {tensor.name for tensor in graph.of_kind(Kind.STATE)}
    problems = [
        Problem(
            node.name,
            node.op.NAME,
            "its state is updated within it, in types that calibration does not choose",
            "make it an input and an output of the model, which the caller passes on",
        )
        for node in graph.nodes
        if isinstance(node.op, Recurrent | Svdf) and kept & {*node.inputs, *node.outputs}
    ]
    if problems:
        raise ModelError(
            f"model {graph.name} cannot be quantized; {len(problems)} problem(s):",
            problems=problems,
        )


def _steps(graph: Graph, sequences: Mapping[str, Array], states: Mapping[str, str]) -> int:
    own = [name for name in graph.inputs if name not in states]
    if sorted(own) != sorted(sequences):
        raise DataError(
            f"arrays {', '.join(sequences) or '(none)'} are given for the inputs {', '.join(own)}"
        )
    lengths = set()
    for name, array in sequences.items():
        shape = graph.tensors[name].shape
        if array.ndim != len(shape) + 2 or array.shape[2:] != shape:
            raise DataError(
                f"array {name} has shape {array.shape}; allowed: (sequences, steps, *{shape})",
                hint="the model keeps state: it is calibrated on sequences, each from its start",
            )
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise DataError(f"array {name} holds what is no finite number")
        lengths.add(array.shape[:2])
    if len(lengths) != 1 or 0 in min(lengths):
        raise DataError(f"the arrays have {sorted(lengths)} sequences and steps; allowed: the same")
    return int(min(lengths)[1])
