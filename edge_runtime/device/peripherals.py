"""Registers of peripherals in Unicorn: serial ports of every layout, and plain ones.

A plain register reads as what was last written to it. The native code in native/unicorn.c answers
the firmware; what is here lays out its memory.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from edge_runtime.boards import Region

_PATIENCE = 16  # looks for a byte that is not there before the firmware is taken to wait for one
_ROOM = 1 << 16  # bytes that the firmware may send at a time


@dataclass(frozen=True)
class Layout:
    """Offsets of a serial port's registers, and bits of its status.

    `ready` is set while there is a byte to receive, `empty` while there is none. The transmitter
    is always free, which is what `idle` says; or the register `free`, which then is always 1.
    """

    status: int
    receive: int
    transmit: int
    ready: int = 0
    empty: int = 0
    idle: int = 0
    free: int | None = None


_STM32_V2 = Layout(0x1C, 0x24, 0x28, ready=1 << 5, idle=1 << 7 | 1 << 6)  # RXNE, TXE, TC
LAYOUTS = {
    "stm32-v1": Layout(0x00, 0x04, 0x04, ready=1 << 5, idle=1 << 7 | 1 << 6),
    "stm32-v2": _STM32_V2,
    "lpuart": _STM32_V2,
    "pl011": Layout(0x18, 0x00, 0x00, empty=1 << 4, idle=1 << 7),  # RXFE, TXFE
    "cmsdk": Layout(0x04, 0x00, 0x00, ready=1 << 1),  # RX full
    "nrf-uart": Layout(0x108, 0x518, 0x51C, ready=1, free=0x11C),  # RXDRDY, TXDRDY
    "esp32c3": Layout(0x1C, 0x00, 0x00, ready=1),  # a count of 1
    "ns16550": Layout(0x05, 0x00, 0x00, ready=1, idle=1 << 5 | 1 << 6),  # DR, THRE, TEMT
}


class PortMemory(ctypes.Structure):
    """The same layout as er_port in native/unicorn.c."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("base", "status", "free", "receive", "transmit")),
        *((name, ctypes.c_uint32) for name in ("ready", "empty", "idle", "patience")),
        *((name, ctypes.c_uint32) for name in ("polls", "waiting", "received", "to_receive")),
        *((name, ctypes.c_uint32) for name in ("sent", "room")),
        *((name, ctypes.c_void_p) for name in ("input", "output", "values", "stop")),
    )


def register_memory(region: Region) -> ctypes.Array[ctypes.c_uint32]:
    """Memory for the plain registers of a region."""
    return (ctypes.c_uint32 * (region.size // 4))()


class Port:
    """A serial port.

    Args:
        layout: where its registers are.
        region: the window of registers that it is in.
        base: its address.
        stop: the function that stops the emulator.
    """

    def __init__(self, layout: Layout, region: Region, base: int, stop: ctypes.c_void_p) -> None:
        self._values = register_memory(region)
        self._input = ctypes.create_string_buffer(0)
        self._output = ctypes.create_string_buffer(_ROOM)
        self.memory = PortMemory(
            base=base - region.start,
            status=layout.status,
            free=layout.status if layout.free is None else layout.free,
            receive=layout.receive,
            transmit=layout.transmit,
            ready=layout.ready,
            empty=layout.empty,
            idle=layout.idle,
            patience=_PATIENCE,
            room=_ROOM,
            output=ctypes.addressof(self._output),
            values=ctypes.addressof(self._values),
            stop=stop,
        )

    @property
    def waiting(self) -> bool:
        """Whether the firmware waits for a byte."""
        return bool(self.memory.waiting)

    def feed(self, data: bytes) -> None:
        """Bytes for the firmware to receive, after those it has not received yet."""
        rest = self._input.raw[self.memory.received :] + data
        self._input = ctypes.create_string_buffer(rest, len(rest))
        self.memory.input = ctypes.addressof(self._input)
        self.memory.received = 0
        self.memory.to_receive = len(rest)
        self.memory.polls = 0

    def resume(self) -> None:
        """The firmware goes on."""
        self.memory.waiting = 0

    def drain(self) -> bytes:
        """What the firmware has sent since the last call."""
        sent = ctypes.string_at(self._output, self.memory.sent)
        self.memory.sent = 0
        return sent
