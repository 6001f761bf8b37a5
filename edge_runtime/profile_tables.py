"""Profiles on a terminal: the table, live while it fills, and what changed since another one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from edge_runtime.graph.names import shorten
from edge_runtime.profile_record import Cycles, ProfiledLayer, ProfileRecord
from edge_runtime.report import text

_NAME = 28


def profile_table(record: ProfileRecord) -> Table:
    """Cycles of every layer: smallest, median and largest of the runs, beside the estimate."""
    table = Table(
        title=f"{record.model} on {record.board} at {record.port}, {record.runs} runs",
        title_justify="left",
        header_style="bold",
        caption="\n".join(_notes(record)),
        caption_justify="left",
    )
    for heading in ("#", "layer", "kernel"):
        table.add_column(heading)
    for heading in ("minimum", "median", "maximum", "estimated", "checksum"):
        table.add_column(heading, justify="right")
    for layer in record.layers:
        if layer.index is not None:
            table.add_row(*_cells(layer))
    table.add_section()
    total = (*_three(record.cycles), text.count(record.estimated_cycles), "")
    table.add_row("", "inference", "", *total)
    return table


def _cells(layer: ProfiledLayer) -> list[str]:
    rows = "" if layer.stage is None else f" (stage {layer.stage})"
    checksum = text.UNKNOWN if layer.checksum is None else f"{layer.checksum:08x}"
    return [
        str(layer.index),
        f"{layer.op} {shorten(layer.name, _NAME)}{rows}",
        layer.kernel,
        *_three(layer.cycles),
        text.count(layer.estimated_cycles),
        checksum,
    ]


def _three(cycles: Cycles | None) -> tuple[str, str, str]:
    if cycles is None:
        return (text.UNKNOWN,) * 3
    return text.count(cycles.minimum), text.count(cycles.median), text.count(cycles.maximum)


def _notes(record: ProfileRecord) -> Iterator[str]:
    if record.not_measured:
        yield f"no measured cycles: {record.not_measured}"
    clock = f"clock {record.clock_hz / 1e6:g} MHz by the firmware"
    if record.measured_clock is not None:
        hz, unsure = record.measured_clock.hz, record.measured_clock.uncertainty_hz
        clock += f", {hz / 1e6:.3f} ± {unsure / 1e6:.3f} MHz by this machine's clock"
    yield f"{clock}; stack {record.stack_bytes:,} bytes"
    if record.milliseconds is not None:
        yield f"{text.amount(record.milliseconds, 'ms')} an inference"
    if record.energy is not None:
        e = record.energy
        yield (
            f"{1e6 * e.median:,.3f} µJ an inference ({1e6 * e.minimum:,.3f} to"
            f" {1e6 * e.maximum:,.3f}, {e.inferences} recorded)"
        )
        for name, spent in e.layers.items():
            yield f"  {shorten(name, _NAME)}: {1e6 * spent:,.3f} µJ"
    if record.agrees is not None:
        yield "outputs are the emulator's" if record.agrees else "OUTPUTS ARE NOT THE EMULATOR'S"


@contextmanager
def live(quiet: bool = False) -> Iterator[Callable[[ProfileRecord], None]]:
    """Shows a record after each run: as a table on a terminal, else as a line."""
    if quiet:
        yield lambda record: None
    elif sys.stderr.isatty():
        with Live(console=Console(stderr=True), transient=True) as shown:
            yield lambda record: shown.update(profile_table(record))
    else:
        yield lambda record: print(f"run {record.runs}", file=sys.stderr, flush=True)


def changes_table(before: ProfileRecord, after: ProfileRecord) -> Table:
    """What changed, layer by layer: cycles, and whether the outputs are others.

    Cycles are the measured medians, or estimated where one of the two was not measured.
    """
    measured = before.cycles is not None and after.cycles is not None
    what = "median cycles" if measured else "estimated cycles"
    table = Table(
        title=f"{what} since {before.board}, image {before.image}, {before.runs} runs",
        title_justify="left",
        header_style="bold",
    )
    table.add_column("layer")
    for heading in ("before", "now", "change"):
        table.add_column(heading, justify="right")
    table.add_column("outputs")
    earlier = {layer.name: layer for layer in before.layers}
    names = {layer.name for layer in after.layers}
    for layer in after.layers:
        if layer.index is not None:
            old = earlier.get(layer.name)
            table.add_row(
                layer.name,
                *_change(_cost(old, measured), _cost(layer, measured)),
                _same(old, layer),
            )
    for gone in before.layers:
        if gone.name not in names and gone.index is not None:
            table.add_row(gone.name, *_change(_cost(gone, measured), None), "gone")
    table.add_section()
    table.add_row("inference", *_change(_cost(before, measured), _cost(after, measured)), "")
    stack = before.stack_bytes, after.stack_bytes
    table.add_row("stack, bytes", *map(text.count, stack), f"{stack[1] - stack[0]:+,}", "")
    return table


def _cost(of: ProfiledLayer | ProfileRecord | None, measured: bool) -> int | None:
    if of is None:
        return None
    if not measured:
        return of.estimated_cycles
    return None if of.cycles is None else of.cycles.median


def _change(old: int | None, new: int | None) -> tuple[str, str, str]:
    change = f"{100 * (new - old) / old:+.1f} %" if old and new is not None else text.UNKNOWN
    return text.count(old), text.count(new), change


def _same(before: ProfiledLayer | None, after: ProfiledLayer) -> str:
    if before is None:
        return "new"
    return "same" if before.checksum == after.checksum else "others"
