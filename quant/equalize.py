"""Cross-layer equalisation: channels between two layers scaled so that all use their range.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019),
section 4.1: what a channel is divided by in the first layer, the second multiplies it by. Where
weights have a scale for each output channel, as here, what is gained is in the activations between
the layers and in the second layer's weights; so besides the paper's choice, which evens out the
weights, one that weighs the activations themselves is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.evaluate import predict
from edge_runtime.graph import Activation, Array, Graph, Node, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.ops import DepthwiseConv2D, Linear
from edge_runtime.quant.columns import is_known
from edge_runtime.quant.convert import quantize_graph
from edge_runtime.quant.precision import Forms
from edge_runtime.quant.ranges import Range
from edge_runtime.quant.samples import noise
from edge_runtime.quant.weights import Floats, rows_of

GAIN = 0.95
"""A pair's noise must fall to this share of what it was, or the pair is left alone."""
MOST = 64.0
"""No channel is scaled by more than this, nor by less than its inverse."""


@dataclass(frozen=True, eq=False)
class Equalized:
    """A float graph that computes the same, and the pairs of nodes that were changed."""

    graph: Graph
    pairs: tuple[tuple[str, str], ...]


def equalize(graph: Graph, forms: Forms, exact: Mapping[str, Array]) -> Equalized:
    """`graph` with each pair of layers equalised whose output then has less noise.

    `exact` has each activation of `graph` for the samples to judge by: (samples, *shape).
    """
    values = dict(exact)
    changed = []
    for first, second in _pairs(graph):
        tried = [
            _Trial.of(graph, forms, first, second, values, factors)
            for factors in _factors(graph, first, second, values[first.output])
        ]
        best = min(tried, key=lambda trial: trial.noise)
        if best.noise < GAIN * _Trial.of(graph, forms, first, second, values).noise:
            graph = best.graph
            values[first.output] = best.middle
            changed.append((first.name, second.name))
    return Equalized(verify(graph), tuple(changed))


def _pairs(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Layers of which the second alone reads the first, with no more than a ReLU between."""
    for first in graph.nodes:
        readers = graph.consumers(first.output)
        if len(readers) != 1 or first.output in graph.outputs or not _is_layer(graph, first):
            continue
        linear = isinstance(first.op, Linear) and first.op.activation in {
            Activation.NONE,
            Activation.RELU,
        }
        if linear and _is_layer(graph, readers[0]) and _reads_channels(graph, readers[0]):
            yield first, readers[0]


def _is_layer(graph: Graph, node: Node) -> bool:
    constants = graph.node_inputs(node)[1:]
    return is_known(graph, node) and all(tensor.data is not None for tensor in constants)


def _reads_channels(graph: Graph, node: Node) -> bool:
    """Whether the channels of what `node` reads each meet weights of their own."""
    image, weights = graph.node_inputs(node)[:2]
    if isinstance(node.op, DepthwiseConv2D):
        return True
    return image.shape[-1] == weights.shape[-1]


def _input_ranges(graph: Graph, node: Node) -> Floats:
    """The largest weight that each channel of what `node` reads is multiplied by."""
    image, weights = graph.node_inputs(node)[:2]
    largest = np.abs(weights.values).reshape(-1, weights.shape[-1]).max(0)
    if isinstance(node.op, DepthwiseConv2D):
        largest = largest.reshape(image.shape[-1], -1).max(1)
    return np.asarray(largest, np.float64)


def _factors(graph: Graph, first: Node, second: Node, middle: Array) -> list[Floats]:
    """What to divide the channels by: for even weights, and for even activations and weights."""
    assert isinstance(first.op, Linear)
    weights = rows_of(first.op, graph.node_inputs(first)[1].values)
    seen = np.abs(middle).reshape(-1, middle.shape[-1]).max(0)
    after = _input_ranges(graph, second)
    return [_even(np.abs(weights).max(1), after), _even(seen, after)]


def _even(before: Array, after: Floats) -> Floats:
    """Factors that make both ranges sqrt(before * after); 1 where either is 0."""
    alive = (before > 0) & (after > 0)
    ratio = np.where(alive, before, 1.0) / np.where(alive, after, 1.0)
    factors = np.sqrt(ratio)
    factors = factors / np.exp(np.mean(np.log(factors)))
    return np.asarray(np.clip(np.where(alive, factors, 1.0), 1 / MOST, MOST))


@dataclass(frozen=True, eq=False)
class _Trial:
    """A graph with one pair scaled, what it makes between the two, and the noise behind them."""

    graph: Graph
    middle: Array
    noise: float

    @staticmethod
    def of(
        graph: Graph,
        forms: Forms,
        first: Node,
        second: Node,
        values: Mapping[str, Array],
        factors: Floats | None = None,
    ) -> _Trial:
        """The pair quantized by itself; without `factors` as it is."""
        middle = values[first.output]
        if factors is not None:
            graph = _scaled(graph, first, second, factors)
            middle = (middle / factors).astype(np.float32)
        source, output = first.inputs[0], second.output
        names = [*first.inputs, *second.inputs, output]
        tensors = {name: graph.tensors[name] for name in names}
        pair = Graph(graph.name, tensors, (first, second), (source,), (output,))
        given = {source: values[source], first.output: middle, output: values[output]}
        ranges = {name: Range(array.min(), array.max()) for name, array in given.items()}
        kept = Forms(
            {n.name: forms.precisions[n.name] for n in pair.nodes if n.name in forms.precisions}, {}
        )
        made = predict(quantize_graph(pair, ranges, forms=kept), {source: values[source]})
        return _Trial(graph, middle, noise(values[output], made[output]))


def _scaled(graph: Graph, first: Node, second: Node, factors: Floats) -> Graph:
    """`graph` with the channels between two layers divided by `factors`."""
    tensors = dict(graph.tensors)
    assert isinstance(first.op, Linear)
    weights, *bias = graph.node_inputs(first)[1:]
    shape = [1] * len(weights.shape)
    shape[first.op.weight_axis] = -1
    tensors |= _constant(weights, weights.values / factors.reshape(shape))
    for each in bias:
        tensors |= _constant(each, each.values / factors.reshape(each.shape))
    weights = graph.node_inputs(second)[1]
    repeats = weights.shape[-1] // len(factors)
    tensors |= _constant(weights, weights.values * np.repeat(factors, repeats))
    return replace(graph, tensors=tensors)


def _constant(old: Tensor, values: Array) -> dict[str, Tensor]:
    return {old.name: Tensor.constant(old.name, values.astype(np.float32))}
