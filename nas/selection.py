"""From a searched space to one network: drawn, made to fit, ranked, and measured whole."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from edge_runtime.graph import Graph
from edge_runtime.nas.costs import CostTable
from edge_runtime.nas.data import Dataset
from edge_runtime.nas.device import Budget, Device, Measured, Progress
from edge_runtime.nas.explore import Explored, supernet_accuracy
from edge_runtime.nas.items import Convolution
from edge_runtime.nas.neighbours import reductions
from edge_runtime.nas.network import Weights, to_graph
from edge_runtime.nas.space import Architecture, Space
from edge_runtime.nas.trials import Trials
from edge_runtime.quant import Range, quantize_graph
from edge_runtime.quant.scaling import own_tensors

DRAWN = 64
"""Networks drawn from the choices' probabilities, beside the likeliest one."""
RANKED = 32
"""How many different ones, that are expected to fit, are tried on the validation people."""
MEASURED = 4
"""How many of the best of these are measured whole before the limits are tightened."""
ATTEMPTS = 4


@dataclass(frozen=True)
class Candidate:
    """A network that was considered; time from the table, RAM planned, accuracy in the supernet.

    The accuracy is on the validation people, with the supernet's shared weights.
    """

    architecture: Architecture
    estimated_ms: float
    ram_bytes: int
    accuracy: float


@dataclass(frozen=True)
class Selected:
    """The chosen network, what it takes with weights that mean nothing, and all candidates."""

    architecture: Architecture
    measured: Measured
    candidates: tuple[Candidate, ...]


class Selection:
    """Chooses a network of an explored space that meets the budget when measured whole."""

    def __init__(
        self,
        data: Dataset,
        explored: Explored,
        table: CostTable,
        budget: Budget,
        device: Device,
        trials: Trials,
    ) -> None:
        self._trials = trials
        self._data, self._explored, self._budget, self._device = data, explored, budget, device
        self._predict = _Prediction(table, device)
        self._smallest = Space(data.window, data.classes).smallest()
        self._candidates: dict[Architecture, Candidate] = {}

    def choose(self, seed: int, progress: Progress) -> Selected:
        """The best network that meets the budget, or the closest where none was found to.

        Where networks that should fit do not when measured, the limits are lowered by what was
        wrong with the prediction, and others take their place.
        """
        torch.manual_seed(seed)
        drawn = [self._explored.choices.draw() for _ in range(DRAWN)]
        drawn.insert(0, self._explored.choices.likeliest())
        limits = self._budget.limits
        seen: dict[Architecture, Measured] = {}
        for attempt in range(ATTEMPTS):
            progress("select", attempt, ATTEMPTS, "")
            ranked = self._ranked(drawn, limits, progress)
            last = self._smallest if attempt == ATTEMPTS - 1 else ranked[-1]
            for arch in dict.fromkeys((*ranked[:MEASURED], last)):
                seen[arch] = self._device.measure(untrained(arch))
                if not seen[arch].overruns(self._budget):
                    progress("select", ATTEMPTS, ATTEMPTS, "")
                    return self._selected(arch, seen[arch])
            limits = self._tightened(seen)
        progress("select", ATTEMPTS, ATTEMPTS, "no network fits")
        closest = min(seen, key=lambda arch: max(seen[arch].overruns(self._budget).values()))
        return self._selected(closest, seen[closest])

    def _selected(self, arch: Architecture, measured: Measured) -> Selected:
        return Selected(arch, measured, tuple(self._candidates.values()))

    def _ranked(
        self, drawn: list[Architecture], limits: Mapping[str, float], progress: Progress
    ) -> list[Architecture]:
        """The networks made to fit, the best in a trial first."""
        fitted = dict.fromkeys(self._fitted(arch, limits) for arch in drawn)
        chosen = list({arch.steps(): arch for arch in reversed(fitted)}.values())[::-1][:RANKED]
        for arch in chosen:
            if arch not in self._candidates:
                self._candidates[arch] = self._candidate(arch)
        candidates = [self._candidates[arch] for arch in chosen]
        return self._trials.rank(
            [(c.architecture, c.accuracy, c.estimated_ms) for c in candidates], progress
        )

    def _candidate(self, arch: Architecture) -> Candidate:
        predicted = self._predict.all(arch)
        accuracy = supernet_accuracy(self._explored.net, arch, self._data)
        return Candidate(arch, predicted["latency"], round(predicted["RAM"]), accuracy)

    def _fitted(self, arch: Architecture, limits: Mapping[str, float]) -> Architecture:
        """`arch`, made cheaper choice by choice, the least regretted first, until it should fit."""
        while True:
            predicted = self._predict.all(arch)
            over = {name: predicted[name] / limit for name, limit in limits.items()}
            worst = max(over, key=lambda name: over[name])
            options = list(reductions(arch))
            if over[worst] <= 1 or not options:
                return arch
            lower = [
                option for option in options if self._predict.one(worst, option) < predicted[worst]
            ]
            arch = max(lower or options, key=self._explored.choices.preference)

    def _tightened(self, seen: Mapping[Architecture, Measured]) -> dict[str, float]:
        """The limits less the most that any measured network was above its prediction."""
        excess = dict.fromkeys(self._budget.limits, 0.0)
        for arch, measured in seen.items():
            predicted = self._predict.all(arch)
            for name, value in measured.values.items():
                excess[name] = max(excess[name], value - predicted[name])
        return {
            name: max(limit - excess[name], limit * 1e-3)
            for name, limit in self._budget.limits.items()
        }


class _Prediction:
    """What a network should take, without building it; by the limits' names."""

    def __init__(self, table: CostTable, device: Device) -> None:
        self._table, self._device = table, device
        self._ram = functools.cache(lambda arch: float(device.plan_memory(untrained(arch))))

    def one(self, name: str, arch: Architecture) -> float:
        """RAM in bytes, constants in flash in bytes, or latency in ms."""
        if name == "latency":
            return self._table.cycles(arch) / self._device.clock_hz * 1e3
        if name == "RAM":
            return self._ram(arch)
        convolutions = [s.item for s in arch.steps() if isinstance(s.item, Convolution)]
        return float(sum(item.flash_bytes for item in convolutions))

    def all(self, arch: Architecture) -> dict[str, float]:
        """All three."""
        return {name: self.one(name, arch) for name in ("RAM", "flash", "latency")}


def untrained(arch: Architecture) -> Graph:
    """`arch` in int8 with random weights and plausible ranges: to be measured, not to be used."""
    generator = np.random.default_rng(0)
    weights = {}
    for step in arch.steps():
        if isinstance(step.item, Convolution):
            shape = (step.item.channels, *step.item.kernel, step.item.shape[2])
            spread = 1 / np.sqrt(np.prod(shape[1:]))
            kernel = (spread * generator.standard_normal(shape)).astype(np.float32)
            bias = generator.standard_normal(step.item.channels).astype(np.float32)
            weights[step.name] = Weights(kernel, bias)
    graph = to_graph(arch, weights)
    return quantize_graph(graph, dict.fromkeys(own_tensors(graph), Range(-4.0, 4.0)))
