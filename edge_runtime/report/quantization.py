"""The report of `quantize` on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from edge_runtime.graph.names import shorten
from edge_runtime.quant import LayerError, Report

WORST_LAYERS = 5
LONGEST_NAME = 32


def quantization_tables(report: Report) -> Iterator[Table]:
    """What it costs, the precision of each layer, the worst layers, and what stays float."""
    yield _totals(report)
    if any(choice.precision != "w8" for choice in report.choices):
        yield _choices(report)
    if report.layers:
        yield _worst(report)
    if report.floats:
        yield _floats(report)


def _totals(report: Report) -> Table:
    table = _table(f"Quantized by {report.recipe}", "what", "figure", "of")
    if report.note:
        table.add_row("note", report.note, "")
    score = report.score
    if score is not None:
        cases = f"{score.samples:,} labelled samples"
        table.add_row("float score", f"{score.float_percent:.2f} %", cases)
        table.add_row("quantized score", f"{score.quantized_percent:.2f} %", cases)
        table.add_row("drop", f"{score.drop:.2f} points", cases)
        table.add_row("agreement", f"{score.agreement:.2%}", cases)
    if report.agreement is not None:
        table.add_row("agreement", f"{report.agreement:.2%}", "calibration samples held out")
    if report.flash_bytes is not None:
        told = "weights, biases, multipliers, tables; code comes on top"
        table.add_row("constants", f"{report.flash_bytes:,} bytes", told)
    for name, changed in (
        ("layers rounded by GPTQ", report.rounded),
        ("biases corrected", report.corrected),
        ("pairs equalised", report.equalized),
    ):
        if changed:
            table.add_row(name, str(len(changed)), "where it helped on held-out samples")
    return table


def _choices(report: Report) -> Table:
    table = _table("Precision of each layer", "layer", "operation", "precision", "bytes", "why")
    for choice in report.choices:
        name, size = shorten(choice.node, LONGEST_NAME), f"{choice.weight_bytes:,}"
        table.add_row(name, choice.op, choice.precision, size, choice.reason)
    return table


def _worst(report: Report) -> Table:
    title = f"Worst layers by signal to quantization noise, over {report.samples} samples"
    table = _table(title, "layer", "operation", "SQNR", "its own", "what to do")
    for layer in report.worst(WORST_LAYERS):
        name = shorten(layer.node, LONGEST_NAME)
        table.add_row(name, layer.op, *_decibels(layer), layer.hint)
    return table


def _decibels(layer: LayerError) -> list[str]:
    return ["–" if db is None else f"{db:.1f} dB" for db in (layer.sqnr_db, layer.own_db)]


def _floats(report: Report) -> Table:
    title = "Not int8: these stay float32, between nodes that dequantize and quantize"
    table = _table(title, "node", "operation", "why")
    for each in report.floats:
        table.add_row(shorten(each.node, LONGEST_NAME), each.op, each.reason)
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    for heading in headings:
        numeric = heading in {"figure", "bytes", "SQNR", "its own"}
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    return table
