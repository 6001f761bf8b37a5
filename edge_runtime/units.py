"""Sizes and times as people write them: 32K, 1.5M, 20ms."""

from __future__ import annotations

import re

from edge_runtime.errors import DataError

_SIZES = {"": 1, "B": 1, "K": 1 << 10, "KB": 1 << 10, "KIB": 1 << 10, "M": 1 << 20, "MB": 1 << 20,
          "MIB": 1 << 20}  # fmt: skip
_TIMES = {"US": 1e-3, "MS": 1.0, "S": 1e3}
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def parse_size(text: str) -> int:
    """Bytes: a number with B, K or M (binary), upper or lower case; DataError otherwise."""
    return round(_parse(text, _SIZES, "a size", "32K, 1.5M or 4096"))


def parse_time(text: str) -> float:
    """Milliseconds: a number with us, ms or s; DataError otherwise."""
    return _parse(text, _TIMES, "a time", "20ms, 500us or 1.5s")


def _parse(text: str, units: dict[str, float] | dict[str, int], what: str, example: str) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None or match[2].upper() not in units or float(match[1]) <= 0:
        raise DataError(f"{text!r} is not {what}; allowed: a positive number such as {example}")
    return float(match[1]) * units[match[2].upper()]
