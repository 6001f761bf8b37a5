"""What the search must be told of a board: the budget, and who measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_runtime.graph import Graph


@dataclass(frozen=True)
class Budget:
    """The most a network may take: static RAM and flash of the model in bytes, time in ms."""

    ram_bytes: int
    flash_bytes: int
    latency_ms: float

    def __post_init__(self) -> None:
        if min(self.ram_bytes, self.flash_bytes, self.latency_ms) <= 0:
            raise ValueError(f"{self} has a limit that is not positive")

    @property
    def limits(self) -> dict[str, float]:
        """The limits by the names that messages use."""
        return {"RAM": self.ram_bytes, "flash": self.flash_bytes, "latency": self.latency_ms}


@dataclass(frozen=True)
class Cost:
    """What one operation takes by itself: estimated cycles, and RAM besides its tensors."""

    estimated_cycles: int
    scratch_bytes: int = 0


@dataclass(frozen=True)
class Measured:
    """What a whole network takes, of the linked and emulated image; code and constants counted."""

    ram_bytes: int
    flash_bytes: int
    estimated_ms: float

    @property
    def values(self) -> dict[str, float]:
        """The figures by the names of the limits."""
        return {"RAM": self.ram_bytes, "flash": self.flash_bytes, "latency": self.estimated_ms}

    def overruns(self, budget: Budget) -> dict[str, float]:
        """Figure over limit for each limit that is exceeded; empty when all is within budget."""
        ratios = {name: self.values[name] / limit for name, limit in budget.limits.items()}
        return {name: ratio for name, ratio in ratios.items() if ratio > 1}


class Device(Protocol):
    """A board that is given to the search; who implements it emulates, and caches what it saw."""

    @property
    def clock_hz(self) -> int:
        """Cycles per second."""

    def measure_ops(self, graphs: Sequence[Graph]) -> Sequence[Cost]:
        """The cost of each of these int8 graphs of one operation, in their order."""

    def plan_memory(self, graph: Graph) -> int:
        """Static RAM in bytes that the exact planner gives this int8 graph; nothing is built."""

    def measure(self, graph: Graph) -> Measured:
        """What this int8 graph takes, by building its firmware and emulating that image."""


class Progress(Protocol):
    """Told how far long work has come: `done` of `total` steps of a stage, and a remark."""

    def __call__(self, stage: str, done: int, total: int, text: str) -> None:
        """Called after each step."""


def silent(stage: str, done: int, total: int, text: str) -> None:
    """A progress callback that says nothing."""
