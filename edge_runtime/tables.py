"""Tables for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from edge_runtime.boards import Board
from edge_runtime.device.build import Build
from edge_runtime.export.manifest import Manifest
from edge_runtime.graph.names import shorten
from edge_runtime.report import ReportData
from edge_runtime.report.tables import print_report

if TYPE_CHECKING:
    from edge_runtime.calibration import Calibration
    from edge_runtime.fit import BoardFit, Fitted

PLAIN_WIDTH = 110
"""Columns where the output is no terminal."""


def show(*shown: Table | ReportData) -> None:
    """Print tables, and all tables of a report, to standard output."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    for item in shown:
        if isinstance(item, ReportData):
            print_report(item, console)
        else:
            console.print(item)


def boards_table(boards: Iterable[Board]) -> Table:
    """Every board with its core, clock and memories."""
    table = _table(None, "board", "core", "clock", "flash", "RAM", "kernels", "what it is")
    for board in boards:
        if board.is_host:
            cells = ["–", "–", "–"]
        else:
            clock = (board.clock_hz or 0) / 1e6
            memories = (board.flash.size, board.ram_bytes)
            cells = [f"{clock:g} MHz", *(f"{size // 1024:,} KiB" for size in memories)]
        table.add_row(board.name, board.core, *cells, ", ".join(board.isas), board.title)
    return table


def sizes_table(manifest: Manifest, built: Build | None) -> Table:
    """What an exported model takes on its board."""
    table = _table(
        f"{manifest.model} for {manifest.board}, {_types(manifest)}", "what", "bytes", "of that"
    )
    plan = manifest.plan
    peak = plan.peak
    live = ", ".join(f"{shorten(live.name, 32)} {live.bytes:,}" for live in peak.tensors)
    if peak.scratch_bytes:
        live += f", scratch {peak.scratch_bytes:,}"
    table.add_row("RAM of the model", f"{manifest.ram_bytes:,}", f"state {plan.state_bytes:,}")
    table.add_row("  arena", f"{plan.arena_bytes:,}", plan.proof)
    table.add_row("  peak", f"{peak.bytes:,}", f"at {shorten(peak.node, 32)} ({peak.op}): {live}")
    if built is not None:
        weights = f"weights and biases {manifest.weights_bytes:,}"
        table.add_row("flash of the model", f"{built.flash_bytes:,}", weights)
        table.add_row(
            "flash of the image", f"{built.image_flash_bytes:,}", "with start-up and link"
        )
        table.add_row(
            "RAM of the image", f"{built.image_ram_bytes:,}", "with link buffers and stack"
        )
    return table


def _types(manifest: Manifest) -> str:
    """What the model computes in; of a mixed one, how many layers in what."""
    counts = Counter(layer.type for layer in manifest.layers if layer.type)
    told = ", ".join(f"{count} layers {name}" for name, count in sorted(counts.items()))
    return manifest.type if len(counts) < 2 else f"{manifest.type}: {told}"


def fit_table(result: Fitted) -> Table:
    """Every board, and what a model takes there."""
    title = f"{result.model}, {result.type}"
    table = _table(title, "board", "fits", "RAM", "flash", "estimated time", "limited by")
    for row in result.boards:
        table.add_row(*_fit_cells(row))
    return table


def _fit_cells(row: BoardFit) -> Iterator[str]:
    yield row.board
    yield {True: "yes", False: "no", None: "RAM does"}[row.fits]
    for used, limit in ((row.ram_bytes, row.ram_limit), (row.flash_bytes, row.flash_limit)):
        yield f"{'–' if used is None else f'{used:,}'} / {limit // 1024:,} KiB"
    yield "–" if row.estimated_ms is None else f"{row.estimated_ms:,.1f} ms"
    yield "; ".join((row.limit, *row.notes))


def calibration_table(result: Calibration) -> Table:
    """What a calibration knows of each kernel."""
    model = result.model
    title = (
        f"{result.board}: {model.source}; {len(result.samples)} operations in {result.flashes}"
        f" images, mean error {result.error:.1%}"
    )
    table = _table(title, "kernel", "operations", "error")
    for name, kernel in model.kernels.items():
        table.add_row(name, str(kernel.samples), f"{kernel.error:.1%}")
    return table


def _table(title: str | None, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    numeric = {"bytes", "error", "estimated time", "operations"}
    for heading in headings:
        table.add_column(heading, justify="right" if heading in numeric else "left")
    return table
