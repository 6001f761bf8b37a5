"""Where in one region each block goes: the least height, found by heuristics, proved by search.

A block is what must stay at one offset: a tensor, or tensors that overwrite one another. Its parts
have a height each, so that a small result written over a large input frees what lies above it. Two
blocks alive at one time are apart when the upper one starts above all parts of the lower one that
meet it in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from edge_runtime.memory.problem import Effort


@dataclass(frozen=True)
class Part:
    """Bytes held over the steps `first` to `last`, both included."""

    first: int
    last: int
    bytes: int


@dataclass(frozen=True)
class Block:
    """Parts that start at one offset and together hold it without a pause."""

    parts: tuple[Part, ...]
    first: int = field(init=False)
    last: int = field(init=False)
    height: int = field(init=False)
    """Bytes at its tallest."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", min(part.first for part in self.parts))
        object.__setattr__(self, "last", max(part.last for part in self.parts))
        object.__setattr__(self, "height", max(part.bytes for part in self.parts))

    def height_over(self, other: Block) -> int:
        """Bytes at its tallest while `other`, which it must meet, is alive."""
        if len(self.parts) == 1:
            return self.height
        return max(p.bytes for p in self.parts if p.first <= other.last and other.first <= p.last)

    def profile(self) -> dict[int, int]:
        """Bytes at each step."""
        heights: dict[int, int] = {}
        for part in self.parts:
            for step in range(part.first, part.last + 1):
                heights[step] = max(heights.get(step, 0), part.bytes)
        return heights


@dataclass(frozen=True)
class Packing:
    """An offset a block, and the height of the whole."""

    offsets: tuple[int, ...]
    bytes: int


Gaps = list[dict[int, int]]
"""For each block, by how much each other one alive with it must start above it to lie on top."""


def load(blocks: Sequence[Block]) -> dict[int, int]:
    """Bytes alive at each step at which there are any: no packing is lower than the largest."""
    total: dict[int, int] = {}
    for block in blocks:
        for step, height in block.profile().items():
            total[step] = total.get(step, 0) + height
    return total


def pack(blocks: Sequence[Block], effort: Effort, limit: int | None = None) -> tuple[Packing, bool]:
    """The lowest packing found, and whether it is proved that none is lower (or below `limit`).

    Where no packing can be below `limit` this may return any.
    """
    bound = max(load(blocks).values(), default=0)
    gaps = _gaps(blocks)
    effort.spend(12 * len(blocks) + sum(map(len, gaps)))
    best = _stacked(blocks, gaps, bound, effort)
    limit = best.bytes if limit is None else min(limit, best.bytes)
    if limit <= bound:
        return best, True
    search = _Search(blocks, gaps, bound, limit, effort)
    return search.run() or best, search.complete


def _stacked(blocks: Sequence[Block], gaps: Gaps, bound: int, effort: Effort) -> Packing:
    """A good packing: blocks put down one by one where they fit, in several orders.

    Then, for some rounds, the block that ended at the top is put down first instead.
    """
    best = Packing((), sum(block.height for block in blocks) + 1)
    cost = len(blocks) + sum(map(len, gaps)) // 3
    rankings = [sorted(range(len(blocks)), key=lambda i: key(blocks[i])) for key in _ORDERS]
    for ranked in rankings * _ROUNDS:
        found = _stack(blocks, gaps, ranked)
        best = min(best, found, key=lambda packing: packing.bytes)
        if best.bytes == bound or not effort.spend(cost):
            break
        highest = max(ranked, key=lambda i: found.offsets[i] + blocks[i].height)
        ranked.remove(highest)
        ranked.insert(0, highest)
    return best


_ROUNDS = 40
_ORDERS: tuple[Callable[[Block], tuple[int, int]], ...] = (
    lambda block: (-block.height, block.first - block.last),
    lambda block: (-block.height * (block.last - block.first + 1), -block.height),
    lambda block: (block.first - block.last, -block.height),
    lambda block: (block.first, -block.height),
    lambda block: (-block.last, -block.height),
)


