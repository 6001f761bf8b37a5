"""Layer by layer through an integer graph: better rounding of int4 weights, corrected biases.

Each layer is fed what the layers before it, refined already, make of the calibration samples, so it
makes up for their errors as far as its weights and biases can. A change is kept where it helps on
samples that it was not made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.evaluate import evaluate_node, real, stored
from edge_runtime.graph import Activation, Array, DType, Graph, Kind, Node, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Linear
from edge_runtime.quant.columns import columns, groups_of, is_known
from edge_runtime.quant.convert import integer_bias
from edge_runtime.quant.gptq import error, hessian, round_rows
from edge_runtime.quant.precision import has_weights
from edge_runtime.quant.samples import Samples, noise
from edge_runtime.quant.weights import Floats, from_rows, grid, least_scales, rows_of


@dataclass(frozen=True, eq=False)
class Refined:
    """An integer graph, and the nodes whose weights or biases were changed for the better."""

    graph: Graph
    rounded: tuple[str, ...]
    corrected: tuple[str, ...]


def refine(
    graph: Graph,
    quantized: Graph,
    samples: Samples,
    exact: Mapping[str, Array],
    *,
    rounding: bool = True,
    correction: bool = True,
) -> Refined:
    """`quantized`, the integer form of the float `graph`, with its layers refined one by one.

    `exact` has each activation of `graph` for `samples.both`. `rounding` is GPTQ for int4 weights,
    `correction` that of biases by the mean error of what they are added to (Nagel et al. 2019,
    section 4.2, the empirical form).
    """
    walk = _Walk(graph, quantized, samples, exact)
    for node in quantized.nodes:
        layer = walk.layer(node)
        if layer is not None and rounding:
            walk.round(layer)
        if layer is not None and correction:
            walk.correct(layer)
        walk.step(node)
    return Refined(verify(walk.current()), tuple(walk.rounded), tuple(walk.corrected))


def round_layer(
    graph: Graph, quantized: Graph, node: str, samples: Samples, values: Mapping[str, Array]
) -> Graph:
    """`quantized` with GPTQ done for one layer, fed with the stored `values` of `samples.both`."""
    walk = _Walk(graph, quantized, samples, {})
    walk.values = dict(values)
    for each in quantized.nodes:
        layer = walk.layer(each) if each.name == node else None
        if layer is not None:
            walk.round(layer)
    return walk.current()


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer with weights: the node of the integer graph, and that of the float graph."""

    node: Node
    op: Linear
    source: Node


