"""`calibrate --port`: operations are timed by a board's own counter, through its serial port."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from board_server import CountingBoard
from command import Run

from edge_runtime import api, calibration, profiling
from edge_runtime.boards import Board, load_board
from edge_runtime.latency.networks import network
from edge_runtime.latency.store import calibration_path

BOARD = "stm32f405"


@pytest.mark.slow
def test_by_a_boards_port(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each image is flashed and timed; then a network's time is known before it runs."""
    graph = network(2004)
    exported = api.export(graph, BOARD, tmp_path / "firmware")
    flashed = []

    def flash(folder: Path, board: Board, *, image: str, **_: object) -> None:
        flashed.append(folder)
        device.flash(folder / "build" / f"{image}.elf")

    monkeypatch.setenv("EDGE_RUNTIME_CONFIG", str(tmp_path / "config"))
    monkeypatch.setattr(calibration, "FLASHES", 2)
    monkeypatch.setattr(profiling, "flash", flash)
    with CountingBoard(exported.image.elf, load_board(BOARD)) as device:
        done = run("calibrate", "--board", BOARD, "--port", device.port, "--json")
        assert done.code == 0, done.err
        layers = profiling.layer_cycles(exported.folder, port=device.port, runs=1)
    told = json.loads(done.out)
    assert len(flashed) == 3 and told["flashes"] == 2
    assert told["source"] == f"measured cycles, {BOARD} at {device.port}"
    assert told["file"] == str(calibration_path(BOARD))
    assert 100 < told["operations"] <= 2 * calibration.MOST_OPERATIONS
    api.write_model(graph, tmp_path / "model.tflite")
    found = api.fit(tmp_path / "model.tflite")
    (row,) = (each for each in found.boards if each.board == BOARD)
    assert row.latency == told["source"]
    assert row.estimated_cycles == pytest.approx(sum(layers), rel=0.05)
