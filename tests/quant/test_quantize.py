from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builder import SOFTMAX, Builder
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.errors import DataError, ModelError
from edge_runtime.evaluate import predict
from edge_runtime.graph import Activation, Array, DType, Graph, Kind, Tensor, Window
from edge_runtime.importers import load_model
from edge_runtime.ops import Linear, Pad
from edge_runtime.quant import (
    Observer,
    Range,
    accuracy,
    calibrate,
    load_arrays,
    quantize,
    quantize_graph,
)
from edge_runtime.quant.ranges import Histogram

FLOAT = DType.FLOAT32


def network(seed: int = 0) -> Graph:
    builder = Builder(FLOAT, seed)
    image = builder.input(1, 9, 8, 3)
    first = builder.conv(image, 6, activation=Activation.RELU)
    second = builder.depthwise(first, activation=Activation.RELU6)
    joined = builder.add(builder.conv(second, 6, (1, 1)), first)
    pooled = builder.reshape(builder.average_pool(builder.max_pool(joined), (4, 4)), 1, 6)
    return builder.graph(builder.softmax(builder.dense(pooled, 4)))


def data(graph: Graph, count: int = 100, seed: int = 1) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {
        name: random.normal(0, 1, (count, *graph.tensors[name].shape)).astype(np.float32)
        for name in graph.inputs
    }


def decibels(exact: Array, held: Array) -> float:
    error = float(np.sum(np.square(exact - held)))
    return 10 * math.log10(float(np.sum(np.square(exact))) / error) if error else math.inf


@pytest.mark.parametrize("observer", [None, *Observer])
def test_outputs_stay_close_to_float(observer: Observer | None) -> None:
    graph = network()
    quantized = quantize(graph, data(graph), observer=observer)
    fresh = data(graph, seed=2)
    name = graph.outputs[0]
    assert decibels(predict(graph, fresh)[name], predict(quantized.graph, fresh)[name]) > 25
    assert quantized.report.agreement is not None
    assert quantized.report.agreement > 0.9
    if observer is not None:
        assert {tensor.observer for tensor in quantized.report.tensors} == {observer.value}


def test_the_scheme_is_tflites() -> None:
    graph = network()
    made = quantize(graph, data(graph)).graph
    assert (made.inputs, made.outputs) == (graph.inputs, graph.outputs)
    assert made.tensors[made.outputs[0]].quant == SOFTMAX
    for node in made.nodes:
        if not isinstance(node.op, Linear):
            continue
        image, weights, bias = made.node_inputs(node)
        assert weights.values.min() >= -127
        assert weights.quant.axis == node.op.weight_axis
        assert not any(weights.quant.zero_points)
        assert bias.dtype is DType.INT32
        products = np.float32(np.array(weights.quant.scales) * image.quant.scale)
        np.testing.assert_allclose(bias.quant.scales, products, rtol=1e-6)
        if node.op.activation is not Activation.NONE:
            assert made.node_output(node).quant.zero_point == -128


def test_each_channel_uses_all_of_int8() -> None:
    graph = network()
    made = quantize(graph, data(graph)).graph
    for node in made.nodes:
        if isinstance(node.op, Linear):
            weights = made.node_inputs(node)[1].values.astype(int)
            channels = np.moveaxis(weights, node.op.weight_axis, 0)
            assert (np.abs(channels).reshape(len(channels), -1).max(1) == 127).all()


@settings(max_examples=25, deadline=None)
@given(choices=st.data(), seed=st.integers(0, 2**32 - 1))
def test_random_networks_quantize(choices: st.DataObject, seed: int) -> None:
    builder = Builder(FLOAT, seed)
    size = st.integers(3, 9)
    value = builder.input(1, choices.draw(size), choices.draw(size), choices.draw(size))
    for _ in range(choices.draw(st.integers(1, 5))):
        value = _layer(builder, value, choices.draw(st.integers(0, 6)))
    graph = builder.graph(builder.dense(value, 5))
    samples = data(graph, 40, seed)
    quantized = quantize(graph, samples)
    name = graph.outputs[0]
    exact, held = predict(graph, samples)[name], predict(quantized.graph, samples)[name]
    assert decibels(exact, held) > 15
    assert len(quantized.report.layers) == len(graph.nodes)


