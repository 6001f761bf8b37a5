"""Executed instructions of whole models, kernels only. They are the same on every machine.

The budgets are a little above what was counted; the figures of TFLM with CMSIS-NN, or the better
of those of others, are in the notes of each; for RV32 it is that of the portable kernels. Kernels
here look how each layer rounds, and no channel is removed; those of an exported model take less.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness import Call, Core

from edge_runtime.graph import Array, Graph, Node
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.kernels import Choice, Site, choose

MODELS = {
    "AD": "mlperf_ad_autoencoder_int8",
    "KWS": "mlperf_kws_dscnn_int8",
    "IC": "mlperf_ic_resnet8_int8",
    "VWW": "mlperf_vww_mobilenetv1_025_96_int8",
}


def load(models: Path, name: str) -> tuple[Graph, dict[str, Array], Array]:
    """The graph, all its tensors for the first stored case, and TFLM's output."""
    graph = load_model(models / f"{MODELS[name]}.tflite")
    with np.load(models / f"{MODELS[name]}.ref.npz") as stored:
        values: dict[str, Array] = {
            tensor: stored[f"in{i}"][0].reshape(graph.tensors[tensor].shape)
            for i, tensor in enumerate(graph.inputs)
        }
        expected = stored["out0_tflm"][0]
    inputs = dict(values)

    def keep(node: Node, result: Array) -> None:
        values[node.output] = result

    Interpreter(graph).run(inputs, keep)
    return graph, values, expected


def count(core: Core, graph: Graph, choices: dict[str, Choice], values: dict[str, Array]) -> int:
    """Instructions of all kernels; each must give what the interpreter did."""
    total = 0
    for node in graph.nodes:
        if node.name not in choices:
            continue
        choice = choices[node.name]
        read = [
            values[name] if name in values else graph.tensors[name].values for name in node.inputs
        ]
        over = choice.demand.in_place[0] if choice.demand.in_place else None
        run = core.run(Call.of(Site.of(graph, node), choice, read, over), count=True)
        assert run.output == values[node.output].tobytes(), node.name
        assert run.instructions is not None
        total += run.instructions
    return total


@pytest.mark.models
@pytest.mark.parametrize(
    ("board", "name", "budget", "others"),
    [
        ("nucleo_l4r5zi", "AD", 301_000, 572_184),
        ("nucleo_l4r5zi", "KWS", 3_225_000, 7_698_862),
        ("nucleo_l4r5zi", "IC", 12_440_000, 29_863_409),
        ("nucleo_l4r5zi", "VWW", 10_050_000, 24_101_870),
        ("rpi_pico", "AD", 1_050_000, 1_763_366),
        ("rpi_pico", "KWS", 14_800_000, 29_008_155),
        ("esp32c3", "AD", 1_030_000, 1_531_335),
        ("esp32c3", "KWS", 11_050_000, 19_264_917),
        pytest.param("rpi_pico", "IC", 55_500_000, 97_569_500, marks=pytest.mark.slow),
        pytest.param("rpi_pico", "VWW", 44_000_000, 86_878_960, marks=pytest.mark.slow),
    ],
)
def test_instructions(models: Path, board: str, name: str, budget: int, others: int) -> None:
    core = Core(board)
    graph, values, expected = load(models, name)
    assert np.array_equal(values[graph.outputs[0]].reshape(-1), expected.reshape(-1))
    counted = count(core, graph, choose(graph, core.isas), values)
    assert budget < others
    assert 0.97 * budget < counted <= budget, "the budget is not met, or can be lowered"
