"""The manifest of an exported folder: what was compiled, for which board, and what it will take."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import DataError
from edge_runtime.export.arithmetic import combined
from edge_runtime.graph import DType, Quantization, Shape, Tensor
from edge_runtime.memory import Peak, PlacedStage, Placement, Plan
from edge_runtime.memory.result import LiveTensor

MANIFEST = "firmware.json"
FORMAT = 2


@dataclass(frozen=True)
class Port:
    """An input or output of the model: one array that the firmware reads or writes."""

    name: str
    shape: Shape
    dtype: str
    scale: float | None
    zero_point: int | None

    @staticmethod
    def of(tensor: Tensor) -> Port:
        """The port that `tensor` is."""
        quantization = tensor.quantization
        return Port(
            tensor.name,
            tensor.shape,
            tensor.dtype.value,
            None if quantization is None else quantization.scale,
            None if quantization is None else quantization.zero_point,
        )

    def tensor(self) -> Tensor:
        """The tensor that this port stands for."""
        if self.scale is None or self.zero_point is None:
            return Tensor(self.name, self.shape, DType(self.dtype))
        quantization = Quantization.per_tensor(self.scale, self.zero_point)
        return Tensor(self.name, self.shape, DType(self.dtype), quantization=quantization)


@dataclass(frozen=True)
class Layer:
    """One node of the graph in the order of execution.

    `index` is that of its function model_layer_<index>; None where the node costs nothing. `type`
    is what it computes in: see `export.arithmetic`.
    """

    name: str
    op: str
    index: int | None
    kernel: str
    reason: str
    macs: int
    shape: Shape
    type: str


@dataclass(frozen=True)
class Manifest:
    """All that the tools behind `export` need to know of an exported folder. Sizes in bytes."""

    board: str
    model: str
    model_sha256: str
    version: str
    command: str
    streaming: bool
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    weights_bytes: int
    input_rows: int
    """In how many rows the only input comes, one a call; 0 where inputs come as a whole."""
    plan: Plan
    optimize: str = "speed"
    """What the C compiler optimizes for: speed or size."""
    format: int = FORMAT

    @property
    def ram_bytes(self) -> int:
        """All static RAM of the model."""
        return self.plan.ram_bytes

    @property
    def type(self) -> str:
        """What the model computes in: float32, int8, int16, float32 by int8, or mixed."""
        return combined(layer.type for layer in self.layers)

    def to_json(self) -> str:
        """The text of firmware.json."""
        return json.dumps(_plain(self), indent=1) + "\n"

    @staticmethod
    def load(folder: Path) -> Manifest:
        """Read the manifest of an exported folder; DataError where there is none, or another's."""
        path = folder / MANIFEST
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if raw["format"] != FORMAT:
                raise DataError(
                    f"{path} has format {raw['format']}; this version reads {FORMAT}",
                    hint="export the model again",
                )
            return _decode(raw)
        except OSError as error:
            raise DataError(
                f"{folder} holds no readable {MANIFEST}", hint="run edge-runtime export first"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged: {error}", hint="export the model again") from error


def _plain(value: object) -> object:
    """Dataclasses and mappings as dictionaries; `dataclasses.asdict` knows no read-only mapping."""
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _decode(raw: dict[str, Any]) -> Manifest:
    ports = {
        side: tuple(Port(**{**port, "shape": tuple(port["shape"])}) for port in raw[side])
        for side in ("inputs", "outputs")
    }
    layers = tuple(Layer(**{**layer, "shape": tuple(layer["shape"])}) for layer in raw["layers"])
    return Manifest(**{**raw, **ports, "layers": layers, "plan": _decode_plan(raw["plan"])})


def _decode_plan(raw: dict[str, Any]) -> Plan:
    places = {
        area: {name: Placement(**place) for name, place in raw[area].items()}
        for area in ("placements", "scratch", "state")
    }
    live = tuple(LiveTensor(**tensor) for tensor in raw["peak"]["tensors"])
    peak = Peak(**{**raw["peak"], "tensors": live})
    fields = ("order", "live_bytes", "free", "parts")
    lists = {field: tuple(raw[field]) for field in fields}
    stages = tuple(
        PlacedStage(
            **{**stage, "nodes": tuple(stage["nodes"]), "state": Placement(**stage["state"])}
        )
        for stage in raw["stages"]
    )
    return Plan(**{**raw, **places, **lists, "peak": peak, "stages": stages})
