"""MLPerf Tiny's protocol, as its public runner speaks it, to the image in QEMU."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from mlperf_driver import Driver
from qemu_port import qemu_port

from edge_runtime import api, profiling
from edge_runtime.boards import load_board
from edge_runtime.errors import DataError
from edge_runtime.graph import Activation, DType, Graph, Node, Quantization, Tensor
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import FullyConnected

pytestmark = [pytest.mark.qemu, pytest.mark.models]

MODELS = {
    "kws01": "mlperf_kws_dscnn_int8",
    "ic01": "mlperf_ic_resnet8_int8",
    "vww01": "mlperf_vww_mobilenetv1_025_96_int8",
    "ad01": "mlperf_ad_autoencoder_int8",
}
BYTES = {"kws01": 490, "ic01": 3072, "vww01": 27648, "ad01": 2560}


@pytest.fixture(scope="module")
def exported(tmp_path_factory, models):
    done = {}

    def make(name, board):
        if (name, board) not in done:
            folder = tmp_path_factory.mktemp(f"{name}-{board}") / "firmware"
            graph = api.load(models / f"{MODELS[name]}.tflite")
            made = api.export(graph, board, folder, protocol="mlperf-tiny")
            done[name, board] = graph, made
        return done[name, board]

    return make


def wire(name, seed):
    """The bytes of a file of the data set, as `db` sends them."""
    source = np.random.default_rng(seed)
    if name == "ad01":
        return source.normal(-20, 15, 640).astype("<f4").tobytes()
    return source.bytes(BYTES[name])


def expected(name, graph, data):
    """What the reference makes of it, by the definitions of the data sets."""
    raw = np.frombuffer(data, "<f4" if name == "ad01" else "u1")
    (tensor,) = (graph.tensors[name] for name in graph.inputs)
    if name == "ad01":
        scale, zero = np.float32(tensor.quantization.scale), tensor.quantization.zero_point
        steps = raw / scale
        rounded = np.trunc(steps + np.copysign(np.float32(0.5), steps)) + zero
        values = np.clip(rounded, -128, 127).astype(np.int8)
    elif name == "kws01":
        values = raw.view(np.int8)
    else:
        values = (raw.astype(np.int16) - 128).astype(np.int8)
    made = Interpreter(graph).run({tensor.name: values.reshape(tensor.shape)})
    output = graph.tensors[graph.outputs[0]]
    real = (made[output.name].astype(np.float64) - output.quantization.zero_point) * float(
        output.quantization.scale
    )
    if name == "ad01":
        return [float(np.mean((real.ravel() - raw) ** 2))]
    return real.ravel().tolist()


@pytest.mark.parametrize(
    ("name", "board", "kind"),
    [
        ("kws01", "stm32f405", "pty"),
        ("kws01", "mps2_an386", "tcp"),
        ("ic01", "stm32f405", "tcp"),
        ("vww01", "mps2_an386", "tcp"),
        ("ad01", "stm32f405", "tcp"),
        ("ad01", "mps2_an386", "pty"),
    ],
)
def test_performance_and_accuracy(exported, name, board, kind):
    graph, made = exported(name, board)
    with qemu_port(made.image.elf, load_board(board), kind) as (port, _):
        driver = Driver(port)
        time.sleep(0.3)  # the runner waits 2 s
        assert driver.command("name") == ["m-name-dut-[edge-runtime]"]
        profile, model = driver.command("profile")
        assert re.fullmatch(r"m-profile-\[[^]]+\]", profile) and model == f"m-model-[{name}]"
        driver.close()

        driver = Driver(port)  # and no wait: an answer must not be preceded by anything
        runs = [(3, 2), (1, 0)] if BYTES[name] < 5000 else [(2, 1)]  # it takes its time to send
        for seed, (count, warmup) in enumerate(runs):
            data = wire(name, seed)
            lines = driver.load(data, size=31)
            assert lines == [f"m-[Expecting {len(data)} bytes]", "m-load-done"]
            taken, results, lines = driver.infer(count, warmup)
            assert results == pytest.approx(expected(name, graph, data), rel=1e-4, abs=1e-6)
            assert taken > 0
            heads = [f"m-warmup-start-{warmup}", "m-warmup-done", f"m-infer-start-{count}"]
            assert lines[:3] == heads and lines[5] == "m-infer-done"
            assert [line for line in lines if line.startswith("m-results")] == lines[-1:]
        assert driver.command("results") == lines[-1:]
        driver.close()


def test_every_other_command(exported):
    _, made = exported("kws01", "mps2_an386")
    with qemu_port(made.image.elf, load_board("mps2_an386"), "tcp") as (port, _):
        driver = Driver(port)
        time.sleep(0.3)
        for command, answer in {
            "db": "e-[Command 'db' requires a subcommand]",
            "db load": "e-[Command 'db load' requires the # of bytes]",
            "db load 0": "e-[Command 'db load' must be >0 bytes]",
            "db load 491": "Supplied buffer size 491 exceeds maximum of 490",
            "db 00": "e-[No bytes are expected: use db load first]",
            "db load 3": "m-[Expecting 3 bytes]",
            "db 123": "e-[Insufficent number of hex digits]",
            "db 12g3": "e-[Invalid hex digit 'g3']",
            "infer 0": "e-[Inference iterations must be >0]",
            "infer 1 -1": "e-[Inference warmup must be >=0]",
            "infer": "Input db has 0 elemented, expected 490",
            "results": "e-[No results: use infer first]",
            "what now": "e-[Unknown command: what]",
            "\r\nname\r\n": "m-name-dut-[edge-runtime]",
            "x" * 79 + "yz": f"e-[Unknown command: {'x' * 79}z]",
        }.items():
            assert driver.command(command) == [answer]
        assert driver.command("db 0aFf") == []
        assert driver.command("db 5566") == ["m-load-done"]  # what is beyond is left out
        assert driver.command("db print") == ["m-buffer-0a-ff-55"]
        first, second = driver.command("timestamp") + driver.command("timestamp")
        laps = [int(re.fullmatch(r"m-lap-us-(\d+)", line)[1]) for line in (first, second)]
        assert laps[0] <= laps[1]
        assert driver.command("help")[0] == "ULPMark for tinyML Firmware V0.0.1"
        driver._port.write(b"%%%")  # empty commands have no answer
        assert driver.command("name") == ["m-name-dut-[edge-runtime]"]
        driver.load(wire("kws01", 0))
        _, _, lines = driver.infer("", "")
        assert lines[0] == "m-warmup-start-10" and lines[2] == "m-infer-start-1"
        driver.close()


def test_the_link_is_spoken_on_the_same_port(exported):
    """Requests of every length, with a byte of '%' as the first of a frame among them."""
    _, made = exported("kws01", "mps2_an386")
    board = load_board("mps2_an386")
    with qemu_port(made.image.elf, board, "tcp") as (port, _):
        time.sleep(0.3)
        link = profiling._open(port, board)
        assert link.identify().model.startswith("mlperf_kws")
        for length in range(1, 120):
            link.write_input(0, b"%" * length)
        link.close()
        driver = Driver(port)
        assert driver.command("name") == ["m-name-dut-[edge-runtime]"]
        driver.close()
        link = profiling._open(port, board)
        link.run()
        link.close()


def test_a_profiling_build_speaks_both(exported):
    _, made = exported("kws01", "mps2_an386")
    assert api.profile(made.folder, "emulated").record.agrees


def test_models_of_other_sizes_are_refused(tmp_path):
    scale = Quantization.per_tensor(0.05)
    graph = Graph.build(
        "small",
        [
            Tensor("x", (1, 8), DType.INT8, quantization=scale),
            Tensor.constant("w", np.arange(32, dtype=np.int8).reshape(4, 8), scale),
            Tensor("y", (1, 4), DType.INT8, quantization=scale),
        ],
        [Node("fc", FullyConnected(Activation.NONE), ("x", "w"), "y")],
        ["x"],
        ["y"],
    )
    with pytest.raises(DataError, match=r"takes \[8\] values and gives \[4\]"):
        api.export(graph, "mps2_an386", tmp_path / "a", protocol="mlperf-tiny")
    with pytest.raises(DataError, match="unknown protocol 'mlperf'"):
        api.export(graph, "mps2_an386", tmp_path / "b", protocol="mlperf")
