"""Post-training quantization: calibrate, convert, and measure, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_runtime.graph import Array, DType, Graph
from edge_runtime.ops import Dequantize, Quantize
from edge_runtime.quant.calibrate import PERCENT, calibrate, calibration_arrays
from edge_runtime.quant.convert import check_float, quantize_graph
from edge_runtime.quant.ranges import Observer
from edge_runtime.quant.report import Report, measure

UNCHANGED = "the model is int8 already and is left as it is; the calibration data are not used"


@dataclass(frozen=True, eq=False)
class Quantized:
    """An int8 graph, and what quantizing it cost."""

    graph: Graph
    report: Report


def quantize(
    graph: Graph,
    calibration: Mapping[str, Array],
    *,
    observer: Observer | Mapping[str, Observer] | None = None,
    percent: float = PERCENT,
    interface: DType = DType.INT8,
) -> Quantized:
    """The int8 form of a float graph, by ranges seen on `calibration`.

    `calibration` has for each input, by name, (samples, *its shape) of real values: a few hundred
    typical ones. For `observer` and `percent` see `calibrate`, for `interface` `quantize_graph`. A
    graph that is int8 already comes back unchanged, with a note in the report.

    DataError: the arrays do not fit. ModelError: the graph is neither float32 nor int8 throughout,
    or keeps state.
    """
    if is_quantized(graph):
        return Quantized(graph, Report(0, (), (), None, UNCHANGED))
    check_float(graph)
    arrays = calibration_arrays(graph, calibration)
    ranges = calibrate(graph, arrays, observer=observer, percent=percent)
    inner = quantize_graph(graph, ranges)
    report = measure(graph, inner, ranges, arrays)
    if interface is DType.INT8:
        return Quantized(inner, report)
    return Quantized(quantize_graph(graph, ranges, interface=interface), report)


def is_quantized(graph: Graph) -> bool:
    """Whether all that is computed is computed in integers."""
    computing = [node for node in graph.nodes if not isinstance(node.op, Quantize | Dequantize)]
    return bool(graph.nodes) and all(
        not graph.node_output(node).dtype.is_float for node in computing
    )
