"""The report as one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from edge_runtime.graph.names import shorten
from edge_runtime.report import text
from edge_runtime.report.arena import draw_arena
from edge_runtime.report.model import ReportData
from edge_runtime.report.pareto import draw_search


def render(data: ReportData) -> str:
    """The page; the same data give the same text."""
    environment = Environment(
        loader=PackageLoader("edge_runtime.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("amount", "count", "ratio", "shape", "share"):
        environment.filters[name] = getattr(text, name)
    environment.filters["shorten"] = shorten
    search = data.search if data.search and data.search.candidates else None
    return environment.get_template("report.html").render(
        data=data,
        plan=data.plan,
        arena=Markup(draw_arena(data)),
        pareto=Markup(draw_search(search)) if search else None,
        most_cycles=max((layer.estimated_cycles or 0 for layer in data.layers), default=0),
        measured=any(layer.measured_cycles is not None for layer in data.layers),
    )


def write_report(data: ReportData, path: Path) -> None:
    """Write the page to `path`, in one go."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(render(data), encoding="utf-8")
    partial.replace(path)
