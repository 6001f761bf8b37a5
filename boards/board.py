"""What a board is. Addresses and sizes are in bytes, clocks in hertz.

A record with a figure names the document it is from as `source`. `verified` is False where nobody
has read that document, and the figure stands from memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from edge_runtime.errors import BoardError


@dataclass(frozen=True)
class Core:
    """A processor core.

    `isas` are the kernels' instruction sets it runs, the best first; `fault_status` tells whether
    it has the registers that say what a fault was (Armv6-M has none).
    """

    name: str
    isas: tuple[str, ...]
    fpu: bool
    fault_status: bool


CORES = {
    core.name: core
    for core in (
        Core("cortex-m0plus", ("ref",), fpu=False, fault_status=False),
        Core("cortex-m4", ("dsp", "ref"), fpu=True, fault_status=True),
        Core("cortex-m7", ("dsp", "ref"), fpu=True, fault_status=True),
        Core("cortex-m33", ("dsp", "ref"), fpu=True, fault_status=True),
        Core("host", ("ref",), fpu=True, fault_status=False),
    )
}


@dataclass(frozen=True)
class Region:
    """A stretch of the address space: flash, RAM, or the registers of a peripheral."""

    name: str
    kind: Literal["flash", "ram", "registers"]
    start: int
    size: int
    source: str
    verified: bool

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.size

    def overlaps(self, other: Region) -> bool:
        """Whether the two share an address."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True)
class Clock:
    """The core's clock as the firmware sets it up, and the one it runs at when that fails."""

    hz: int
    fallback_hz: int
    source: str
    verified: bool


@dataclass(frozen=True)
class Uart:
    """The serial port that the link uses. `kind` names the register layout."""

    kind: Literal["stm32-v1", "stm32-v2", "lpuart", "pl011", "cmsdk"]
    base: int
    baud: int
    pins: str
    source: str
    verified: bool


@dataclass(frozen=True)
class PlatformIO:
    """The board's name and platform in PlatformIO."""

    board: str
    platform: str


@dataclass(frozen=True)
class Emulation:
    """The QEMU machine that boots the image, and how it differs from the board."""

    machine: str
    notes: str


@dataclass(frozen=True)
class Board:
    """A board, or the host: the machine that this runs on, with no clock and no regions.

    `regions` are the memories that firmware may use. `peripherals` are the registers that its
    start-up and serial port touch: an emulator answers there, and nowhere else. `port` names the
    C file in firmware/ports; `boot` the one that stands before the vector table, if any.
    `uf2_family` is set where the board is flashed by copying a UF2 file.
    """

    name: str
    title: str
    core: str
    flashing: str
    clock: Clock | None = None
    regions: tuple[Region, ...] = ()
    uart: Uart | None = None
    peripherals: tuple[Region, ...] = ()
    port: str = ""
    boot: str = ""
    uf2_family: int | None = None
    platformio: PlatformIO | None = None
    emulation: Emulation | None = None
    notes: str = ""

    @property
    def is_host(self) -> bool:
        """Whether this is the machine itself."""
        return self.core == "host"

    @property
    def isas(self) -> tuple[str, ...]:
        """The instruction sets of kernels that the core runs, in order of preference."""
        return CORES[self.core].isas

    @property
    def clock_hz(self) -> int | None:
        """The core's clock; None for the host."""
        return None if self.clock is None else self.clock.hz

    @property
    def flash(self) -> Region:
        """The flash that firmware is linked to; BoardError for the host."""
        return self._linked("flash")

    @property
    def ram(self) -> Region:
        """The RAM that firmware is linked to; BoardError for the host."""
        return self._linked("ram")

    @property
    def qemu(self) -> str | None:
        """The QEMU machine that boots the image, or None."""
        return None if self.emulation is None else self.emulation.machine

    @property
    def sources(self) -> tuple[str, ...]:
        """The documents behind the figures, each once."""
        records = (self.clock, *self.regions, self.uart, *self.peripherals)
        return tuple(dict.fromkeys(record.source for record in records if record is not None))

    @property
    def unverified(self) -> tuple[str, ...]:
        """The figures that nobody has checked against their document."""
        records: list[tuple[str, Clock | Uart | Region | None]] = [
            ("clock", self.clock),
            ("uart", self.uart),
            *((region.name, region) for region in (*self.regions, *self.peripherals)),
        ]
        return tuple(name for name, record in records if record and not record.verified)

    def _linked(self, kind: Literal["flash", "ram"]) -> Region:
        """The first region of `kind` with those of the kind that follow it without a gap."""
        found = [region for region in self.regions if region.kind == kind]
        if not found:
            raise BoardError(f"board {self.name} has no {kind}: it is not a microcontroller")
        run = found[:1]
        for before, region in pairwise(found):
            if before.end != region.start:
                break
            run.append(region)
        return Region(
            "+".join(region.name for region in run),
            kind,
            run[0].start,
            run[-1].end - run[0].start,
            run[0].source,
            all(region.verified for region in run),
        )
