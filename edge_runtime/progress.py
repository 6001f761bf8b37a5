"""Progress on standard error: bars on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

LINE_SECONDS = 15.0
"""Where there is no terminal, a line at most this often within a stage."""


class StageProgress(Protocol):
    """Told how far each stage of long work has come."""

    def __call__(self, stage: str, done: int, total: int, text: str) -> None:
        """Called after each step."""


class CountProgress(Protocol):
    """Told how much of one thing is done."""

    def __call__(self, done: int, total: int) -> None:
        """Called after each step."""


@contextmanager
def stages(quiet: bool = False) -> Iterator[StageProgress]:
    """Show several stages, one after the other; nothing at all where `quiet`."""
    if quiet:
        yield lambda stage, done, total, text: None
    elif sys.stderr.isatty():
        with _bars() as show:
            yield show
    else:
        yield _Lines()


@contextmanager
def bar(stage: str, quiet: bool = False) -> Iterator[CountProgress]:
    """Show one stage."""
    with stages(quiet) as show:
        yield lambda done, total: show(stage, done, total, "")


@contextmanager
def _bars() -> Iterator[StageProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks = {}

        def show(stage: str, done: int, total: int, text: str) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, text="")
            progress.update(tasks[stage], completed=done, total=total, text=text)

        yield show


class _Lines:
    """Plain lines: each stage's end, and now and then a step of it."""

    def __init__(self) -> None:
        self._stage = ""
        self._last = 0.0

    def __call__(self, stage: str, done: int, total: int, text: str) -> None:
        now = time.monotonic()
        if done < total and stage == self._stage and now - self._last < LINE_SECONDS:
            return
        self._stage, self._last = stage, now
        print(f"{stage}: {done}/{total} {text}".rstrip(), file=sys.stderr, flush=True)