def _layer(builder: Builder, value: str, kind: int) -> str:
    shape = builder.tensors[value].shape
    makers: list[Callable[[], str]] = [
        lambda: builder.conv(value, 5, activation=Activation.RELU),
        lambda: builder.depthwise(value, 2, bias=False),
        lambda: builder.add(value, value, Activation.RELU6),
        lambda: builder.add(value, builder.constant(shape[3])),
        lambda: builder.max_pool(value),
        lambda: builder.average_pool(value, (2, 2), Window((1, 1))),
        lambda: builder.conv(value, 4, (1, 1)),
    ]
    pool = kind in (4, 5)
    return makers[6 if pool and min(shape[1:3]) < 2 else kind]()


def test_a_range_always_holds_zero_exactly() -> None:
    for low, high in ((0.5, 3.0), (-3.0, -0.5), (-1.0, 2.0), (0.0, 0.0), (0.0, 1e-30)):
        quantization = Range(low, high).quantization
        zero = quantization.quantize(np.zeros(1, np.float32), DType.INT8)
        assert quantization.dequantize(zero)[0] == 0


def test_a_channel_of_zeros_and_a_bias_beyond_its_weights_survive() -> None:
    builder = Builder(FLOAT)
    name = builder.dense(builder.input(1, 4), 3)
    weights = builder.tensors["w0"].values.copy()
    weights[0], weights[1] = 0, 1e-12
    builder.tensors["w0"] = Tensor.constant("w0", weights)
    builder.tensors["b0"] = Tensor.constant("b0", np.array([0.5, -0.25, 0.1], np.float32))
    graph = builder.graph(name)
    quantized = quantize(graph, data(graph), observer=Observer.MIN_MAX)
    exact = predict(graph, data(graph))[name]
    step = quantized.graph.tensors[name].quant.scale
    assert np.abs(predict(quantized.graph, data(graph))[name] - exact).max() < 2 * step


def test_constants_that_layers_share_are_parted_where_their_inputs_differ() -> None:
    builder = Builder(FLOAT)
    image = builder.input(1, 4, 4, 3)
    first = builder.conv(image, 3)
    builder.conv(first, 3)
    shared = builder.nodes.pop()
    builder.nodes.append(type(shared)(shared.name, shared.op, (first, "w0", "b0"), shared.output))
    graph = builder.graph(shared.output)
    made = quantize(graph, data(graph)).graph
    second = made.node_inputs(made.nodes[1])
    assert second[1].name == "w0"
    assert second[2].name != "b0"
    assert second[2].quant.scales[0] == np.float32(
        second[0].quant.scale * second[1].quant.scales[0]
    )


def test_an_outlier_is_cut_off_and_all_is_kept_where_that_is_asked_for() -> None:
    builder = Builder(FLOAT)
    graph = builder.graph(builder.dense(builder.input(1, 50), 3))
    samples = data(graph, 200)
    samples["in0"][0, 0, 0] = 1000
    assert calibrate(graph, samples, observer=Observer.MIN_MAX)["in0"].high == 1000
    assert calibrate(graph, samples, observer={"in0": Observer.PERCENTILE})["in0"].high < 20
    assert calibrate(graph, samples, observer=Observer.PERCENTILE, percent=100)["in0"].high == 1000


def test_the_mse_observer_finds_the_least_error() -> None:
    random = np.random.default_rng(0)
    values = random.laplace(0, 1, 200_000)
    histogram = Histogram.empty(Range(values.min(), values.max()))
    histogram.add(values)
    best = histogram.least_error()
    assert histogram.error(best) < 0.8 * histogram.error(Range(values.min(), values.max()))

    def measured(range_: Range) -> float:
        quantization = range_.quantization
        held = quantization.dequantize(quantization.quantize(values, DType.INT8))
        return float(np.mean((held - values) ** 2))

    assert measured(best) == pytest.approx(histogram.error(best), rel=0.05)


def test_ranges_from_elsewhere_will_do() -> None:
    builder = Builder(FLOAT)
    graph = builder.graph(builder.max_pool(builder.conv(builder.input(1, 4, 4, 2), 2)))
    made = quantize_graph(graph, {"in0": Range(-2, 2), "t0": Range(-3, 1)})
    assert made.tensors["t1"].quant == made.tensors["t0"].quant == Range(-3, 1).quantization
    with pytest.raises(DataError, match="t0"):
        quantize_graph(graph, {"in0": Range(-2, 2)})


