"""A host of MLPerf Tiny's protocol as the public runner speaks it: lock-step, a timeout a line."""

from __future__ import annotations

import re
import time

import serial

LINE_SECONDS = 5.0
INFER_SECONDS = 30.0


class Driver:
    """One opened port: lock-step commands, answers as lines up to the one with `m-ready`."""

    def __init__(self, port):
        self._port = serial.serial_for_url(port, baudrate=115_200, timeout=0.1)

    def command(self, text, seconds=LINE_SECONDS):
        self._port.write(text.encode() + b"%")
        lines = []
        while True:
            line = self._line(seconds, text)
            if "m-ready" in line:
                return lines
            lines.append(line)

    def close(self):
        self._port.close()

    def load(self, data, size=31):
        lines = self.command(f"db load {len(data)}")
        for start in range(0, len(data), size):
            lines += self.command(f"db {data[start : start + size].hex()}")
        return lines

    def infer(self, count, warmup):
        """Microseconds between the first and the last lap, results, and all lines."""
        lines = self.command(f"infer {count} {warmup}", INFER_SECONDS)
        laps = [int(m[1]) for line in lines if (m := re.fullmatch(r"m-lap-us-(\d+)", line))]
        found = [m[1] for line in lines if (m := re.fullmatch(r"m-results-\[(.*)\]", line))]
        assert len(found) == 1, lines
        results = [float(value) for value in found[0].split(",") if value]
        return (laps[-1] - laps[0] if laps else None), results, lines

    def _line(self, seconds, command):
        line = b""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            byte = self._port.read(1)
            if byte == b"\n":
                return line.replace(b"\r", b"").replace(b"\0", b"").decode("ascii")
            line += byte
        raise RuntimeError(f"No response to command {command}: {line!r}")
