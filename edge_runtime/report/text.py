"""Numbers in words, the same in HTML, in drawings and on a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

UNKNOWN = "\N{EN DASH}"
"""Stands where a figure was not taken: never a zero."""


def count(value: int | None) -> str:
    """A whole number with its thousands set apart."""
    return UNKNOWN if value is None else f"{value:,}"


def share(value: float | None, digits: int = 1) -> str:
    """A share of 1 as a percentage."""
    return UNKNOWN if value is None else f"{100 * value:.{digits}f} %"


def ratio(value: float | None) -> str:
    """A quotient with two digits."""
    return UNKNOWN if value is None else f"{value:.2f}"


def amount(value: float, unit: str) -> str:
    """A figure with its unit: whole bytes, or three digits of anything else."""
    if unit == "bytes":
        return f"{value:,.0f} bytes"
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{min(digits, 3)}f} {unit}"


def shape(sizes: Sequence[int]) -> str:
    """A shape as in 1 x 25 x 5 x 64; a scalar as such."""
    return " \N{MULTIPLICATION SIGN} ".join(map(str, sizes)) if sizes else "scalar"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from `low` to `high`: multiples of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