class _Walk:
    """The tensors as they are so far, and the stored values of all that was made."""

    def __init__(
        self, graph: Graph, quantized: Graph, samples: Samples, exact: Mapping[str, Array]
    ) -> None:
        self.source = graph
        self.quantized = quantized
        self.count = samples.count
        self.exact = exact
        self.tensors = dict(quantized.tensors)
        self.rounded: list[str] = []
        self.corrected: list[str] = []
        self._floats = {node.name: node for node in graph.nodes}
        self._readers = {name: len(quantized.consumers(name)) for name in quantized.tensors}
        self.values: dict[str, Array] = {
            name: stored(self.tensors[name], array) for name, array in samples.both.items()
        }

    def current(self) -> Graph:
        """The integer graph with the tensors as they are so far."""
        return replace(self.quantized, tensors=self.tensors)

    def layer(self, node: Node) -> _Layer | None:
        """`node` if it is a layer with integer weights."""
        source = self._floats.get(node.name)
        if source is None or not isinstance(node.op, Linear):
            return None
        if self.tensors[node.output].dtype.is_float or not has_weights(self.source, source):
            return None
        return _Layer(node, node.op, source)

    def step(self, node: Node) -> None:
        """Run `node`, and forget what nothing reads any more."""
        made = evaluate_node(self.current(), node, self.values)
        self.values.update(zip(node.outputs, made, strict=True))
        for name in set(node.inputs):
            self._readers[name] -= 1
            if self._readers[name] == 0:
                self.values.pop(name, None)

    def round(self, layer: _Layer) -> None:
        """GPTQ, where that leaves less error than the nearest integers do."""
        weights = self.tensors[layer.node.inputs[1]]
        if weights.dtype is not DType.INT4 or not is_known(self.quantized, layer.node):
            return
        whole, scales = gptq(
            self.current(), layer.node, self._real_weights(layer), self._fed(layer)
        )
        before = self._held_error(layer, weights)
        made = Tensor.constant(
            weights.name,
            from_rows(layer.op, whole, weights.values).astype(np.int8),
            grid(layer.op, scales),
            DType.INT4,
        )
        if self._held_error(layer, made) < before:
            self._replace(layer, made, self._real_bias(layer))
            self.rounded.append(layer.node.name)

    def _fed(self, layer: _Layer) -> Array:
        """What the layer is fed, less its zero point, for the samples to fit."""
        return _shifted(self.tensors, layer.node, self.values)[: self.count]

    def _held_error(self, layer: _Layer, weights: Tensor) -> float:
        graph, node = self.current(), layer.node
        fed = _shifted(self.tensors, node, self.values)[self.count :]
        matrix = hessian(columns(graph, node, fed))
        groups = groups_of(graph, node)
        exact, held = (
            rows_of(layer.op, values).astype(np.float64).reshape(groups, -1, matrix.shape[1])
            for values in (self._real_weights(layer), weights.quant.dequantize(weights.values))
        )
        return float(error(exact, held, matrix).sum())

    def _real_weights(self, layer: _Layer) -> Array:
        return self.source.tensors[layer.source.inputs[1]].values

    def _real_bias(self, layer: _Layer) -> Array | None:
        names = layer.source.inputs[2:]
        return self.source.tensors[names[0]].values.reshape(-1) if names else None

    def _replace(self, layer: _Layer, weights: Tensor, bias: Array | None) -> None:
        """Give the layer other weights, and its bias in units that suit them."""
        self.tensors[weights.name] = weights
        if bias is None:
            return
        old = self.tensors[layer.node.inputs[2]]
        source = self.tensors[layer.node.inputs[0]].quant.scale
        whole, sums = integer_bias(bias, source, weights.quant.scales, old.dtype)
        self.tensors[old.name] = Tensor.constant(old.name, whole, sums)

    def correct(self, layer: _Layer) -> None:
        """Take the mean error of each output channel out of the bias, where that helps."""
        real_bias = self._real_bias(layer)
        if real_bias is None:
            return
        weights = self.tensors[layer.node.inputs[1]]
        old = self.tensors[layer.node.inputs[2]]
        before = self._held_noise(layer)
        self._replace(layer, weights, real_bias + self._mean_error(layer))
        if self._held_noise(layer) < before:
            self.corrected.append(layer.node.name)
        else:
            self.tensors[old.name] = old

    def _mean_error(self, layer: _Layer) -> Floats:
        """Mean over samples and places of the exact sums less those of the integer layer.

        Sums are linear in what the layer is fed, so the mean of that stands for all samples.
        """
        image, weights, bias = (self.tensors[name] for name in layer.node.inputs)
        exact = self.exact[layer.source.inputs[0]][: self.count].mean(0, dtype=np.float64)
        fed = self._fed(layer).mean(0, dtype=np.float64) * image.quant.scale
        held: list[Array] = [weights.quant.dequantize(weights.values), _real_sums(bias)]
        given: list[Array] = [self.source.tensors[name].values for name in layer.source.inputs[1:]]
        difference = _sums(layer.op, exact, given) - _sums(layer.op, fed, held)
        return np.asarray(difference.reshape(-1, difference.shape[-1]).mean(0))

    def _held_noise(self, layer: _Layer) -> float:
        node = layer.node
        values = {
            name: self.values[name][self.count :] for name in node.inputs if name in self.values
        }
        made = evaluate_node(self.current(), node, values)[0]
        exact = self.exact[layer.source.output][self.count :]
        return noise(exact, real(self.tensors[node.output], made))


def gptq(graph: Graph, node: Node, weights: Array, fed: Array) -> tuple[Floats, Floats]:
    """int4 weights of a layer as rows of whole numbers, and the scale of each output channel.

    `fed` is (samples, *shape) of what `node` of the integer `graph` reads, less the zero point.
    """
    assert isinstance(node.op, Linear)
    rows = rows_of(node.op, weights).astype(np.float64)
    groups = groups_of(graph, node)
    parted = rows.reshape(groups, -1, rows.shape[1])
    matrix = hessian(columns(graph, node, fed))
    bias = graph.tensors[node.inputs[2]] if len(node.inputs) > 2 else None
    source = graph.tensors[node.inputs[0]].quant.scale
    least = least_scales(None if bias is None else _real_sums(bias), source, len(rows))
    whole, scales = round_rows(parted, matrix, DType.INT4, least.reshape(groups, -1))
    return whole.reshape(rows.shape), scales.reshape(-1)


def _shifted(tensors: Mapping[str, Tensor], node: Node, values: Mapping[str, Array]) -> Array:
    """What `node` reads, less its zero point."""
    image = tensors[node.inputs[0]]
    return values[image.name].astype(np.float32) - image.quant.zero_point


def _real_sums(bias: Tensor) -> Floats:
    """The real values of an integer bias."""
    return np.asarray(bias.values.reshape(-1) * np.asarray(bias.quant.scales, np.float64))


def _sums(op: Linear, image: Array, constants: list[Array]) -> Array:
    """What a layer makes in float before its activation, of one sample."""
    values = [np.asarray(array, np.float32) for array in (image, *constants)]
    tensors = [
        Tensor("", value.shape, DType.FLOAT32, Kind.ACTIVATION if i == 0 else Kind.CONSTANT)
        for i, value in enumerate(values)
    ]
    plain = replace(op, activation=Activation.NONE)
    output = Tensor("", plain.output_shape(tensors), DType.FLOAT32)
    return plain.evaluate(values, tensors, output)
