"""What there is to plan: jobs to put in order, and the values they hand on, in small integers.

A value is what one node writes into the arena, or a model input; or what several write, each its
part. A view writes nothing: it shows the value it reads, and keeps that alive. A stage is one job;
what is inside of it is scratch. Sets of jobs are bit masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.errors import GraphError
from edge_runtime.graph import Graph, Kind, Node
from edge_runtime.kernels.kernel import Choice, Demand
from edge_runtime.memory.stages import Stage
from edge_runtime.memory.state import StateOrder
from edge_runtime.memory.views import Views, views_of


@dataclass(frozen=True)
class Value:
    """Bytes in the arena (rounded up to the alignment), with the jobs that read them."""

    tensors: tuple[str, ...]
    """The tensor that is written, then those that lie within it."""
    bytes: int
    makers: int
    """Jobs that write it, or a part of it; it is there from the first of them on."""
    readers: int
    from_start: bool
    """Written before the first step: a model input."""
    to_end: bool
    """Read after the last step: a model output, or a view of it is one."""

    def begun(self, done: int) -> bool:
        """Whether it is there, or was, once the jobs of `done` have run."""
        return self.from_start or bool(self.makers & done)

    def dead(self, done: int) -> bool:
        """Whether nothing needs it any more once the jobs of `done` have run."""
        return not self.to_end and not self.readers & ~done


@dataclass(frozen=True)
class Job:
    """One node, or a stage of several: the values read and written, and what is needed besides."""

    nodes: tuple[Node, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    """Empty for a view, and where all outputs are state."""
    scratch: int
    overwrites: tuple[int, ...]
    """Values over which it may write the first of `writes`, provided they are dead afterwards."""
    after: int
    """Jobs that must have run before."""


@dataclass(frozen=True)
class Problem:
    """Jobs in the graph's own order, the values, and where each view's bytes are."""

    jobs: tuple[Job, ...]
    values: tuple[Value, ...]
    views: Views


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


def problem_of(
    graph: Graph,
    choices: Mapping[str, Choice],
    alignment: int,
    stages: Sequence[Stage] = (),
    views: Views | None = None,
) -> Problem:
    """The planning problem of `graph`, where reshapes share bytes, or what `views` says.

    GraphError: a node has no kernel, or misuses state.
    """
    views = views or views_of(graph)
    lost = [n.name for n in graph.nodes if n.name not in views.free and n.name not in choices]
    if lost:
        raise GraphError(f"no kernel is chosen for {', '.join(lost)}: its scratch is unknown")
    return _Builder(graph, choices, alignment, stages, views).build()


class _Builder:
    def __init__(
        self,
        graph: Graph,
        choices: Mapping[str, Choice],
        alignment: int,
        stages: Sequence[Stage],
        views: Views,
    ) -> None:
        self.graph, self.choices, self.alignment = graph, choices, alignment
        self.views, self.roots = views, views.roots
        self.stages = {stage.nodes[0]: stage for stage in stages}
        self.inside = {name for stage in stages for name in stage.held}
        outputs = (name for node in graph.nodes for name in node.outputs)
        made = [name for name in (*graph.inputs, *outputs) if name not in self.inside]
        own = dict.fromkeys(self.roots[name] for name in made)
        arena = (name for name in own if graph.tensors[name].kind is Kind.ACTIVATION)
        self.numbers = {name: number for number, name in enumerate(arena)}
        self.held = {self.roots[name] for name in graph.outputs}
        self.makers: dict[str, int] = {}

    def build(self) -> Problem:
        state = StateOrder(self.graph, self.roots)
        jobs: list[Job] = []
        nodes = iter(self.graph.nodes)
        for node in nodes:
            stage = self.stages.get(node.name)
            if stage is not None:
                rest = [next(nodes) for _ in stage.nodes[1:]]
                jobs.append(self._stage(len(jobs), (node, *rest), stage))
                continue
            free = node.name in self.views.free
            demand = Demand() if free else self.choices[node.name].demand
            after = state.visit(len(jobs), node, (*demand.in_place, *demand.updates))
            jobs.append(self._job(len(jobs), node, demand, after))
        state.check_outputs()
        return Problem(tuple(jobs), self._values(jobs), self.views)

    def _job(self, index: int, node: Node, demand: Demand, after: int) -> Job:
        operands = [self.roots[name] for name in node.inputs]
        made = () if node.name in self.views.free else node.outputs
        return Job(
            (node,),
            reads=self._numbers(operands),
            # States are not among the numbers.
            writes=self._numbers([self.roots[name] for name in made]),
            scratch=aligned(demand.scratch_bytes, self.alignment),
            overwrites=self._overwritable(node, operands, demand.in_place),
            after=after | self._made_by(index, node),
        )

    def _stage(self, index: int, nodes: tuple[Node, ...], stage: Stage) -> Job:
        """A stage as one job; its last node's output is the one that may overwrite an input."""
        after = 0
        for node in nodes:
            after |= self._made_by(index, node) & ~(1 << index)
        last = nodes[-1].output
        reads = [name for node in nodes for name in node.inputs]
        operands = [self.roots[name] for name in reads]
        over = [self.roots[name] for output, name in sorted(stage.over) if output == last]
        return Job(
            nodes,
            reads=self._numbers(operands),
            writes=self._numbers((last, *(node.output for node in nodes))),
            scratch=stage.bytes,
            overwrites=tuple(
                self.numbers[name]
                for name in dict.fromkeys(over)
                if name in self.numbers
                and name not in self.held
                and len({read for read in reads if self.roots[read] == name}) == 1
            ),
            after=after,
        )

    def _made_by(self, index: int, node: Node) -> int:
        """The jobs that made what `node` reads; it belongs to the job of this index."""
        after = 0
        for tensor in node.inputs:
            after |= self.makers.get(tensor, 0)
        self.makers.update(dict.fromkeys(node.outputs, 1 << index))
        return after

    def _numbers(self, names: Sequence[str]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.numbers[name] for name in names if name in self.numbers))

    def _overwritable(
        self, node: Node, operands: Sequence[str], allowed: Sequence[int]
    ) -> tuple[int, ...]:
        """The values that may be overwritten: in the arena, no output, read as one operand only.

        Nothing is overwritten through an operand that is a part of it, nor by a part of a value.
        """
        if node.output not in self.numbers:
            return ()
        names = (operands[index] for index in allowed if self._is_whole(node.inputs[index]))
        return tuple(
            self.numbers[name]
            for name in names
            if name in self.numbers and operands.count(name) == 1 and name not in self.held
        )

    def _is_whole(self, name: str) -> bool:
        return self.graph.tensors[name].bytes == self.graph.tensors[self.roots[name]].bytes

    def _values(self, jobs: Sequence[Job]) -> tuple[Value, ...]:
        makers, readers = [0] * len(self.numbers), [0] * len(self.numbers)
        for index, job in enumerate(jobs):
            for value in job.writes:
                makers[value] |= 1 << index
            for value in job.reads:
                readers[value] |= 1 << index
        shown: dict[str, list[str]] = {name: [name] for name in self.numbers}
        for name in (name for node in self.graph.nodes for name in node.outputs):
            root = self.roots[name]
            if root != name and root in shown:
                shown[root].append(name)
        return tuple(
            Value(
                tuple(shown[name]),
                aligned(self.graph.tensors[name].bytes, self.alignment),
                makers[number],
                readers[number],
                name in self.graph.inputs,
                name in self.held,
            )
            for name, number in self.numbers.items()
        )
