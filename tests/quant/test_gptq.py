from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from builder import Builder

from edge_runtime.evaluate import predict
from edge_runtime.graph import Activation, Array, DType, Graph, Tensor
from edge_runtime.quant import Forms, Precision, calibrate, quantize_graph
from edge_runtime.quant.columns import columns, groups_of
from edge_runtime.quant.equalize import equalize
from edge_runtime.quant.gptq import error, hessian, round_rows
from edge_runtime.quant.ranges import Histogram, Observer, Range
from edge_runtime.quant.refine import refine
from edge_runtime.quant.samples import Samples, values_of
from edge_runtime.quant.weights import on_grid, rows_of, scales_of

FLOAT, INT4 = DType.FLOAT32, DType.INT4


def correlated(count: int, inputs: int, seed: int = 0) -> npt.NDArray[np.float32]:
    random = np.random.default_rng(seed)
    mixed = random.normal(0, 1, (count, inputs // 2)) @ random.normal(0, 1, (inputs // 2, inputs))
    return (mixed + 0.3 * random.normal(0, 1, (count, inputs))).astype(np.float32)


@pytest.mark.parametrize("groups", [1, 3])
def test_gptq_leaves_less_output_error_than_the_nearest_integers(groups: int) -> None:
    random = np.random.default_rng(1)
    fed = np.stack([correlated(500, 24, seed) for seed in range(groups)])
    matrix = hessian(fed)
    rows = random.normal(0, 1, (groups, 6, 24))
    least = np.full((groups, 6), 1e-9)
    whole, scales = round_rows(rows, matrix, INT4, least)
    assert np.array_equal(whole, np.rint(whole))
    assert whole.min() >= -8
    assert whole.max() <= 7
    flat = rows.reshape(-1, 24)
    near = on_grid(flat, scales_of(flat, INT4, least.reshape(-1)), INT4).reshape(rows.shape)
    by_gptq = error(rows, whole * scales[:, :, None], matrix).sum()
    assert by_gptq < 0.5 * error(rows, near, matrix).sum()


def test_the_hessian_gives_the_error_of_outputs() -> None:
    random = np.random.default_rng(2)
    fed, rows = correlated(200, 8)[None], random.normal(0, 1, (1, 3, 8))
    held = rows + random.normal(0, 0.1, rows.shape)
    outputs = np.square((rows - held) @ fed[0].T.astype(np.float64)).sum(2)
    np.testing.assert_allclose(error(rows, held, hessian(fed)), outputs, rtol=1e-4)


def test_inputs_that_are_always_zero_do_no_harm() -> None:
    fed = correlated(100, 8)[None].copy()
    fed[:, :, 3] = 0
    whole, scales = round_rows(np.ones((1, 2, 8)), hessian(fed), INT4, np.full((1, 2), 1e-9))
    assert np.isfinite(whole * scales[:, :, None]).all()


def _layers() -> dict[str, Graph]:
    made = {}
    for name in ("conv", "depthwise", "wide depthwise", "dense"):
        builder = Builder(FLOAT)
        image = builder.input(1, 5, 6, 4)
        made[name] = builder.graph(
            {
                "conv": lambda b=builder, i=image: b.conv(i, 3),
                "depthwise": lambda b=builder, i=image: b.depthwise(i),
                "wide depthwise": lambda b=builder, i=image: b.depthwise(i, 2),
                "dense": lambda b=builder, i=image: b.dense(b.reshape(i, 1, 120), 3),
            }[name]()
        )
    return made


@pytest.mark.parametrize("name", ["conv", "depthwise", "wide depthwise", "dense"])
def test_columns_times_weights_are_the_layers_sums(name: str) -> None:
    graph = _layers()[name]
    node = graph.nodes[-1]
    values = values_of(graph, {"in0": np.random.default_rng(0).normal(0, 1, (3, 1, 5, 6, 4))})
    fed = columns(graph, node, values[node.inputs[0]].astype(np.float32))
    weights, bias = (graph.tensors[each].values for each in node.inputs[1:])
    rows = rows_of(node.op, weights)  # type: ignore[arg-type]
    groups = groups_of(graph, node)
    parted = rows.reshape(groups, -1, rows.shape[1])
    sums = np.einsum("goi,gri->ogr", fed, parted).reshape(fed.shape[1], -1) + bias
    expected = values[node.output].reshape(-1, len(bias))
    np.testing.assert_allclose(sums, expected, rtol=1e-4, atol=1e-4)


def _network(seed: int = 0) -> Graph:
    builder = Builder(FLOAT, seed)
    first = builder.conv(builder.input(1, 8, 8, 3), 8, activation=Activation.RELU)
    second = builder.depthwise(first, activation=Activation.RELU)
    return builder.graph(builder.conv(second, 6, (1, 1)))


def _samples(graph: Graph, count: int = 120) -> Samples:
    random = np.random.default_rng(5)
    images = random.normal(0.3, 1, (count, *graph.tensors["in0"].shape)).astype(np.float32)
    return Samples.of(graph, {"in0": images})


def _noise(graph: Graph, made: Graph, given: dict[str, Array]) -> float:
    name = graph.outputs[0]
    exact, held = predict(graph, given)[name], predict(made, given)[name]
    return float(np.square(exact - held).sum() / np.square(exact).sum())


def test_refining_lowers_noise_on_samples_not_seen() -> None:
    graph = _network()
    samples = _samples(graph)
    forms = Forms.of(graph, {node.name: Precision.W4 for node in graph.nodes})
    plain = quantize_graph(graph, calibrate(graph, samples.fit, forms=forms), forms=forms)
    refined = refine(graph, plain, samples, values_of(graph, samples.both))
    assert refined.rounded
    assert refined.corrected
    fresh = {"in0": np.random.default_rng(9).normal(0.3, 1, (50, 1, 8, 8, 3))}
    assert _noise(graph, refined.graph, fresh) < 0.8 * _noise(graph, plain, fresh)
    assert all(t.dtype is INT4 for n, t in refined.graph.tensors.items() if n.startswith("w"))


def test_equalising_keeps_the_function_and_helps_channels_of_unlike_size() -> None:
    graph = _network()
    spread = np.geomspace(0.02, 5, 8).astype(np.float32)
    tensors = dict(graph.tensors)
    for name, factor in (("w0", spread[:, None, None, None]), ("b0", spread)):
        tensors[name] = Tensor.constant(name, tensors[name].values * factor)
    tensors["w1"] = Tensor.constant("w1", tensors["w1"].values / spread)
    skewed = Graph(graph.name, tensors, graph.nodes, graph.inputs, graph.outputs)
    samples = _samples(skewed)
    equal = equalize(skewed, Forms.of(skewed), values_of(skewed, samples.held))
    assert equal.pairs[0] == (graph.nodes[0].name, graph.nodes[1].name)
    fresh = {"in0": np.random.default_rng(9).normal(0.3, 1, (50, 1, 8, 8, 3)).astype(np.float32)}
    assert _noise(skewed, equal.graph, fresh) < 1e-9
    plain, better = (
        quantize_graph(each, calibrate(each, samples.fit, observer=Observer.MIN_MAX))
        for each in (skewed, equal.graph)
    )
    assert _noise(skewed, better, fresh) < 0.5 * _noise(skewed, plain, fresh)


def test_least_divergence_cuts_off_a_far_outlier_and_no_more() -> None:
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    values[0] = 60
    histogram = Histogram.empty(Range(values.min(), values.max()))
    histogram.add(values)
    found = histogram.least_divergence()
    assert 2.5 < found.high < 20
    assert found.observer is Observer.ENTROPY
    exact = histogram.divergence(Range(values.min(), values.max()))
    assert histogram.divergence(found) < exact
