"""Real models through export and emulate, unchanged, bit for bit, on every core."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from edge_runtime import api
from edge_runtime.boards import board_names, load_board
from edge_runtime.cases import Cases
from edge_runtime.cycles import has_cycle_model
from edge_runtime.export.firmware import Options
from edge_runtime.graph import Graph

MODELS = [
    "mlperf_ad_autoencoder_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_ic_resnet8_int8",
    "mlperf_vww_mobilenetv1_025_96_int8",
    "tflm_hello_world_int8",
    "tflm_micro_speech_int8",
]
BOARDS = ["rpi_pico", "nucleo_l4r5zi", "nucleo_f746zg", "nucleo_l552ze_q", "host"]
LINUX = ["aarch64_linux", "aarch64_linux_dotprod"]
PROGRAMS = {"mps3_an547": "qemu-system-arm", **dict.fromkeys(LINUX, "qemu-aarch64")}


def _runnable(names: Iterable[str]) -> list[ParameterSet]:
    """The boards, skipped where what emulates them is not installed."""
    found = []
    for name in names:
        program = PROGRAMS.get(name, "")
        lacks = bool(program) and shutil.which(program) is None
        found.append(pytest.param(name, marks=pytest.mark.skipif(lacks, reason=f"no {program}")))
    return found


OTHER_BOARDS = _runnable(name for name in board_names() if name not in (*BOARDS, *LINUX))

# Peers' figures of notes on kernels: TFLM with CMSIS-NN on Cortex-M4, executed instructions.
MOST_INSTRUCTIONS_M4 = {
    "mlperf_ad_autoencoder_int8": 572_184,
    "mlperf_kws_dscnn_int8": 7_698_862,
    "mlperf_ic_resnet8_int8": 29_863_409,
    "mlperf_vww_mobilenetv1_025_96_int8": 24_101_870,
}
MOST_INSTRUCTIONS_LINUX = {
    "mlperf_ad_autoencoder_int8": (132_000, 67_000),
    "mlperf_kws_dscnn_int8": (1_870_000, 1_400_000),
    "mlperf_ic_resnet8_int8": (6_120_000, 3_740_000),
    "mlperf_vww_mobilenetv1_025_96_int8": (3_770_000, 3_080_000),
}
"""Without and with dot products: three percent above what was counted."""
# The same on Cortex-M55, a little above what was counted; TFLM with CMSIS-NN takes 149,961,
# 1,786,342, 4,811,000 and 6,433,514.
BUDGETS_M55 = {
    "mlperf_ad_autoencoder_int8": (60_000, 800),
    "mlperf_kws_dscnn_int8": (925_000, 10_000),
    "mlperf_ic_resnet8_int8": (2_510_000, 21_000),
    "mlperf_vww_mobilenetv1_025_96_int8": (1_860_000, 31_000),
}
"""Instructions, and bytes of RAM."""
MOST_RAM = {
    "mlperf_ad_autoencoder_int8": 1_000,
    "mlperf_kws_dscnn_int8": 17_000,
    "mlperf_ic_resnet8_int8": 53_000,
    "mlperf_vww_mobilenetv1_025_96_int8": 60_000,
}

MOST_CODE = 16_000
"""Bytes of flash besides weights and biases."""
MOST_CODE_AT_SIZE = {
    "mlperf_ad_autoencoder_int8": 1_200,
    "mlperf_kws_dscnn_int8": 5_250,
    "mlperf_ic_resnet8_int8": 4_850,
    "mlperf_vww_mobilenetv1_025_96_int8": 8_000,
}
"""The same by either compiler."""


def _graph(models: Path, name: str) -> Graph:
    return api.load(models / f"{name}.tflite")


def _reference(models: Path, name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    with np.load(models / f"{name}.ref.npz") as archive:
        return {"in0": archive["in0"]}, archive["out0_tflm"]


@pytest.mark.slow
@pytest.mark.parametrize("board", _runnable([*BOARDS, *LINUX]))
@pytest.mark.parametrize("name", MODELS)
def test_every_stored_case_equals_tflm(models: Path, tmp_path: Path, name: str, board: str) -> None:
    graph = _graph(models, name)
    given, expected = _reference(models, name)
    exported = api.export(graph, board, tmp_path / "firmware")
    if board != "host":
        assert exported.image.ram_bytes == exported.manifest.ram_bytes
    cases = Cases.of([graph.tensors[i] for i in graph.inputs], given, streaming=False)
    result = api.emulate(exported.folder, cases)
    np.testing.assert_array_equal(result.outputs["out0"], expected)
    checked = api.emulate(exported.folder, cases.first(2), graph=graph)
    assert checked.exact == checked.compared == 2 * expected[0].size
    told = result.measurement
    if board != "host":
        assert told.instructions is not None
        assert (told.estimated_cycles is None) == (board in LINUX)
        counted = sum(layer.instructions or 0 for layer in told.layers)
        assert 0.98 * told.instructions < counted <= told.instructions


@pytest.mark.slow
@pytest.mark.parametrize("board", OTHER_BOARDS)
def test_every_other_board_runs_a_real_model(models: Path, tmp_path: Path, board: str) -> None:
    name = "mlperf_kws_dscnn_int8" if board in {"esp32c3", "nucleo_h743zi"} else MODELS[0]
    graph = _graph(models, name)
    given, expected = _reference(models, name)
    exported = api.export(graph, board, tmp_path / "firmware")
    assert exported.image.ram_bytes == exported.manifest.ram_bytes
    cases = Cases.of([graph.tensors[i] for i in graph.inputs], given, streaming=False).first(1)
    result = api.emulate(exported.folder, cases)
    np.testing.assert_array_equal(result.outputs["out0"], expected[:1])
    assert result.measurement.instructions is not None
    modelled = has_cycle_model(load_board(board).core)
    assert (result.measurement.estimated_cycles is not None) == modelled


@pytest.mark.parametrize("name", MOST_INSTRUCTIONS_M4)
def test_cortex_m4_needs_no_more_than_the_best_open_engine(
    models: Path, tmp_path: Path, name: str
) -> None:
    graph = _graph(models, name)
    given, _ = _reference(models, name)
    cases = Cases.of([graph.tensors[i] for i in graph.inputs], given, streaming=False).first(1)
    exported = api.export(graph, "nucleo_l4r5zi", tmp_path / "firmware")
    result = api.emulate(exported.folder, cases).measurement
    assert result.instructions is not None
    assert result.instructions <= MOST_INSTRUCTIONS_M4[name]
    assert exported.manifest.ram_bytes <= MOST_RAM[name]
    assert exported.image.flash_bytes - exported.manifest.weights_bytes <= MOST_CODE


@pytest.mark.skipif(not shutil.which("qemu-aarch64"), reason="no qemu-aarch64")
@pytest.mark.parametrize("name", MOST_INSTRUCTIONS_LINUX)
def test_vector_kernels_need_no_more_than_they_did(models: Path, tmp_path: Path, name: str) -> None:
    graph = _graph(models, name)
    given, _ = _reference(models, name)
    cases = Cases.of([graph.tensors[i] for i in graph.inputs], given, streaming=False).first(1)
    for board, most in zip(LINUX, MOST_INSTRUCTIONS_LINUX[name], strict=True):
        exported = api.export(graph, board, tmp_path / board)
        instructions = api.emulate(exported.folder, cases).measurement.instructions
        assert instructions is not None and instructions <= most


@pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="qemu-system-arm")
@pytest.mark.parametrize("name", BUDGETS_M55)
def test_cortex_m55_equals_tflm_within_its_budget(models: Path, tmp_path: Path, name: str) -> None:
    graph = _graph(models, name)
    given, expected = _reference(models, name)
    cases = Cases.of([graph.tensors[i] for i in graph.inputs], given, streaming=False)
    exported = api.export(graph, "mps3_an547", tmp_path / "firmware")
    result = api.emulate(exported.folder, cases)
    np.testing.assert_array_equal(result.outputs["out0"], expected)
    instructions, ram = BUDGETS_M55[name]
    assert result.measurement.instructions is not None
    assert 0.97 * instructions < result.measurement.instructions <= instructions
    assert 0.9 * ram < exported.manifest.ram_bytes <= ram


@pytest.mark.parametrize(("name", "most"), MOST_CODE_AT_SIZE.items())
def test_optimizing_for_size_changes_no_output(
    models: Path, tmp_path: Path, name: str, most: int
) -> None:
    graph = _graph(models, name)
    given, expected = _reference(models, name)
    cases = Cases.of([graph.tensors[i] for i in graph.inputs], given, streaming=False).first(1)
    options = Options(optimize="size")
    exported = api.export(graph, "nucleo_l4r5zi", tmp_path / "firmware", options=options)
    assert exported.manifest.optimize == "size"
    assert exported.image.flash_bytes - exported.manifest.weights_bytes <= most
    result = api.emulate(exported.folder, cases)
    np.testing.assert_array_equal(result.outputs["out0"], expected[:1])


@pytest.mark.skipif(not shutil.which("arm-none-eabi-gcc"), reason="no arm-none-eabi-gcc")
@pytest.mark.parametrize(("name", "most"), MOST_CODE_AT_SIZE.items())
def test_gcc_takes_no_more_flash_for_size(
    models: Path, tmp_path: Path, name: str, most: int
) -> None:
    options = Options(optimize="size")
    graph = _graph(models, name)
    exported = api.export(graph, "nucleo_l4r5zi", tmp_path, compiler="gcc", options=options)
    assert exported.image.flash_bytes - exported.manifest.weights_bytes <= most


@pytest.mark.parametrize("name", MODELS)
def test_export_gives_the_same_bytes_again(models: Path, tmp_path: Path, name: str) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        api.export(_graph(models, name), "nucleo_l4r5zi", folder)
    files = sorted(p.relative_to(folders[0]) for p in folders[0].rglob("*") if p.is_file())
    assert files
    for file in files:
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes(), file
