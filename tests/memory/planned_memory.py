"""Graphs of a made-up operation, and an interpreter that runs in the planned memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from edge_runtime.graph import Array, DType, Graph, Kind, Node, Op, Shape, Tensor
from edge_runtime.kernels import Choice, Demand, Struct
from edge_runtime.kernels.kernel import declare, nothing
from edge_runtime.memory import Placement, Plan
from edge_runtime.ops import Concat, Reshape, Slice

GARBAGE = 0xA5


@dataclass(frozen=True)
class Mix(Op):
    """Bytes in, bytes out, of any sizes: output i is made of the inputs' elements i."""

    NAME = "MIX"
    INPUTS = (1, 4)

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        return []

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        raise NotImplementedError

    def element(self, i: int, values: Sequence[Array]) -> int:
        read = (int(value[i]) * (7 + 2 * k) for k, value in enumerate(values) if i < len(value))
        return (sum(read) + 31 * i + 1) % 256

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        flat = [value.reshape(-1) for value in values]
        made = [self.element(i, flat) for i in range(output.elements)]
        return np.array(made, np.uint8).reshape(output.shape)


def choice(scratch: int = 0, in_place: tuple[int, ...] = ()) -> Choice:
    kernel = declare("er_mix_ref", Mix, "", lambda _: None, nothing, lambda _: Struct("mix", ()))
    return Choice(kernel, Demand(scratch, in_place), "")


def tensor(name: str, size: int, kind: Kind = Kind.ACTIVATION) -> Tensor:
    return Tensor(name, (size,), DType.UINT8, kind)


class Maker:
    """Builds a graph of Mix and Reshape line by line."""

    def __init__(self, **inputs: int) -> None:
        self.tensors = {name: tensor(name, size) for name, size in inputs.items()}
        self.inputs = tuple(inputs)
        self.nodes: list[Node] = []
        self.choices: dict[str, Choice] = {}

    def state(self, name: str, size: int) -> None:
        self.tensors[name] = tensor(name, size, Kind.STATE)

    def mix(
        self, name: str, size: int, *reads: str, scratch: int = 0, in_place: tuple[int, ...] = ()
    ) -> None:
        self.tensors.setdefault(name, tensor(name, size))
        self.nodes.append(Node(f"make_{name}", Mix(), reads, name))
        self.choices[f"make_{name}"] = choice(scratch, in_place)

    def view(self, name: str, source: str) -> None:
        size = self.tensors[source].elements
        self.tensors[name] = Tensor(name, (1, size), DType.UINT8)
        self.nodes.append(Node(f"make_{name}", Reshape((1, size)), (source,), name))

    def cut(self, name: str, source: str, begin: int, size: int) -> None:
        op = Slice((begin,), (size,), (1,))
        self._move(name, size, op, source)

    def join(self, name: str, *sources: str) -> None:
        size = sum(self.tensors[source].elements for source in sources)
        self._move(name, size, Concat(0), *sources)

    def _move(self, name: str, size: int, op: Op, *reads: str) -> None:
        self.tensors[name] = tensor(name, size)
        self.nodes.append(Node(f"make_{name}", op, reads, name))
        self.choices[f"make_{name}"] = choice(in_place=(0,))

    def flat(self) -> list[str]:
        """The tensors that are no views under another shape."""
        return [name for name, tensor in self.tensors.items() if len(tensor.shape) == 1]

    def graph(self, *outputs: str) -> Graph:
        return Graph.build("made", self.tensors.values(), self.nodes, self.inputs, outputs)


