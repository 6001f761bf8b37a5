"""Searches order, overwriting and offsets together, and before that what runs row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_runtime.graph import Graph
from edge_runtime.kernels.kernel import Choice
from edge_runtime.memory.description import Description
from edge_runtime.memory.layout import Layout
from edge_runtime.memory.offsets import Packing, pack
from edge_runtime.memory.order import least_peak, overwriting, schedules
from edge_runtime.memory.problem import Effort, Problem, problem_of
from edge_runtime.memory.result import Plan
from edge_runtime.memory.stages import Cut, Stage, cuts, work
from edge_runtime.memory.views import views_of

ALIGNMENT = 4
EFFORT = 1_000_000
"""Of order and offset search together, after which the best plan found is taken: a second or so."""
MOST_EXTRA = 0.02
"""The share of all work that running row by row may cost where no RAM is named."""
MOST_EXTRA_FED = 0.10
"""The same where the input comes row by row: who goes to that trouble is short of memory."""
MOST_TRIED = 4
"""Cuts whose offsets are searched before the best so far is taken."""


def plan(
    graph: Graph,
    choices: Mapping[str, Choice],
    *,
    stages: Sequence[Stage] = (),
    alignment: int = ALIGNMENT,
    effort: int = EFFORT,
) -> Plan:
    """The smallest arena for `graph` with these kernels (by node name; Reshapes have none).

    The nodes of each of `stages` run row by row. Without stages, slices and concatenations share
    bytes with what they are made of where they can, provided that this takes no more memory. Every
    offset and the arena's size are multiples of `alignment` bytes. The same arguments give the same
    plan. When `effort` (about a microsecond each) is used up, the best plan so far is returned,
    with `optimal` False unless it meets the bound. GraphError: a node without a kernel, or state
    used in a way that no order of the nodes can serve.
    """
    plain = views_of(graph)
    parts = views_of(graph, alignment, parts=True)
    found = []
    for views in (plain,) if stages or parts == plain else (parts, plain):
        problem = problem_of(graph, choices, alignment, stages, views)
        best, bound = _solve(problem, Effort(effort))
        description = Description(graph, choices, problem, tuple(stages), alignment)
        found.append(description.plan(best.layout, best.packing, bound))
    least = min(each.lower_bound for each in found)
    smallest = min(found, key=lambda each: each.arena_bytes)
    return replace(smallest, lower_bound=least, optimal=smallest.arena_bytes == least)


def plan_by_rows(
    graph: Graph,
    choices: Mapping[str, Choice],
    *,
    ram: int | None = None,
    fed: bool = False,
    alignment: int = ALIGNMENT,
    effort: int = EFFORT,
) -> Plan:
    """The plan of `graph` with some nodes running row by row.

    With `ram`, in bytes, the plan that costs the fewest instructions within it, or the smallest
    where none is; without, the smallest that costs at most MOST_EXTRA of all instructions more.
    With `fed` the only input comes row by row, and is never there as a whole; DataError: it cannot.
    """
    found, floor = cuts(graph, choices, alignment, fed=fed)
    plans: list[Plan] = []
    extra = (MOST_EXTRA_FED if fed else MOST_EXTRA) * work(graph)
    for cut in _preferred(found, ram, extra):
        made = plan(graph, choices, stages=cut.stages, alignment=alignment, effort=effort)
        plans.append(replace(made, least_bytes=min(floor, made.lower_bound)))
        if made.arena_bytes <= cut.peak and (ram is None or made.ram_bytes <= ram):
            return plans[-1]
    return min(plans, key=lambda each: each.ram_bytes)


def _preferred(found: Sequence[Cut], ram: int | None, extra: float) -> Sequence[Cut]:
    """The cuts in the order in which they are to be tried; in `found` the smallest is first."""
    if ram is None:
        return [cut for cut in found if cut.extra <= max(extra, found[-1].extra)][:MOST_TRIED]
    fitting = [cut for cut in reversed(found) if cut.peak <= ram]
    return [*fitting[: MOST_TRIED - 1], found[0]]


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
