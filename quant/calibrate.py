"""Calibration: run the float graph on typical inputs, and choose each tensor's range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.errors import DataError
from edge_runtime.evaluate import evaluate_node, matched
from edge_runtime.graph import Array, DType, Graph, Node
from edge_runtime.quant.precision import Forms
from edge_runtime.quant.ranges import Histogram, Observer, Range, Ranges
from edge_runtime.quant.samples import chunks, noise, spread, values_of
from edge_runtime.quant.scaling import own_tensors

PERCENT = 99.99
PROBES = 32
"""Samples on which the errors of candidate ranges are measured."""


def calibrate(
    graph: Graph,
    data: Mapping[str, Array],
    *,
    observer: Observer | Mapping[str, Observer] | None = None,
    percent: float = PERCENT,
    forms: Forms | None = None,
) -> dict[str, Range]:
    """A range for each tensor of the float `graph` that gets a quantization of its own.

    `data` has for each input (samples, *its shape) of real values. Where `observer` names none, for
    all tensors or for one, each observer's range is tried on some samples, and the one is taken
    with which what reads the tensor comes out best. `forms` is what each node is to become, int8
    by default. DataError: see `calibration_arrays`; the graph overflows on the data; an observer is
    named for what is no tensor of its own.
    """
    arrays = calibration_arrays(graph, data)
    if not 50 < percent <= 100:
        raise DataError(f"percentile {percent}; allowed: more than 50, up to 100")
    own = own_tensors(graph, forms)
    named = _named(own, observer)
    extremes = _extremes(graph, arrays, own)
    if set(named.values()) == {Observer.MIN_MAX} and len(named) == len(extremes):
        return extremes
    histograms = _histograms(graph, arrays, extremes)
    probe = _Probe(graph, arrays)
    chosen = {}
    for name, widest in extremes.items():
        observers = [named[name]] if name in named else list(Observer)
        candidates = [_candidate(histograms[name], widest, each, percent) for each in observers]
        chosen[name] = min(candidates, key=lambda range_: probe.error(name, range_))
    return chosen


def calibration_arrays(graph: Graph, data: Mapping[str, Array]) -> dict[str, Array]:
    """`data` as float32, in the order of the inputs; indices keep the type that their input has.

    DataError: names or shapes do not fit, an array is empty, or holds what is no finite number, or
    no whole one for an input of whole numbers.
    """
    arrays = {}
    for name, array in matched(graph, data).items():
        kind = graph.tensors[name].dtype
        if not kind.is_float:
            arrays[name] = _whole(name, array, kind)
            continue
        if array.dtype.kind not in "fiu":
            raise DataError(f"array {name} is {array.dtype}; allowed: real numbers")
        with np.errstate(over="ignore"):
            arrays[name] = array.astype(np.float32)
        wrong = ~np.isfinite(arrays[name])
        if wrong.any():
            where = tuple(int(index) for index in np.argwhere(wrong)[0])
            raise DataError(
                f"array {name} holds {np.count_nonzero(wrong)} values that are no finite float32,"
                f" the first at {where}: {array[where]}",
                hint="remove these samples, or mend how they were recorded",
            )
    return arrays


def _whole(name: str, array: Array, kind: DType) -> Array:
    """Indices or truth values as an input of this type takes them."""
    converted = array.astype(kind.numpy)
    if not np.array_equal(converted, array):
        raise DataError(
            f"array {name} is {array.dtype} and holds what is no {kind.value}",
            hint=f"the model's input is {kind.value}: give it as such",
        )
    return converted


def _named(
    own: Sequence[str], observer: Observer | Mapping[str, Observer] | None
) -> Mapping[str, Observer]:
    if observer is None:
        return {}
    if isinstance(observer, Observer):
        return dict.fromkeys(own, observer)
    unknown = [name for name in observer if name not in own]
    if unknown:
        raise DataError(
            f"observers are named for {', '.join(unknown)}, which have no range of their own",
            hint=f"tensors that have one: {', '.join(own)}",
        )
    return observer


def _extremes(graph: Graph, arrays: Mapping[str, Array], own: Sequence[str]) -> dict[str, Range]:
    """Smallest to largest value of each tensor of `own` over all samples."""
    found: dict[str, Range] = {}
    for values in chunks(graph, arrays):
        for name in own:
            _check_finite(graph, name, values[name])
            low, high = float(values[name].min()), float(values[name].max())
            seen = found.get(name, Range(0, 0))
            found[name] = Range(min(seen.low, low), max(seen.high, high))
    return {name: replace(seen, seen=(seen.low, seen.high)) for name, seen in found.items()}


def _check_finite(graph: Graph, name: str, values: Array) -> None:
    node = graph.producer(name)
    if node is not None and not np.isfinite(values).all():
        raise DataError(
            f"node {node.name} ({node.op.NAME}) makes values that are not finite out of the"
            " calibration arrays",
            hint="are the arrays scaled as they were in training?",
        )


def _histograms(
    graph: Graph, arrays: Mapping[str, Array], extremes: Ranges
) -> dict[str, Histogram]:
    found = {name: Histogram.empty(range_) for name, range_ in extremes.items()}
    for values in chunks(graph, arrays):
        for name, histogram in found.items():
            histogram.add(values[name])
    return found


def _candidate(histogram: Histogram, widest: Range, observer: Observer, percent: float) -> Range:
    if widest.low == widest.high:
        return replace(widest, observer=observer)
    match observer:
        case Observer.MIN_MAX:
            return widest
        case Observer.PERCENTILE:
            found = histogram.percentile(percent)
        case Observer.MSE:
            found = histogram.least_error()
        case Observer.ENTROPY:
            found = histogram.least_divergence()
    return replace(found, seen=widest.seen)


class _Probe:
    """All activations for a few samples, and what becomes of them when one is quantized."""

    def __init__(self, graph: Graph, arrays: Mapping[str, Array]) -> None:
        self._graph = graph
        self._values = values_of(graph, spread(arrays, PROBES))

    def error(self, name: str, range_: Range) -> float:
        """Squared noise over signal in what is made from `name`; in itself if nothing is."""
        quantization = range_.quantization
        exact = self._values[name]
        held = quantization.dequantize(quantization.quantize(exact, DType.INT8))
        readers = self._graph.consumers(name)
        errors = [self._at(node, name, held) for node in readers]
        if name in self._graph.outputs or not readers:
            errors.append(noise(exact, held))
        return float(np.mean(errors))

    def _at(self, node: Node, name: str, held: Array) -> float:
        made = evaluate_node(self._graph, node, {**self._values, name: held})
        return noise(self._values[node.output], made[0])
