"""Models survive the disk, and what is no model is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.boards import board_names, load_board
from edge_runtime.cycles import has_cycle_model
from edge_runtime.errors import DataError
from edge_runtime.latency import KernelLatency, LatencyModel
from edge_runtime.latency.store import (
    builtin_footprint,
    builtin_latency,
    calibration_path,
    latency_of,
    load_latency,
    write_latency,
)

MODEL = LatencyModel(
    "cortex-m4", "measured cycles", {"er_x": KernelLatency({"calls": 12.25, "read": 0.5}, 9, 0.03)}
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGE_RUNTIME_CONFIG", str(tmp_path))
    return tmp_path


def test_a_model_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    write_latency(MODEL, path)
    assert load_latency(path.read_text(), "model.json") == MODEL


def test_a_calibration_comes_before_the_built_in_model(config: Path) -> None:
    board = load_board("nucleo_l4r5zi")
    assert latency_of(board) == builtin_latency("cortex-m4")
    write_latency(MODEL, calibration_path(board.name))
    assert latency_of(board) == MODEL
    assert latency_of(load_board("stm32f405")) == builtin_latency("cortex-m4")


def test_a_calibration_of_another_core_is_refused(config: Path) -> None:
    write_latency(MODEL, calibration_path("rpi_pico"))
    with pytest.raises(DataError, match="is of a cortex-m4, rpi_pico is a cortex-m0plus"):
        latency_of(load_board("rpi_pico"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "core": "x"}'])
def test_damaged_files_are_told(text: str) -> None:
    with pytest.raises(DataError, match=r"x\.json"):
        load_latency(text, "x.json")


def test_every_core_has_its_sizes_and_each_with_a_cycle_model_its_latencies() -> None:
    cores = {load_board(name).core for name in board_names()} - {"host"}
    for core in cores:
        assert builtin_footprint(core) is not None, core
        assert (builtin_latency(core) is not None) == has_cycle_model(core), core
