"""The manifest of an exported folder: what was compiled, for which board, and what it will take."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import DataError
from edge_runtime.graph import DType, Quantization, Shape, Tensor

MANIFEST = "firmware.json"
FORMAT = 1


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

    `index` is that of its function model_layer_<index>; None where the node costs nothing.
    """

    name: str
    op: str
    index: int | None
    kernel: str
    reason: str
    macs: int
    shape: Shape


@dataclass(frozen=True)
class PeakTensor:
    """A tensor alive where the arena is fullest."""

    name: str
    bytes: int


@dataclass(frozen=True)
class PeakMemory:
    """Where the arena is fullest: the node that runs, the tensors that live then, its scratch."""

    node: str
    op: str
    tensors: tuple[PeakTensor, ...]
    scratch_bytes: int
    bytes: int


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
    arena_bytes: int
    arena_bound_bytes: int
    state_bytes: int
    ram_bytes: int
    weights_bytes: int
    peak: PeakMemory
    format: int = FORMAT

    def to_json(self) -> str:
        """The text of firmware.json."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

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


def _decode(raw: dict[str, Any]) -> Manifest:
    ports = {
        side: tuple(Port(**{**port, "shape": tuple(port["shape"])}) for port in raw[side])
        for side in ("inputs", "outputs")
    }
    layers = tuple(Layer(**{**layer, "shape": tuple(layer["shape"])}) for layer in raw["layers"])
    live = tuple(PeakTensor(**tensor) for tensor in raw["peak"]["tensors"])
    peak = PeakMemory(**{**raw["peak"], "tensors": live})
    return Manifest(**{**raw, **ports, "layers": layers, "peak": peak})
