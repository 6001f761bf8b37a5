"""What quantization costs: by tensor, by layer, and for the whole network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import DataError
from edge_runtime.evaluate import evaluate_node, predict, real, stored
from edge_runtime.graph import Array, Graph, Node
from edge_runtime.quant.build import Built, Calibration
from edge_runtime.quant.hints import Evidence
from edge_runtime.quant.mix import LayerChoice, Mixed, Recipe
from edge_runtime.quant.samples import noise, values_of
from edge_runtime.quant.scaling import own_tensors


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
    """Signal over quantization noise of what a layer makes.

    `sqnr_db` is with all noise before it, `own_db` when it is fed exact values; None where there is
    no noise at all. `hint` is the likeliest cause, and the next step.
    """

    node: str
    op: str
    tensor: str
    sqnr_db: float | None
    own_db: float | None = None
    hint: str = ""


@dataclass(frozen=True)
class FloatNode:
    """A node that stays float32, and why."""

    node: str
    op: str
    reason: str


@dataclass(frozen=True)
class Score:
    """The share of labelled samples, in percent, that a float and an integer graph get right."""

    samples: int
    float_percent: float
    quantized_percent: float
    agreement: float

    @staticmethod
    def of(exact: Array, held: Array, labels: Array) -> Score:
        """The score of both graphs' answers."""
        return Score(
            len(labels),
            100 * float(np.mean(exact == labels)),
            100 * float(np.mean(held == labels)),
            float(np.mean(exact == held)),
        )

    @property
    def drop(self) -> float:
        """Points lost; negative where the integer graph is right more often."""
        return self.float_percent - self.quantized_percent


@dataclass(frozen=True)
class Report:
    """The cost of quantizing, measured on `samples` calibration samples.

    `agreement` is the share of those held out for which the largest of the first output's values
    is the same one as in float; None for outputs of a single value. `flash_bytes` is what the
    constants take. `rounded`, `corrected` and `equalized` name the nodes whose int4 weights GPTQ
    rounded, whose biases were corrected, and the pairs equalised, each for the better. `score` is
    there where labelled samples were given. `note` says what else there is to know.
    """

    samples: int
    tensors: tuple[TensorRange, ...]
    layers: tuple[LayerError, ...]
    agreement: float | None
    note: str = ""
    recipe: str = Recipe.INT8.value
    choices: tuple[LayerChoice, ...] = ()
    floats: tuple[FloatNode, ...] = ()
    flash_bytes: int | None = None
    equalized: tuple[tuple[str, str], ...] = ()
    corrected: tuple[str, ...] = ()
    rounded: tuple[str, ...] = ()
    score: Score | None = field(default=None)

    def worst(self, count: int = 3) -> tuple[LayerError, ...]:
        """The layers of the lowest signal over noise."""
        noisy = [layer for layer in self.layers if layer.sqnr_db is not None]
        return tuple(sorted(noisy, key=lambda layer: layer.sqnr_db or 0.0)[:count])

    @property
    def drop(self) -> float | None:
        """Points lost: of the score if there is one, else of agreement with float."""
        if self.score is not None:
            return self.score.drop
        return None if self.agreement is None else 100 * (1 - self.agreement)


def measure(given: Calibration, mixed: Mixed, recipe: Recipe) -> Report:
    """Compare the integer graph of `mixed` with the float one on the samples of `given`."""
    built = mixed.built
    source = built.source
    arrays = given.samples.both
    exact = values_of(source, arrays) if built.equalized else given.exact
    inputs = {name: stored(built.graph.tensors[name], array) for name, array in arrays.items()}
    held = values_of(built.graph, inputs)
    return Report(
        len(next(iter(arrays.values()))),
        tuple(_tensor_range(built, name) for name in own_tensors(source, built.forms)),
        tuple(_layer_error(built, node, exact, held) for node in source.nodes),
        given.agreement(built.graph),
        recipe=recipe.value,
        choices=mixed.choices,
        floats=tuple(
            FloatNode(node.name, node.op.NAME, built.forms.floats[node.name])
            for node in source.nodes
            if node.name in built.forms.floats
        ),
        flash_bytes=built.flash_bytes,
        equalized=built.equalized,
        corrected=built.refined.corrected,
        rounded=built.refined.rounded,
    )


def _layer_error(
    built: Built, node: Node, exact: Mapping[str, Array], held: Mapping[str, Array]
) -> LayerError:
    graph = built.graph
    made = next(each for each in graph.nodes if each.name == node.name)
    output = graph.tensors[made.output]
    wanted = exact[node.output]
    whole = noise(wanted, real(output, held[made.output]))
    fed = {
        name: stored(graph.tensors[name], exact[source])
        for name, source in zip(made.inputs, node.inputs, strict=True)
        if graph.tensors[name].data is None
    }
    own = noise(wanted, real(output, evaluate_node(graph, made, fed)[0]))
    equalized = node.name in {name for pair in built.equalized for name in pair}
    # What a maximum pool's input is padded with is minus infinity, and tells nothing.
    finite = np.where(np.isfinite(wanted), wanted, np.float32(0))
    evidence = Evidence(made, graph, output, finite, own, whole, equalized)
    hint = "" if not whole or output.quantization is None else evidence.hint
    return LayerError(node.name, node.op.NAME, node.output, _db(whole), _db(own), hint)


def _db(ratio: float) -> float | None:
    return -10 * math.log10(ratio) if ratio else None


def _tensor_range(built: Built, name: str) -> TensorRange:
    chosen, tensor = built.ranges[name], built.graph.tensors.get(name)
    quantization = chosen.quantization
    if tensor is not None and tensor.quantization is not None:
        quantization = tensor.quantization
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


def answers(graph: Graph, x: Array | Mapping[str, Array], labels: Array) -> npt.NDArray[np.intp]:
    """For each sample the index of the first output's largest value; see `accuracy`."""
    inputs = x if isinstance(x, Mapping) else {graph.inputs[0]: x}
    outputs = predict(graph, inputs)[graph.outputs[0]]
    if labels.shape != (len(outputs),) or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels are {labels.dtype}{labels.shape}; allowed: whole numbers, ({len(outputs)},)"
        )
    return _largest(outputs)


def accuracy(graph: Graph, x: Array | Mapping[str, Array], labels: Array) -> float:
    """The share of samples whose label is the index of the first output's largest value.

    `x` is (samples, *the input's shape), or one such array by name for each input: real values, or
    the input's stored type. `labels` is (samples,), whole numbers from 0. DataError: arrays do not
    fit the graph or the labels.
    """
    return float(np.mean(answers(graph, x, labels) == labels))


def score(graph: Graph, quantized: Graph, x: Array | Mapping[str, Array], labels: Array) -> Score:
    """How a float and an integer graph answer the same labelled samples; see `accuracy`."""
    exact, held = (answers(each, x, labels) for each in (graph, quantized))
    return Score.of(exact, held, labels)
