"""How a converter says that it cannot convert a node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge_runtime.errors import ModelError, Problem


class UnsupportedError(Exception):
    """Raised within an importer for one node; becomes one `Problem` of the ModelError."""

    def __init__(self, reason: str, rewrite: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.rewrite = rewrite


def refuse(name: str, problems: Sequence[Problem], supported: Iterable[str]) -> None:
    """ModelError with all `problems` of the model, if there are any."""
    if problems:
        raise ModelError(
            f"model {name} cannot be compiled; {len(problems)} problem(s):",
            hint="change these nodes in the model, then export it again; operations that are"
            f" supported: {', '.join(sorted(supported))}",
            problems=problems,
        )
