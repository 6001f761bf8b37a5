"""The arena over time: one rectangle a tensor, steps from left to right, offsets upward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.graph.names import shorten
from edge_runtime.memory import Placement
from edge_runtime.report.model import ReportData
from edge_runtime.report.svg import Drawing
from edge_runtime.report.text import ticks

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 16.0, 34.0, 58.0
_HEIGHT = 300.0
_THIN = 3.0
"""Tensors of a few bytes are drawn this high, to be seen at all."""
_LETTER = 6.6
"""Width of a letter of the labels, roughly."""


@dataclass(frozen=True)
class _Scale:
    """From steps and bytes to places in the drawing."""

    steps: int
    bytes: int
    column: float

    @property
    def width(self) -> float:
        return _LEFT + self.column * (self.steps + 2) + _RIGHT

    def x(self, step: float) -> float:
        """The left edge of a step; step -1, where inputs are written, is the first column."""
        return _LEFT + (step + 1) * self.column

    def y(self, offset: float) -> float:
        return _TOP + _HEIGHT * (1 - offset / max(self.bytes, 1))


def draw_arena(data: ReportData) -> str:
    """The svg of the plan in `data`."""
    plan = data.plan
    steps = len(plan.order)
    scale = _Scale(steps, plan.arena_bytes, min(64.0, max(24.0, 900 / (steps + 2))))
    drawing = Drawing(
        scale.width,
        _TOP + _HEIGHT + _BOTTOM,
        "The arena over time",
        f"{len(plan.placements)} tensors in {plan.arena_bytes:,} bytes over {steps} steps; the most"
        f" are alive at step {plan.peak.step}, {plan.peak.op} {plan.peak.node}.",
    )
    column = (scale.x(plan.peak.step), _TOP - 6, scale.column, _HEIGHT + 28)
    drawing.rectangle(*column, "peak")
    _axes(drawing, scale, plan.order)
    for name, place in plan.placements.items():
        kind = "input" if name in data.inputs else "output" if name in data.outputs else "inner"
        _box(drawing, scale, data, name, place, kind)
    for node, place in plan.scratch.items():
        tip = f"scratch of {node}\n{place.bytes:,} bytes at {place.offset:,}, step {place.first}"
        x, y = scale.x(place.first), scale.y(place.offset + place.bytes)
        drawing.rectangle(x, y, scale.column, scale.y(place.offset) - y, "box scratch", tip)
    drawing.rectangle(*column, "peak-edge")
    _peak_label(drawing, scale, data)
    return drawing.render()


def _axes(drawing: Drawing, scale: _Scale, order: Sequence[str]) -> None:
    right = scale.x(scale.steps + 1)
    for value in ticks(0, scale.bytes, 6):
        drawing.line(_LEFT, scale.y(value), right, scale.y(value), "grid")
        drawing.text(_LEFT - 6, scale.y(value) + 4, f"{value:,.0f}", "label", "end")
    base = scale.y(0)
    every = max(1, round(28 / scale.column))
    for step in range(0, scale.steps, every):
        drawing.text(scale.x(step + 0.5), base + 16, str(step), "label", tip=order[step])
    drawing.text(scale.x(-0.5), base + 16, "in", "label")
    drawing.text(scale.x(scale.steps + 0.5), base + 16, "out", "label")
    drawing.text((_LEFT + right) / 2, base + 38, "step, one node each", "label")
    drawing.text(_LEFT - 6, _TOP - 16, "bytes", "label", "end")


def _peak_label(drawing: Drawing, scale: _Scale, data: ReportData) -> None:
    peak = data.plan.peak
    words = f"peak: {peak.bytes:,} bytes at step {peak.step}, {peak.op}"
    half = len(words) * (_LETTER + 0.8) / 2
    middle = min(max(scale.x(peak.step + 0.5), _LEFT + half), scale.width - _RIGHT - half)
    drawing.text(middle, _TOP - 14, words, "label strong")


def _box(
    drawing: Drawing, scale: _Scale, data: ReportData, name: str, place: Placement, kind: str
) -> None:
    # Where a result takes over the bytes of another, each has half of that step's column.
    taken = data.plan.aliases
    first = place.first + (0.5 if taken.get(name) in data.plan.placements else 0.0)
    heirs = (data.plan.placements[heir].first for heir, of in taken.items() if of == name)
    last = place.last + (0.5 if place.last in heirs else 1.0)
    x, width = scale.x(first), (last - first) * scale.column
    height = max(scale.y(place.offset) - scale.y(place.offset + place.bytes), _THIN)
    y = scale.y(place.offset) - height
    span = f"steps {place.first} to {place.last}"
    tip = f"{name}\n{place.bytes:,} bytes at {place.offset:,}, {span}"
    drawing.rectangle(x, y, width, height, f"box {kind}", tip)
    room = int((width - 8) / _LETTER)
    if height >= 14 and room >= 6:
        drawing.text(x + width / 2, y + height / 2 + 4, shorten(name, room), "label inside")
