"""Part of `make bench`: whole test sets on this machine, by `edge_runtime.load`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import edge_runtime
from edge_runtime.graph import Array
from edge_runtime.model import Model

_SECONDS = 0.5
"""About how long a batch is to take."""


def host_table(files: Mapping[str, Path]) -> str:
    """Inferences a second on one core, by title; each file has its samples beside it."""
    lines = ["| model | inferences/s on one core |", "|---|---|"]
    lines += [f"| {title} | {_rate(path):,.0f} |" for title, path in files.items()]
    return "\n".join(lines)


def _rate(path: Path) -> float:
    with np.load(path.with_suffix(".ref.npz")) as archive:
        samples, expected = archive["in0"], archive["out0_tflm"]
    with edge_runtime.load(path) as model:
        start = time.perf_counter()
        made = model.run(samples)
        passes = max(1, round(_SECONDS / (time.perf_counter() - start)))
        if not np.array_equal(made, expected):
            raise AssertionError(f"{path} makes something else than TFLM")
        batch: Array = np.concatenate([samples] * passes)
        return max(_timed(model, batch) for _ in range(3))


def _timed(model: Model, batch: Array) -> float:
    start = time.perf_counter()
    model.run(batch)
    return len(batch) / (time.perf_counter() - start)
