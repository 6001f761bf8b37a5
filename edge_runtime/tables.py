"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from edge_runtime.boards import Board
from edge_runtime.device.build import Build
from edge_runtime.emulation import Emulation
from edge_runtime.export.manifest import Manifest
from edge_runtime.quant import Quantized

if TYPE_CHECKING:
    from edge_runtime.jobs import Searched

PLAIN_WIDTH = 150
"""Columns where the output is no terminal."""

WORST_LAYERS = 5


@dataclass(frozen=True)
class Limit:
    """A figure beside its budget: `value` and `budget` in `unit`; no budget where None."""

    name: str
    value: float | None
    budget: float | None
    unit: str

    @property
    def met(self) -> bool:
        """Whether the figure is within its budget."""
        return self.budget is None or (self.value is not None and self.value <= self.budget)


def show(*tables: Table) -> None:
    """Print tables to standard output."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    for table in tables:
        console.print(table)


def boards_table(boards: Iterable[Board]) -> Table:
    """Every board with its core, clock and memories."""
    table = _table(None, "board", "core", "clock", "flash", "RAM", "kernels", "what it is")
    for board in boards:
        if board.is_host:
            cells = ["–", "–", "–"]
        else:
            clock = (board.clock_hz or 0) / 1e6
            cells = [f"{clock:g} MHz", *(f"{r.size // 1024} KiB" for r in (board.flash, board.ram))]
        table.add_row(board.name, board.core, *cells, ", ".join(board.isas), board.title)
    return table


def sizes_table(manifest: Manifest, built: Build | None) -> Table:
    """What an exported model takes on its board."""
    table = _table(f"{manifest.model} for {manifest.board}", "what", "bytes", "of that")
    peak = manifest.peak
    live = ", ".join(f"{tensor.name} {tensor.bytes:,}" for tensor in peak.tensors)
    if peak.scratch_bytes:
        live += f", scratch {peak.scratch_bytes:,}"
    bound = (
        "proved minimal"
        if manifest.arena_bytes == manifest.arena_bound_bytes
        else (f"no plan needs less than {manifest.arena_bound_bytes:,}")
    )
    table.add_row("RAM of the model", f"{manifest.ram_bytes:,}", f"state {manifest.state_bytes:,}")
    table.add_row("  arena", f"{manifest.arena_bytes:,}", bound)
    table.add_row("  peak", f"{peak.bytes:,}", f"at {peak.node} ({peak.op}): {live}")
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


def layers_table(result: Emulation) -> Table:
    """Cost of every layer: the first case's first inference."""
    headings = ("layer", "shape", "kernel", "why", "MACs", "instructions", "estimated cycles")
    table = _table(f"one inference on {result.board} ({result.core})", *headings)
    for layer in result.layers:
        table.add_row(
            layer.op,
            "×".join(map(str, layer.shape)),
            layer.kernel,
            layer.reason,
            _count(layer.macs),
            _count(layer.instructions),
            _count(layer.estimated_cycles),
        )
    table.add_section()
    macs = sum(layer.macs for layer in result.layers)
    totals = (macs, result.instructions, result.estimated_cycles)
    table.add_row("all", "", "", "", *map(_count, totals))
    return table


def totals_table(result: Emulation) -> Table:
    """Totals of an emulation."""
    table = _table(None, "total", "")
    table.add_row("instructions", _count(result.instructions))
    table.add_row("estimated cycles", _count(result.estimated_cycles))
    if result.estimated_ms is not None and result.clock_hz is not None:
        time = f"{result.estimated_ms:.3f} ms at {result.clock_hz / 1e6:g} MHz"
        table.add_row("estimated time", time)
    table.add_row("stack, high-water mark", _bytes(result.stack_bytes))
    if result.compared is not None:
        agreement = f"{result.exact:,} of {result.compared:,} output values exact"
        table.add_row("against the reference", agreement)
    return table


def limits_table(title: str, limits: Iterable[Limit]) -> Table:
    """Figures beside their budgets."""
    table = _table(title, "", "measured", "budget", "")
    for limit in limits:
        value = "–" if limit.value is None else _quantity(limit.value, limit.unit)
        budget = "–" if limit.budget is None else _quantity(limit.budget, limit.unit)
        verdict = "" if limit.budget is None else "met" if limit.met else "MISSED"
        table.add_row(limit.name, value, budget, verdict)
    return table


def search_tables(found: Searched) -> list[Table]:
    """What a search found: cost of every layer, and all figures beside their budgets."""
    network, emulation = found.network, found.emulation
    budget = network.budget
    drop = 100 * (network.accuracy_float - network.accuracy_int8)
    exact = None if not emulation.compared else 100 * (emulation.exact or 0) / emulation.compared
    limits = [
        Limit("RAM", found.exported.image.ram_bytes, budget.ram_bytes, "B"),
        Limit("flash", found.exported.image.flash_bytes, budget.flash_bytes, "B"),
        Limit("stack, high-water mark", emulation.stack_bytes, None, "B"),
        Limit("estimated time", emulation.estimated_ms, budget.latency_ms, "ms"),
        Limit("MACs", network.macs, None, ""),
        Limit("parameters", network.parameters, None, ""),
        Limit("float accuracy, test", 100 * network.accuracy_float, None, "%"),
        Limit("int8 accuracy, test", 100 * network.accuracy_int8, None, "%"),
        Limit("int8 under float", drop, None, "points"),
        Limit("emulated = reference", exact, None, "% of output values"),
    ]
    windows = emulation.outputs["out0"].shape[0]
    title = f"{found.test_windows} test windows, {windows} of them through the emulated image"
    return [layers_table(emulation), limits_table(title, limits)]


def quantization_table(result: Quantized) -> Table:
    """The layers that quantization hurt most."""
    report = result.report
    title = f"worst layers by signal to quantization noise, over {report.samples} samples"
    table = _table(title, "layer", "operation", "SQNR")
    for layer in report.worst(WORST_LAYERS):
        table.add_row(layer.node, layer.op, f"{layer.sqnr_db:.1f} dB")
    return table


def _table(title: str | None, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    numeric = {"bytes", "MACs", "instructions", "estimated cycles", "measured", "budget", "SQNR"}
    for heading in headings:
        table.add_column(heading, justify="right" if heading in numeric else "left")
    return table


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _bytes(value: int | None) -> str:
    return "–" if value is None else f"{value:,} B"


def _quantity(value: float, unit: str) -> str:
    if unit in {"B", ""}:
        return f"{value:,.0f} {unit}".rstrip()
    return f"{value:.2f} {unit}"
