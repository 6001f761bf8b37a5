"""What a profile found out, as it is kept."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.device.profiler import Clock
from edge_runtime.errors import DataError
from edge_runtime.graph import Shape
from edge_runtime.measurement import Layer, Measurement


@dataclass(frozen=True)
class Cycles:
    """Of the runs that were made."""

    minimum: int
    median: int
    maximum: int

    @staticmethod
    def of(runs: Sequence[int]) -> Cycles:
        """Over at least one run; the median is rounded down."""
        return Cycles(min(runs), int(statistics.median(runs)), max(runs))


@dataclass(frozen=True)
class ProfiledLayer:
    """A node: cycles on the board, cycles that the model of its core estimates, and a checksum.

    `stage` numbers the stage in which it runs row by row, taking turns with the others of it: its
    cycles are then the sum over its turns. `checksum` is the CRC-32 of its outputs. What costs
    nothing has no `index`.
    """

    name: str
    op: str
    kernel: str
    shape: Shape
    macs: int
    index: int | None
    stage: int | None
    cycles: Cycles | None
    estimated_cycles: int | None
    checksum: int | None


@dataclass(frozen=True)
class Energy:
    """In joules: of the inferences that a recording shows, and of their layers on average.

    Layers that take turns are one, named after their stage. There are none where no cycles were
    measured.
    """

    inferences: int
    minimum: float
    median: float
    maximum: float
    layers: Mapping[str, float]


@dataclass(frozen=True)
class ProfileRecord:
    """What was found out about one image on one board, at one port.

    `cycles` are those of a whole inference, run without marks; those of layers come from runs of
    their own. Where they are None, `not_measured` says why. `clock_hz` is what the firmware says
    that it set up, 0 if that is not for it to do; `measured_clock` is what the host's clock says.
    `agrees` is whether the emulator makes the same of the first case; None where there is no
    emulator.
    """

    board: str
    core: str
    model: str
    port: str
    image: str
    runs: int
    clock_hz: int
    measured_clock: Clock | None
    not_measured: str
    cycles: Cycles | None
    estimated_cycles: int | None
    stack_bytes: int
    memory: Mapping[str, tuple[int, int]]
    agrees: bool | None
    layers: tuple[ProfiledLayer, ...]
    energy: Energy | None = None

    @property
    def milliseconds(self) -> float | None:
        """The median of the cycles, at the clock that was measured."""
        if self.cycles is None or self.measured_clock is None:
            return None
        return 1000 * self.cycles.median / self.measured_clock.hz

    def to_dict(self) -> dict[str, Any]:
        """The fields, and `milliseconds`, as JSON has them."""
        return {**dataclasses.asdict(self), "milliseconds": self.milliseconds}

    @staticmethod
    def load(path: Path) -> ProfileRecord:
        """Read what `profile --record` or `profile --json` wrote; DataError for anything else."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            fields = {field.name: raw[field.name] for field in dataclasses.fields(ProfileRecord)}
            clock, memory = fields["measured_clock"], fields["memory"]
            return ProfileRecord(
                **{
                    **fields,
                    "measured_clock": clock and Clock(**clock),
                    "cycles": fields["cycles"] and Cycles(**fields["cycles"]),
                    "memory": {name: (bounds[0], bounds[1]) for name, bounds in memory.items()},
                    "layers": tuple(_layer(layer) for layer in fields["layers"]),
                    "energy": fields["energy"] and Energy(**fields["energy"]),
                }
            )
        except OSError as error:
            raise DataError(f"cannot read the record {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(
                f"{path} is no record of a profile: {error!r}",
                hint="write one with `edge-runtime profile --record FILE`",
            ) from error

    def measurement(self, compiler: str, image_sha256: str) -> Measurement:
        """The medians, as measurements.jsonl has them."""
        return Measurement(
            board=self.board,
            core=self.core,
            clock_hz=self.clock_hz or None,
            compiler=compiler,
            image_sha256=image_sha256,
            layers=tuple(
                Layer(
                    name=layer.name,
                    op=layer.op,
                    shape=layer.shape,
                    kernel=layer.kernel,
                    reason="",
                    macs=layer.macs,
                    estimated_cycles=layer.estimated_cycles,
                    measured_cycles=_median(layer.cycles),
                )
                for layer in self.layers
            ),
            estimated_cycles=self.estimated_cycles,
            measured_cycles=_median(self.cycles),
            stack_bytes=self.stack_bytes,
        )


def _layer(raw: dict[str, Any]) -> ProfiledLayer:
    cycles = raw["cycles"] and Cycles(**raw["cycles"])
    return ProfiledLayer(**{**raw, "shape": tuple(raw["shape"]), "cycles": cycles})


def _median(cycles: Cycles | None) -> int | None:
    return None if cycles is None else cycles.median
