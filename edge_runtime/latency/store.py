"""Models and sizes on disk: those that come with the package by core, and a user's own by board."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from edge_runtime.boards import Board
from edge_runtime.errors import DataError
from edge_runtime.files import write_file
from edge_runtime.latency.footprint import Footprint, KernelSize
from edge_runtime.latency.model import KernelLatency, LatencyModel

FORMAT = 1
DATA = "edge_runtime.latency.data"


def config_dir() -> Path:
    """Where a user's calibrations are kept, which take a board to make again.

    $EDGE_RUNTIME_CONFIG, else $XDG_CONFIG_HOME/edge-runtime, else ~/.config/edge-runtime.
    """
    named = os.environ.get("EDGE_RUNTIME_CONFIG")
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(named) if named else Path(base) / "edge-runtime"


def calibration_path(board: str) -> Path:
    """The file of a user's calibration of `board`."""
    return config_dir() / "calibrations" / f"{board}.json"


def latency_of(board: Board) -> LatencyModel | None:
    """The user's calibration of `board`, else the built-in model of its core, else None."""
    return calibration_of(board) or builtin_latency(board.core)


def calibration_of(board: Board) -> LatencyModel | None:
    """The user's calibration of `board`, or None; DataError where the file is damaged."""
    path = calibration_path(board.name)
    if not path.is_file():
        return None
    found = load_latency(path.read_text(encoding="utf-8"), str(path))
    if found.core != board.core:
        raise DataError(
            f"{path} is of a {found.core}, {board.name} is a {board.core}",
            hint=f"run edge-runtime calibrate --board {board.name}, or delete the file",
        )
    return found


def builtin_latency(core: str) -> LatencyModel | None:
    """The model of a core that comes with the package, or None."""
    text = _packaged(f"{core}.latency.json")
    return None if text is None else load_latency(text, f"{core}.latency.json")


def builtin_footprint(core: str) -> Footprint | None:
    """The sizes on a core that come with the package, or None."""
    text = _packaged(f"{core}.size.json")
    if text is None:
        return None
    raw = json.loads(text)
    kernels = {
        name: KernelSize(code, layer, tuple(helpers))
        for name, (code, layer, helpers) in raw["kernels"].items()
    }
    return Footprint(**{**raw, "kernels": kernels})


def _packaged(name: str) -> str | None:
    file = resources.files(DATA).joinpath(name)
    return file.read_text(encoding="utf-8") if file.is_file() else None


def load_latency(text: str, where: str) -> LatencyModel:
    """Read what `write_latency` wrote; DataError: it is damaged, or of another version."""
    try:
        raw: dict[str, Any] = json.loads(text)
        if raw["format"] != FORMAT:
            raise DataError(
                f"{where} has format {raw['format']}; this version reads {FORMAT}",
                hint="calibrate the board again",
            )
        kernels = {name: _kernel(entry) for name, entry in raw["kernels"].items()}
        return LatencyModel(str(raw["core"]), str(raw["source"]), kernels)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{where} is damaged: {error}", hint="calibrate the board again") from error


def _kernel(entry: Mapping[str, Any]) -> KernelLatency:
    parameters = {str(name): float(value) for name, value in entry["parameters"].items()}
    return KernelLatency(parameters, int(entry["samples"]), float(entry["error"]))


def write_latency(model: LatencyModel, path: Path) -> None:
    """Write a model; parameters to four digits, which is more than they are known to."""
    kernels = {
        name: {
            "samples": kernel.samples,
            "error": float(f"{kernel.error:.4g}"),
            "parameters": {k: float(f"{v:.4g}") for k, v in sorted(kernel.parameters.items())},
        }
        for name, kernel in sorted(model.kernels.items())
    }
    raw = {"format": FORMAT, "core": model.core, "source": model.source, "kernels": kernels}
    write_file(path, json.dumps(raw, indent=1) + "\n")


def write_footprint(footprint: Footprint, path: Path) -> None:
    """Write the sizes on a core."""
    raw = dataclasses.asdict(footprint)
    kernels = sorted(footprint.kernels.items())
    raw["kernels"] = {name: [k.code, k.layer, list(k.helpers)] for name, k in kernels}
    write_file(path, json.dumps(raw, indent=1) + "\n")
