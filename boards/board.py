"""What a board is. Addresses and sizes are in bytes, clocks in hertz.

A record with a figure names the document it is from as `source`. `verified` is False where nobody
has read that document, and the figure stands from memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from edge_runtime.errors import BoardError


@dataclass(frozen=True)
class Core:
    """A processor core.

    `isas` are the kernels' instruction sets it runs, the best first; `fault_status` tells whether
    it has Arm's registers that say what a fault was (Armv6-M has none).
    """

    name: str
    architecture: Literal["arm", "riscv", "host"]
    isas: tuple[str, ...]
    fpu: bool
    fault_status: bool


CORES = {
    core.name: core
    for core in (
        Core("cortex-m0plus", "arm", ("m0", "ref"), fpu=False, fault_status=False),
        Core("cortex-m4", "arm", ("dsp", "ref"), fpu=True, fault_status=True),
        Core("cortex-m7", "arm", ("dsp", "ref"), fpu=True, fault_status=True),
        Core("cortex-m33", "arm", ("dsp", "ref"), fpu=True, fault_status=True),
        Core("cortex-m55", "arm", ("mve", "dsp", "ref"), fpu=True, fault_status=True),
        Core("rv32imc", "riscv", ("ref",), fpu=False, fault_status=False),
        Core("host", "host", ("ref",), fpu=True, fault_status=False),
    )
}


@dataclass(frozen=True)
class Region:
    """A stretch of the address space: flash, RAM, or the registers of a peripheral.

    `tier` puts memories in order of how long the core waits for them, the fastest first: 0 answers
    at once (tightly coupled, or as fast as the core), 1 goes by way of a bus and maybe a cache, 2
    is behind a bridge or outside the chip. It is an order, not a measurement. `mirrors` names the
    region whose content is seen here as well.
    """

    name: str
    kind: Literal["flash", "ram", "registers"]
    start: int
    size: int
    source: str
    verified: bool
    tier: int = 0
    mirrors: str = ""

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

    kind: Literal[
        "stm32-v1", "stm32-v2", "lpuart", "pl011", "cmsdk", "nrf-uart", "esp32c3", "ns16550"
    ]
    base: int
    baud: int
    pins: str
    source: str
    verified: bool


@dataclass(frozen=True)
class Counter:
    """What counts the core's cycles on the board, in words; the port tests that it moves."""

    what: str
    source: str
    verified: bool


@dataclass(frozen=True)
class Waits:
    """Cycles that the core waits for its memories, beyond its own timings.

    In thousandths: for each cycle that those give, and for each byte that a load reads from flash.
    `source` says what they were fitted to.
    """

    per_cycle: int
    per_flash_byte: int
    source: str
    verified: bool


@dataclass(frozen=True)
class UsbId:
    """A USB device that the board shows up as; `boot` while it waits for firmware by USB.

    `port` is False where it has no serial port.
    """

    vid: int
    pid: int
    what: str
    source: str
    verified: bool
    boot: bool = False
    port: bool = True


Method = Literal["platformio", "pyocd", "esptool", "uf2", "openocd"]
"""The tools that write firmware to a board."""


@dataclass(frozen=True)
class Flashing:
    """How firmware gets onto the board.

    `methods` are tried in this order; none where nothing can be flashed. `openocd` are its
    configuration files, `pyocd` its name of the chip, which is in a `pack` where it is not built
    in. `boot` says how the board is made to wait for firmware, which for UF2 is a drive: its file
    INFO_UF2.TXT names it as `drive`.
    """

    by_hand: str
    methods: tuple[Method, ...] = ()
    openocd: tuple[str, ...] = ()
    pyocd: str = ""
    pack: bool = False
    esptool: str = ""
    uf2_family: int | None = None
    drive: str = ""
    boot: str = ""
    usb: tuple[UsbId, ...] = ()


@dataclass(frozen=True)
class PlatformIO:
    """The board's name and platform in PlatformIO, and the package that its compiler comes from.

    `package` pins the compiler where the platform's own is too old. Where a `framework` is needed,
    the model is a library of a project that uses it.
    """

    board: str
    platform: str
    package: str = ""
    framework: str = ""


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
    C file in firmware/ports; `boot` the one with what the boot ROM wants to see, if any. `hardware`
    says what has run on the real board; empty where nothing has. `waits` are None where no times
    were published that they could be fitted to.
    """

    name: str
    title: str
    core: str
    flashing: Flashing
    clock: Clock | None = None
    regions: tuple[Region, ...] = ()
    uart: Uart | None = None
    peripherals: tuple[Region, ...] = ()
    port: str = ""
    boot: str = ""
    counter: Counter | None = None
    waits: Waits | None = None
    platformio: PlatformIO | None = None
    emulation: Emulation | None = None
    hardware: str = ""
    notes: str = ""

    @property
    def is_host(self) -> bool:
        """Whether this is the machine itself."""
        return self.core == "host"

    @property
    def architecture(self) -> str:
        """The family of the core's instructions: arm, riscv or host."""
        return CORES[self.core].architecture

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
        return self._spaces("flash")[0]

    @property
    def ram(self) -> Region:
        """The RAM that start-up, link and stack are linked to; BoardError for the host."""
        return self.ram_spaces[0]

    @property
    def ram_spaces(self) -> tuple[Region, ...]:
        """All RAM: what touches is one, the fastest first; BoardError for the host."""
        return self._spaces("ram")

    @property
    def ram_bytes(self) -> int:
        """All RAM that firmware may use; BoardError for the host."""
        return sum(space.size for space in self.ram_spaces)

    @property
    def qemu(self) -> str | None:
        """The QEMU machine that boots the image, or None."""
        return None if self.emulation is None else self.emulation.machine

    @property
    def sources(self) -> tuple[str, ...]:
        """The documents behind the figures, each once."""
        return tuple(dict.fromkeys(record.source for _, record in self._figures()))

    @property
    def unverified(self) -> tuple[str, ...]:
        """The figures that nobody has checked against their document."""
        return tuple(name for name, record in self._figures() if not record.verified)

    def _figures(self) -> Iterator[tuple[str, Clock | Uart | Region | Counter | Waits | UsbId]]:
        for name, record in (
            ("clock", self.clock),
            ("uart", self.uart),
            ("counter", self.counter),
            ("waits", self.waits),
        ):
            if record is not None:
                yield name, record
        for region in (*self.regions, *self.peripherals):
            yield region.name, region
        for usb in self.flashing.usb:
            yield f"usb {usb.vid:04x}:{usb.pid:04x}", usb

    def _spaces(self, kind: Literal["flash", "ram"]) -> tuple[Region, ...]:
        """Runs of regions of `kind` that follow each other without a gap, the fastest first."""
        found = [region for region in self.regions if region.kind == kind and not region.mirrors]
        if not found:
            raise BoardError(f"board {self.name} has no {kind}: it is not a microcontroller")
        runs: list[list[Region]] = []
        for region in found:
            if runs and runs[-1][-1].end == region.start:
                runs[-1].append(region)
            else:
                runs.append([region])
        return tuple(sorted(map(_joined, runs), key=lambda space: space.tier))


def _joined(run: Sequence[Region]) -> Region:
    """One region over all of `run`; the tier is that of its start."""
    first, last = run[0], run[-1]
    return dataclasses.replace(
        first,
        name="+".join(region.name for region in run),
        size=last.end - first.start,
        verified=all(region.verified for region in run),
    )
