"""In which order the nodes run: the least peak of live bytes, and every order below a limit.

What is alive between two jobs depends only on which have run, not on their order or on what was
overwritten. So the least peak is a shortest path over sets of done jobs, its length being the
largest step on the way. Overwriting an input never raises the peak; it may only constrain offsets.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from edge_runtime.memory.problem import Effort, Problem, Value

_COST = 10
"""Effort to look at one step from one state."""
_BEAM = 30
"""States of one depth that are carried on where the search for the least peak is given up."""
_EFFORT_A_STATE = 10_000
"""Who allows less than that for each of them is content with fewer."""


@dataclass(frozen=True)
class Schedule:
    """Jobs in the order they run, and for those that overwrite a value, which."""

    order: tuple[int, ...]
    overwritten: Mapping[int, int]


@dataclass(frozen=True)
class _State:
    """What has run (a bit mask), what may run next, and the bytes alive."""

    done: int
    ready: tuple[int, ...]
    live: int


@dataclass(frozen=True)
class _Step:
    """What running one job in one state comes to."""

    job: int
    cost: int
    """Bytes alive while it runs, with the best overwriting."""
    live: int
    """Bytes alive after it."""


def least_peak(problem: Problem, effort: Effort) -> tuple[tuple[int, ...], int]:
    """An order, and a lower bound on the peak of live bytes of any order.

    The order's own peak is the bound unless the effort ran out.
    """
    walk = _Walk(problem)
    start = walk.start()
    ticket = count()
    width = max(1, min(_BEAM, effort.left // _EFFORT_A_STATE))
    # Smallest peak first, then the deepest: on a plateau this goes straight to the end.
    heap = [(walk.floor(), 0, start.live, next(ticket), start, (-1, 0))]
    came: dict[int, tuple[int, int]] = {}
    while True:
        peak, depth, _, _, state, before = heapq.heappop(heap)
        if state.done in came:
            continue
        came[state.done] = before
        if not state.ready:
            return _unwind(came, state.done), peak
        if not effort.spend(_COST * len(state.ready)):
            return _beam(walk, len(problem.jobs), width), peak
        for step in walk.useful_steps(state, peak):
            after = walk.after(state, step)
            if after.done not in came:
                entry = (max(peak, step.cost), depth - 1, after.live, next(ticket))
                heapq.heappush(heap, (*entry, after, (step.job, state.done)))


def _unwind(came: Mapping[int, tuple[int, int]], done: int) -> tuple[int, ...]:
    order = []
    while done:
        job, done = came[done]
        order.append(job)
    return tuple(reversed(order))


def _beam(walk: _Walk, jobs: int, width: int) -> tuple[int, ...]:
    """A good order: the best `width` states of each depth are carried on."""
    level: list[tuple[int, _State, tuple[int, ...]]] = [(0, walk.start(), ())]
    for _ in range(jobs):
        best: dict[int, tuple[int, _State, tuple[int, ...]]] = {}
        for peak, state, order in level:
            for step in walk.useful_steps(state, peak):
                after, most = walk.after(state, step), max(peak, step.cost)
                if after.done not in best or most < best[after.done][0]:
                    best[after.done] = (most, after, (*order, step.job))
        level = sorted(best.values(), key=lambda entry: (entry[0], entry[1].live))[:width]
    return level[0][2]


def schedules(problem: Problem, limit: Callable[[], int], effort: Effort) -> Iterator[Schedule]:
    """Every order and choice of overwriting whose live bytes stay below `limit()` throughout.

    Stops early when `effort` runs out.
    """
    walk = _Walk(problem)
    order: list[int] = []
    overwritten: dict[int, int] = {}
    stack = [walk.moves(walk.start())]
    states = [walk.start()]
    if not problem.jobs:
        yield Schedule((), {})
    while stack:
        move = next(stack[-1], None)
        if move is None:
            stack.pop()
            states.pop()
            if order:
                overwritten.pop(order.pop(), None)
            continue
        if not effort.spend(_COST):
            return
        step, over = move
        if step.cost >= limit():
            continue
        order.append(step.job)
        if over is not None:
            overwritten[step.job] = over
        if len(order) == len(problem.jobs):
            yield Schedule(tuple(order), dict(overwritten))
            overwritten.pop(order.pop(), None)
        else:
            states.append(walk.after(states[-1], step))
            stack.append(walk.moves(states[-1]))


def overwriting(problem: Problem, order: tuple[int, ...]) -> Schedule:
    """`order`, each job overwriting what saves the most bytes while it runs."""
    walk, done = _Walk(problem), 0
    overwritten = {}
    for job in order:
        done |= 1 << job
        values = walk.overwritable(job, done)
        if values:
            overwritten[job] = max(values, key=lambda value: walk.saved(job, value))
    return Schedule(order, overwritten)


class _Walk:
    """The moves from one state to the next."""

    def __init__(self, problem: Problem) -> None:
        self.jobs, self.values = problem.jobs, problem.values
        self.followers: list[list[int]] = [[] for _ in self.jobs]
        for index, job in enumerate(self.jobs):
            for before in range(job.after.bit_length()):
                if job.after >> before & 1:
                    self.followers[before].append(index)

    def floor(self) -> int:
        """Bytes alive at some time in any order: all inputs, or what one job touches."""
        inputs = sum(value.bytes for value in self.values if value.from_start)
        return max([inputs, *(self.footprint(index) for index in range(len(self.jobs)))])

    def start(self) -> _State:
        """Nothing has run; the inputs that anything reads are alive."""
        ready = tuple(i for i, job in enumerate(self.jobs) if not job.after)
        live = sum(v.bytes for v in self.values if v.from_start and not v.dead(0))
        return _State(0, ready, live)

    def begins(self, job: int, done: int) -> list[Value]:
        """The values that `job` writes and that are not there yet when those of `done` have run."""
        made = (self.values[value] for value in self.jobs[job].writes)
        return [value for value in made if not value.begun(done)]

    def saved(self, job: int, value: int) -> int:
        """Bytes that need not be alive twice when `job` overwrites `value`."""
        return min(self.values[self.jobs[job].writes[0]].bytes, self.values[value].bytes)

    def footprint(self, job: int) -> int:
        """Bytes alive while `job` runs, at the very least."""
        saved = max((self.saved(job, value) for value in self.jobs[job].overwrites), default=0)
        touched = {*self.jobs[job].reads, *self.jobs[job].writes}
        return sum(self.values[v].bytes for v in touched) + self.jobs[job].scratch - saved

    def overwritable(self, job: int, done: int) -> list[int]:
        """The values that `job`, the last one of `done`, may overwrite."""
        return [v for v in self.jobs[job].overwrites if self.values[v].dead(done)]

    def step(self, state: _State, job: int) -> _Step:
        """Running `job` with the best overwriting."""
        done = state.done | 1 << job
        saved = max((self.saved(job, v) for v in self.overwritable(job, done)), default=0)
        made = self.begins(job, state.done)
        cost = state.live + sum(v.bytes for v in made) + self.jobs[job].scratch - saved
        freed = sum(self.values[v].bytes for v in self.jobs[job].reads if self.values[v].dead(done))
        kept = sum(value.bytes for value in made if not value.dead(done))
        return _Step(job, cost, state.live - freed + kept)

    def after(self, state: _State, step: _Step) -> _State:
        """The state that `step` leads to."""
        done = state.done | 1 << step.job
        new = (i for i in self.followers[step.job] if not self.jobs[i].after & ~done)
        ready = (*(i for i in state.ready if i != step.job), *new)
        return _State(done, ready, step.live)

    def useful_steps(self, state: _State, peak: int) -> list[_Step]:
        """The steps worth trying: one alone, if it costs nothing, else all.

        A job that stays within the peak and leaves no more alive than before can always run at
        once: put first, it lowers what is alive during those that it overtakes.
        """
        steps = [self.step(state, job) for job in state.ready]
        free = (s for s in steps if s.cost <= peak and s.live <= state.live)
        best = next(free, None)
        return steps if best is None else [best]

    def moves(self, state: _State) -> Iterator[tuple[_Step, int | None]]:
        """Every step from `state`, with each value it may overwrite and with none."""
        for job in state.ready:
            step = self.step(state, job)
            done = state.done | 1 << job
            values = self.overwritable(job, done)
            for value in sorted(values, key=lambda v: -self.saved(job, v)):
                best = max(self.saved(job, v) for v in values)
                yield _Step(job, step.cost + best - self.saved(job, value), step.live), value
            best = max((self.saved(job, v) for v in values), default=0)
            yield _Step(job, step.cost + best, step.live), None
