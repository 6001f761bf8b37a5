import dataclasses

import numpy as np
import pytest

from edge_runtime.graph.verify import verify
from edge_runtime.interpreter import Interpreter
from edge_runtime.nas import Architecture, FusionCell, Space, TimeCell
from edge_runtime.nas.items import Convolution, int8_graph
from edge_runtime.nas.neighbours import reductions

CELLS = (
    FusionCell(True, 16, 32, (3, 7), True),
    FusionCell(False, 16, 24, (), True),
    FusionCell(False, 8, 40, (5,), False),
)
ARCH = Architecture((70, 7), 4, (TimeCell(3, 8), TimeCell(7, 12)), CELLS)


@pytest.mark.parametrize(
    ("window", "time_cells", "reducing"),
    [((128, 9), 3, 1), ((64, 30), 2, 2), ((128, 6), 3, 1), ((5, 1), 1, 1), ((1, 1), 1, 1)],
)
def test_cells_follow_from_the_window(window, time_cells, reducing):
    space = Space(window, 6)
    assert (space.time_cells, space.reducing_cells) == (time_cells, reducing)


def test_the_space_for_uci_har_has_the_published_size():
    assert f"{Space((128, 9), 6).size:.1e}" == "7.4e+12"


def test_an_architecture_survives_json_and_hashes():
    again = Architecture.from_json(ARCH.to_json())
    assert again == ARCH
    assert hash(again) == hash(ARCH)


def test_shapes_and_wiring():
    steps = {step.name: step for step in ARCH.steps()}
    assert steps["time1"].item.output == (18, 7, 12)
    assert steps["fusion0.bottleneck"].item.kernel == (1, 7)
    assert steps["fusion0.mix"].item.kernel == (7, 1)
    assert steps["fusion0.residual"].inputs == ("time1",)
    assert steps["fusion0"].item.output == (18, 4, 32)
    # Only a residual: it is the cell's output, and does the ReLU itself.
    assert steps["fusion1.residual"].item.relu
    assert "fusion1" not in steps
    assert steps["fusion2.bottleneck"].inputs == ("fusion1.residual",)
    assert steps["fusion2.mix"].item.relu
    assert steps["probabilities"].item.output == (1, 1, 4)


def test_a_cell_that_is_left_out_hands_its_input_on():
    without = dataclasses.replace(CELLS[1], kept=False)
    arch = dataclasses.replace(ARCH, fusion=(CELLS[0], without, CELLS[2]))
    steps = {step.name: step for step in arch.steps()}
    assert steps["fusion2.bottleneck"].inputs == ("fusion0",)


@pytest.mark.parametrize(
    "changes",
    [{"kernels": (), "residual": False}, {"reduces": True, "kept": False}],
)
def test_cells_that_compute_nothing_are_refused(changes):
    cell = dataclasses.replace(CELLS[0], **changes)
    with pytest.raises(ValueError, match="fusion cell"):
        dataclasses.replace(ARCH, fusion=(cell, *CELLS[1:]))


def test_every_item_stands_alone_in_int8():
    generator = np.random.default_rng(0)
    for step in ARCH.steps():
        graph = verify(int8_graph(step.item))
        inputs = {
            name: generator.integers(-128, 128, graph.tensors[name].shape).astype(np.int8)
            for name in graph.inputs
        }
        result = Interpreter(graph).run(inputs)["out0"]
        assert result.size == np.prod(step.item.output)
        if isinstance(step.item, Convolution):
            assert (np.abs(result) == 127).mean() < 0.2, "most outputs clamp: no typical case"


def test_reductions_lead_to_the_smallest_network_and_end_there():
    smallest = Space(ARCH.window, ARCH.classes).smallest()
    assert not list(reductions(smallest))
    arch, count = ARCH, 0
    while options := list(reductions(arch)):
        assert all(option.steps() != arch.steps() for option in options)
        arch, count = options[count % len(options)], count + 1
        assert count < 200
    assert arch.steps() == smallest.steps()
