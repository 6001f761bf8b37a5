"""Power monitors on this machine: Nordic's PPK2 by ppk2-api, Joulescope by joulescope.

Neither has met its hardware here; their packages are extras, imported when they are used.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from edge_runtime.errors import DataError, ToolchainError
from edge_runtime.power import Trace

_PPK2_HZ = 100_000
_POLL = 0.01


class Monitor(Protocol):
    """Records the supply for some seconds."""

    def record(self, seconds: float) -> Trace:
        """Blocks until it is done."""


class Ppk2:
    """A PPK2 that measures, or also supplies, the board.

    Args:
        port: its serial port; the first that is found, if empty.
        volts: of the supply.
        supplies: whether the board is powered by it.
    """

    def __init__(self, port: str, volts: float, *, supplies: bool = False) -> None:
        api = _package("ppk2_api.ppk2_api", "ppk2-api").PPK2_API
        devices = [port] if port else [_device(found) for found in api.list_devices()]
        if not devices:
            raise DataError("no PPK2 is there", hint="plug it in, or name its port")
        self._volts = volts
        self._meter = api(devices[0])
        self._meter.get_modifiers()
        self._meter.set_source_voltage(round(volts * 1000))
        if supplies:
            self._meter.use_source_meter()
            self._meter.toggle_DUT_power("ON")
        else:
            self._meter.use_ampere_meter()

    def record(self, seconds: float) -> Trace:
        microamperes: list[float] = []
        bits: list[int] = []
        end = time.monotonic() + seconds
        self._meter.start_measuring()
        while time.monotonic() < end:
            data = self._meter.get_data()
            if data:
                samples, pins = self._meter.get_samples(data)
                microamperes += samples
                bits += pins
            time.sleep(_POLL)
        self._meter.stop_measuring()
        if len(microamperes) < 2 or len(bits) != len(microamperes):
            raise DataError(
                f"the PPK2 gave {len(microamperes)} samples and {len(bits)} of its pins"
            )
        pins_seen = np.array(bits)
        return Trace(
            np.arange(len(microamperes)) / _PPK2_HZ,
            np.array(microamperes) * 1e-6 * self._volts,
            {f"D{index}": (pins_seen >> index & 1).astype(bool) for index in range(8)},
        )


class Joulescope:
    """The only Joulescope on this machine; its input 0 is the pin D0."""

    def __init__(self) -> None:
        package = _package("joulescope", "joulescope")
        try:
            self._device = package.scan_require_one(config="auto")
        except RuntimeError as error:
            raise DataError(f"no Joulescope to measure by: {error}") from error

    def record(self, seconds: float) -> Trace:
        fields = ["current", "voltage", "current_lsb"]
        with self._device as device:
            data = device.read(contiguous_duration=seconds, out_format="samples_get", fields=fields)
        current, voltage, pin = (np.asarray(data["signals"][name]["value"]) for name in fields)
        hz = data["time"]["output_sampling_frequency"]["value"]
        return Trace(np.arange(len(current)) / hz, current * voltage, {"D0": pin.astype(bool)})


def record_while(monitor: Monitor, seconds: float, work: Callable[[], object]) -> Trace:
    """What the monitor records while `work` is done over and over."""
    results: list[Trace | BaseException] = []

    def record() -> None:
        try:
            results.append(monitor.record(seconds))
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=record, daemon=True)
    thread.start()
    while thread.is_alive():
        work()
    thread.join()
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def _device(found: Any) -> str:
    """Versions of ppk2-api list names of ports, or these with a serial number."""
    return found if isinstance(found, str) else str(found[0])


def _package(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ToolchainError(
            f"the package {name} is not installed", hint="pip install 'edge-runtime[power]'"
        ) from error
