"""Searching a network for a data set and a board's budget, and training it.

    data = load(Path("data.npz"))
    found = search(data, Budget(32 << 10, 128 << 10, 20.0), device, seed=0)
    found.int8                      # the quantized graph

PyTorch is imported when a name that needs it is first used, not with this package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edge_runtime.nas.data import Dataset, Normalisation, Part, load
from edge_runtime.nas.device import Budget, Cost, Device, Measured, Progress
from edge_runtime.nas.space import Architecture, FusionCell, Space, TimeCell
from edge_runtime.nas.watch import watch_windows

if TYPE_CHECKING:
    from edge_runtime.nas.pipeline import BudgetNotMet, SearchResult, search
    from edge_runtime.nas.selection import Candidate

__all__ = [
    "Architecture",
    "Budget",
    "BudgetNotMet",
    "Candidate",
    "Cost",
    "Dataset",
    "Device",
    "FusionCell",
    "Measured",
    "Normalisation",
    "Part",
    "Progress",
    "SearchResult",
    "Space",
    "TimeCell",
    "load",
    "search",
    "watch_windows",
]

_NEEDS_TORCH = {"BudgetNotMet", "Candidate", "SearchResult", "search"}


def __getattr__(name: str) -> Any:
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module("edge_runtime.nas.pipeline"), name)
