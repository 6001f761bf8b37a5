"""What quantization costs: by tensor, by layer, and for the whole network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import DataError
from edge_runtime.evaluate import predict, real, stored
from edge_runtime.graph import Array, Graph
from edge_runtime.quant.ranges import Ranges
from edge_runtime.quant.samples import noise, spread, values_of
from edge_runtime.quant.scaling import own_tensors

MEASURED = 256
"""Most samples that a report is measured on."""


@dataclass(frozen=True)
class TensorRange:
    """How one activation is stored: real = scale * (stored - zero_point)."""

    tensor: str
    observer: str
    low: float
    high: float
    scale: float
    zero_point: int


@dataclass(frozen=True)
class LayerError:
    """Signal over quantization noise of what a layer makes, all noise before it included.

    `sqnr_db` is None where there is no noise at all.
    """

    node: str
    op: str
    tensor: str
    sqnr_db: float | None


@dataclass(frozen=True)
class Report:
    """The cost of quantizing, measured on `samples` of the calibration samples.

    `agreement` is the share of them for which the largest of the first output's values is the same
    one as in float; None for outputs of a single value. `note` says what else there is to know.
    """

    samples: int
    tensors: tuple[TensorRange, ...]
    layers: tuple[LayerError, ...]
    agreement: float | None
    note: str = ""

    def worst(self, count: int = 3) -> tuple[LayerError, ...]:
        """The layers of the lowest signal over noise."""
        noisy = [layer for layer in self.layers if layer.sqnr_db is not None]
        return tuple(sorted(noisy, key=lambda layer: layer.sqnr_db or 0.0)[:count])


def measure(graph: Graph, quantized: Graph, ranges: Ranges, arrays: Mapping[str, Array]) -> Report:
    """Compare `quantized` (with int8 inputs and outputs) with the float `graph` on `arrays`."""
    few = spread(arrays, MEASURED)
    exact = values_of(graph, few)
    inputs = {name: stored(quantized.tensors[name], array) for name, array in few.items()}
    held = values_of(quantized, inputs)
    layers = []
    for node in graph.nodes:
        ratio = noise(exact[node.output], real(quantized.tensors[node.output], held[node.output]))
        decibels = -10 * math.log10(ratio) if ratio else None
        layers.append(LayerError(node.name, node.op.NAME, node.output, decibels))
    first = graph.outputs[0]
    several = graph.tensors[first].elements > 1
    agreement = float(np.mean(_largest(exact[first]) == _largest(held[first])))
    return Report(
        len(next(iter(few.values()))),
        tuple(_tensor_range(quantized, ranges, name) for name in own_tensors(graph)),
        tuple(layers),
        agreement if several else None,
    )


def _tensor_range(quantized: Graph, ranges: Ranges, name: str) -> TensorRange:
    chosen, quantization = ranges[name], quantized.tensors[name].quant
    return TensorRange(
        name,
        chosen.observer.value,
        chosen.low,
        chosen.high,
        quantization.scale,
        quantization.zero_point,
    )


def _largest(values: Array) -> npt.NDArray[np.intp]:
    result: npt.NDArray[np.intp] = values.reshape(len(values), -1).argmax(1)
    return result


def accuracy(graph: Graph, x: Array | Mapping[str, Array], labels: Array) -> float:
    """The share of samples whose label is the index of the first output's largest value.

    `x` is (samples, *the input's shape), or one such array by name for each input: real values, or
    the input's stored type. `labels` is (samples,), whole numbers from 0. DataError: arrays do not
    fit the graph or the labels.
    """
    inputs = x if isinstance(x, Mapping) else {graph.inputs[0]: x}
    outputs = predict(graph, inputs)[graph.outputs[0]]
    if labels.shape != (len(outputs),) or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels are {labels.dtype}{labels.shape}; allowed: whole numbers, ({len(outputs)},)"
        )
    return float(np.mean(_largest(outputs) == labels))
