"""What was measured of an image, and how it is kept: one JSON line a measurement.

Instructions are counted by an emulator, estimated cycles come from a cycle model, those with waits
from what a board's memories were fitted to besides, measured cycles from a counter on a board. Each
is in a field of its own, None where unknown.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import DataError
from edge_runtime.graph import Shape

MEASUREMENTS = "measurements.jsonl"


@dataclass(frozen=True)
class Layer:
    """One node: what it is, which kernel serves it, and what it costs in one inference."""

    name: str
    op: str
    shape: Shape
    """Of the output."""
    kernel: str
    reason: str
    macs: int
    instructions: int | None = None
    estimated_cycles: int | None = None
    measured_cycles: int | None = None
    estimated_cycles_with_waits: int | None = None

    @property
    def instructions_per_mac(self) -> float | None:
        """None where there are no multiply-accumulates, or the instructions are unknown."""
        return self.instructions / self.macs if self.macs and self.instructions else None


@dataclass(frozen=True)
class Measurement:
    """One image on one core: the cost of one inference, all layers and what is between them.

    `estimated_cycles` leave out what the core waits for its memories; `estimated_cycles_with_waits`
    have it, by figures fitted to the board, if there are any. `stack_bytes` is the high-water mark
    over all inferences that were run. `image_sha256` names the file that ran.
    """

    board: str
    core: str
    clock_hz: int | None
    compiler: str
    image_sha256: str
    layers: tuple[Layer, ...]
    instructions: int | None = None
    estimated_cycles: int | None = None
    measured_cycles: int | None = None
    stack_bytes: int | None = None
    estimated_cycles_with_waits: int | None = None

    @property
    def estimated_ms(self) -> float | None:
        """Estimated cycles at the board's clock, in milliseconds."""
        return self._ms(self.estimated_cycles)

    @property
    def estimated_ms_with_waits(self) -> float | None:
        """The same with waits."""
        return self._ms(self.estimated_cycles_with_waits)

    def _ms(self, cycles: int | None) -> float | None:
        return None if cycles is None or self.clock_hz is None else 1e3 * cycles / self.clock_hz

    def to_dict(self) -> dict[str, Any]:
        """The fields, and the estimates in milliseconds, as JSON has them."""
        times = {
            "estimated_ms": self.estimated_ms,
            "estimated_ms_with_waits": self.estimated_ms_with_waits,
        }
        return {**dataclasses.asdict(self), **times}

    @staticmethod
    def of_dict(raw: dict[str, Any]) -> Measurement:
        """What `to_dict` gave; KeyError or TypeError for anything else."""
        layers = tuple(
            Layer(**{**layer, "shape": tuple(layer["shape"])}) for layer in raw["layers"]
        )
        names = [field.name for field in dataclasses.fields(Measurement)]
        fields = {name: raw[name] for name in names if name in raw}  # older ones have fewer
        return Measurement(**{**fields, "layers": layers})


def record(folder: Path, measurement: Measurement) -> None:
    """Add a line to the measurements of an exported folder."""
    with (folder / MEASUREMENTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(measurement.to_dict()) + "\n")


def latest(folder: Path, image_sha256: str) -> Measurement:
    """The newest measurement of this very image; DataError where there is none."""
    path = folder / MEASUREMENTS
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        found = [Measurement.of_dict(json.loads(line)) for line in lines]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is damaged: {error!r}", hint="remove it, and emulate again"
        ) from error
    for measurement in reversed(found):
        if measurement.image_sha256 == image_sha256:
            return measurement
    raise DataError(
        f"{folder} holds no measurement of its present image",
        hint=f"run edge-runtime emulate {folder} --input IN.npz --output OUT.npz first",
    )
