"""What `fit` says without compiling is what building and emulating come to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edge_runtime import api, fit
from edge_runtime.boards import board_names, load_board
from edge_runtime.calibration import emulated
from edge_runtime.emulation import random_case
from edge_runtime.graph import Graph, Shape
from edge_runtime.latency import LatencyModel
from edge_runtime.latency.networks import network
from edge_runtime.latency.store import builtin_latency

SEED = 2001
"""Of a network that no model was fitted to."""


@pytest.fixture(autouse=True)
def no_calibrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_RUNTIME_CONFIG", str(tmp_path / "config"))


def row_of(graph: Graph, board: str) -> fit.BoardFit:
    return next(row for row in fit.fit(graph).boards if row.board == board)


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico", "nucleo_f746zg"])
def test_figures_are_those_of_the_built_and_emulated_image(board: str, tmp_path: Path) -> None:
    graph = network(SEED)
    row = row_of(graph, board)
    exported = api.export(graph, board, tmp_path / "firmware")
    cycles = sum(emulated(load_board(board))(exported.folder, random_case(exported.manifest)))
    assert row.fits
    assert row.ram_bytes is not None and row.flash_bytes is not None
    assert row.estimated_cycles is not None
    assert row.ram_bytes == pytest.approx(exported.image.image_ram_bytes, abs=128)
    assert row.flash_bytes == pytest.approx(exported.image.image_flash_bytes, rel=0.05)
    assert row.estimated_cycles == pytest.approx(cycles, rel=0.1)


def test_every_board_has_a_row_and_those_without_a_cycle_model_say_so() -> None:
    found = fit.fit(network(SEED))
    assert [row.board for row in found.boards] == [n for n in board_names() if n != "host"]
    assert found.type == "int8"
    for row in found.boards:
        unknown = builtin_latency(row.core) is None
        assert (row.estimated_ms is None) == unknown
        assert any("no latency model" in note for note in row.notes) == unknown


def test_a_kernel_without_a_model_leaves_the_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(core: str) -> LatencyModel | None:
        model = builtin_latency(core)
        if model is None:
            return None
        kernels = {k: v for k, v in model.kernels.items() if not k.startswith("er_softmax")}
        return dataclasses.replace(model, kernels=kernels)

    monkeypatch.setattr("edge_runtime.fit.latency_of", lambda board: without(board.core))
    row = row_of(network(SEED), "nucleo_l4r5zi")
    assert row.estimated_cycles is None and row.estimated_ms is None
    assert row.notes == ("no latency model for er_softmax_s8_ref",)


def image_of(shape: Shape) -> Graph:
    """A network that a board's RAM does not hold."""
    from edge_runtime.graph import DType, Node, Quantization, Tensor
    from edge_runtime.ops import Transpose

    grid = Quantization.per_tensor(0.1)
    made = (shape[0], shape[2], shape[1], shape[3])
    tensors = [Tensor(n, s, DType.INT8, quantization=grid) for n, s in (("x", shape), ("y", made))]
    return Graph.build(
        "large", tensors, [Node("turn", Transpose((0, 2, 1, 3)), ("x",), "y")], "x", "y"
    )


def test_what_is_too_large_names_what_it_lacks() -> None:
    row = row_of(image_of((1, 300, 300, 2)), "rpi_pico")
    assert row.fits is False and row.limit.startswith("RAM")
    assert row.estimated_ms is None and "bytes of RAM" in row.notes[0]
    assert row_of(image_of((1, 300, 300, 2)), "mps2_an386").fits
