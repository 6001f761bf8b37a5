"""What a report shows. The caller fills these in; nothing here is computed from a device."""

from __future__ import annotations

from dataclasses import dataclass

from edge_runtime.measurement import Layer
from edge_runtime.memory import Plan


@dataclass(frozen=True)
class Budget:
    """How much of something is used, out of how much there may be."""

    name: str
    """"RAM", "flash", "stack", "estimated time", "estimated with waits"."""
    used: float
    limit: float | None
    """None where there is no limit."""
    unit: str
    """"bytes" or "ms"."""
    note: str = ""

    @property
    def over(self) -> bool:
        """Whether the limit is exceeded."""
        return self.limit is not None and self.used > self.limit


@dataclass(frozen=True)
class Accuracy:
    """Shares between 0 and 1, each with the number of cases it was taken over."""

    data: str
    """Which data: "test people 8 to 10, 1,024 windows"."""
    float_accuracy: float | None = None
    int8_accuracy: float | None = None
    cases: int = 0
    agreement: float | None = None
    """The share of emulated outputs equal to the reference's, byte for byte."""
    agreement_cases: int = 0


@dataclass(frozen=True)
class Candidate:
    """A network that the search looked at."""

    name: str
    estimated_ms: float
    accuracy: float
    """On validation data."""
    ram_bytes: int
    flash_bytes: int
    chosen: bool = False


@dataclass(frozen=True)
class Search:
    """What the search found, and the limit on time that it was given."""

    candidates: tuple[Candidate, ...]
    limit_ms: float | None = None


@dataclass(frozen=True)
class ReportData:
    """Everything in one report."""

    model: str
    board: str
    """The board in words: "NUCLEO-L552ZE-Q, Cortex-M33 at 110 MHz"."""
    arithmetic: str
    """What the model computes in: float32, int8, int16, float32 by int8, or mixed."""
    command: str
    versions: tuple[tuple[str, str], ...]
    """Names and versions of what made the figures: this package, the compiler, the emulator."""
    budgets: tuple[Budget, ...]
    plan: Plan
    layers: tuple[Layer, ...]
    inputs: tuple[str, ...]
    """Names of the model's inputs, among the plan's placements."""
    outputs: tuple[str, ...]
    accuracy: Accuracy | None = None
    search: Search | None = None
