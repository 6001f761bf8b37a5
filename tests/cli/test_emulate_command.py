"""`emulate` as a gate: expected outputs and a time that must not be exceeded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import Run

from edge_runtime import api
from edge_runtime.errors import BoardError, BudgetError, DataError, DifferenceError
from edge_runtime.latency.networks import network


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gate") / "firmware"
    return api.export(network(3), "nucleo_l4r5zi", folder).folder


def test_a_random_case_is_run_where_none_is_given(run: Run, firmware: Path) -> None:
    done = run("emulate", firmware, "--json")
    assert done.code == 0 and json.loads(done.out)["instructions"] > 0


def test_outputs_are_held_to_those_expected(run: Run, firmware: Path, tmp_path: Path) -> None:
    made = tmp_path / "out.npz"
    assert run("emulate", firmware, "--output", made).code == 0
    assert run("emulate", firmware, "--expect", made).code == 0
    values = np.load(made)["out0"]
    values.flat[-1] ^= 1
    np.savez(tmp_path / "other.npz", out0=values)
    done = run("emulate", firmware, "--expect", tmp_path / "other.npz")
    assert done.code == DifferenceError.exit_code
    assert f"1 of {values.size} values of out0 are not those of" in done.err
    np.savez(tmp_path / "short.npz", out0=values[..., 1:])
    done = run("emulate", firmware, "--expect", tmp_path / "short.npz")
    assert done.code == DataError.exit_code and "of shape" in done.err


def test_a_time_is_held_to(run: Run, firmware: Path) -> None:
    assert run("emulate", firmware, "--latency", "10s").code == 0
    done = run("emulate", firmware, "--latency", "1us")
    assert done.code == BudgetError.exit_code
    assert "estimated time" in done.err and "allowed: 0.001 ms" in done.err


@pytest.mark.qemu
def test_where_no_time_is_known_none_is_held_to(run: Run, tmp_path: Path) -> None:
    folder = api.export(network(3), "riscv32_virt", tmp_path / "firmware").folder
    done = run("emulate", folder, "--latency", "10s")
    assert done.code == BoardError.exit_code and "no estimated time" in done.err
