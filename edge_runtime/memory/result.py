"""The plan: the order of the nodes, and where every tensor and all scratch lies in one arena."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """Bytes at an offset of the arena or of the state area, over the steps `first` to `last`.

    Step i is the i-th node of the plan's order. Model inputs are there from step -1, before the
    first node; model outputs until the step after the last node. Both ends are included.
    """

    offset: int
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class LiveTensor:
    """A tensor alive at the peak."""

    name: str
    bytes: int


@dataclass(frozen=True)
class Peak:
    """The first step at which the most bytes are alive.

    `bytes` counts what tensors share once, rounds each up to the alignment, and includes the
    node's scratch. `node` is empty, and `op` is INPUTS, where it is before the first node.
    """

    step: int
    node: str
    op: str
    tensors: tuple[LiveTensor, ...]
    scratch_bytes: int
    bytes: int


@dataclass(frozen=True)
class PlacedStage:
    """Nodes that run row by row, so that only some rows of what lies between them are kept."""

    nodes: tuple[str, ...]
    step: int
    """Rows that each makes at a time."""
    rows: Mapping[str, int]
    """Tensors made and read inside, and how many of their rows have a place."""
    state: Placement
    """What the stage keeps of its own while it runs: in the arena, in the state area if fed."""
    fed: str = ""
    """The model input whose rows come one by one, if any; it is among `rows`."""


@dataclass(frozen=True)
class Plan:
    """Where everything lies, and how good that is. All sizes and offsets in bytes.

    Model inputs are written before step 0, and their bytes may serve others after their last use:
    write all of them before every inference, after reading the outputs of the one before.
    """

    order: tuple[str, ...]
    """Every node by name, in the order to run. Those of `free` do nothing when their turn comes."""
    placements: Mapping[str, Placement]
    """Every tensor that lies in the arena, model inputs, outputs and views included; of the inner
    ones of a stage, the rows that have a place."""
    scratch: Mapping[str, Placement]
    """By node name, for nodes that need any."""
    state: Mapping[str, Placement]
    """State tensors, and views of them, in an area of their own."""
    aliases: Mapping[str, str]
    """A tensor to the one whose bytes it shares: what it lies in (constants and state included), or
    what it overwrites."""
    arena_bytes: int
    state_bytes: int
    lower_bound: int
    """No plan has a smaller arena than this, be it that all slices and concatenations share bytes
    which can, or none."""
    optimal: bool
    """Whether it is proved that no order, overwriting and offsets give a smaller arena."""
    peak: Peak
    live_bytes: tuple[int, ...]
    """Bytes alive during each node, scratch included."""
    alignment: int
    stages: tuple[PlacedStage, ...] = ()
    """In the order in which they run; the nodes of each follow one another in `order`."""
    least_bytes: int | None = None
    """No choice of stages gives a smaller arena than this, whatever it costs; None where only these
    stages were considered."""
    free: tuple[str, ...] = ()
    """Nodes by name for which nothing is done: what they make lies in other tensors."""

    parts: tuple[int, ...] = ()
    """Sizes of the memories that the arena is spread over, which offsets run through in this order;
    empty where it is in one piece. Nothing lies across a boundary."""

    @property
    def proof(self) -> str:
        """In words, how good the arena's size is."""
        rows = f", {sum(len(s.nodes) for s in self.stages)} nodes row by row" if self.stages else ""
        if self.arena_bytes > self.lower_bound:
            return f"no plan needs less than {self.lower_bound:,}{rows}"
        if self.least_bytes is not None and self.arena_bytes > self.least_bytes:
            rows += f"; slower ones need at least {self.least_bytes:,}"
        return f"proved minimal{rows}"

    @property
    def ram_bytes(self) -> int:
        """All static RAM of the model: arena and state."""
        return self.arena_bytes + self.state_bytes
