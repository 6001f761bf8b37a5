"""One plan over several memories that do not touch: what is used most goes into the fastest.

A finished plan is taken apart into bodies: what shares bytes at one time (a tensor and its views,
results written over inputs) stays together. Every body goes to one memory, and each memory is
packed anew. Offsets then run through the memories as if they followed one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from edge_runtime.memory.offsets import Block, Packing, Part, pack
from edge_runtime.memory.problem import Effort, aligned
from edge_runtime.memory.result import Placement, Plan

_EFFORT = 100_000
"""For every body that is tried in a memory."""

Key = tuple[str, str]
"""What a placement is of: placements, scratch or stage, and the name."""


@dataclass(frozen=True)
class _Body:
    """Placements that share bytes, and where the lowest of them was."""

    places: Mapping[Key, Placement]
    start: int
    bytes: int

    @property
    def hot(self) -> bool:
        """Whether it is scratch alone, which kernels go through again and again."""
        return all(area == "scratch" for area, _ in self.places)

    def block(self, alignment: int) -> Block:
        """What the packer moves; bytes below a placement, down to the lowest, count as its own."""
        return Block(
            tuple(
                Part(p.first, p.last, aligned(p.offset - self.start + p.bytes, alignment))
                for p in self.places.values()
            )
        )


def spread(plan: Plan, capacities: Sequence[int]) -> Plan | None:
    """`plan` over memories of these sizes, the fastest first; None where no way is found.

    Scratch comes first, then what is small: so the fastest memory holds most of what is touched
    often. Where that leaves something that fits nowhere, the largest come first instead.
    """
    bodies = list(_bodies(plan))
    orders: tuple[Callable[[_Body], tuple[bool, int]], ...] = (
        lambda body: (not body.hot, body.bytes),
        lambda body: (False, -body.bytes),
    )
    for order in orders:
        memories = _fill(sorted(bodies, key=order), capacities, plan.alignment)
        if memories is not None:
            return _moved(plan, memories)
    return None


@dataclass
class _Memory:
    capacity: int
    bodies: list[_Body]
    packing: Packing

    def take(self, body: _Body, alignment: int) -> bool:
        """Put a body here if it fits."""
        tried = [*self.bodies, body]
        packing, _ = pack([each.block(alignment) for each in tried], Effort(_EFFORT))
        if packing.bytes > self.capacity:
            return False
        self.bodies, self.packing = tried, packing
        return True


def _fill(
    bodies: Sequence[_Body], capacities: Sequence[int], alignment: int
) -> list[_Memory] | None:
    """Every body in the first memory that has room for it."""
    memories = [_Memory(size // alignment * alignment, [], Packing((), 0)) for size in capacities]
    for body in bodies:
        if not any(memory.take(body, alignment) for memory in memories):
            return None
    return memories


def _moved(plan: Plan, memories: Sequence[_Memory]) -> Plan:
    found: dict[Key, Placement] = {}
    base = 0
    for memory in memories:
        for body, offset in zip(memory.bodies, memory.packing.offsets, strict=True):
            for key, place in body.places.items():
                moved = base + offset + place.offset - body.start
                found[key] = replace(place, offset=moved)
        base += memory.packing.bytes
    stages = tuple(
        replace(stage, state=found.get(("stage", str(number)), stage.state))
        for number, stage in enumerate(plan.stages)
    )
    return replace(
        plan,
        placements=_of(found, "placements"),
        scratch=_of(found, "scratch"),
        stages=stages,
        arena_bytes=base,
        optimal=base == plan.lower_bound,
        parts=tuple(memory.packing.bytes for memory in memories),
    )


def _of(found: Mapping[Key, Placement], area: str) -> Mapping[str, Placement]:
    return MappingProxyType({name: place for (kind, name), place in found.items() if kind == area})


def _bodies(plan: Plan) -> Iterator[_Body]:
    places: dict[Key, Placement] = {}
    places |= {("placements", name): place for name, place in plan.placements.items()}
    places |= {("scratch", name): place for name, place in plan.scratch.items()}
    places |= {
        ("stage", str(number)): stage.state
        for number, stage in enumerate(plan.stages)
        if not stage.fed
    }
    left = dict(places)
    while left:
        key = next(iter(left))
        body = {key: left.pop(key)}
        waiting = list(body.values())
        while waiting:
            place = waiting.pop()
            for other in [other for other, at in left.items() if _share(place, at)]:
                body[other] = left.pop(other)
                waiting.append(body[other])
        start = min(place.offset for place in body.values())
        end = max(place.offset + place.bytes for place in body.values())
        yield _Body(body, start, end - start)


def _share(one: Placement, other: Placement) -> bool:
    """Whether two placements hold the same byte at the same time."""
    return (
        one.offset < other.offset + other.bytes
        and other.offset < one.offset + one.bytes
        and one.first <= other.last
        and other.first <= one.last
    )
