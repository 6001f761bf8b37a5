"""Stages that run row by row give the same bytes as running layer by layer, in less memory."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from builder import Builder

from edge_runtime import api
from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.errors import BudgetError, DataError
from edge_runtime.export.firmware import Options
from edge_runtime.graph import Activation, Graph, Window
from edge_runtime.kernels import choose
from edge_runtime.memory import plan, plan_by_rows


def smallest(graph: Graph, board: str) -> Options:
    """What makes the plan of the least RAM."""
    choices = choose(graph, load_board(board).isas)
    return Options(keep_dead_channels=True, ram=plan_by_rows(graph, choices, ram=1).ram_bytes)


def network(seed: int) -> Graph:
    """Convolutions, depthwise ones, pools and residual sums of random shapes, all rows of words."""
    random = np.random.default_rng(seed)
    build = Builder(seed=seed)
    height, width = (int(random.integers(9, 24)) for _ in "hw")
    value = build.input(1, height, width, 4)
    for _ in range(int(random.integers(3, 8))):
        kind, shape = random.integers(0, 5), build.tensors[value].shape
        kernel = (int(random.integers(1, 5)), int(random.integers(1, 4)))
        stride = (int(random.integers(1, 3)), 1)
        image = (shape[1], shape[2])
        if kind == 3 and min(image) > 3:
            value = build.max_pool(value, kernel, Window.same(image, kernel, stride))
        elif kind == 4:
            other = build.conv(value, shape[3], (3, 1), activation=Activation.RELU)
            value = build.add(build.conv(other, shape[3], (1, 1)), value)
        elif kind == 2:
            value = build.depthwise(value, 1, kernel, Window.same(image, kernel, stride))
        else:
            channels = 4 * int(random.integers(1, 4))
            dilation = (2, 1) if min(image) > 9 and stride[0] == 1 else (1, 1)
            slide = Window.same(image, kernel, stride, dilation)
            value = build.conv(value, channels, kernel, slide)
    return build.graph(build.conv(value, 5, (1, 1)), *((value,) if random.random() < 0.3 else ()))


def exact(graph: Graph, board: str, folder: Path, options: Options) -> int:
    """Run random cases, which must equal the reference; how many stages there are."""
    exported = api.export(graph, board, folder, options=options)
    source = graph.tensors[graph.inputs[0]]
    values = np.random.default_rng(0).integers(-128, 128, (2, *source.shape)).astype(np.int8)
    cases = Cases.of([source], {"in0": values}, streaming=False)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.compared
    assert result.exact == result.compared
    return len(exported.manifest.plan.stages)


@pytest.mark.parametrize("board", ["host", "nucleo_l4r5zi", "rpi_pico"])
def test_random_networks(tmp_path: Path, board: str) -> None:
    stages = 0
    for seed in range(10):
        graph = network(seed)
        stages += exact(graph, board, tmp_path / f"{seed}", smallest(graph, board))
    assert stages >= 6


@pytest.mark.parametrize("board", ["host", "nucleo_l4r5zi", "rpi_pico"])
def test_input_by_rows(tmp_path: Path, board: str) -> None:
    options = Options(keep_dead_channels=True, input_rows=True)
    for seed in range(6):
        assert exact(network(seed), board, tmp_path / f"{seed}", options) >= 1


def test_what_cannot_be_fed_by_rows_says_so(tmp_path: Path) -> None:
    build = Builder()
    flat = build.reshape(build.input(1, 4, 4, 4), 1, 64)
    dense = build.graph(build.dense(flat, 3))
    with pytest.raises(DataError, match="needs all of it at once"):
        api.export(dense, "host", tmp_path / "fw", options=Options(input_rows=True))
    build = Builder()
    both = build.graph(build.add(build.input(1, 4, 4, 4), build.input(1, 4, 4, 4)))
    with pytest.raises(DataError, match="one input") as caught:
        api.export(both, "host", tmp_path / "fw", options=Options(input_rows=True))
    assert "--input-rows" in caught.value.hint


def test_too_little_ram_tells_what_feeding_rows_would_take(tmp_path: Path) -> None:
    build = Builder()
    value = build.conv(build.input(1, 48, 48, 4), 4, (3, 3), Window((2, 2)))
    graph = build.graph(build.conv(value, 4, (3, 3), Window((2, 2))))
    with pytest.raises(BudgetError) as caught:
        api.export(graph, "nucleo_l4r5zi", tmp_path / "fw", options=Options(ram=8_000))
    told = re.search(r"--input-rows, which takes ([\d,]+) bytes", caught.value.hint)
    assert told is not None
    options = Options(ram=8_000, input_rows=True)
    exported = api.export(graph, "nucleo_l4r5zi", tmp_path / "fw", options=options)
    assert exported.manifest.ram_bytes == int(told[1].replace(",", ""))
    with pytest.raises(BudgetError) as caught:
        api.export(graph, "nucleo_l4r5zi", tmp_path / "fw", options=Options(ram=500))
    assert "--input-rows" not in caught.value.hint


def test_more_ram_makes_fewer_rows_and_less_work() -> None:
    build = Builder()
    value = build.input(1, 32, 32, 4)
    for channels in (16, 16, 8):
        value = build.conv(value, channels, (3, 3))
    graph = build.graph(build.max_pool(value, (2, 2), Window((2, 2))))
    choices = choose(graph, ("dsp", "ref"))
    whole = plan(graph, choices)
    smallest = plan_by_rows(graph, choices, ram=1)
    assert smallest.ram_bytes < whole.ram_bytes // 2
    assert smallest.least_bytes == smallest.ram_bytes
    assert not plan_by_rows(graph, choices, ram=whole.ram_bytes).stages
    for ram in range(smallest.ram_bytes, whole.ram_bytes, 4000):
        between = plan_by_rows(graph, choices, ram=ram)
        assert between.ram_bytes <= ram
        assert between.stages


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "most", "by_rows"),
    [
        ("mlperf_ad_autoencoder_int8", 800, False),
        ("mlperf_kws_dscnn_int8", 10_000, False),
        ("mlperf_ic_resnet8_int8", 26_000, False),
        ("mlperf_vww_mobilenetv1_025_96_int8", 40_000, False),
        ("mlperf_vww_mobilenetv1_025_96_int8", 20_000, True),
    ],
)
def test_ram_of_real_models(
    models: Path, tmp_path: Path, name: str, most: int, by_rows: bool
) -> None:
    graph = api.load(models / f"{name}.tflite")
    options = Options(input_rows=by_rows)
    exported = api.export(graph, "nucleo_l4r5zi", tmp_path / "firmware", options=options)
    assert exported.manifest.ram_bytes <= most
    with np.load(models / f"{name}.ref.npz") as stored:
        inputs, expected = stored["in0"], stored["out0_tflm"]
    cases = Cases.of([graph.tensors[graph.inputs[0]]], {"in0": inputs}, streaming=False)
    found = api.emulate(exported.folder, cases).outputs["out0"]
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