def _gaps(blocks: Sequence[Block]) -> Gaps:
    gaps: Gaps = [{} for _ in blocks]
    alive: list[int] = []
    for i in sorted(range(len(blocks)), key=lambda i: blocks[i].first):
        alive = [j for j in alive if blocks[j].last >= blocks[i].first]
        for j in alive:
            gaps[i][j] = blocks[i].height_over(blocks[j])
            gaps[j][i] = blocks[j].height_over(blocks[i])
        alive.append(i)
    return gaps


def _stack(blocks: Sequence[Block], gaps: Gaps, ranked: Sequence[int]) -> Packing:
    """Each block in turn at the lowest offset that those before it leave free."""
    offsets: dict[int, int] = {}
    for i in ranked:
        taken = sorted(
            (offsets[j] - gaps[i][j], offsets[j] + gaps[j][i]) for j in gaps[i] if j in offsets
        )
        place = 0
        for low, high in taken:
            if low < place < high:
                place = high
        offsets[i] = place
    return _packing(blocks, offsets)


def _packing(blocks: Sequence[Block], offsets: Mapping[int, int]) -> Packing:
    top = max((offsets[i] + block.height for i, block in enumerate(blocks)), default=0)
    return Packing(tuple(offsets[i] for i in range(len(blocks))), top)


class _Search:
    """Depth first over blocks in the order of their offsets, each resting on those below it.

    In a lowest packing whose sum of offsets is least, each block lies on another or on the ground,
    and none has room below it; so blocks need only be tried in that form.
    """

    def __init__(
        self, blocks: Sequence[Block], gaps: Gaps, bound: int, limit: int, effort: Effort
    ) -> None:
        self.blocks, self.gaps, self.bound, self.limit = blocks, gaps, bound, limit
        self.effort = effort
        self.complete = False
        self.ground = [0] * len(blocks)
        self.offsets: dict[int, int] = {}
        self.heights = [block.profile() for block in blocks]
        self.steps = load(blocks)
        self.cost = 20 + sum(map(len, self.heights)) // 3

    def run(self) -> Packing | None:
        """The lowest packing below the limit, or None; `complete` tells whether that is proved."""
        best = None
        path: list[tuple[Iterator[int], list[int]]] = [(self._candidates(0, -1), self.ground)]
        while path:
            candidates, ground = path[-1]
            self.ground = ground
            block = next(candidates, None)
            if block is None:
                path.pop()
                if path:
                    self.offsets.popitem()
                continue
            if not self.effort.spend(self.cost):
                return best
            self._place(block)
            if len(self.offsets) == len(self.blocks):
                best = self._better(best)
                self.offsets.popitem()
                if self.limit <= self.bound:
                    break
            elif self._hopeful(self.offsets[block]):
                path.append((self._candidates(self.offsets[block], block), self.ground))
            else:
                self.offsets.popitem()
        self.complete = True
        return best

    def _place(self, block: int) -> None:
        place = self.ground[block]
        self.offsets[block] = place
        self.ground = self.ground.copy()
        for other, gap in self.gaps[block].items():
            self.ground[other] = max(self.ground[other], place + gap)

    def _candidates(self, floor: int, last: int) -> Iterator[int]:
        """Blocks that may come next above `floor`, the lowest first."""
        rest = [i for i in range(len(self.blocks)) if i not in self.offsets]
        # Above this, a block would leave room in which another still fits.
        roof = min(max(self.ground[i], floor) + self.blocks[i].height for i in rest)
        fit = [i for i in rest if (floor, last) < (self.ground[i], i) and self.ground[i] < roof]
        return iter(sorted(fit, key=lambda i: (self.ground[i], -self.blocks[i].height)))

    def _hopeful(self, floor: int) -> bool:
        """Whether the blocks left over could still stay below the limit, at every step."""
        tops = dict.fromkeys(self.steps, floor)
        for i, heights in enumerate(self.heights):
            placed = self.offsets.get(i)
            if placed is not None:
                for step, height in heights.items():
                    tops[step] = max(tops[step], placed + height)
        for i, heights in enumerate(self.heights):
            if i in self.offsets:
                continue
            if max(self.ground[i], floor) + self.blocks[i].height >= self.limit:
                return False
            for step, height in heights.items():
                tops[step] += height
        return max(tops.values()) < self.limit

    def _better(self, best: Packing | None) -> Packing | None:
        found = _packing(self.blocks, self.offsets)
        if found.bytes >= self.limit:
            return best
        self.limit = found.bytes
        return found
