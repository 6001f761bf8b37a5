"""The exceptions a caller can expect.

    EdgeRuntimeError
    ├── ModelError        a model file cannot be read, or holds what cannot be compiled
    ├── GraphError        a graph breaks the rules of the intermediate representation
    ├── BoardError        a board is unknown, or its description is wrong
    ├── DataError         arrays of the wrong name, shape, type or value
    ├── BudgetError       RAM, flash or latency does not fit
    ├── ToolchainError    a compiler is missing or refused the code
    ├── EmulationError    the firmware faulted, hung, or touched memory the board does not have
    ├── LinkError         the firmware does not answer, or not as the protocol says
    ├── DifferenceError   a layer of the firmware makes something else than the reference
    ├── AccuracyError     quantization costs more than it may
    └── FlashError        the board, its port or its drive is not found, or a tool failed to write

Every one says what went wrong and where; `hint` says what to do next. The command line prints both
and exits with a code of its own for each class; it never shows a traceback for one of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class EdgeRuntimeError(Exception):
    """Base of all errors of this package: a message, and the next step as `hint`."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Problem:
    """One thing of a model that cannot be compiled."""

    node: str
    op: str
    reason: str
    rewrite: str = ""

    def __str__(self) -> str:
        text = f"{self.node} ({self.op}): {self.reason}"
        return f"{text}; {self.rewrite}" if self.rewrite else text


class ModelError(EdgeRuntimeError):
    """A model file cannot be read, or holds what cannot be compiled; `problems` lists all of it."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__("\n".join([message, *(f"  {problem}" for problem in problems)]), hint=hint)
        self.message = message
        self.problems = tuple(problems)

    def within(self, place: str) -> ModelError:
        """The same error, said of the file or model `place`."""
        return ModelError(f"{place}: {self.message}", hint=self.hint, problems=self.problems)


class GraphError(EdgeRuntimeError):
    """A graph breaks a rule of the intermediate representation."""

    exit_code = 3


class BoardError(EdgeRuntimeError):
    """A board is unknown, or its description is wrong."""

    exit_code = 4


class DataError(EdgeRuntimeError):
    """Arrays of the wrong name, shape, type or value."""

    exit_code = 5


class BudgetError(EdgeRuntimeError):
    """RAM, flash or latency does not fit the board or the budget."""

    exit_code = 6


class ToolchainError(EdgeRuntimeError):
    """A compiler is missing, or refused the code."""

    exit_code = 7


class EmulationError(EdgeRuntimeError):
    """The firmware faulted, hung, or touched memory that the board does not have."""

    exit_code = 8


class LinkError(EdgeRuntimeError):
    """The firmware does not answer, or answers what the protocol does not allow."""

    exit_code = 9


class DifferenceError(EdgeRuntimeError):
    """A layer of the firmware makes something else than the reference."""

    exit_code = 10


class AccuracyError(EdgeRuntimeError):
    """Quantization costs more than it may."""

    exit_code = 11


class FlashError(EdgeRuntimeError):
    """The board is not found, or the tool that should write its flash failed."""

    exit_code = 12
