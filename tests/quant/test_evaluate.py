from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builder import Builder

from edge_runtime.errors import DataError
from edge_runtime.evaluate import evaluate, predict, rebatch
from edge_runtime.graph import Activation, Array, DType, Graph, Kind, Node, Tensor, Window
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter


def network(dtype: DType = DType.INT8) -> Graph:
    """Every operation that keeps samples apart."""
    builder = Builder(dtype, 5)
    image = builder.transpose(builder.input(1, 3, 9, 8), 0, 2, 3, 1)
    first = builder.conv(image, 4, window=Window((2, 1), (1, 1), (1, 0), (1, 2)))
    second = builder.depthwise(first, activation=Activation.RELU)
    joined = builder.add(builder.add(second, first), builder.constant(4))
    pooled = builder.average_pool(builder.max_pool(joined, (2, 2)), (2, 1))
    rows = builder.dense(builder.reshape(builder.mean(pooled, 1), 1, 4, 4), 6, keep_dims=True)
    return builder.graph(builder.softmax(builder.dense(rows, 5)), rows)


def samples(graph: Graph, count: int) -> dict[str, Array]:
    builder = Builder(seed=11)
    builder.tensors.update(graph.tensors)
    return {name: np.stack([builder.values(name) for _ in range(count)]) for name in graph.inputs}


def one_by_one(graph: Graph, inputs: dict[str, Array]) -> dict[str, list[Array]]:
    interpreter = Interpreter(graph)
    found: dict[str, list[Array]] = {name: [] for name in graph.outputs}
    for index in range(len(inputs[graph.inputs[0]])):
        interpreter.reset()
        for name, value in interpreter.run({k: v[index] for k, v in inputs.items()}).items():
            found[name].append(value)
    return found


def test_integers_are_exactly_those_of_one_inference_alone() -> None:
    graph = network()
    assert rebatch(graph, 7) is not None
    inputs = samples(graph, 301)
    expected = one_by_one(graph, inputs)
    for name, values in evaluate(graph, inputs).items():
        assert values.shape == (301, *graph.tensors[name].shape)
        assert np.array_equal(values, expected[name])


def test_floats_are_those_of_one_inference_alone_but_for_rounding() -> None:
    graph = network(DType.FLOAT32)
    inputs = samples(graph, 40)
    expected = one_by_one(graph, inputs)
    for name, values in evaluate(graph, inputs).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-6)


def test_a_real_model_on_many_samples(models: Path) -> None:
    graph = load_model(models / "mlperf_kws_dscnn_int8.tflite")
    with np.load(models / "mlperf_kws_dscnn_int8.ref.npz") as stored:
        inputs, expected = stored["in0"], stored["out0_tflm"]
    made = evaluate(graph, {graph.inputs[0]: inputs})[graph.outputs[0]]
    assert np.array_equal(made, expected)


def _mixes_by_softmax(builder: Builder) -> str:
    return builder.softmax(builder.reshape(builder.input(1, 4), 4))


def _mixes_by_mean(builder: Builder) -> str:
    return builder.mean(builder.input(1, 4), 0)


def _adds_a_row_each(builder: Builder) -> str:
    return builder.add(builder.input(3, 4), builder.constant(3, 4))


def _adds_other_ranks(builder: Builder) -> str:
    return builder.add(builder.input(1, 4), builder.input(1, 5, 4))


def _turns_the_batch(builder: Builder) -> str:
    return builder.transpose(builder.input(1, 4), 1, 0)


@pytest.mark.parametrize(
    "make",
    [_mixes_by_softmax, _mixes_by_mean, _adds_a_row_each, _adds_other_ranks, _turns_the_batch],
)
def test_what_would_mix_samples_runs_one_by_one(make: object) -> None:
    builder = Builder()
    assert callable(make)
    graph = builder.graph(make(builder))
    assert rebatch(graph, 5) is None
    inputs = samples(graph, 5)
    made = evaluate(graph, inputs)
    for name, expected in one_by_one(graph, inputs).items():
        assert np.array_equal(made[name], expected)


def test_state_is_reset_before_each_sample() -> None:
    builder = Builder()
    source = builder.input(1, 4)
    quantization = builder.tensors[source].quant
    builder.tensors["sum"] = Tensor("sum", (1, 4), DType.INT8, Kind.STATE, quantization)
    total = builder.add(source, "sum")
    last = builder.nodes.pop()
    builder.nodes.append(Node(last.name, last.op, last.inputs, "sum"))
    builder.tensors.pop(total)
    shown = builder.reshape("sum", 1, 4)
    graph = builder.graph(shown)
    inputs = samples(graph, 3)
    assert rebatch(graph, 3) is None
    made = evaluate(graph, inputs)
    assert np.array_equal(made[shown], one_by_one(graph, inputs)[shown])


def test_observers_are_told_of_each_sample() -> None:
    graph = network()
    seen: dict[str, int] = {}

    def observe(node: Node, values: Array) -> None:
        assert values.shape[1:] == graph.node_output(node).shape
        seen[node.name] = seen.get(node.name, 0) + len(values)

    evaluate(graph, samples(graph, 150), observe)
    assert seen == {node.name: 150 for node in graph.nodes}


def test_dimensions_of_one_may_be_left_out() -> None:
    builder = Builder()
    graph = builder.graph(builder.conv(builder.input(1, 4, 5, 1), 2))
    inputs = samples(graph, 3)["in0"]
    whole = evaluate(graph, {"in0": inputs})
    bare = evaluate(graph, {"in0": inputs.reshape(3, 4, 5)})
    assert np.array_equal(whole[graph.outputs[0]], bare[graph.outputs[0]])


def test_real_values_are_quantized_on_the_way_in_and_back_on_the_way_out() -> None:
    graph = network()
    stored = samples(graph, 6)
    name = graph.inputs[0]
    reals = {name: graph.tensors[name].quant.dequantize(stored[name])}
    expected = evaluate(graph, stored)
    for output, values in predict(graph, reals).items():
        tensor = graph.tensors[output]
        assert np.array_equal(values, tensor.quant.dequantize(expected[output]))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "none"),
        ({"in1": np.zeros((2, 4), np.int8)}, "in1"),
        ({"in0": np.zeros((2, 5), np.int8)}, r"\(2, 5\)"),
        ({"in0": np.zeros((0, 4), np.int8)}, "no samples"),
        ({"in0": np.zeros((), np.int8)}, "samples"),
        ({"in0": np.zeros((2, 4), np.float32)}, "float32"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(inputs: dict[str, Array], message: str) -> None:
    builder = Builder()
    graph = builder.graph(builder.dense(builder.input(1, 4), 2))
    with pytest.raises(DataError, match=message):
        evaluate(graph, inputs)
