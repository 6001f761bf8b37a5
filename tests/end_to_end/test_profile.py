"""Profiling over a serial port: QEMU's as a pseudo-terminal and by TCP, and a board that counts."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import zlib
from functools import cache

import pytest
from board_server import BoardOnPty, served
from qemu_port import qemu_port

from edge_runtime import api, cli, profiling
from edge_runtime.boards import load_board
from edge_runtime.cases import Cases, load_arrays
from edge_runtime.device.build import build
from edge_runtime.device.link import Unplugged
from edge_runtime.emulation import random_case
from edge_runtime.errors import BoardError, DataError, LinkError
from edge_runtime.export.firmware import Options
from edge_runtime.export.manifest import Manifest
from edge_runtime.interpreter import Interpreter
from edge_runtime.profile_record import Cycles, ProfileRecord

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def graph(models):
    return api.load(models / "mlperf_kws_dscnn_int8.tflite")


@pytest.fixture(scope="module")
def cases(models, graph):
    given = load_arrays(models / "mlperf_kws_dscnn_int8.ref.npz")
    found = Cases.of([graph.tensors[name] for name in graph.inputs], given, False)
    return found.first(2)


@pytest.fixture(scope="module")
def exported(tmp_path_factory, graph):
    @cache
    def once(board):
        return api.export(graph, board, tmp_path_factory.mktemp(board) / "firmware").folder

    def make(board, changed=False):
        """The folder; one of its own where it will be `changed`."""
        if not changed:
            return once(board)
        return shutil.copytree(once(board), tmp_path_factory.mktemp(board) / "changed")

    return make


@pytest.mark.qemu
@pytest.mark.parametrize("board", ["stm32f405", "mps2_an386"])
@pytest.mark.parametrize("kind", ["pty", "tcp"])
def test_qemu_by_its_serial_port(exported, graph, cases, board, kind):
    folder = exported(board)
    elf = build(folder, profile=True).elf
    with qemu_port(elf, load_board(board), kind) as (port, _):
        done = api.profile(folder, port, cases, runs=2)
        again = api.profile(folder, port, cases, runs=1)  # the port opens a second time
    emulated = api.emulate(folder, cases)
    assert (done.outputs["out0"] == emulated.outputs["out0"]).all()
    record = done.record
    assert record.agrees and record.estimated_cycles == emulated.measurement.estimated_cycles
    assert record.cycles is None and record.measured_clock is None and record.milliseconds is None
    assert all(layer.cycles is None for layer in record.layers)
    if board == "mps2_an386":
        assert "exists in an emulator only" in record.not_measured
    else:  # QEMU's SysTick moves by the host's time, which may or may not show
        assert "stands still" in record.not_measured or "no counter" in record.not_measured
    assert abs(record.stack_bytes - emulated.measurement.stack_bytes) <= 64
    assert [layer.checksum for layer in record.layers] == checksums(graph, cases, record)
    alike = {"not_measured": ""}
    assert dataclasses.replace(again.record, **alike) == dataclasses.replace(record, **alike)


def checksums(graph, cases, record):
    made = {}
    inputs = dict(zip(graph.inputs, next(iter(cases))[0], strict=True))
    Interpreter(graph).run(inputs, lambda node, value: made.update({node.name: value}))
    return [
        None if layer.index is None else zlib.crc32(made[layer.name].tobytes())
        for layer in record.layers
    ]


@pytest.fixture(scope="module")
def counting(exported):
    """A folder whose port has a counter that moves by what is known at each reading.

    The first 16 readings find out what one costs, 1,000; after them number n costs n more.
    """
    folder = exported("stm32f405", changed=True)
    port = folder / "board" / "port.c"
    counter = """
