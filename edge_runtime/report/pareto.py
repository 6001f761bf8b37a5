"""What the search found: validation accuracy against estimated time, the chosen network marked."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.report.model import Candidate, Search
from edge_runtime.report.svg import Drawing
from edge_runtime.report.text import amount, share, ticks

_WIDTH, _HEIGHT = 640.0, 340.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 34.0, 30.0, 48.0


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other one beats in both time and accuracy, the fastest first."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: (c.estimated_ms, -c.accuracy)):
        if not kept or one.accuracy > kept[-1].accuracy:
            kept.append(one)
    return kept


def draw_search(search: Search) -> str:
    """The svg of all candidates; there must be one at least."""
    best = front(search.candidates)
    drawing = Drawing(
        _WIDTH,
        _HEIGHT,
        "Networks that the search looked at",
        f"{len(search.candidates)} networks by estimated time and validation accuracy;"
        f" {len(best)} are on the Pareto front.",
    )
    scale = _Scale(search)
    _axes(drawing, scale)
    if search.limit_ms is not None:
        x = scale.x(search.limit_ms)
        drawing.line(x, _TOP, x, _HEIGHT - _BOTTOM, "limit")
        drawing.text(x, _TOP - 8, f"limit {amount(search.limit_ms, 'ms')}", "label")
    drawing.path([(scale.x(c.estimated_ms), scale.y(c.accuracy)) for c in best], "front")
    for one in search.candidates:
        kind = "chosen" if one.chosen else "on-front" if one in best else "behind"
        tip = (
            f"{one.name}\n{share(one.accuracy)}, {amount(one.estimated_ms, 'ms')} estimated\n"
            f"RAM {amount(one.ram_bytes, 'bytes')}, flash {amount(one.flash_bytes, 'bytes')}"
        )
        x, y = scale.x(one.estimated_ms), scale.y(one.accuracy)
        drawing.circle(x, y, 7 if one.chosen else 4, f"dot {kind}", tip)
        if one.chosen:
            drawing.text(x, y - 13, "chosen", "label strong")
    return drawing.render()


class _Scale:
    """From milliseconds and accuracies to places in the drawing, with a margin round the dots."""

    def __init__(self, search: Search) -> None:
        times = [c.estimated_ms for c in search.candidates]
        self.most = 1.06 * max([*times, search.limit_ms or 0.0])
        values = [c.accuracy for c in search.candidates]
        margin = 0.08 * (max(values) - min(values)) or 0.01
        self.low, self.high = max(0.0, min(values) - margin), min(1.0, max(values) + margin)

    def x(self, milliseconds: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * milliseconds / self.most

    def y(self, accuracy: float) -> float:
        part = (accuracy - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * part


def _axes(drawing: Drawing, scale: _Scale) -> None:
    base = _HEIGHT - _BOTTOM
    values = ticks(scale.low, scale.high)
    digits = 1 if len(values) > 1 and values[1] - values[0] < 0.0099 else 0
    for value in values:
        drawing.line(_LEFT, scale.y(value), _WIDTH - _RIGHT, scale.y(value), "grid")
        drawing.text(_LEFT - 6, scale.y(value) + 4, share(value, digits), "label", "end")
    for value in ticks(0, scale.most, 6):
        drawing.line(scale.x(value), base, scale.x(value), base + 4, "grid")
        drawing.text(scale.x(value), base + 18, f"{value:g}", "label")
    drawing.text((_LEFT + _WIDTH - _RIGHT) / 2, base + 38, "estimated time, ms", "label")
    drawing.text(8, _TOP - 8, "validation accuracy", "label", "start")
