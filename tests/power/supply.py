"""Recordings of a supply that is known in closed form, as power monitors write them.

During an inference three layers take 0.2, 0.5 and 0.3 of the time and draw a power of their own,
with a ripple on it; in between the board idles. Energies below are integrals worked out by hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SHARES = {"first": 0.2, "second": 0.5, "third": 0.3}
WATTS = {"first": 0.030, "second": 0.060, "third": 0.045}
IDLE = 0.004
RIPPLE, RIPPLE_HZ = 0.002, 700.0
VOLTS = 3.3


@dataclass(frozen=True)
class Supply:
    """Inferences of `length` seconds that begin at these times."""

    begins: tuple[float, ...] = (0.0123, 0.0604, 0.1101)
    length: float = 0.040
    end: float = 0.16

    def watts(self, t):
        ripple = RIPPLE * math.sin(2 * math.pi * RIPPLE_HZ * t)
        for begin in self.begins:
            at = begin
            for name, share in SHARES.items():
                if at <= t < at + share * self.length:
                    return WATTS[name] + ripple
                at += share * self.length
        return IDLE + ripple

    def running(self, t):
        return any(begin <= t < begin + self.length for begin in self.begins)

    def joules(self, name, begin):
        """The integral over a layer of the inference that began there."""
        start = begin + self.length * sum(
            share for other, share in SHARES.items() if list(SHARES).index(other) < _place(name)
        )
        stop = start + SHARES[name] * self.length
        angle = 2 * math.pi * RIPPLE_HZ
        ripple = RIPPLE / angle * (math.cos(angle * start) - math.cos(angle * stop))
        return WATTS[name] * (stop - start) + ripple

    def inference(self, begin):
        return sum(self.joules(name, begin) for name in SHARES)

    def samples(self, hz):
        for index in range(round(self.end * hz)):
            t = index / hz
            yield t, self.watts(t), self.running(t)

    def ppk2(self, hz=100_000, apart=False):
        """As the app exports it: one text of eight pins, or a column for each."""
        lines = ["Timestamp(ms),Current(uA)," + ("D0,D1" if apart else "D0-D7")]
        for t, watts, running in self.samples(hz):
            pins = f"{running:d},0" if apart else f"{running:d}0000000"
            lines.append(f"{1000 * t:.3f},{1e6 * watts / VOLTS:.3f},{pins}")
        return "\n".join(lines) + "\n"

    def joulescope(self, hz=100_000):
        """The voltage sags with the current, so that power is no constant times it."""
        lines = ["#time (s),current (A),voltage (V),IN0"]
        for t, watts, running in self.samples(hz):
            volts = VOLTS - watts
            lines.append(f"{t:.7f},{watts / volts:.9e},{volts:.9f},{running:d}")
        return "\n".join(lines) + "\n"


def _place(name):
    return list(SHARES).index(name)