static uint32_t readings;
uint32_t port_cycles_start(void)
{
    readings = 0;
    return PORT_CORE_COUNTER;
}
uint64_t port_cycles(void)
{
    static uint64_t cycles;
    ++readings;
    cycles += 1000u + (readings > 16u ? readings : 0u);
    return cycles;
}
"""
    include = '#include "cortex_m_cycles.h"'
    port.write_text(port.read_text().replace(include, '#include "port.h"') + counter)
    return folder


def test_a_board_with_a_counter(counting, cases, tmp_path, capsys, monkeypatch):
    with served(build(counting, profile=True).elf, load_board("stm32f405")) as port:
        seen = []
        done = api.profile(counting, port, cases, runs=3, watch=seen.append)
        assert [record.runs for record in seen] == [1, 2, 3]
        assert done.record.not_measured == ""
        assert done.record.cycles == Cycles(18, 18, 18)
        assert done.record.measured_clock.hz == pytest.approx(1000, rel=0.2)  # one reading a second
        layers = [layer.cycles for layer in done.record.layers if layer.index is not None]
        assert layers == [Cycles(*[18 + 2 * index] * 3) for index in range(len(layers))]
        assert profiling.layer_cycles(counting, port=port, cases=cases, runs=1) == tuple(
            range(18, 42, 2)
        )

        record = tmp_path / "record.json"
        arguments = ["profile", counting, "--port", port, "--runs", "1", "--record", record]
        monkeypatch.setattr(sys, "argv", ["edge-runtime", *map(str, arguments), "--json"])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code
        told = json.loads(capsys.readouterr().out)
        assert told == json.loads(record.read_text()) and told["runs"] == 1
        assert ProfileRecord.load(record).cycles == Cycles(18, 18, 18)
    stored = (counting / "measurements.jsonl").read_text().splitlines()
    assert json.loads(stored[-1])["measured_cycles"] == 18
    assert json.loads(stored[-1])["instructions"] is None


def test_energy_of_a_recording(exported, cases, tmp_path, capsys, monkeypatch):
    """Of the emulated board's layers nothing is told, as it is not known how long they took."""
    trace = tmp_path / "trace.csv"
    rows = [f"{1000 * i},{2000},{int(3 <= i < 7)}0000000" for i in range(10)]
    trace.write_text("\n".join(["Timestamp(ms),Current(uA),D0-D7", *rows]))
    arguments = ["profile", exported("stm32f405"), "--port", "emulated", "--json", "--power", "csv"]
    arguments += ["--trace", trace, "--volts", "3"]
    monkeypatch.setattr(sys, "argv", ["edge-runtime", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    energy = json.loads(capsys.readouterr().out)["energy"]
    assert energy["inferences"] == 1 and energy["layers"] == {}
    assert energy["median"] == pytest.approx(4 * 2e-3 * 3)


def test_nothing_is_calibrated_by_an_emulator(exported, cases):
    with pytest.raises(BoardError, match="no counter there counts cycles"):
        profiling.layer_cycles(exported("stm32f405"), port="emulated", cases=cases, runs=1)


def test_a_stage_is_told_layer_by_layer(tmp_path, models):
    """Rows are made a few at a time, yet the checksum is that of the whole tensor."""
    graph = api.load(models / "mlperf_vww_mobilenetv1_025_96_int8.tflite")
    options = Options(keep_dead_channels=True)
    folder = api.export(graph, "stm32f405", tmp_path / "firmware", options=options).folder
    case = random_case(Manifest.load(folder))
    record = api.profile(folder, "emulated", case).record
    assert sum(layer.stage is not None for layer in record.layers) >= 4
    assert record.agrees
    assert [layer.checksum for layer in record.layers] == checksums(graph, case, record)


@pytest.mark.qemu
def test_another_image_is_not_profiled(exported, cases):
    """And as there is no flashing QEMU, it is said what to do."""
    folder = exported("mps2_an386")
    with (
        qemu_port(build(folder).elf, load_board("mps2_an386"), "tcp") as (port, _),
        pytest.raises(LinkError, match="another image runs") as error,
    ):
        api.profile(folder, port, cases)
    assert "profile.elf" in error.value.hint


def test_a_board_that_runs_another_image_is_flashed(exported, cases, monkeypatch):
    folder = exported("stm32f405")
    said, flashed = [], []

    def flash(folder, board, *, port, image, say):
        flashed.append((board.name, port, image))
        device.flash(folder / "build" / f"{image}.elf")

    monkeypatch.setattr(profiling, "flash", flash)
    with BoardOnPty(build(folder).elf, load_board("stm32f405")) as device:
        done = api.profile(folder, device.port, cases, runs=1, say=said.append)
        api.profile(folder, device.port, cases, runs=1)
    assert done.record.agrees
    assert flashed == [("stm32f405", device.port, "profile")]  # and not a second time
    assert said == [f"another image runs at {device.port}"]


def test_flashing_that_did_not_work_is_told(exported, cases, monkeypatch):
    folder = exported("stm32f405")
    monkeypatch.setattr(profiling, "flash", lambda *_, **__: None)
    monkeypatch.setattr(profiling, "_COMES_BACK", 0.1)
    with (
        BoardOnPty(build(folder).elf, load_board("stm32f405")) as device,
        pytest.raises(LinkError, match="was flashed, but does not run that image") as error,
    ):
        api.profile(folder, device.port, cases, runs=1)
    assert "reset it by hand" in error.value.hint


@pytest.mark.qemu
def test_two_hosts_cannot_have_one_port(exported, cases):
    folder = exported("mps2_an386")
    code = (
        "import sys; from edge_runtime.device.serial_port import SerialPort;"
        "SerialPort(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    )
    elf = build(folder, profile=True).elf
    with qemu_port(elf, load_board("mps2_an386"), "pty") as (port, _):
        other = subprocess.Popen(
            [sys.executable, "-c", code, port],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout.readline() == "open\n"
        with pytest.raises(LinkError, match=f"process {other.pid} has the port {port}"):
            api.profile(folder, port, cases, runs=1)
        other.communicate()
        assert api.profile(folder, port, cases, runs=1).record.agrees


@pytest.mark.qemu
@pytest.mark.parametrize("kind", ["pty", "tcp"])
def test_unplugging(exported, kind):
    board = load_board("mps2_an386")
    with qemu_port(build(exported(board.name), profile=True).elf, board, kind) as (port, qemu):
        link = profiling._open(port, board)
        link.identify()
        qemu.kill()
        qemu.wait()
        with pytest.raises(Unplugged, match="is gone") as error:
            link.reset()
        link.close()
    assert "plug the board in again" in error.value.hint


@pytest.mark.qemu
def test_a_fault_names_the_function(exported, cases):
    folder = exported("mps2_an386", changed=True)
    source = folder / "model" / "model.c"
    text = source.read_text()
    mark = "    MODEL_LAYER_BEGIN(3u);\n"
    assert mark in text
    fault = '#ifdef MODEL_PROFILE\n    __asm__ volatile("udf 0");\n#endif\n'
    source.write_text(text.replace(mark, fault + mark))
    elf = build(folder, profile=True).elf
    with (
        qemu_port(elf, load_board("mps2_an386"), "tcp") as (port, _),
        pytest.raises(LinkError, match=r"model_layer_3\S* took a fault: an undefined instruction"),
    ):
        profiling.profile(folder, port=port, cases=cases)


def test_mistakes(exported, tmp_path):
    with pytest.raises(DataError, match="0 runs"):
        api.profile(exported("stm32f405"), "emulated", runs=0)
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    with pytest.raises(DataError, match="no record of a profile"):
        ProfileRecord.load(wrong)
    with pytest.raises(LinkError, match="cannot open the port"):
        api.profile(exported("stm32f405"), "/dev/no-such-port")
