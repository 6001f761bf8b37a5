"""Counts of executed code: the table that the native code in native/ fills.

Buckets: what is outside of the model, the model's own `model_invoke`, and its layers. Control
enters a layer's bucket at the layer's first instruction and leaves it when `model_invoke` goes on,
or code that is not the model's; whatever a layer calls is counted with the layer, and so is the
interrupt that counts cycles, as a board's counter would have it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_runtime.cycles import Block
from edge_runtime.device.symbols import Image
from edge_runtime.errors import EmulationError

OUTSIDE = 0
OVERHEAD = 1
FIRST_LAYER = 2

_KEEP = -1  # the bucket stays what it is
_INTERRUPTS = ("SysTick_Handler", "port_tick")

_CAPACITY = 1 << 16  # blocks; a model of a hundred layers takes a few thousand

# The same layout as native/counter.h.
_HEADER = np.dtype(
    [
        ("base", "<u4"),
        ("halfwords", "<u4"),
        ("capacity", "<u4"),
        ("used", "<u4"),
        ("bucket", "<u4"),
        ("last", "<u4"),
        ("pc", "<u4"),
        ("full", "<u4"),
        ("fuel", "<i8"),
    ]
)
_BLOCK = np.dtype(
    [
        ("address", "<u4"),
        ("size", "<u4"),
        ("bucket", "<u4"),
        ("next", "<u4"),
        ("executions", "<u8"),
        ("taken", "<u8"),
    ]
)


def _halfwords(image: Image) -> int:
    return -(-len(image.code) // 8) * 4


def counter_bytes(image: Image) -> int:
    """Bytes of memory that the counts of an image take."""
    return _HEADER.itemsize + 6 * _halfwords(image) + _CAPACITY * _BLOCK.itemsize


class Counter:
    """The counts of one image, in memory shared with the emulator.

    Args:
        image: the firmware.
        memory: `counter_bytes(image)` zero bytes.
    """

    def __init__(self, image: Image, memory: NDArray[np.uint8]) -> None:
        self._image = image
        self.memory = memory
        halfwords = _halfwords(image)
        transitions = _HEADER.itemsize
        blocks = transitions + 6 * halfwords
        self._header = memory[:transitions].view(_HEADER)
        self._blocks = memory[blocks:].view(_BLOCK)
        table = memory[transitions : transitions + 2 * halfwords].view("<u2")
        self._write_transitions(table)
        self._set("base", image.code.start)
        self._set("capacity", _CAPACITY)
        self._set("halfwords", halfwords)

    @property
    def fuel(self) -> int:
        """Bytes of code that may run before the emulator stops."""
        return self._get("fuel")

    @fuel.setter
    def fuel(self, value: int) -> None:
        self._set("fuel", value)

    @property
    def pc(self) -> int:
        """Where the block of code that runs, or ran last, begins."""
        return self._get("pc")

    @property
    def activity(self) -> str:
        """What the counts say is running: a layer, the model, or neither."""
        bucket = self._get("bucket")
        if bucket >= FIRST_LAYER:
            return f"layer {bucket - FIRST_LAYER}"
        return "model_invoke" if bucket == OVERHEAD else "no layer"

    def clear(self) -> None:
        """Forget what was counted."""
        used = self._blocks[: self._get("used")]
        used["executions"] = 0
        used["taken"] = 0
        self._set("last", 0)  # or the jump away from it would be counted

    def blocks(self, bucket: int) -> list[Block]:
        """The blocks counted in a bucket that ran at all.

        Raises:
            EmulationError: there were more blocks than the table holds.
        """
        if self._get("full"):
            raise EmulationError(f"{self._image.path} has more than {_CAPACITY} blocks of code")
        used = self._blocks[: self._get("used")]
        found = used[(used["bucket"] == bucket) & (used["executions"] > 0)]
        columns = ("address", "size", "executions", "taken")
        return [Block(*row) for row in zip(*(found[c].tolist() for c in columns), strict=True)]

    def _write_transitions(self, table: NDArray[np.uint16]) -> None:
        start = self._image.code.start

        def enter(address: int, size: int, bucket: int) -> None:
            table[(address - start) // 2 : (address - start + size) // 2] = bucket + 1

        inside = self._image.model_code
        enter(start, inside.start - start, OUTSIDE)
        enter(inside.stop, self._image.code.stop - inside.stop, OUTSIDE)
        for function in self._image.functions:
            if function.name in _INTERRUPTS:
                enter(function.address, function.size, _KEEP)
        for function in self._image.between:
            enter(function.address, function.size, OVERHEAD)
        for index, layer in enumerate(self._image.layers):
            enter(layer.address, 2, FIRST_LAYER + index)

    def _get(self, name: str) -> int:
        return int(self._header[name][0])

    def _set(self, name: str, value: int) -> None:
        self._header[name] = value


def new_memory(image: Image) -> NDArray[np.uint8]:
    """Zeroed memory in this process for the counts of an image."""
    return np.zeros(counter_bytes(image), np.uint8)
