"""`make quickstart`: real smart-watch data and a board's budget in, measured firmware out."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_runtime.errors import EdgeRuntimeError
from edge_runtime.jobs import search
from edge_runtime.nas import Budget, Dataset, Part, watch_windows
from edge_runtime.progress import stages
from edge_runtime.tables import show

BOARD = "nucleo_l552ze_q"
BUDGET = Budget(ram_bytes=32 << 10, flash_bytes=128 << 10, latency_ms=20.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it all and print what came out; the exit code is that of the first error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/quickstart"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=None)
    options = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        data = watch_windows()
        print(_described(data))
        with stages() as progress:
            found = search(
                data,
                BOARD,
                BUDGET,
                options.out,
                epochs=options.epochs,
                seed=options.seed,
                command=f"edge_runtime.quickstart --seed {options.seed}",
                progress=progress,
            )
        show(found.summary)
        onnx = f"{found.onnx.exact:.2%} of model.onnx's outputs equal the reference's"
        print(f"{onnx}, the others differ by at most {found.onnx.largest:g} step(s)")
        if found.error is not None:
            raise found.error
    except EdgeRuntimeError as error:
        print(f"error: {error}\n  → {error.hint}", file=sys.stderr)
        return error.exit_code
    minutes = (time.monotonic() - start) / 60
    print(f"{options.out}: model.onnx model.tflite firmware/ report.html, in {minutes:.1f} minutes")
    return 0


def _described(data: Dataset) -> str:
    steps, sensors = data.window
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    counts = "; ".join(f"{name} {_people(part)}" for name, part in parts.items())
    return (
        f"smart-watch exercises: windows of {steps} x {sensors}, {data.classes} classes; {counts}\n"
        f"budget on {BOARD}: RAM {BUDGET.ram_bytes:,} B, flash {BUDGET.flash_bytes:,} B,"
        f" {BUDGET.latency_ms:g} ms"
    )


def _people(part: Part) -> str:
    people = [] if part.people is None else np.unique(part.people).tolist()
    return f"{len(part)} windows of people {', '.join(map(str, people))}"


if __name__ == "__main__":
    sys.exit(main())
