"""Writing a solution of the planning problem down in the graph's own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from edge_runtime.graph import Graph, Kind
from edge_runtime.kernels.kernel import Choice
from edge_runtime.memory.layout import Layout
from edge_runtime.memory.offsets import Packing, load
from edge_runtime.memory.problem import Job, Problem, aligned
from edge_runtime.memory.result import LiveTensor, Peak, PlacedStage, Placement, Plan
from edge_runtime.memory.stages import Stage


@dataclass(frozen=True)
class Description:
    """A problem with the graph that it is of."""

    graph: Graph
    choices: Mapping[str, Choice]
    problem: Problem
    stages: tuple[Stage, ...]
    alignment: int

    def plan(self, layout: Layout, packing: Packing, bound: int) -> Plan:
        """The plan that a layout and its packing are; no arena of this problem is below `bound`."""
        jobs = [self.problem.jobs[job] for job in layout.schedule.order]
        nodes = [node for job in jobs for node in job.nodes]
        placements = self._placements(jobs, layout, packing)
        scratch = self._scratch(layout, packing)
        state, state_bytes = self._state(len(nodes))
        placed = self._place_stages(layout, packing, placements, scratch, state_bytes)
        state_bytes += sum(stage.state.bytes for stage in placed if stage.fed)
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
            peak=self._peak(loads, jobs, placements, scratch),
            live_bytes=tuple(
                loads.get(step, 0) for step, job in enumerate(jobs) for _ in job.nodes
            ),
            alignment=self.alignment,
            stages=placed,
            free=tuple(node.name for node in nodes if node.name in self.problem.views.free),
        )

    def _placements(
        self, jobs: Sequence[Job], layout: Layout, packing: Packing
    ) -> dict[str, Placement]:
        """Tensors in the arena, by steps of nodes; all that a stage touches is there throughout."""
        first = dict.fromkeys(self.graph.inputs, -1)
        last = dict(first)
        step = 0
        for job in jobs:
            end = step + len(job.nodes) - 1
            for node in job.nodes:
                for name in node.outputs:
                    first.setdefault(name, step)
                last.update(dict.fromkeys((*node.inputs, *node.outputs), end))
            step = end + 1
        last.update(dict.fromkeys(self.graph.outputs, step))
        for value in self.problem.values:
            # What is made in parts is there from the first of them on.
            first[value.tensors[0]] = min(first[name] for name in value.tensors)
        return {
            name: Placement(
                packing.offsets[layout.value_block[number]] + self.problem.views.offsets[name],
                self.graph.tensors[name].bytes,
                first[name],
                last[name],
            )
            for number, value in enumerate(self.problem.values)
            for name in value.tensors
        }

    def _blocks(self, layout: Layout) -> Iterator[tuple[Job, int, int, int]]:
        """Each job that has scratch, its block, and its first and last step."""
        step = 0
        for index in layout.schedule.order:
            job = self.problem.jobs[index]
            if index in layout.scratch_block:
                yield job, layout.scratch_block[index], step, step + len(job.nodes) - 1
            step += len(job.nodes)

    def _scratch(self, layout: Layout, packing: Packing) -> dict[str, Placement]:
        placements = {}
        stages = {stage.nodes[0]: stage for stage in self.stages}
        for job, block, first, last in self._blocks(layout):
            stage = stages.get(job.nodes[0].name)
            offset = packing.offsets[block] + (stage.scratch if stage else 0)
            for node in job.nodes:
                size = self.choices[node.name].demand.scratch_bytes
                if size:
                    placements[node.name] = Placement(offset, size, first, last)
        return placements

    def _place_stages(
        self,
        layout: Layout,
        packing: Packing,
        placements: dict[str, Placement],
        scratch: dict[str, Placement],
        state_bytes: int,
    ) -> tuple[PlacedStage, ...]:
        """The stages in the order they run; their inner tensors go into `placements`.

        What a fed stage keeps goes behind the `state_bytes` of state tensors.
        """
        stages = {stage.nodes[0]: stage for stage in self.stages}
        placed = []
        for job, block, first, last in self._blocks(layout):
            stage = stages.get(job.nodes[0].name)
            if stage is None:
                continue
            base = packing.offsets[block]
            for name, rows in stage.held.items():
                size = rows * stage.tensors[name].row_bytes
                placements[name] = Placement(base + stage.offsets[name], size, first, last)
            fed = next((op.writes for op in stage.ops if not op.node), "")
            offset = state_bytes if fed else base + stage.state
            state = Placement(offset, stage.state_bytes, first, last)
            held = MappingProxyType(stage.held)
            placed.append(PlacedStage(stage.nodes, stage.step, held, state, fed))
        return tuple(placed)

    def _aliases(self, layout: Layout) -> dict[str, str]:
        shown = {name: root for name, root in self.problem.views.roots.items() if name != root}
        for job, value in layout.schedule.overwritten.items():
            written = self.problem.values[self.problem.jobs[job].writes[0]]
            shown[written.tensors[0]] = self.problem.values[value].tensors[0]
        return shown

    def _state(self, steps: int) -> tuple[dict[str, Placement], int]:
        """State tensors one after the other, for all of it is alive all the time."""
        placements: dict[str, Placement] = {}
        offset = 0
        for tensor in self.graph.of_kind(Kind.STATE):
            placements[tensor.name] = Placement(offset, tensor.bytes, -1, steps)
            offset += aligned(tensor.bytes, self.alignment)
        for name, root in self.problem.views.roots.items():
            if root in placements:
                placements[name] = placements[root]
        return placements, offset

    def _peak(
        self,
        loads: Mapping[int, int],
        jobs: Sequence[Job],
        placements: Mapping[str, Placement],
        scratch: Mapping[str, Placement],
    ) -> Peak:
        """The first job at which the most bytes are alive, named after its last node."""
        number = min(loads, key=lambda step: (-loads[step], step), default=-1)
        step = -1 if number < 0 else sum(len(job.nodes) for job in jobs[:number])
        nodes = jobs[number].nodes if 0 <= number < len(jobs) else ()
        tensors = tuple(
            LiveTensor(name, place.bytes)
            for name, place in placements.items()
            if place.first <= step <= place.last
        )
        needed = (scratch[node.name].bytes for node in nodes if node.name in scratch)
        name, op = (nodes[-1].name, nodes[-1].op.NAME) if nodes else ("", "INPUTS")
        return Peak(step, name, op, tensors, max(needed, default=0), loads.get(number, 0))
