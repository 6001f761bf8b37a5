"""`calibrate` finds what a board takes, and the search then takes its cycles from there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_runtime import api, calibration
from edge_runtime.boards import load_board
from edge_runtime.calibration import Measure, emulated
from edge_runtime.cases import Cases
from edge_runtime.errors import BoardError
from edge_runtime.latency.networks import network
from edge_runtime.latency.store import builtin_latency, calibration_path, write_latency
from edge_runtime.measure import EmulatedDevice

BOARD = "nucleo_l4r5zi"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_RUNTIME_CONFIG", str(tmp_path / "config"))


def slower(by: float) -> Measure:
    """A board whose memory makes every layer take longer, by so much."""
    inner = emulated(load_board(BOARD))

    def measure(folder: Path, cases: Cases) -> Sequence[int]:
        return [round(by * cycles) for cycles in inner(folder, cases)]

    return measure


@pytest.mark.slow
def test_a_slower_board_is_found_from_one_flash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "FLASHES", 1)
    prior = builtin_latency("cortex-m4")
    assert prior is not None
    found = calibration.calibrate(BOARD, slower(1.3), source="a test", prior=prior)
    assert found.flashes == 1
    assert 60 < len(found.samples) <= calibration.MOST_OPERATIONS
    graph = network(2002)
    write_latency(found.model, calibration_path(BOARD))
    device = EmulatedDevice(BOARD)
    assert device.latency_source == f"latency model calibrated for {BOARD}: a test"
    calibrated = device.measure(graph)
    calibration_path(BOARD).unlink()
    plain = EmulatedDevice(BOARD)
    assert "emulated" in plain.latency_source
    estimated = plain.measure(graph)
    assert calibrated.ram_bytes == estimated.ram_bytes
    assert calibrated.estimated_ms == pytest.approx(1.3 * estimated.estimated_ms, rel=0.1)


def test_a_calibration_that_lacks_a_kernel_says_so() -> None:
    model = builtin_latency("cortex-m4")
    assert model is not None
    kernels = {name: k for name, k in model.kernels.items() if not name.startswith("er_softmax")}
    write_latency(type(model)("cortex-m4", "a test", kernels), calibration_path(BOARD))
    with pytest.raises(BoardError, match="no latency model for er_softmax_s8_ref"):
        EmulatedDevice(BOARD).measure(network(2003))


def test_the_host_has_no_cycles() -> None:
    with pytest.raises(BoardError, match="the host has no cycles"):
        api.calibrate("host")
