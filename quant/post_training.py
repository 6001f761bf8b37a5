"""Post-training quantization: choose, calibrate, convert, refine, and measure, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge_runtime.errors import DataError
from edge_runtime.graph import Array, DType, Graph, Kind
from edge_runtime.ops import Dequantize, Quantize
from edge_runtime.quant.build import Calibration
from edge_runtime.quant.calibrate import PERCENT, calibration_arrays
from edge_runtime.quant.convert import INTERFACES, check_float, with_float_interface
from edge_runtime.quant.masks import bounded
from edge_runtime.quant.mix import Recipe, mix
from edge_runtime.quant.ranges import Observer
from edge_runtime.quant.report import Report, Score, answers, measure
from edge_runtime.quant.streaming import Opened

UNCHANGED = "the model is int8 already and is left as it is; the calibration data are not used"


@dataclass(frozen=True, eq=False)
class Quantized:
    """An integer graph, and what quantizing it cost."""

    graph: Graph
    report: Report


@dataclass(frozen=True, eq=False)
class Labelled:
    """Samples by the inputs' names, and what class each is of: whole numbers from 0."""

    arrays: Mapping[str, Array]
    labels: Array


def quantize(
    graph: Graph,
    calibration: Mapping[str, Array],
    *,
    recipe: Recipe = Recipe.INT8,
    observer: Observer | Mapping[str, Observer] | None = None,
    percent: float = PERCENT,
    interface: DType = DType.INT8,
    flash: int | None = None,
    most_drop: float | None = None,
    evaluation: Labelled | None = None,
) -> Quantized:
    """The integer form of a float graph, by what is seen on `calibration`.

    `calibration` has for each input, by name, (samples, *its shape) of real values: a few hundred
    typical ones; every fourth serves to judge what is tried. For `observer` and `percent` see
    `calibrate`, for `interface` `quantize_graph`, for `flash` and `most_drop`, which only
    `Recipe.AUTO` takes into account, `mix`. What is made is scored on `evaluation`, which nothing
    is chosen by but how many tensors `Recipe.AUTO` widens to keep to `most_drop`. A graph that is
    int8 already comes back unchanged, with a note in the report. For one that keeps state,
    `calibration` has (sequences, steps, *shape), each sequence from the start.

    DataError: the arrays do not fit. ModelError: the graph is neither float32 nor int8 throughout,
    or an operation updates its state within itself. BudgetError: no mix of precisions fits `flash`.
    """
    if interface not in INTERFACES:
        raise DataError(f"interface {interface.value}; allowed: int8, float32")
    if is_quantized(graph):
        return Quantized(graph, Report(0, (), (), None, UNCHANGED))
    if graph.of_kind(Kind.STATE):
        if evaluation is not None:
            raise DataError("models that keep state are not scored", hint="leave --eval out")
        opened = Opened.of(graph)
        inner = quantize(
            opened.graph,
            opened.recorded(calibration),
            recipe=recipe,
            observer=observer,
            percent=percent,
            flash=flash,
            most_drop=most_drop,
        )
        closed = opened.closed(inner.graph)
        kept = closed if interface is DType.INT8 else with_float_interface(closed)
        return Quantized(kept, inner.report)
    check_float(graph)
    arrays = calibration_arrays(graph, calibration)
    graph = bounded(graph, arrays)
    given = Calibration.of(graph, arrays, observer, percent)
    judge = None if evaluation is None else _Judge(graph, evaluation)
    drop = None if judge is None else judge.drop
    mixed = mix(given, recipe, flash=flash, most_drop=most_drop, drop=drop)
    made = mixed.built.graph
    report = measure(given, mixed, recipe)
    if judge is not None:
        report = replace(report, score=judge.score(made))
    return Quantized(made if interface is DType.INT8 else with_float_interface(made), report)


class _Judge:
    """Scores integer graphs on labelled samples, which the float graph answers once."""

    def __init__(self, graph: Graph, evaluation: Labelled) -> None:
        self._samples = evaluation
        self._exact = answers(graph, evaluation.arrays, evaluation.labels)

    def score(self, quantized: Graph) -> Score:
        """The score of both graphs."""
        arrays, labels = self._samples.arrays, self._samples.labels
        return Score.of(self._exact, answers(quantized, arrays, labels), labels)

    def drop(self, quantized: Graph) -> float:
        """The points lost."""
        return self.score(quantized).drop


def is_quantized(graph: Graph) -> bool:
    """Whether all that is computed is computed in integers."""
    return bool(graph.nodes) and not float_nodes(graph)


def float_nodes(graph: Graph) -> tuple[str, ...]:
    """The nodes that compute in float32: all but those that quantize and dequantize."""
    return tuple(
        node.name
        for node in graph.nodes
        if not isinstance(node.op, Quantize | Dequantize)
        and any(
            tensor.dtype.is_float
            for tensor in (*graph.node_inputs(node), *graph.node_outputs(node))
        )
    )
