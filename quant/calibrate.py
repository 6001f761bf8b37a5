"""Calibration: run the float graph on typical inputs, and choose each tensor's range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edge_runtime.errors import DataError
from edge_runtime.evaluate import evaluate, matched, rebatch
from edge_runtime.graph import Array, DType, Graph, Node, Scaling
from edge_runtime.quant.ranges import Histogram, Observer, Range, Ranges

PERCENT = 99.99
PROBES = 32
"""Samples on which the errors of candidate ranges are measured."""


def calibrate(
    graph: Graph,
    data: Mapping[str, Array],
    *,
    observer: Observer | Mapping[str, Observer] | None = None,
    percent: float = PERCENT,
) -> dict[str, Range]:
    """A range for each tensor of the float `graph` that gets a quantization of its own.

    `data` has for each input (samples, *its shape) of real values. Where `observer` names none, for
    all tensors or for one, each observer's range is tried on some samples, and the one is taken
    with which what reads the tensor comes out best. DataError: see `calibration_arrays`; the graph
    overflows on the data; an observer is named for what is no tensor of its own.
    """
    arrays = calibration_arrays(graph, data)
    if not 50 < percent <= 100:
        raise DataError(f"percentile {percent}; allowed: more than 50, up to 100")
    named = _named(graph, observer)
    extremes = _extremes(graph, arrays)
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
    """`data` as float32, in the order of the inputs.

    DataError: names or shapes do not fit, an array is empty, or holds what is no finite number.
    """
    arrays = {}
    for name, array in matched(graph, data).items():
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


def own_tensors(graph: Graph) -> tuple[str, ...]:
    """The activations whose quantization is free: not handed on, as pools do, and not fixed."""
    made = (node.output for node in graph.nodes if not keeps_or_fixes(node))
    return (*graph.inputs, *made)


def keeps_or_fixes(node: Node) -> bool:
    """Whether the quantization of what `node` makes follows from the operation."""
    return node.op.SCALING is not Scaling.OWN


def _named(
    graph: Graph, observer: Observer | Mapping[str, Observer] | None
) -> Mapping[str, Observer]:
    own = own_tensors(graph)
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


def _extremes(graph: Graph, arrays: Mapping[str, Array]) -> dict[str, Range]:
    """Smallest to largest value of each tensor over all samples."""
    found = {name: Range(array.min(), array.max()) for name, array in arrays.items()}

    def observe(node: Node, values: Array) -> None:
        if keeps_or_fixes(node):
            return
        if not np.isfinite(values).all():
            raise DataError(
                f"node {node.name} ({node.op.NAME}) makes values that are not finite out of the"
                " calibration arrays",
                hint="are the arrays scaled as they were in training?",
            )
        seen = found.get(node.output, Range(0, 0))
        found[node.output] = Range(min(seen.low, values.min()), max(seen.high, values.max()))

    with np.errstate(over="ignore", invalid="ignore"):
        evaluate(graph, arrays, observe)
    return found


def _histograms(
    graph: Graph, arrays: Mapping[str, Array], extremes: Ranges
) -> dict[str, Histogram]:
    found = {name: Histogram.empty(range_) for name, range_ in extremes.items()}
    for name, array in arrays.items():
        found[name].add(array)

    def observe(node: Node, values: Array) -> None:
        if node.output in found:
            found[node.output].add(values)

    evaluate(graph, arrays, observe)
    return found


def _candidate(histogram: Histogram, widest: Range, observer: Observer, percent: float) -> Range:
    if widest.low == widest.high:
        return replace(widest, observer=observer)
    match observer:
        case Observer.MIN_MAX:
            return widest
        case Observer.PERCENTILE:
            return histogram.percentile(percent)
        case Observer.MSE:
            return histogram.least_error()


def spread(arrays: Mapping[str, Array], most: int) -> dict[str, Array]:
    """At most `most` samples, evenly from first to last."""
    count = len(next(iter(arrays.values())))
    chosen = np.unique(np.linspace(0, count - 1, min(most, count)).astype(int))
    return {name: array[chosen] for name, array in arrays.items()}


def values_of(graph: Graph, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Each activation for each sample: (samples, *shape), by name."""
    parts: dict[str, list[Array]] = {name: [array] for name, array in arrays.items()}

    def observe(node: Node, values: Array) -> None:
        parts.setdefault(node.output, []).append(values)

    evaluate(graph, arrays, observe)
    return {name: np.concatenate(values) for name, values in parts.items()}


class _Probe:
    """All activations for a few samples, and what becomes of them when one is quantized."""

    def __init__(self, graph: Graph, arrays: Mapping[str, Array]) -> None:
        few = spread(arrays, PROBES)
        self._graph = graph
        self._values = values_of(graph, few)
        self._batched = rebatch(graph, len(next(iter(few.values()))))

    def error(self, name: str, range_: Range) -> float:
        """Noise over signal, squared, in what is made from `name`; in itself if nothing is."""
        quantization = range_.quantization
        exact = self._values[name]
        held = quantization.dequantize(quantization.quantize(exact, DType.INT8))
        readers = self._graph.consumers(name) if self._batched is not None else ()
        errors = [self._at(node, name, held) for node in readers]
        if name in self._graph.outputs or not readers:
            errors.append(noise(exact, held))
        return float(np.mean(errors))

    def _at(self, node: Node, name: str, held: Array) -> float:
        assert self._batched is not None
        batched = next(each for each in self._batched.nodes if each.name == node.name)
        inputs = self._batched.node_inputs(batched)
        values = []
        for tensor in inputs:
            value = held if tensor.name == name else self._values.get(tensor.name)
            values.append(tensor.values if value is None else value.reshape(tensor.shape))
        made = batched.op.evaluate(values, inputs, self._batched.node_output(batched))
        return noise(self._values[node.output], made)


def noise(exact: Array, held: Array) -> float:
    """Squared error over squared signal; 0 where both are nothing.

    What a maximum pool's input is padded with is minus infinity, and no signal.
    """
    finite = np.isfinite(exact).ravel()
    values = exact.ravel()[finite].astype(np.float64)
    signal = np.sum(np.square(values))
    error = np.sum(np.square(values - held.ravel()[finite]))
    return float(error / signal) if signal else float(error > 0)