@st.composite
def makers(draw: st.DrawFn, most_nodes: int, most_units: int = 5) -> tuple[Maker, tuple[str, ...]]:
    """A random graph with its kernels' demands, and the names of its outputs."""
    sizes = st.integers(1, most_units).map(lambda units: 4 * units)
    maker = Maker(**{f"in{i}": draw(sizes) - i for i in range(draw(st.integers(1, 2)))})
    for number in range(draw(st.integers(1, most_nodes))):
        known = st.sampled_from(list(maker.tensors))
        kind = draw(st.sampled_from(["view", "cut", "join", *("mix",) * 4]))
        if kind == "view":
            maker.view(f"t{number}", draw(known))
            continue
        if kind == "cut":
            source = draw(st.sampled_from(maker.flat()))
            begin = draw(st.integers(0, maker.tensors[source].elements - 1))
            begin -= begin % draw(st.sampled_from([1, 4]))
            size = draw(st.integers(1, maker.tensors[source].elements - begin))
            maker.cut(f"t{number}", source, begin, size)
            continue
        if kind == "join":
            sources = draw(st.lists(st.sampled_from(maker.flat()), min_size=1, max_size=3))
            maker.join(f"t{number}", *sources)
            continue
        reads = draw(st.lists(known, min_size=1, max_size=2))
        in_place = draw(st.sets(st.sampled_from(range(len(reads)))))
        scratch = draw(st.sampled_from([0, 0, 0, 3, 8]))
        maker.mix(f"t{number}", draw(sizes), *reads, scratch=scratch, in_place=tuple(in_place))
    outputs = draw(st.lists(st.sampled_from(list(maker.tensors)), min_size=1, max_size=3))
    return maker, (*outputs, list(maker.tensors)[-1])


class PlannedMemory:
    """Runs a graph with every tensor at its planned place; what is not alive is garbage."""

    def __init__(self, graph: Graph, plan: Plan) -> None:
        self.graph, self.plan = graph, plan
        self.nodes = {node.name: node for node in graph.nodes}
        self.arena = np.full(plan.arena_bytes, GARBAGE, np.uint8)
        self.state = np.zeros(plan.state_bytes, np.uint8)

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        self.arena[:] = GARBAGE
        for name in self.graph.inputs:
            self.bytes_of(name)[:] = np.frombuffer(inputs[name].tobytes(), np.uint8)
        self._forget(-1)
        for step, name in enumerate(self.plan.order):
            if name in self.plan.scratch:
                self._span(self.plan.scratch[name])[:] = GARBAGE
            self._run(self.nodes[name])
            self._forget(step)
        return {name: self.value(name).copy() for name in self.graph.outputs}

    def bytes_of(self, name: str) -> Array:
        if name in self.plan.placements:
            return self._span(self.plan.placements[name])
        if name in self.plan.state:
            place = self.plan.state[name]
            return self.state[place.offset : place.offset + place.bytes]
        root = self.graph.tensors[self.plan.aliases.get(name, name)]
        return np.frombuffer(root.values.tobytes(), np.uint8)

    def value(self, name: str) -> Array:
        tensor = self.graph.tensors[name]
        return self.bytes_of(name).view(tensor.dtype.numpy).reshape(tensor.shape)

    def _span(self, place: Placement) -> Array:
        assert 0 <= place.offset <= place.offset + place.bytes <= self.plan.arena_bytes
        return self.arena[place.offset : place.offset + place.bytes]

    def _run(self, node: Node) -> None:
        if node.name in self.plan.free:
            return
        output = self.bytes_of(node.output)
        if node.output not in self.plan.aliases and node.output not in self.plan.state:
            output[:] = GARBAGE
        if isinstance(node.op, Mix):
            # As a kernel does: each element is read and written in memory, one after the other.
            for i in range(len(output)):
                output[i] = node.op.element(i, [self.bytes_of(name) for name in node.inputs])
            return
        values = [self.value(name).copy() for name in node.inputs]
        tensors = self.graph.node_inputs(node)
        result = node.op.evaluate(values, tensors, self.graph.node_output(node))
        output[:] = np.frombuffer(result.tobytes(), np.uint8)

    def _forget(self, step: int) -> None:
        """Put garbage over all that need not outlive `step`."""
        kept = np.zeros(len(self.arena), bool)
        for place in self.plan.placements.values():
            if place.first <= step < place.last:
                kept[place.offset : place.offset + place.bytes] = True
        self.arena[~kept] = GARBAGE
