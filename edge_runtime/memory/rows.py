"""Running a stage of nodes row by row, and how many rows of each tensor are then alive at once.

A stage makes rows of its outputs by asking, and what is asked for rows makes some of its own after
asking in turn: see firmware/kernels/stream/er_stream.c, which does the same. So each inner tensor
needs a buffer of a few rows only, and nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.kernels.kernel import RowWindow


@dataclass(frozen=True)
class RowOp:
    """One node of a stage: what it reads by rows, and what it writes.

    One without a name and without anything to read stands for the caller, who gives the rows of an
    input one by one.
    """

    node: str
    reads: tuple[str, ...]
    writes: str
    window: RowWindow


@dataclass(frozen=True)
class RowTensor:
    """A tensor as rows: how many, and the bytes of each."""

    rows: int
    row_bytes: int
    whole: bool
    """All rows have a place: it is read or made outside of the stage too."""


@dataclass(frozen=True)
class RowRun:
    """What running a stage by rows comes to."""

    held: Mapping[str, int]
    """Rows of each inner tensor that are alive at once."""
    calls: Mapping[str, int]
    """How often each node runs, by its name."""
    moved_bytes: int
    """Bytes moved to the front of buffers that are full."""
    behind: Mapping[tuple[str, str], bool]
    """By output and input of the stage: whether the rows written never reach rows still needed,
    where both start at one address."""


def run_rows(ops: Sequence[RowOp], tensors: Mapping[str, RowTensor], step: int) -> RowRun:
    """Run a stage, its nodes in executable order, each making `step` rows at a time."""
    return _Run(ops, tensors, step).run()


class _Run:
    def __init__(self, ops: Sequence[RowOp], tensors: Mapping[str, RowTensor], step: int) -> None:
        self.ops, self.tensors, self.step = ops, tensors, step
        self.maker = {op.writes: index for index, op in enumerate(ops)}
        self.readers: dict[str, list[int]] = {}
        for index, op in enumerate(ops):
            for name in op.reads:
                self.readers.setdefault(name, []).append(index)
        self.rows = [tensors[op.writes].rows for op in ops]
        self.done = [0] * len(ops)
        self.calls = [0] * len(ops)
        self.held = {op.writes: 0 for op in ops if not tensors[op.writes].whole}
        outside = [name for name in self.readers if name not in self.maker]
        whole = [op.writes for op in ops if tensors[op.writes].whole]
        self.behind = {(made, read): True for made in whole for read in outside}
        self.appended: list[tuple[str, int, int, int]] = []
        """Inner tensor, its rows before and after, and the first one still needed."""

    def run(self) -> RowRun:
        for index in reversed(range(len(self.ops))):
            if self.tensors[self.ops[index].writes].whole:
                while self.done[index] < self.rows[index]:
                    self._advance(index)
        calls = {op.node: count for op, count in zip(self.ops, self.calls, strict=True)}
        return RowRun(self.held, calls, self._moved(), self.behind)

    def _advance(self, index: int) -> None:
        """Make the next rows of one node, having made all that it reads."""
        op = self.ops[index]
        end = min(self.done[index] + (self.step if op.reads else 1), self.rows[index])
        for name in op.reads:
            maker = self.maker.get(name)
            needed = op.window.end(end, self.tensors[name].rows)
            while maker is not None and self.done[maker] < needed:
                self._advance(maker)
        self._write(op, self.done[index], end)
        self.calls[index] += 1
        self.done[index] = end

    def _write(self, op: RowOp, before: int, end: int) -> None:
        made = self.tensors[op.writes]
        if not made.whole:
            needed = self._needed(op.writes)
            self.held[op.writes] = max(self.held[op.writes], end - needed)
            self.appended.append((op.writes, before, end, needed))
            return
        for output, name in self.behind:
            if output == op.writes:
                free = self._needed(name) * self.tensors[name].row_bytes
                self.behind[output, name] &= end * made.row_bytes <= free

    def _needed(self, name: str) -> int:
        """The first row of a tensor that some reader still has to read."""
        return min(
            self.ops[i].window.start(self.done[i])
            if self.done[i] < self.rows[i]
            else self.tensors[name].rows
            for i in self.readers[name]
        )

    def _moved(self) -> int:
        """Bytes moved to the front of buffers because the next rows did not fit behind."""
        first = dict.fromkeys(self.held, 0)
        moved = 0
        for name, before, end, needed in self.appended:
            if end - first[name] > self.held[name]:
                moved += (before - needed) * self.tensors[name].row_bytes
                first[name] = needed
        return moved