def test_what_moves_values_hands_on_their_quantization() -> None:
    builder = Builder(FLOAT)
    image = builder.transpose(builder.input(1, 2, 4, 4), 0, 2, 3, 1)
    first = builder.pad(image, (0, 1, 1, 0), (0, 0, 0, 0))
    second = builder.pad(builder.conv(first, 2), (0, 1, 1, 0), (0, 0, 0, 0), float("-inf"))
    graph = builder.graph(builder.mean(builder.max_pool(second), 1, 2))
    made = quantize(graph, data(graph)).graph
    assert made.tensors[first].quant == made.tensors["in0"].quant
    fills = [node.op.value for node in made.nodes if isinstance(node.op, Pad)]
    assert fills == [made.tensors["in0"].quant.zero_point, -128]
    exact, held = (predict(each, data(graph))[graph.outputs[0]] for each in (graph, made))
    assert decibels(exact, held) > 25


def test_a_float_interface_converts_inside() -> None:
    graph = network()
    inner = quantize(graph, data(graph)).graph
    outer = quantize(graph, data(graph), interface=FLOAT).graph
    name = graph.outputs[0]
    assert (outer.inputs, outer.outputs) == (graph.inputs, graph.outputs)
    assert outer.tensors[name].dtype is FLOAT
    np.testing.assert_array_equal(
        predict(outer, data(graph))[name], predict(inner, data(graph))[name]
    )


def test_an_int8_graph_comes_back_unchanged_with_a_note() -> None:
    graph = quantize(network(), data(network())).graph
    again = quantize(graph, {})
    assert again.graph is graph
    assert "int8 already" in again.report.note


def test_a_graph_of_both_types_is_refused_node_by_node() -> None:
    builder = Builder()
    real = builder.dequantize(builder.conv(builder.input(1, 4, 4, 2), 3))
    builder.dtype = FLOAT
    graph = builder.graph(builder.conv(real, 2))
    with pytest.raises(ModelError) as caught:
        quantize(graph, {"in0": np.zeros((2, 1, 4, 4, 2), np.float32)})
    assert {problem.node for problem in caught.value.problems} == {"node0", "node1"}


def test_state_is_refused_where_there_are_no_sequences() -> None:
    builder = Builder(FLOAT)
    name = builder.dense(builder.input(1, 4), 2)
    builder.tensors["kept"] = Tensor("kept", (4,), FLOAT, Kind.STATE)
    graph = builder.graph(name)
    with pytest.raises(ModelError, match="kept"):
        quantize_graph(graph, {})
    with pytest.raises(DataError, match="sequences, steps"):
        quantize(graph, data(graph))


def _without(**changed: Array) -> dict[str, Array]:
    return {"in0": np.ones((5, 4), np.float32), **changed}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "none"),
        (_without(other=np.ones((5, 4), np.float32)), "other"),
        (_without(in0=np.ones((5, 3), np.float32)), r"\(5, 3\)"),
        (_without(in0=np.ones((0, 4), np.float32)), "no samples"),
        (_without(in0=np.full((5, 4), np.nan, np.float32)), r"first at \(0, 0, 0\): nan"),
        (_without(in0=np.full((5, 4), 1e300)), "no finite float32"),
        (_without(in0=np.full((5, 4), "a")), "real numbers"),
        (_without(in0=np.ones((5, 4), np.complex64)), "real numbers"),
    ],
)
def test_calibration_arrays_that_do_not_fit_are_refused(
    arrays: dict[str, Array], message: str
) -> None:
    builder = Builder(FLOAT)
    graph = builder.graph(builder.dense(builder.input(1, 4), 2))
    with pytest.raises(DataError, match=message):
        quantize(graph, arrays)


def test_a_network_that_overflows_on_the_data_says_where() -> None:
    builder = Builder(FLOAT)
    graph = builder.graph(builder.dense(builder.input(1, 4), 2))
    weights = np.full((2, 4), 2, np.float32)
    builder.tensors["w0"] = Tensor.constant("w0", weights)
    graph = builder.graph(graph.outputs[0])
    with pytest.raises(DataError, match="node0"):
        quantize(graph, {"in0": np.full((2, 4), 3e38, np.float32)})


