"""The first layer that differs is found and named, wherever the model runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from builder import Builder

from edge_runtime import api
from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.device.layerwise import LinkedLayers
from edge_runtime.device.unicorn_target import UnicornTarget
from edge_runtime.diff import Compared, diff
from edge_runtime.errors import DataError, DifferenceError, LinkError
from edge_runtime.export.firmware import Options
from edge_runtime.graph import Array, Graph

BOARDS = ["host", "nucleo_l4r5zi", "rpi_pico"]


def network() -> Graph:
    build = Builder()
    value = build.conv(build.input(1, 6, 6, 3), 8, (3, 3))
    value = build.add(build.depthwise(value), value)
    return build.graph(build.softmax(build.dense(build.reshape(value, 1, 288), 4)))


def cases(graph: Graph, count: int = 2) -> Cases:
    source = graph.tensors[graph.inputs[0]]
    values = np.random.default_rng(1).integers(-128, 128, (count, *source.shape)).astype(np.int8)
    return Cases.of([source], {"in0": values}, streaming=False)


def exported(graph: Graph, board: str, folder: Path) -> Path:
    return api.export(graph, board, folder, options=Options(layerwise=True)).folder


@pytest.mark.parametrize("board", BOARDS)
def test_nothing_differs(tmp_path: Path, board: str) -> None:
    graph = network()
    result = diff(graph, exported(graph, board, tmp_path / "fw"), cases(graph))
    assert result.difference is None
    assert (result.cases, result.layers) == (2, 5)
    result.check()


def spoiled(folder: Path, layer: int) -> None:
    """Change the first bias of a layer in the exported C."""
    path = folder / "model/model.c"
    text = path.read_text()
    changed = re.sub(rf"(layer_{layer}_bias\[\d+\] = {{\n)(-?\d+)", r"\g<1>1000000", text)
    assert changed != text
    path.write_text(changed)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("layer", [1, 3])
def test_the_layer_that_goes_wrong_is_named(tmp_path: Path, board: str, layer: int) -> None:
    graph = network()
    folder = exported(graph, board, tmp_path / "fw")
    spoiled(folder, layer)
    result = diff(graph, folder, cases(graph))
    found = result.difference
    assert found is not None
    assert (found.case, found.layer, found.index[-1]) == (0, layer, 0)
    assert found.expected != found.found
    with pytest.raises(DifferenceError, match=f"layer {layer}, {found.op} {found.node}") as caught:
        result.check()
    assert caught.value.hint


def compare(graph: Graph, given: Cases, array: Array, folder: Path, name: str) -> Compared:
    path = folder / "expected.npz"
    np.savez(path, **{name: array})
    return api.diff(graph, "host", given, against=path)


def test_recorded_arrays_are_what_is_expected(tmp_path: Path) -> None:
    graph = network()
    given = cases(graph)
    outputs = api.emulate(exported(graph, "host", tmp_path / "fw"), given).outputs["out0"]
    assert compare(graph, given, outputs, tmp_path, "out0").difference is None
    outputs[1, 0, 2] += 1
    found = compare(graph, given, outputs, tmp_path, "out0").difference
    assert found is not None
    assert (found.case, found.layer, found.index, found.differing) == (1, 4, (0, 2), 1)
    with pytest.raises(DataError, match="nonsense is no output and no tensor"):
        compare(graph, given, outputs, tmp_path, "nonsense")
    with pytest.raises(DataError, match="shape"):
        compare(graph, given, outputs[:1], tmp_path, "out0")


def test_firmware_that_cannot_is_told_apart(tmp_path: Path) -> None:
    folder = api.export(network(), "nucleo_l4r5zi", tmp_path / "fw").folder
    board = load_board("nucleo_l4r5zi")
    with UnicornTarget(folder / "build/firmware.elf", board) as target:
        layers = LinkedLayers(target.link)
        with pytest.raises(LinkError, match="one by one") as caught:
            layers.start([], 0)
        assert "--layerwise" in caught.value.hint
