"""From data and a budget to a trained int8 network that meets it: the whole search."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edge_runtime.errors import BudgetError
from edge_runtime.graph import Graph
from edge_runtime.nas.checkpoint import Checkpoints
from edge_runtime.nas.costs import CostTable
from edge_runtime.nas.data import Dataset, Floats, Normalisation
from edge_runtime.nas.device import Budget, Device, Measured, Progress, silent
from edge_runtime.nas.expected import ExpectedCost
from edge_runtime.nas.explore import Explorer
from edge_runtime.nas.network import Network
from edge_runtime.nas.selection import Candidate, Selection
from edge_runtime.nas.space import Architecture, Space
from edge_runtime.nas.train import Trainer
from edge_runtime.nas.trials import Trials
from edge_runtime.quant import accuracy, quantize

EPOCHS = 20
TRAINING_FACTOR = 6
"""Epochs of training for each epoch of searching: a network costs less than the supernet."""
TRIAL_SHARE = 5
"""A trial of one of the best networks takes this part of the training's epochs."""
CALIBRATION = 256
"""Training windows by which activations' ranges are set."""
UNITS = {"RAM": "bytes", "flash": "bytes", "latency": "ms"}


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found: the network in both forms, and figures of the int8 one.

    Accuracies are shares of all test windows; the int8 one is of the integer reference. `measured`
    is of the linked and emulated image. `search_seconds` is the time this call took.
    """

    architecture: Architecture
    float_graph: Graph
    int8_graph: Graph
    normalisation: Normalisation
    budget: Budget
    measured: Measured
    accuracy_float: float
    accuracy_int8: float
    search_seconds: float
    candidates: tuple[Candidate, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return self.int8_graph.total_macs

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.architecture.parameters

    def figures(self) -> dict[str, float | int]:
        """The figures that `edge-runtime search --json` prints."""
        return {
            "accuracy_float": self.accuracy_float,
            "accuracy_int8": self.accuracy_int8,
            "ram_bytes": self.measured.ram_bytes,
            "flash_bytes": self.measured.flash_bytes,
            "estimated_ms": self.measured.estimated_ms,
            "macs": self.macs,
            "parameters": self.parameters,
            "search_seconds": self.search_seconds,
        }


class BudgetNotMet(BudgetError):  # noqa: N818 - what it is, rather than that it is an error
    """No network within the budget was found; `result` is the closest."""

    def __init__(self, result: SearchResult) -> None:
        over = result.measured.overruns(result.budget)
        lines = [
            f"  {name}: {result.measured.values[name]:g} {UNITS[name]}, the limit is"
            f" {result.budget.limits[name]:g}: {100 * (ratio - 1):.1f} % too much"
            for name, ratio in over.items()
        ]
        super().__init__(
            "\n".join(["no network of the space meets the budget; the closest has", *lines]),
            hint="raise that limit, or name a faster board",
        )
        self.result = result


def search(
    data: Dataset,
    budget: Budget,
    device: Device,
    *,
    epochs: int = EPOCHS,
    training_epochs: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    progress: Progress = silent,
) -> SearchResult:
    """Search, train and quantize a network for `data` that meets `budget` on `device`.

    `epochs` are those of the search; training takes TRAINING_FACTOR times as many unless
    `training_epochs` says otherwise. Checkpoints go into `out`, from which an interrupted call with
    the same arguments resumes, to the same result. One seed gives one result on one machine. Test
    windows are used for the two accuracies only. BudgetNotMet: even the closest network exceeds a
    limit; it stands in the error, trained.
    """
    start = time.monotonic()
    space = Space(data.window, data.classes)
    training_epochs = TRAINING_FACTOR * epochs if training_epochs is None else training_epochs
    with reproducible():
        table = CostTable.measure(space, device, progress)
        known = (data.digest, data.triads, data.mirror, budget, device.clock_hz, table.digest)
        store = Checkpoints(out, *known, seed, epochs, training_epochs, torch.__version__)
        cost = ExpectedCost(space, table, device.clock_hz)
        explored = Explorer(data, space, cost, budget, seed).run(epochs, store, progress)
        trials = Trials(data, seed, -(-training_epochs // TRIAL_SHARE), store)
        selection = Selection(data, explored, table, budget, device, trials)
        selected = selection.choose(seed, progress)
        everyone = (data.train, data.validation)
        trainer = Trainer(selected.architecture, data, seed, everyone)
        network = trainer.run(training_epochs, store, progress)
    float_graph, int8_graph = convert(network, data)
    result = SearchResult(
        selected.architecture,
        float_graph,
        int8_graph,
        data.normalisation,
        budget,
        device.measure(int8_graph),
        test_accuracy(float_graph, data),
        test_accuracy(int8_graph, data),
        time.monotonic() - start,
        selected.candidates,
    )
    if result.measured.overruns(budget):
        raise BudgetNotMet(result)
    return result


def convert(network: Network, data: Dataset) -> tuple[Graph, Graph]:
    """The float graph and the int8 graph of a trained network."""
    graph = network.graph()
    chosen = np.linspace(0, len(data.train) - 1, min(CALIBRATION, len(data.train))).astype(int)
    windows = graph_input(data.train.windows[chosen], data.normalisation)
    return graph, quantize(graph, {graph.inputs[0]: windows}).graph


def graph_input(windows: Floats, normalisation: Normalisation) -> Floats:
    """Windows (N, T, S) in physical units as the graphs take them: (N, 1, T, S, 1)."""
    return normalisation.apply(windows)[:, None, :, :, None]


def test_accuracy(graph: Graph, data: Dataset) -> float:
    """The share of all test windows that `graph`, float or int8, classifies right."""
    return accuracy(graph, graph_input(data.test.windows, data.normalisation), data.test.labels)


@contextmanager
def reproducible() -> Iterator[None]:
    """One thread, as sums in another order differ; the caller's generator and threads come back.

    The tensors are small: a second thread would gain a third, and lose far more on a busy machine.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
