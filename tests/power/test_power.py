"""Energy from recordings whose energy is known in closed form."""

from __future__ import annotations

import dataclasses
import statistics
import sys
import types

import numpy as np
import pytest
from supply import SHARES, VOLTS, Supply

from edge_runtime.device.profiler import Clock
from edge_runtime.errors import DataError, ToolchainError
from edge_runtime.power import energy, pulses, read_trace
from edge_runtime.power_monitors import Joulescope, Ppk2, record_while
from edge_runtime.profile_record import Cycles, ProfiledLayer, ProfileRecord

SUPPLY = Supply()


def layer(index, name, cycles, stage=None):
    spread = Cycles(cycles, cycles, cycles)
    return ProfiledLayer(name, "CONV_2D", "k", (1,), 1, index, stage, spread, None, 0)


RECORD = ProfileRecord(
    board="b",
    core="cortex-m4",
    model="m",
    port="p",
    image="",
    runs=1,
    clock_hz=1_000_000,
    measured_clock=Clock(1e6, 1.0),
    not_measured="",
    cycles=Cycles(40_000, 40_000, 40_000),
    estimated_cycles=None,
    stack_bytes=0,
    memory={},
    agrees=None,
    layers=tuple(
        layer(i, name, round(40_000 * share)) for i, (name, share) in enumerate(SHARES.items())
    ),
)


def recorded(tmp_path, text, volts=None):
    path = tmp_path / "trace.csv"
    path.write_text(text)
    return read_trace(path, volts)


@pytest.mark.parametrize("form", ["ppk2", "ppk2 apart", "joulescope"])
def test_energy_of_inferences_and_layers(tmp_path, form):
    if form == "joulescope":
        trace, pin = recorded(tmp_path, SUPPLY.joulescope()), "IN0"
    else:
        text = SUPPLY.ppk2(apart="apart" in form)
        trace, pin = recorded(tmp_path, text, VOLTS), "D0"
    edges = [[begin, begin + SUPPLY.length] for begin in SUPPLY.begins]
    assert np.array(pulses(trace, pin)) == pytest.approx(np.array(edges), abs=1.5e-5)
    found = energy(trace, RECORD, pin=pin)
    each = [SUPPLY.inference(begin) for begin in SUPPLY.begins]
    assert found.inferences == 3
    assert found.median == pytest.approx(statistics.median(each), rel=1e-3)
    assert (found.minimum, found.maximum) == pytest.approx((min(each), max(each)), rel=1e-3)
    for name in SHARES:
        expected = statistics.fmean(SUPPLY.joules(name, begin) for begin in SUPPLY.begins)
        assert found.layers[name] == pytest.approx(expected, rel=2e-3)
    assert sum(found.layers.values()) == pytest.approx(statistics.fmean(each), rel=1e-3)


def test_one_inference_by_a_marker(tmp_path):
    trace = recorded(tmp_path, SUPPLY.joulescope())
    found = energy(trace, RECORD, marker=SUPPLY.begins[1])
    assert found.inferences == 1
    assert found.median == pytest.approx(SUPPLY.inference(SUPPLY.begins[1]), rel=1e-3)


def test_what_is_cut_off_is_no_inference(tmp_path):
    """The trace begins within one and ends within another."""
    cut = Supply(begins=(-0.02, 0.0604, 0.13))
    trace = recorded(tmp_path, cut.ppk2(), VOLTS)
    assert energy(trace, RECORD).inferences == 1


def test_layers_that_take_turns_are_one(tmp_path):
    trace = recorded(tmp_path, SUPPLY.ppk2(), VOLTS)
    first, second, third = RECORD.layers
    turns = [dataclasses.replace(each, stage=0) for each in (first, second)]
    found = energy(trace, dataclasses.replace(RECORD, layers=(*turns, third)))
    assert list(found.layers) == ["stage 0", "third"]
    expected = statistics.fmean(
        SUPPLY.joules("first", begin) + SUPPLY.joules("second", begin) for begin in SUPPLY.begins
    )
    assert found.layers["stage 0"] == pytest.approx(expected, rel=1e-3)


