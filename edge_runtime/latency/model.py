"""The latency of kernels by a few parameters each, and of graphs by that of their kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Graph
from edge_runtime.kernels import Choice, Site
from edge_runtime.latency.regression import fit
from edge_runtime.latency.stages import RowCalls, stage_calls
from edge_runtime.latency.terms import Terms, terms_of
from edge_runtime.memory import Plan


@dataclass(frozen=True)
class Sample:
    """One operation that was measured: who served it, what it counts, and the cycles it took."""

    kernel: str
    terms: Terms
    cycles: float


@dataclass(frozen=True)
class KernelLatency:
    """Cycles of one kernel: the sum of parameters times terms.

    `error` is the mean absolute relative error over the `samples` operations it was fitted to, each
    predicted by parameters fitted to the others (five parts, in turn).
    """

    parameters: Mapping[str, float]
    samples: int
    error: float

    def cycles(self, terms: Terms) -> float:
        """The cycles of a call with these terms."""
        return sum(value * terms.get(name, 0.0) for name, value in self.parameters.items())


@dataclass(frozen=True)
class Estimate:
    """Cycles of one inference of a graph, and the kernels that there is no latency model of."""

    cycles: float
    layers: Mapping[str, float]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class LatencyModel:
    """The kernels of one core, by name. `source` says what was measured, and how."""

    core: str
    source: str
    kernels: Mapping[str, KernelLatency]

    def operation(self, site: Site, choice: Choice) -> float | None:
        """Cycles of one node called once; None where nothing is known of its kernel."""
        kernel = self.kernels.get(choice.kernel.name)
        if kernel is None:
            return None
        return kernel.cycles(terms_of(site, choice))

    def graph(self, graph: Graph, choices: Mapping[str, Choice], plan: Plan) -> Estimate:
        """Cycles of all nodes as `plan` runs them, those of a stage row by row."""
        layers: dict[str, float] = {}
        unknown: dict[str, None] = {}
        calls, overhead = stage_calls(graph, choices, plan)
        for node in graph.nodes:
            if node.name not in choices or node.name in plan.free:
                continue
            choice = choices[node.name]
            if node.name in calls:
                cycles = self._by_rows(calls[node.name], choice)
            else:
                cycles = self.operation(Site.of(graph, node), choice)
            if cycles is None:
                unknown[choice.kernel.name] = None
            else:
                layers[node.name] = cycles
        return Estimate(sum(layers.values()) + overhead, layers, tuple(unknown))

    def _by_rows(self, calls: RowCalls, choice: Choice) -> float | None:
        """Cycles of a node of a stage: of calls amid the image, and more as padding takes more."""
        part, whole, tall = (
            self.operation(site, choice) for site in (calls.part, calls.whole, calls.tall)
        )
        if part is None or whole is None or tall is None:
            return None
        return calls.count * part * whole / tall


_PARTS = 5


def fit_kernel(samples: Sequence[Sample], prior: KernelLatency | None = None) -> KernelLatency:
    """Fit one kernel's parameters to what was measured of it, near to a prior if there is one."""
    known = None if prior is None else prior.parameters
    pairs = [(sample.terms, sample.cycles) for sample in samples]
    errors = []
    for part in range(min(_PARTS, len(pairs))):
        kept = [pair for number, pair in enumerate(pairs) if number % _PARTS != part]
        if kept:
            trial = KernelLatency(fit(kept, known), len(kept), 0.0)
            errors += [abs(trial.cycles(t) / cycles - 1) for t, cycles in pairs[part::_PARTS]]
    error = float(np.mean(errors)) if errors else float("inf")
    return KernelLatency(fit(pairs, known), len(pairs), error)


def fit_model(
    core: str, source: str, samples: Sequence[Sample], prior: LatencyModel | None = None
) -> LatencyModel:
    """Fit every kernel that was measured; of a single operation only where there is a prior."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.kernel, []).append(sample)
    known = {} if prior is None else prior.kernels
    kernels = {
        name: fit_kernel(found, known.get(name))
        for name, found in sorted(by_name.items())
        if len(found) > 1 or name in known
    }
    return LatencyModel(core, source, kernels)
