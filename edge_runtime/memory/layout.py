"""From a schedule to the blocks that need an offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.memory.offsets import Block, Part
from edge_runtime.memory.order import Schedule
from edge_runtime.memory.problem import Problem


@dataclass(frozen=True)
class Layout:
    """A schedule with the blocks it makes, and which block holds what."""

    schedule: Schedule
    blocks: tuple[Block, ...]
    value_block: Mapping[int, int]
    scratch_block: Mapping[int, int]
    """By job, for those that need scratch."""

    @staticmethod
    def of(problem: Problem, schedule: Schedule) -> Layout:
        """The layout of `schedule`: values that overwrite one another share a block."""
        steps = steps_of(schedule)
        chains: list[list[int]] = []
        value_block: dict[int, int] = {}
        for value, over in _values_in_order(problem, schedule):
            if over is None:
                chains.append([])
            value_block[value] = len(chains) - 1 if over is None else value_block[over]
            chains[value_block[value]].append(value)
        parts = _lifetimes(problem, steps)
        blocks = [Block(tuple(parts[value] for value in chain)) for chain in chains]
        scratch_block = {}
        for job in schedule.order:
            if problem.jobs[job].scratch:
                scratch_block[job] = len(blocks)
                blocks.append(Block((Part(steps[job], steps[job], problem.jobs[job].scratch),)))
        return Layout(schedule, tuple(blocks), value_block, scratch_block)


def steps_of(schedule: Schedule) -> dict[int, int]:
    """At which step each job runs."""
    return {job: step for step, job in enumerate(schedule.order)}


def _values_in_order(problem: Problem, schedule: Schedule) -> list[tuple[int, int | None]]:
    """Every value, inputs first, then as they are made; and the value it overwrites, if any."""
    inputs = [i for i, value in enumerate(problem.values) if value.from_start]
    made: dict[int, int | None] = {}
    for job in schedule.order:
        for place, value in enumerate(problem.jobs[job].writes):
            made.setdefault(value, schedule.overwritten.get(job) if place == 0 else None)
    return [*((value, None) for value in inputs), *made.items()]


def _lifetimes(problem: Problem, steps: Mapping[int, int]) -> Sequence[Part]:
    """When each value is alive: from its first maker, or from before all, to its last use."""
    made: dict[int, int] = {}
    used: dict[int, int] = {}
    for index, job in enumerate(problem.jobs):
        for value in job.writes:
            made[value] = min(made.get(value, len(steps)), steps[index])
            used[value] = max(used.get(value, -1), steps[index])
    for index, job in enumerate(problem.jobs):
        for value in job.reads:
            used[value] = max(used.get(value, -1), steps[index])
    return [
        Part(
            -1 if value.from_start else made[number],
            len(steps) if value.to_end else used.get(number, -1),
            value.bytes,
        )
        for number, value in enumerate(problem.values)
    ]
