"""Firmware whose layers round once, twice, or in turns: the outputs, and what it costs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builder import Builder

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.emulation import Emulation
from edge_runtime.export.firmware import DEFAULTS, Options
from edge_runtime.graph import Graph, Node, Rounding, Window
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Linear

ONCE, TWICE = Rounding.ONCE, Rounding.TWICE
QDQ = "derived_kaijiang_resnet8_cifar10_qdq_perch"
MOST_CODE = 16_000
"""Bytes of flash besides weights and biases."""
FLAGS = {(ONCE,): (1, 0), (TWICE,): (0, 1), (ONCE, TWICE): (1, 1)}
"""What er_rounding.h says of once and of twice."""


def rounded(graph: Graph, roundings: Iterable[Rounding]) -> Graph:
    """The graph, its layers rounding by turns as given."""
    turns = itertools.cycle(roundings)

    def turned(node: Node) -> Node:
        if not isinstance(node.op, Linear):
            return node
        return replace(node, op=replace(node.op, rounding=next(turns)))

    return verify(replace(graph, nodes=tuple(map(turned, graph.nodes))))


def layers() -> Graph:
    """Two convolutions, a depthwise and a fully connected layer."""
    build = Builder(seed=3)
    image = build.input(1, 7, 6, 3)
    wide = build.conv(image, 6, (3, 3), Window.same((7, 6), (3, 3)))
    deep = build.depthwise(wide, 1, (3, 3), Window.same((7, 6), (3, 3)))
    point = build.conv(deep, 5, (1, 1))
    return build.graph(build.dense(build.reshape(point, 1, 7 * 6 * 5), 11))


def emulate(
    graph: Graph, given: np.ndarray, board: str, folder: Path, options: Options = DEFAULTS
) -> Emulation:
    api.export(graph, board, folder, options=options)
    cases = Cases.of([graph.tensors[graph.inputs[0]]], {"in0": given}, streaming=False)
    return api.emulate(folder, cases, graph=graph)


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico", "host"])
@pytest.mark.parametrize("roundings", FLAGS)
def test_layers(tmp_path: Path, roundings: tuple[Rounding, ...], board: str) -> None:
    graph = rounded(layers(), roundings)
    given = np.random.default_rng(1).integers(-128, 128, (3, 1, 7, 6, 3)).astype(np.int8)
    result = emulate(graph, given, board, tmp_path / "firmware")
    assert result.exact == result.compared == 3 * 11
    header = (tmp_path / "firmware/model/er_rounding.h").read_text()
    once, twice = FLAGS[roundings]
    straight = once if board == "nucleo_l4r5zi" else 0
    # What is rounded once lies on lines, which need no such code.
    assert f"ER_ROUNDS_ONCE {once - straight}\n" in header
    assert f"ER_ROUNDS_TWICE {twice}\n" in header
    assert f"ER_CONV_STRAIGHT {straight}\n" in header


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico"])
@pytest.mark.parametrize("roundings", FLAGS)
def test_factors_at_size(tmp_path: Path, roundings: tuple[Rounding, ...], board: str) -> None:
    """Kernels have the code of those forms alone that a layer has."""
    graph = rounded(layers(), roundings)
    given = np.random.default_rng(1).integers(-128, 128, (3, 1, 7, 6, 3)).astype(np.int8)
    size = Options(optimize="size")
    result = emulate(graph, given, board, tmp_path / "firmware", size)
    assert result.exact == result.compared == 3 * 11
    header = (tmp_path / "firmware/model/er_rounding.h").read_text()
    once, twice = FLAGS[roundings]
    assert f"ER_FACTOR_BYTES {once}\n" in header
    assert f"ER_FACTOR_WORDS {twice}\n" in header
    assert "ER_FACTOR_PAIRS 0\n" in header


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico"])
def test_rounding_once_costs_no_more_than_twice(models: Path, tmp_path: Path, board: str) -> None:
    graph = api.load(models / f"{QDQ}.onnx")
    with np.load(models / f"{QDQ}.ref.npz") as stored:
        given = stored["in0"][:1]
    counted = {}
    for rounding in (ONCE, TWICE):
        result = emulate(rounded(graph, [rounding]), given, board, tmp_path / rounding.name)
        assert result.exact == result.compared
        counted[rounding] = result.measurement.instructions or 0
    assert 0 < counted[ONCE] <= counted[TWICE]


def test_code_of_a_model_that_rounds_once(models: Path, tmp_path: Path) -> None:
    exported = api.export(api.load(models / f"{QDQ}.onnx"), "nucleo_l4r5zi", tmp_path / "firmware")
    assert exported.image.flash_bytes - exported.manifest.weights_bytes <= MOST_CODE
