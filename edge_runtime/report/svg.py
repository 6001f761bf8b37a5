"""A few shapes of SVG. Colours are classes, so that the page's style sheet follows the theme."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass
class Drawing:
    """Collects shapes; `render` gives one svg element with a title and a description."""

    width: float
    height: float
    title: str
    description: str
    parts: list[str] = field(default_factory=list)

    def rectangle(
        self, x: float, y: float, width: float, height: float, kind: str, tip: str = ""
    ) -> None:
        """A box; `tip` shows while the pointer rests on it."""
        place = f'x="{_number(x)}" y="{_number(y)}"'
        size = f'width="{_number(width)}" height="{_number(height)}"'
        inner = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(f'<rect {place} {size} class="{kind}">{inner}</rect>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line."""
        ends = f'x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}"'
        self.parts.append(f'<line {ends} class="{kind}"/>')

    def path(self, points: list[tuple[float, float]], kind: str) -> None:
        """A line through `points`."""
        text = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self.parts.append(f'<polyline points="{text}" class="{kind}"/>')

    def circle(self, x: float, y: float, radius: float, kind: str, tip: str = "") -> None:
        """A disc."""
        place = f'cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"'
        inner = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(f'<circle {place} class="{kind}">{inner}</circle>')

    def text(
        self, x: float, y: float, words: str, kind: str, anchor: str = "middle", tip: str = ""
    ) -> None:
        """Words; `anchor` is start, middle or end."""
        place = f'x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}"'
        inner = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(f'<text {place} class="{kind}">{inner}{escape(words)}</text>')

    def render(self) -> str:
        """The svg element."""
        box = f"0 0 {_number(self.width)} {_number(self.height)}"
        label = f"<title>{escape(self.title)}</title><desc>{escape(self.description)}</desc>"
        return f'<svg viewBox="{box}" role="img">{label}{"".join(self.parts)}</svg>'