def test_without_cycles_there_is_no_energy_of_layers(tmp_path):
    trace = recorded(tmp_path, SUPPLY.ppk2(), VOLTS)
    unknown = dataclasses.replace(RECORD, cycles=None, not_measured="emulated")
    assert energy(trace, unknown).layers == {}
    with pytest.raises(DataError, match="is not known: emulated"):
        energy(trace, unknown, marker=0.01)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no recording"),
        ("a,b\n1,2\n3,4\n", "needed: a time"),
        ("Timestamp(ms),Current(uA)\n1,2\n", "fewer than two samples"),
        ("Timestamp(ms),Current(uA)\n1,2\n0,2\n", "do not rise"),
        ("Timestamp(ms),Current(uA)\n1,2\n2,x\n", "no recording"),
        ("Timestamp(ms),Current(uA)\n1,2\n2\n", "no recording"),
        ("Timestamp(ms),Current(uV)\n1,2\n2,2\n", "unit of something else"),
        ("Timestamp(ms),Current(uA)\n1,2\n2,2\n", "holds no voltage"),
    ],
)
def test_recordings_that_are_none(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        recorded(tmp_path, text)


def test_a_pin_that_is_not_there_or_does_not_move(tmp_path):
    trace = recorded(tmp_path, "Time(s),Power(mW),D3\n0,1,0\n1,1,0\n")
    assert trace.watts.tolist() == [1e-3, 1e-3]
    with pytest.raises(DataError, match="recorded: D3"):
        pulses(trace, "D0")
    with pytest.raises(DataError, match="no pulse") as error:
        pulses(trace, "D3")
    assert "port_mark" in error.value.hint


def test_a_ppk2(monkeypatch):
    """Against a double of ppk2-api 0.9.2: microamperes and the pins as bits, 100,000 a second."""

    class Api:
        def __init__(self, port):
            assert port == "/dev/ttyACM7"
            self.said = []

        @staticmethod
        def list_devices():
            return [("/dev/ttyACM7", "serial")]

        def __getattr__(self, name):
            return lambda *arguments: self.said.append((name, *arguments))

        def get_data(self):
            return b"data"

        def get_samples(self, data):
            return [1000.0, 2000.0], [0, 0b101]

    module = types.ModuleType("ppk2_api.ppk2_api")
    module.PPK2_API = Api
    monkeypatch.setitem(sys.modules, "ppk2_api", types.ModuleType("ppk2_api"))
    monkeypatch.setitem(sys.modules, "ppk2_api.ppk2_api", module)
    monitor = Ppk2("", 3.3)
    done = []
    trace = record_while(monitor, 0.05, lambda: done.append(1))
    assert done and len(trace.seconds) >= 4 and trace.seconds[1] == 1e-5
    assert trace.watts[:2] == pytest.approx([3.3e-3, 6.6e-3])
    assert trace.pins["D2"][:2].tolist() == trace.pins["D0"][:2].tolist() == [False, True]
    assert not trace.pins["D1"].any()
    said = [call[0] for call in monitor._meter.said]
    assert said == [
        *("get_modifiers", "set_source_voltage", "use_ampere_meter"),
        *("start_measuring", "stop_measuring"),
    ]


def test_a_joulescope(monkeypatch):
    """Against a double of joulescope 1.5.0."""

    class Device:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self, contiguous_duration, out_format, fields):
            values = {"current": [1.0, 2.0], "voltage": [3.0, 3.0], "current_lsb": [0, 1]}
            signals = {name: {"value": np.array(values[name])} for name in fields}
            return {"signals": signals, "time": {"output_sampling_frequency": {"value": 2e6}}}

    module = types.ModuleType("joulescope")
    module.scan_require_one = lambda config: Device()
    monkeypatch.setitem(sys.modules, "joulescope", module)
    trace = Joulescope().record(0.1)
    assert trace.watts.tolist() == [3.0, 6.0] and trace.seconds[1] == 5e-7
    assert trace.pins["D0"].tolist() == [False, True]


@pytest.mark.parametrize(
    ("make", "name"), [(Joulescope, "joulescope"), (lambda: Ppk2("", 3), "ppk2")]
)
def test_packages_that_are_missing(monkeypatch, make, name):
    for module in ("joulescope", "ppk2_api", "ppk2_api.ppk2_api"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ToolchainError, match=f"package {name}") as error:
        make()
    assert "edge-runtime[power]" in error.value.hint
