"""Searches order, overwriting and offsets together, and writes down what it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from edge_runtime.graph import Graph, Kind, Node
from edge_runtime.kernels.kernel import Choice
from edge_runtime.memory.layout import Layout, steps_of
from edge_runtime.memory.offsets import Packing, load, pack
from edge_runtime.memory.order import least_peak, overwriting, schedules
from edge_runtime.memory.problem import Effort, Problem, aligned, problem_of
from edge_runtime.memory.result import LiveTensor, Peak, Placement, Plan

EFFORT = 1_000_000
"""Of order and offset search together, after which the best plan found is taken: a second or so."""


def plan(
    graph: Graph,
    choices: Mapping[str, Choice],
    *,
    alignment: int = 4,
    effort: int = EFFORT,
) -> Plan:
    """The smallest arena for `graph` with these kernels (by node name; Reshapes have none).

    Every offset and the arena's size are multiples of `alignment` bytes. The same arguments give
    the same plan. When `effort` (about a microsecond each) is used up, the best plan so far is
    returned, with `optimal` False unless it meets the bound. GraphError: a node without a kernel,
    or state used in a way that no order of the nodes can serve.
    """
    problem = problem_of(graph, choices, alignment)
    best, bound = _solve(problem, Effort(effort))
    return _Description(graph, choices, problem, alignment).plan(best, bound)


@dataclass
class _Best:
    """The best found so far."""

    layout: Layout
    packing: Packing

    def limit(self) -> int:
        """What another must stay below to be better."""
        return self.packing.bytes


def _solve(problem: Problem, effort: Effort) -> tuple[_Best, int]:
    """The best found, and a lower bound on any."""
    order, bound = least_peak(problem, effort.share(2))
    first = overwriting(problem, order)
    layout = Layout.of(problem, first)
    packing, proved = pack(layout.blocks, effort.share(4))
    best = _Best(layout, packing)
    others = schedules(problem, best.limit, effort)
    while best.limit() > bound and (schedule := next(others, None)) is not None:
        layout = Layout.of(problem, schedule)
        packing, complete = pack(layout.blocks, effort.share(16), best.limit())
        proved &= complete
        if packing.bytes < best.limit():
            best.layout, best.packing = layout, packing
    ended = proved and effort.left >= 0
    return best, best.limit() if ended else bound


@dataclass(frozen=True)
class _Description:
    """Writes a solution down in the graph's own names."""

    graph: Graph
    choices: Mapping[str, Choice]
    problem: Problem
    alignment: int

    def plan(self, best: _Best, bound: int) -> Plan:
        """The plan that `best` is."""
        layout, packing = best.layout, best.packing
        nodes = [self.problem.jobs[job].node for job in layout.schedule.order]
        placements = self._placements(nodes, layout, packing)
        scratch = self._scratch(layout, packing)
        state, state_bytes = self._state(len(nodes))
        loads = load(layout.blocks)
        return Plan(
            order=tuple(node.name for node in nodes),
            placements=MappingProxyType(placements),
            scratch=MappingProxyType(scratch),
            state=MappingProxyType(state),
            aliases=MappingProxyType(self._aliases(layout)),
            arena_bytes=packing.bytes,
            state_bytes=state_bytes,
            lower_bound=bound,
            optimal=packing.bytes == bound,
            peak=_peak(loads, nodes, placements, scratch),
            live_bytes=tuple(loads.get(step, 0) for step in range(len(nodes))),
            alignment=self.alignment,
        )

    def _placements(
        self, nodes: Sequence[Node], layout: Layout, packing: Packing
    ) -> dict[str, Placement]:
        first = dict.fromkeys(self.graph.inputs, -1)
        last = dict(first)
        for step, node in enumerate(nodes):
            first.update(dict.fromkeys(node.outputs, step))
            last.update(dict.fromkeys((*node.inputs, *node.outputs), step))
        last.update(dict.fromkeys(self.graph.outputs, len(nodes)))
        return {
            name: Placement(
                packing.offsets[layout.value_block[number]],
                self.graph.tensors[name].bytes,
                first[name],
                last[name],
            )
            for number, value in enumerate(self.problem.values)
            for name in value.tensors
        }

    def _scratch(self, layout: Layout, packing: Packing) -> dict[str, Placement]:
        steps = steps_of(layout.schedule)
        placements = {}
        for job, block in layout.scratch_block.items():
            name, step = self.problem.jobs[job].node.name, steps[job]
            size = self.choices[name].demand.scratch_bytes
            placements[name] = Placement(packing.offsets[block], size, step, step)
        return placements

    def _aliases(self, layout: Layout) -> dict[str, str]:
        shown = {name: root for name, root in self.problem.roots.items() if name != root}
        for job, value in layout.schedule.overwritten.items():
            shown[self.problem.jobs[job].node.output] = self.problem.values[value].tensors[0]
        return shown

    def _state(self, steps: int) -> tuple[dict[str, Placement], int]:
        """State tensors one after the other, for all of it is alive all the time."""
        placements: dict[str, Placement] = {}
        offset = 0
        for tensor in self.graph.of_kind(Kind.STATE):
            placements[tensor.name] = Placement(offset, tensor.bytes, -1, steps)
            offset += aligned(tensor.bytes, self.alignment)
        for name, root in self.problem.roots.items():
            if root in placements:
                placements[name] = placements[root]
        return placements, offset


def _peak(
    loads: Mapping[int, int],
    nodes: Sequence[Node],
    placements: Mapping[str, Placement],
    scratch: Mapping[str, Placement],
) -> Peak:
    step = min(loads, key=lambda step: (-loads[step], step), default=-1)
    node = nodes[step] if 0 <= step < len(nodes) else None
    tensors = tuple(
        LiveTensor(name, place.bytes)
        for name, place in placements.items()
        if place.first <= step <= place.last
    )
    name, op = (node.name, node.op.NAME) if node else ("", "INPUTS")
    scratch_bytes = scratch[name].bytes if name in scratch else 0
    return Peak(step, name, op, tensors, scratch_bytes, loads.get(step, 0))
