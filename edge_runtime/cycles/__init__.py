"""Cycle models: from counted instructions to estimated cycles, one table a core.

An estimate takes memory to answer without waiting; docs/cycle-model.md says what that leaves out
and how it compares with boards. Everything is integer arithmetic, rounded once at most, so the
same counts give the same cycles on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from edge_runtime.cycles.count import Block, instructions
from edge_runtime.cycles.instruction import Instruction, Kind, decode
from edge_runtime.cycles.m0plus import M0PLUS
from edge_runtime.cycles.m4 import M4
from edge_runtime.cycles.m7 import M7
from edge_runtime.cycles.m33 import M33
from edge_runtime.cycles.trace import Line, Tracer
from edge_runtime.cycles.waits import with_waits
from edge_runtime.errors import BoardError


class CycleModel(Protocol):
    """Estimates the cycles of counted code on one core."""

    @property
    def core(self) -> str:
        """Name of the core, as boards give it."""

    @property
    def manual(self) -> str:
        """Where the timings are from."""

    def cycles(self, lines: Iterable[Line]) -> int:
        """Estimated cycles of these lines of code, all executions together."""


_MODELS: dict[str, CycleModel] = {model.core: model for model in (M0PLUS, M4, M33, M7)}


def has_cycle_model(core: str) -> bool:
    """Whether cycles of this core can be estimated."""
    return core in _MODELS


def cycle_model(core: str) -> CycleModel:
    """The cycle model of a core, by the name that boards use.

    Raises:
        BoardError: there is no model of this core.
    """
    if core not in _MODELS:
        raise BoardError(
            f"there is no cycle model of {core!r}; there is one of {', '.join(sorted(_MODELS))}"
        )
    return _MODELS[core]


__all__ = [
    "Block",
    "CycleModel",
    "Instruction",
    "Kind",
    "Line",
    "Tracer",
    "cycle_model",
    "decode",
    "has_cycle_model",
    "instructions",
    "with_waits",
]
