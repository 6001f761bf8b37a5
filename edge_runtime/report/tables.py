"""The report on a terminal: layers and totals as tables of rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_runtime.graph.names import shorten
from edge_runtime.measurement import Layer
from edge_runtime.report import text
from edge_runtime.report.model import Accuracy, Budget, ReportData


def layer_table(layers: Sequence[Layer]) -> Table:
    """One row a layer, and a row of totals. Unknown figures are a dash, never 0.

    It fits 80 columns; the reasons for the kernels stand in `kernel_table`.
    """
    measured = any(layer.measured_cycles is not None for layer in layers)
    table = _table("Cost per layer")
    table.show_footer = True
    table.add_column("#", "", justify="right")
    table.add_column("operation\nkernel", "total", overflow="fold")
    table.add_column("output", no_wrap=True)
    _figures(table, "MACs", [layer.macs for layer in layers])
    _figures(table, "instructions", [layer.instructions for layer in layers])
    table.add_column("per\nMAC", justify="right", no_wrap=True)
    _figures(table, "estimated\ncycles", [layer.estimated_cycles for layer in layers])
    if measured:
        _figures(table, "measured\ncycles", [layer.measured_cycles for layer in layers])
    for index, layer in enumerate(layers):
        row = [
            str(index),
            f"{layer.op}\n{layer.kernel}",
            text.shape(layer.shape).replace(" ", ""),
            text.count(layer.macs),
            text.count(layer.instructions),
            text.ratio(layer.instructions_per_mac),
            text.count(layer.estimated_cycles),
        ]
        last = [text.count(layer.measured_cycles)] if measured else []
        table.add_row(*map(Text, row + last))
    return table


def kernel_table(layers: Sequence[Layer]) -> Table:
    """The kernels used, why each was chosen, and for which layers."""
    table = _table("Kernels")
    for heading in ("kernel", "why", "layers"):
        table.add_column(heading, overflow="fold")
    uses: dict[tuple[str, str], list[str]] = {}
    for index, layer in enumerate(layers):
        uses.setdefault((layer.kernel, layer.reason), []).append(str(index))
    for (kernel, reason), numbers in uses.items():
        table.add_row(Text(kernel), Text(reason), Text(" ".join(numbers)))
    return table


def budget_table(budgets: Sequence[Budget]) -> Table:
    """What is used of what there may be."""
    table = _table("Budgets")
    table.add_column("")
    for heading in ("used", "limit", "share"):
        table.add_column(heading, justify="right")
    for use in budgets:
        limit = "none" if use.limit is None else text.amount(use.limit, use.unit)
        part = text.share(use.used / use.limit) if use.limit else text.UNKNOWN
        style = "bold red" if use.over else "green" if use.limit else ""
        verdict = Text(part + (" over" if use.over else ""), style)
        used = Text(text.amount(use.used, use.unit))
        table.add_row(Text(use.name), used, Text(limit), verdict)
    return table


def accuracy_table(accuracy: Accuracy) -> Table:
    """Float and int8 accuracy, and how far emulation agrees with the reference."""
    table = _table("Accuracy")
    table.caption = accuracy.data
    table.add_column("")
    table.add_column("share", justify="right")
    table.add_column("cases", justify="right")
    rows = (
        ("float", accuracy.float_accuracy, accuracy.cases),
        ("int8", accuracy.int8_accuracy, accuracy.cases),
        ("emulated = reference", accuracy.agreement, accuracy.agreement_cases),
    )
    for name, value, cases in rows:
        table.add_row(name, text.share(value, 2), text.count(cases))
    return table


def print_report(data: ReportData, console: Console) -> None:
    """All tables, and where the memory peaks."""
    console.print(layer_table(data.layers))
    console.print(kernel_table(data.layers))
    console.print(budget_table(data.budgets))
    if data.accuracy is not None:
        console.print(accuracy_table(data.accuracy))
    console.print(Text(peak_line(data)))
    console.print(Text(f"Arithmetic: {data.arithmetic}."))


def peak_line(data: ReportData) -> str:
    """The peak in one sentence."""
    plan = data.plan
    where = f"step {plan.peak.step}, {plan.peak.op} {shorten(plan.peak.node, 32)}".rstrip()
    names = (f"{shorten(t.name, 32)} ({t.bytes:,})" for t in plan.peak.tensors)
    tensors = ", ".join(names)
    scratch = f", scratch ({plan.peak.scratch_bytes:,})" if plan.peak.scratch_bytes else ""
    return (
        f"Arena {plan.arena_bytes:,} bytes ({plan.proof}); peak {plan.peak.bytes:,} bytes"
        f" at {where}: {tensors}{scratch}"
    )


def _table(title: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, padding=0)
    table.title_justify = table.caption_justify = "left"
    table.title_style, table.caption_style = "bold", "dim"
    return table


def _figures(table: Table, heading: str, figures: Sequence[int | None]) -> None:
    """A column of figures with their sum below, or a dash where any of them is unknown."""
    known = [figure for figure in figures if figure is not None]
    total = sum(known) if len(known) == len(figures) else None
    table.add_column(heading, text.count(total), justify="right", no_wrap=True)
