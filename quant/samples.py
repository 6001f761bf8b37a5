"""Calibration samples: parts of them, what a graph makes of them, and how far that is off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.evaluate import evaluate_node, real, stored
from edge_runtime.graph import Array, DType, Graph, Kind, Quantization

AT_ONCE = 32
"""Samples of which all activations are held at a time."""
FITTED, HELD = 192, 128
"""Most samples that layers are refined on, and that changes are judged by."""
MOST_ELEMENTS = 50_000_000
"""Most activations held in memory, over all samples."""


@dataclass(frozen=True, eq=False)
class Samples:
    """What calibration changes a network by, and what it judges the change by."""

    fit: Mapping[str, Array]
    held: Mapping[str, Array]

    @property
    def both(self) -> dict[str, Array]:
        """All of them, those to fit first."""
        return {name: np.concatenate([array, self.held[name]]) for name, array in self.fit.items()}

    @property
    def count(self) -> int:
        """How many there are to fit."""
        return len(next(iter(self.fit.values())))

    @staticmethod
    def of(graph: Graph, arrays: Mapping[str, Array]) -> Samples:
        """Every fourth sample is held out; few samples serve as both."""
        count = len(next(iter(arrays.values())))
        size = sum(tensor.elements for tensor in graph.of_kind(Kind.ACTIVATION))
        room = max(8, MOST_ELEMENTS // (size * (FITTED + HELD)) * (FITTED + HELD))
        share = min(1.0, room / (FITTED + HELD))
        held = np.arange(count) % 4 == 3 if count >= 16 else np.ones(count, bool)
        fit = ~held if count >= 16 else held
        return Samples(
            spread({name: array[fit] for name, array in arrays.items()}, int(FITTED * share)),
            spread({name: array[held] for name, array in arrays.items()}, int(HELD * share)),
        )


def spread(arrays: Mapping[str, Array], most: int) -> dict[str, Array]:
    """At most `most` samples, evenly from first to last."""
    count = len(next(iter(arrays.values())))
    chosen = np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))
    return {name: array[chosen] for name, array in arrays.items()}


def chunks(graph: Graph, arrays: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Each activation for some of the samples, then for the next: (samples, *shape), by name."""
    for start in range(0, len(next(iter(arrays.values()))), AT_ONCE):
        values = {name: array[start : start + AT_ONCE] for name, array in arrays.items()}
        with np.errstate(over="ignore", invalid="ignore"):
            for node in graph.nodes:
                made = evaluate_node(graph, node, values)
                values.update(zip(node.outputs, made, strict=True))
        yield values


def values_of(graph: Graph, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Each activation for each sample: (samples, *shape), by name."""
    parts: dict[str, list[Array]] = {}
    for values in chunks(graph, arrays):
        for name, array in values.items():
            parts.setdefault(name, []).append(array)
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def outputs_of(
    graph: Graph, arrays: Mapping[str, Array], names: tuple[str, ...]
) -> dict[str, Array]:
    """The real values of some activations, for real values of the inputs."""
    inputs = {name: stored(graph.tensors[name], array) for name, array in arrays.items()}
    parts: dict[str, list[Array]] = {name: [] for name in names}
    for values in chunks(graph, inputs):
        for name in names:
            parts[name].append(real(graph.tensors[name], values[name]))
    return {name: np.concatenate(made) for name, made in parts.items()}


def disturbed(
    graph: Graph, values: Mapping[str, Array], grids: Mapping[str, Quantization]
) -> dict[str, Array]:
    """All activations, `values`, as they are where those named in `grids` are stored as int8."""
    made, changed = dict(values), set(grids) & set(graph.inputs)
    for name in changed:
        made[name] = _held(made[name], grids[name])
    for node in graph.nodes:
        if not changed.isdisjoint(node.inputs):
            made.update(zip(node.outputs, evaluate_node(graph, node, made), strict=True))
            changed.update(node.outputs)
        for name in set(node.outputs) & grids.keys():
            made[name] = _held(made[name], grids[name])
            changed.add(name)
    return made


def _held(values: Array, grid: Quantization) -> Array:
    return grid.dequantize(grid.quantize(values, DType.INT8))


def noise(exact: Array, held: Array) -> float:
    """Squared error over squared signal; 0 where both are nothing.

    What a maximum pool's input is padded with is minus infinity, and no signal.
    """
    finite = np.isfinite(exact).ravel()
    values = exact.ravel()[finite].astype(np.float64)
    signal = np.sum(np.square(values))
    error = np.sum(np.square(values - held.ravel()[finite]))
    return float(error / signal) if signal else float(error > 0)
