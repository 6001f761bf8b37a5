"""One integer graph out of a float one: equalise, calibrate, convert, refine, and judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Array, Graph
from edge_runtime.ops import Softmax
from edge_runtime.quant.calibrate import PERCENT, calibrate
from edge_runtime.quant.convert import quantize_graph
from edge_runtime.quant.equalize import equalize
from edge_runtime.quant.flash import flash_bytes
from edge_runtime.quant.precision import Forms, Precision
from edge_runtime.quant.ranges import Observer, Ranges
from edge_runtime.quant.refine import Refined, refine
from edge_runtime.quant.samples import Samples, noise, outputs_of, values_of


@dataclass(frozen=True, eq=False)
class Calibration:
    """The samples and how they are used; the float graph's activations for some of them."""

    graph: Graph
    arrays: Mapping[str, Array]
    observer: Observer | Mapping[str, Observer] | None
    percent: float
    samples: Samples
    exact: Mapping[str, Array]

    @staticmethod
    def of(
        graph: Graph,
        arrays: Mapping[str, Array],
        observer: Observer | Mapping[str, Observer] | None = None,
        percent: float = PERCENT,
    ) -> Calibration:
        """`arrays` are as `calibration_arrays` gives them."""
        samples = Samples.of(graph, arrays)
        exact = values_of(graph, samples.both)
        return Calibration(graph, arrays, observer, percent, samples, exact)

    @property
    def judged(self) -> tuple[str, ...]:
        """What a graph is judged by: its outputs, before a softmax if they come out of one."""
        found = []
        for name in self.graph.outputs:
            maker = self.graph.producer(name)
            softmax = maker is not None and isinstance(maker.op, Softmax)
            found.append(maker.inputs[0] if softmax and maker is not None else name)
        return tuple(found)

    def noise(self, quantized: Graph, most: int | None = None) -> float:
        """Noise over signal of an integer graph, on (at most) so many samples held out."""
        held = {name: array[:most] for name, array in self.samples.held.items()}
        made = outputs_of(quantized, held, self.judged)
        first = self.samples.count
        ratios = [
            noise(self.exact[name][first:][: len(made[name])], made[name]) for name in self.judged
        ]
        return float(np.mean(ratios))

    def agreement(self, quantized: Graph) -> float | None:
        """The share of held-out samples whose largest output is the same one as in float."""
        first = self.graph.outputs[0]
        if self.graph.tensors[first].elements < 2:
            return None
        made = outputs_of(quantized, self.samples.held, (first,))[first]
        exact = self.exact[first][self.samples.count :]
        flat = (array.reshape(len(array), -1).argmax(1) for array in (exact, made))
        return float(np.mean(np.equal(*flat)))

    def drop(self, quantized: Graph) -> float | None:
        """The points of agreement that are lost."""
        agreement = self.agreement(quantized)
        return None if agreement is None else 100 * (1 - agreement)


@dataclass(frozen=True, eq=False)
class Built:
    """An integer graph, what it was made of, and its noise on held-out samples.

    `source` is the float graph it was converted from: the given one, or one equalised.
    """

    source: Graph
    graph: Graph
    forms: Forms
    ranges: Ranges
    refined: Refined
    equalized: tuple[tuple[str, str], ...]
    noise: float

    @property
    def flash_bytes(self) -> int:
        """See `flash_bytes`."""
        return flash_bytes(self.graph)


def build(given: Calibration, forms: Forms) -> Built:
    """The integer graph of these precisions, equalised if that leaves less noise."""
    plain = _build(given, given.graph, forms, ())
    held = {name: array[given.samples.count :] for name, array in given.exact.items()}
    equal = equalize(given.graph, forms, held)
    if not equal.pairs:
        return plain
    other = _build(given, equal.graph, forms, equal.pairs)
    return min(plain, other, key=lambda built: built.noise)


def _build(
    given: Calibration, graph: Graph, forms: Forms, pairs: tuple[tuple[str, str], ...]
) -> Built:
    ranges = calibrate(
        graph, given.arrays, observer=given.observer, percent=given.percent, forms=forms
    )
    converted = quantize_graph(graph, ranges, forms=forms)
    exact = values_of(graph, given.samples.both) if pairs else given.exact
    refined = refine(graph, converted, given.samples, exact)
    plain = Refined(converted, (), ())
    options = [(given.noise(each.graph), each) for each in (refined, plain)]
    least, kept = min(options, key=lambda option: option[0])
    return Built(graph, kept.graph, forms, ranges, kept, pairs, least)


def layer_bytes(graph: Graph, node: str, precision: Precision) -> int:
    """What the weights of a layer of the float `graph` take at a precision."""
    weights = next(graph.node_inputs(each)[1] for each in graph.nodes if each.name == node)
    return -(-weights.elements * precision.weights.bits // 8)
