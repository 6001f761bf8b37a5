"""Profiling a model at the other end of a link: cycles and checksums of its layers, its stack."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.boards import CORES, Board
from edge_runtime.device.link import CounterKind, Gather, Link
from edge_runtime.errors import LinkError

EMULATED = "emulated"
"""What stands for a port where the board is emulated in this process."""

_CLOCK_SECONDS = 1.0
_CLOCK_TRIES = 5
_QUICK = 0.05  # seconds that an exchange may take to tell the time by it


@dataclass(frozen=True)
class Clock:
    """The core's clock by the host's: in Hz, and how much of that may be wrong."""

    hz: float
    uncertainty_hz: float


class LinkedModel:
    """A model at the other end of a link, in a profiling build.

    Args:
        link: the link.
        calls: in how many rows its input comes, or 1.
    """

    def __init__(self, link: Link, calls: int) -> None:
        self._link = link
        self._calls = calls
        self._identity = link.identify()

    @property
    def link(self) -> Link:
        """The link to it."""
        return self._link

    def reset(self) -> None:
        """Put the state back to its start."""
        self._link.reset()

    def run(self, inputs: Sequence[bytes], calls: int = 1) -> list[bytes]:
        """One inference: the bytes of every output."""
        assert calls == self._calls
        self._invoke(inputs, Gather.NOTHING)
        return self._outputs()

    def gather(self, inputs: Sequence[bytes], what: Gather) -> tuple[tuple[int, ...], list[bytes]]:
        """The first inference after a reset: what was gathered, and the outputs."""
        self.reset()
        self._invoke(inputs, what)
        return self._link.figures(self._identity.layers), self._outputs()

    def _invoke(self, inputs: Sequence[bytes], what: Gather) -> None:
        for call in range(self._calls):
            for index, data in enumerate(inputs):
                size = len(data) // self._calls
                self._link.write_input(index, data[call * size : (call + 1) * size])
            self._link.run(what, more=call > 0)

    def _outputs(self) -> list[bytes]:
        sizes = enumerate(self._identity.outputs)
        return [self._link.read_output(index, size) for index, size in sizes]


def why_no_cycles(board: Board, port: str, counter: CounterKind) -> str:
    """Why what a counter says is no measurement; empty where it is one.

    Every core but those without fault status registers (Armv6-M) has a counter of its own, so where
    a timer had to stand in for it, the firmware runs in an emulator.
    """
    if port == EMULATED:
        return "emulated: no counter there counts cycles"
    if board.emulation is not None and not board.flashing.methods:
        return f"{board.name} exists in an emulator only, whose counters count no cycles"
    if counter is CounterKind.NONE:
        return "no counter moves there"
    if counter is CounterKind.TIMER and CORES[board.core].fault_status:
        return "the core's own counter stands still, as in QEMU: a timer counts no cycles there"
    return ""


def measure_clock(link: Link) -> Clock:
    """The core's clock, from two readings of its counter and this machine's clock.

    LinkError: answers take too long to tell.
    """
    first, begun, slack = _reading(link, start=True)
    time.sleep(_CLOCK_SECONDS)
    second, ended, more = _reading(link, start=False)
    hz = (second - first) / (ended - begun)
    return Clock(hz, hz * (slack + more) / (ended - begun))


def _reading(link: Link, *, start: bool) -> tuple[int, float, float]:
    """The count, the time in the middle of the exchange, and half of what that took."""
    for _ in range(_CLOCK_TRIES):
        begun = time.monotonic()
        _, cycles = link.counter(start=start)
        taken = time.monotonic() - begun
        if taken <= _QUICK:
            return cycles, begun + taken / 2, taken / 2
    raise LinkError(
        f"answers take more than {_QUICK * 1000:g} ms, too long to measure the clock by",
        hint="take a faster line, or one with less delay",
    )