def test_an_observer_for_what_has_no_range_is_refused() -> None:
    graph = network()
    with pytest.raises(DataError, match=graph.outputs[0]):
        quantize(graph, data(graph), observer={graph.outputs[0]: Observer.MSE})


def test_integer_recordings_calibrate_as_they_are() -> None:
    builder = Builder(FLOAT)
    graph = builder.graph(builder.dense(builder.input(1, 4), 2))
    samples = np.arange(40, dtype=np.int16).reshape(10, 4) * 100
    assert calibrate(graph, {"in0": samples}, observer=Observer.MIN_MAX)["in0"].high == 3900


def test_the_report_names_the_worst_layers_first() -> None:
    graph = network()
    report = quantize(graph, data(graph)).report
    worst = [layer.sqnr_db for layer in report.worst(3)]
    assert worst == sorted(worst, key=lambda value: value or 0)
    assert {layer.node for layer in report.layers} == {node.name for node in graph.nodes}
    assert report.samples == 100


def test_accuracy_counts_the_largest_output() -> None:
    graph = network()
    samples = data(graph)
    labels = predict(graph, samples)[graph.outputs[0]].reshape(100, -1).argmax(1)
    assert accuracy(graph, samples["in0"], labels) == 1
    assert accuracy(graph, samples, (labels + 1) % 4) == 0
    quantized = quantize(graph, samples)
    assert accuracy(quantized.graph, samples, labels) == pytest.approx(quantized.report.agreement)
    with pytest.raises(DataError, match="labels"):
        accuracy(graph, samples, labels[:-1])


@pytest.mark.slow
def test_real_models_keep_their_answers(models: Path) -> None:
    for name in ("kaijiang_resnet8_cifar10", "alibaba_sinian_kws", "onnx2c_mnist12"):
        graph = load_model(models / f"{name}.onnx")
        with np.load(models / f"{name}.ref.npz") as stored:
            real = stored["kind"] != "random"
            cases, expected = stored["in0"][real], stored["out0_ort"][real]
        (source,), (output,) = graph.inputs, graph.outputs
        np.testing.assert_allclose(
            predict(graph, {source: cases})[output], expected, rtol=1e-3, atol=1e-3
        )
        quantized = quantize(graph, {source: cases[::2]})
        answers = predict(quantized.graph, {source: cases})[output].reshape(len(cases), -1)
        same = answers.argmax(1) == expected.reshape(len(cases), -1).argmax(1)
        assert same.mean() >= 0.9


@pytest.mark.slow
def test_a_trained_network_loses_no_more_than_a_point(models: Path, data: Path) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow decodes the images")
    import io

    graph = load_model(models / "kaijiang_resnet8_cifar10.onnx")

    def images(archive: np.lib.npyio.NpzFile, split: str, count: int) -> Array:
        raw, ends = archive[f"jpg_{split}"], archive[f"off_{split}"]
        decoded = [
            np.asarray(pillow.open(io.BytesIO(raw[ends[i] : ends[i + 1]].tobytes())))
            for i in range(count)
        ]
        return np.array(decoded, np.float32).transpose(0, 3, 1, 2)

    with np.load(data / "cifar10_jpeg_20k_5k.npz") as archive:
        train, test = images(archive, "train", 100), images(archive, "test", 1000)
        labels = archive["y_test"][:1000]
    quantized = quantize(graph, {graph.inputs[0]: train})
    before, after = accuracy(graph, test, labels), accuracy(quantized.graph, test, labels)
    assert before > 0.7
    assert after >= before - 0.01


def test_arrays_load_without_pickles(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", in0=np.ones((2, 3)))
    assert load_arrays(tmp_path / "good.npz")["in0"].shape == (2, 3)
    np.savez(tmp_path / "bad.npz", in0=np.array([{}, None], object))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:-30])
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "single.npy", np.ones(3))
    for name in ("bad.npz", "cut.npz", "text.npz", "single.npy", "missing.npz"):
        with pytest.raises(DataError, match=name):
            load_arrays(tmp_path / name)
