"""What there is to plan: jobs to put in order, and the values they hand on, in small integers.

A value is what one node writes into the arena, or a model input. A Reshape writes nothing: its
output is a view of the value it reads, and keeps that alive. Sets of jobs are bit masks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_runtime.errors import GraphError
from edge_runtime.graph import Graph, Kind, Node
from edge_runtime.kernels.kernel import Choice
from edge_runtime.ops import Reshape


@dataclass(frozen=True)
class Value:
    """Bytes in the arena (rounded up to the alignment), with the jobs that read them."""

    tensors: tuple[str, ...]
    """The tensor that is written, then its views."""
    bytes: int
    readers: int
    from_start: bool
    """Written before the first step: a model input."""
    to_end: bool
    """Read after the last step: a model output, or a view of it is one."""

    def dead(self, done: int) -> bool:
        """Whether nothing needs it any more once the jobs of `done` have run."""
        return not self.to_end and not self.readers & ~done


@dataclass(frozen=True)
class Job:
    """One node: the values it reads and writes, and what it needs besides."""

    node: Node
    reads: tuple[int, ...]
    writes: int | None
    """None for a view, and where the output is state."""
    scratch: int
    overwrites: tuple[int, ...]
    """Values over which the kernel may write its output, provided they are dead afterwards."""
    after: int
    """Jobs that must have run before."""


@dataclass(frozen=True)
class Problem:
    """Jobs in the graph's own order, the values, and where each view's bytes are."""

    jobs: tuple[Job, ...]
    values: tuple[Value, ...]
    roots: Mapping[str, str]
    """Tensor to the tensor whose bytes it is: itself, or what Reshapes made it from."""


class Effort:
    """Work that may still be done, in units of about a microsecond; unlike time, repeatable."""

    def __init__(self, units: int, whole: Effort | None = None) -> None:
        self.left = units
        self._whole = whole

    def spend(self, units: int) -> bool:
        """Use `units`, of the whole too where this is a share; False when there are too few."""
        self.left -= units
        enough = self._whole is None or self._whole.spend(units)
        return enough and self.left >= 0

    def share(self, part: int) -> Effort:
        """One part in `part` of what is left, spent from here."""
        return Effort(self.left // part, self)


def aligned(size: int, alignment: int) -> int:
    """`size` rounded up to a multiple of `alignment`."""
    return -(-size // alignment) * alignment


def problem_of(graph: Graph, choices: Mapping[str, Choice], alignment: int) -> Problem:
    """The planning problem of `graph`. GraphError: a node has no kernel, or misuses state."""
    lost = [n.name for n in graph.nodes if not isinstance(n.op, Reshape) and n.name not in choices]
    if lost:
        raise GraphError(f"no kernel is chosen for {', '.join(lost)}: its scratch is unknown")
    roots = _roots(graph)
    numbers = _number_values(graph, roots)
    readers = [0] * len(numbers)
    jobs = []
    state = _StateOrder(graph, roots)
    makers: dict[str, int] = {}
    for index, node in enumerate(graph.nodes):
        demand = choices[node.name].demand if node.name in choices else None
        allowed = _indices(demand.in_place) if demand else ()
        reads = tuple(dict.fromkeys(numbers[roots[t]] for t in node.inputs if roots[t] in numbers))
        for value in reads:
            readers[value] |= 1 << index
        after = state.visit(index, node, allowed)
        for tensor in node.inputs:
            after |= makers.get(tensor, 0)
        makers[node.output] = 1 << index
        # A view is not among the numbers, nor is a state.
        writes = numbers.get(node.output)
        scratch = demand.scratch_bytes if demand else 0
        over = _overwritable(graph, roots, numbers, node, allowed)
        jobs.append(Job(node, reads, writes, aligned(scratch, alignment), over, after))
    state.check_outputs()
    values = _values(graph, roots, numbers, readers, alignment)
    return Problem(tuple(jobs), values, roots)


def _roots(graph: Graph) -> dict[str, str]:
    roots = {name: name for name in graph.tensors}
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            if graph.node_output(node).kind is Kind.STATE:
                raise GraphError(f"{node.name} reshapes into state {node.output}: a copy is needed")
            roots[node.output] = roots[node.inputs[0]]
    return roots


def _number_values(graph: Graph, roots: Mapping[str, str]) -> dict[str, int]:
    made = [*graph.inputs, *(node.output for node in graph.nodes)]
    names = dict.fromkeys(
        roots[name] for name in made if graph.tensors[roots[name]].kind is Kind.ACTIVATION
    )
    return {name: number for number, name in enumerate(names)}


def _values(
    graph: Graph,
    roots: Mapping[str, str],
    numbers: Mapping[str, int],
    readers: list[int],
    alignment: int,
) -> tuple[Value, ...]:
    held = {roots[name] for name in graph.outputs}
    views: dict[str, list[str]] = {name: [name] for name in numbers}
    for node in graph.nodes:
        root = roots[node.output]
        if root != node.output and root in views:
            views[root].append(node.output)
    return tuple(
        Value(
            tuple(views[name]),
            aligned(graph.tensors[name].bytes, alignment),
            readers[number],
            name in graph.inputs,
            name in held,
        )
        for name, number in numbers.items()
    )


def _indices(in_place: object) -> tuple[int, ...]:
    """The inputs that a kernel may overwrite: none, one, or several to choose from."""
    if in_place is None:
        return ()
    return in_place if isinstance(in_place, tuple) else (int(in_place),)  # type: ignore


def _overwritable(
    graph: Graph,
    roots: Mapping[str, str],
    numbers: Mapping[str, int],
    node: Node,
    allowed: tuple[int, ...],
) -> tuple[int, ...]:
    """The values that may be overwritten: in the arena, no output, read as one operand only."""
    operands = [roots[name] for name in node.inputs]
    held = {roots[name] for name in graph.outputs}
    return tuple(
        numbers[operands[index]]
        for index in allowed
        if operands[index] in numbers
        and operands.count(operands[index]) == 1
        and operands[index] not in held
        and node.output in numbers
    )


@dataclass
class _StateOrder:
    """Keeps the jobs that touch one state tensor in the graph's order round each of its writes."""

    graph: Graph
    roots: Mapping[str, str]
    touched: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    views: dict[str, set[str]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    """Views of a state that was written after they were made."""

    def visit(self, index: int, node: Node, allowed: tuple[int, ...]) -> int:
        """The jobs that must run before `node`, the job of this index, for the sake of state."""
        after = 0
        for position, tensor in enumerate(node.inputs):
            root = self.roots[tensor]
            if self.graph.tensors[root].kind is not Kind.STATE:
                continue
            if tensor in self.stale:
                raise GraphError(f"{node.name} reads {tensor} after its state {root} was written")
            if root == node.output and position not in allowed:
                raise GraphError(f"{node.name} updates {root}, but its kernel cannot in place")
            after |= self.written.get(root, 0)
            self.touched[root] = self.touched.get(root, 0) | 1 << index
            if isinstance(node.op, Reshape):
                self.views.setdefault(root, set()).add(node.output)
        if self.graph.node_output(node).kind is Kind.STATE:
            after |= self.touched.get(node.output, 0)
            self.touched[node.output] = self.written[node.output] = 1 << index
            self.stale |= self.views.pop(node.output, set())
        return after & ~(1 << index)

    def check_outputs(self) -> None:
        """GraphError if a model output is a view of what is no longer there."""
        for name in self.graph.outputs:
            if name in self.stale:
                raise GraphError(f"output {name} shows state {self.roots[name]}, written later")
