"""Energy of an inference and of its layers, from a recording of the board's supply.

An inference is found by a pin that the firmware raises while the model runs (`port_mark`), recorded
with the current, or by a marker: the time at which one begins. Within it, layers lie one after the
other, each as long as its measured share of the cycles. Power is taken to change linearly from one
sample to the next.
"""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import DataError
from edge_runtime.profile_record import Energy, ProfileRecord

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]

_UNITS = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "m": 1e-3, "": 1.0}
_COLUMN = re.compile(r"(?P<name>[a-z]+)\s*[(\[]?(?P<prefix>[nuµm]?)(?P<unit>s|a|v|w)[)\]]?", re.I)
_QUANTITIES = {
    **{"timestamp": ("time", "s"), "time": ("time", "s")},
    **{"current": ("current", "a"), "voltage": ("voltage", "v"), "power": ("power", "w")},
}
_ALL_PINS = "D0-D7"


@dataclass(frozen=True, eq=False)
class Trace:
    """Samples of the supply: times in seconds, power in watts, and pins by name."""

    seconds: Floats
    watts: Floats
    pins: Mapping[str, Bits]


def read_trace(path: Path, volts: float | None = None) -> Trace:
    """Read a recording as CSV, its columns found by their names and units.

    As the apps of PPK2 (`Timestamp(ms),Current(uA),D0-D7`, or D0, D1, … apart) and of Joulescope
    (`time (s),current (A),voltage (V),power (W)`) write it; any column of another name is a pin, 0
    or 1. `volts` is the supply where no voltage was recorded.

    Raises:
        DataError: it cannot be read, or lacks what power is made of.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            heading, *rows = [row for row in csv.reader(file) if row]
        columns = dict(zip((cell.strip(" #\"'") for cell in heading), _turned(rows), strict=True))
        return _trace(path, columns, volts)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(
            f"{path} is no recording: {error}",
            hint="export it as CSV with a row of headings, one row a sample",
        ) from error


def _turned(rows: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    if len(rows) < 2:
        raise ValueError("it holds fewer than two samples")
    return zip(*rows, strict=True)


def _trace(path: Path, columns: Mapping[str, Sequence[str]], volts: float | None) -> Trace:
    found: dict[str, Floats] = {}
    pins: dict[str, Bits] = {}
    for name, cells in columns.items():
        quantity, factor = _quantity(name)
        if quantity:
            found[quantity] = np.array(cells, np.float64) * factor
        elif name == _ALL_PINS:
            bits = np.array([[digit == "1" for digit in cell.strip()] for cell in cells])
            pins |= {f"D{index}": bits[:, index] for index in range(bits.shape[1])}
        else:
            pins[name] = np.array(cells, np.float64) > 0.5
    if "time" not in found or not {"current", "power"} & found.keys():
        raise ValueError(
            f"it has columns {', '.join(columns)}; needed: a time, and current or power"
        )
    if not (np.diff(found["time"]) > 0).all():
        raise ValueError("its times do not rise")
    return Trace(found["time"], _watts(path, found, volts), pins)


def _quantity(name: str) -> tuple[str, float]:
    """What a column holds, and the factor to its unit; nothing for a pin."""
    match = _COLUMN.fullmatch(name)
    if match is None or match["name"].lower() not in _QUANTITIES:
        return "", 0.0
    quantity, unit = _QUANTITIES[match["name"].lower()]
    if match["unit"].lower() != unit:
        raise ValueError(f"column {name} is in a unit of something else")
    return quantity, _UNITS[match["prefix"]]


def _watts(path: Path, found: Mapping[str, Floats], volts: float | None) -> Floats:
    if "power" in found:
        return found["power"]
    if "voltage" in found:
        return found["current"] * found["voltage"]
    if volts is None:
        raise DataError(f"{path} holds no voltage", hint="name the supply's with --volts")
    return found["current"] * volts


def joules(trace: Trace, begin: float, end: float) -> float:
    """Energy between two times of a trace."""
    inside = (trace.seconds > begin) & (trace.seconds < end)
    at = np.concatenate(([begin], trace.seconds[inside], [end]))
    watts = np.interp(at, trace.seconds, trace.watts)
    return float(np.sum(np.diff(at) * (watts[1:] + watts[:-1]) / 2))


def pulses(trace: Trace, pin: str) -> tuple[tuple[float, float], ...]:
    """When `pin` was high, from edge to edge; what has only one edge in the trace is left out.

    DataError: there is no such pin, or no pulse on it.
    """
    if pin not in trace.pins:
        raise DataError(f"no pin {pin} was recorded; recorded: {', '.join(trace.pins) or 'none'}")
    change = np.flatnonzero(np.diff(trace.pins[pin].astype(np.int8))) + 1
    edges = trace.seconds[change]
    first = int(len(change) > 0 and not trace.pins[pin][change[0]])
    found = tuple(zip(edges[first::2].tolist(), edges[first + 1 :: 2].tolist(), strict=False))
    if not found:
        raise DataError(
            f"pin {pin} has no pulse from edge to edge",
            hint="define port_mark in the board's port.c, wire its pin to the monitor, or name the"
            " begin of an inference with --marker",
        )
    return found


def energy(
    trace: Trace, record: ProfileRecord, *, pin: str = "D0", marker: float | None = None
) -> Energy:
    """Energy of inferences and of the profiled layers.

    With a `marker`, seconds of the trace, one inference begins there and takes what was measured.

    Raises:
        DataError: no inference is found, or it ends after the trace.
    """
    windows = pulses(trace, pin) if marker is None else (_marked(trace, record, marker),)
    each = [joules(trace, begin, end) for begin, end in windows]
    shares = _shares(record)
    layers = {
        name: statistics.fmean(
            joules(trace, begin + first * (end - begin), begin + last * (end - begin))
            for begin, end in windows
        )
        for name, (first, last) in shares.items()
    }
    return Energy(len(each), min(each), statistics.median(each), max(each), layers)


def _marked(trace: Trace, record: ProfileRecord, marker: float) -> tuple[float, float]:
    if record.milliseconds is None:
        raise DataError(
            f"how long an inference takes is not known: {record.not_measured}",
            hint="record the pin, and name it with --pin",
        )
    end = marker + record.milliseconds / 1000
    if marker < trace.seconds[0] or end > trace.seconds[-1]:
        raise DataError(
            f"an inference from {marker} to {end:.6f} s lies outside of the trace, which goes from"
            f" {trace.seconds[0]} to {trace.seconds[-1]} s"
        )
    return marker, end


def _shares(record: ProfileRecord) -> dict[str, tuple[float, float]]:
    """When each layer runs, as shares of the inference; a stage, which takes turns, as one."""
    if record.cycles is None or record.cycles.median == 0:
        return {}
    spent: dict[str, int] = {}
    for layer in record.layers:
        if layer.cycles is not None:
            name = layer.name if layer.stage is None else f"stage {layer.stage}"
            spent[name] = spent.get(name, 0) + layer.cycles.median
    total = max(record.cycles.median, sum(spent.values()))
    ends = np.cumsum([0, *spent.values()]) / total
    return {name: (float(ends[i]), float(ends[i + 1])) for i, name in enumerate(spent)}
