"""Running a model layer by layer and looking at its memory: on a core or board, or on the host."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edge_runtime.device.host import HostModel
from edge_runtime.device.link import Link, Refused
from edge_runtime.errors import LinkError


class Layerwise(Protocol):
    """A model whose layers run one by one."""

    def reset(self) -> None:
        """Put the state back to its start."""

    def start(self, inputs: Sequence[bytes], poison: int) -> None:
        """Fill the arena with a byte, then write the inputs."""

    def run_layer(self, index: int) -> None:
        """Run one layer."""

    def peek(self, area: int, offset: int, size: int) -> bytes:
        """Bytes of the arena (0) or of the state (1)."""


class LinkedLayers:
    """Firmware at the other end of a link; exported with its layers callable one by one."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def reset(self) -> None:
        self._link.reset()

    def start(self, inputs: Sequence[bytes], poison: int) -> None:
        try:
            self._link.poison(poison)
        except Refused as error:
            raise LinkError(
                "the firmware cannot run its layers one by one",
                hint="export the model with --layerwise, build and flash that",
            ) from error
        for index, data in enumerate(inputs):
            self._link.write_input(index, data)

    def run_layer(self, index: int) -> None:
        self._link.run_layer(index)

    def peek(self, area: int, offset: int, size: int) -> bytes:
        return self._link.peek(area, offset, size)


class HostLayers(HostModel):
    """A library of this machine, built from what was exported so."""

    def __init__(self, library: Path, arena_bytes: int) -> None:
        super().__init__(library)
        self._arena_bytes = arena_bytes
        self._model.model_memory.restype = ctypes.c_void_p
        self._model.model_memory.argtypes = [ctypes.c_uint32]
        self._model.model_run_layer.restype = None
        self._model.model_run_layer.argtypes = [ctypes.c_uint32]

    def start(self, inputs: Sequence[bytes], poison: int) -> None:
        """Fill the arena with a byte, then write the inputs."""
        ctypes.memset(self._model.model_memory(0), poison, self._arena_bytes)
        for index, data in enumerate(inputs):
            ctypes.memmove(self._model.model_input(index), data, len(data))

    def run_layer(self, index: int) -> None:
        """Run one layer."""
        self._model.model_run_layer(index)

    def peek(self, area: int, offset: int, size: int) -> bytes:
        """Bytes of the arena (0) or of the state (1)."""
        return ctypes.string_at(self._model.model_memory(area) + offset, size)
