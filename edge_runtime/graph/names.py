"""Names that occur once, and names that are too long."""

from __future__ import annotations

from collections.abc import Iterable


class UniqueNames:
    """Gives each wanted name out once; later ones of the same name get a number behind."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._counts: dict[str, int] = {}

    def __call__(self, wanted: str) -> str:
        """`wanted`, or the first of wanted_1, wanted_2 ... that is free."""
        name, count = wanted, self._counts.get(wanted, 0)
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        self._counts[wanted] = count
        return name


def shorten(name: str, most: int) -> str:
    """The end of a name, which tells more than its start, within `most` characters."""
    return name if len(name) <= most else "\N{HORIZONTAL ELLIPSIS}" + name[len(name) - most + 1 :]
