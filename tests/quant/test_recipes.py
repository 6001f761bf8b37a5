from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builder import Builder
from elftools.elf.elffile import ELFFile
from tflm import Tflm

from edge_runtime.accuracy import Subject, images, roundings, speech
from edge_runtime.api import emulate, export
from edge_runtime.cases import Cases
from edge_runtime.errors import BudgetError, DataError
from edge_runtime.evaluate import evaluate, predict, stored
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import Activation, Array, DType, Graph, Tensor
from edge_runtime.importers.tflite.convert import read_tflite
from edge_runtime.ops import DepthwiseConv2D, FullyConnected, Linear
from edge_runtime.quant import (
    Labelled,
    Observer,
    Precision,
    Quantized,
    Recipe,
    accuracy,
    labelled_of,
    quantize,
    samples_of,
)
from edge_runtime.quant.build import Calibration
from edge_runtime.quant.calibrate import calibration_arrays
from edge_runtime.quant.flash import flash_bytes
from edge_runtime.quant.mix import mix

FLOAT, INT4 = DType.FLOAT32, DType.INT4
CONSTANT = re.compile(r"layer_\d+_\w+|model_constant_\d+")


def network() -> Graph:
    builder = Builder(FLOAT)
    first = builder.conv(builder.input(1, 8, 8, 3), 8, activation=Activation.RELU)
    second = builder.conv(builder.depthwise(first), 9, (1, 1), activation=Activation.RELU)
    pooled = builder.reshape(builder.average_pool(second, (8, 8)), 1, 9)
    return builder.graph(builder.softmax(builder.dense(pooled, 5)))


def data(graph: Graph, count: int = 100, seed: int = 1) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {
        name: random.normal(0.2, 1, (count, *graph.tensors[name].shape)).astype(np.float32)
        for name in graph.inputs
    }


def weights(graph: Graph) -> dict[str, Tensor]:
    """The weights of each layer, by the operation's name."""
    return {
        f"{node.name} {node.op.NAME}": graph.node_inputs(node)[1]
        for node in graph.nodes
        if isinstance(node.op, Linear)
    }


@pytest.fixture(scope="module")
def narrow() -> Quantized:
    return quantize(network(), data(network()), recipe=Recipe.W4A8)


def test_w4a8_halves_weights_but_for_depthwise_ones(narrow: Quantized) -> None:
    kinds = {name: tensor.dtype for name, tensor in weights(narrow.graph).items()}
    assert INT4 in kinds.values()
    assert {dtype for name, dtype in kinds.items() if "DEPTHWISE" in name} == {DType.INT8}
    chosen = {choice.node: choice for choice in narrow.report.choices}
    for node in narrow.graph.nodes:
        if isinstance(node.op, Linear):
            tensor = narrow.graph.node_inputs(node)[1]
            assert chosen[node.name].weight_bytes == tensor.bytes
            assert (chosen[node.name].precision == "w4") == (tensor.dtype is INT4)
            if not isinstance(node.op, DepthwiseConv2D):
                assert (chosen[node.name].noise or 0) > 1


def test_files_hold_two_weights_a_byte_and_give_them_back(narrow: Quantized) -> None:
    again = read_tflite(to_tflite(narrow.graph), narrow.graph.name)
    for tensor in weights(narrow.graph).values():
        read = again.tensors[tensor.name]
        assert (read.dtype, read.quantization) == (tensor.dtype, tensor.quantization)
        assert np.array_equal(read.values, tensor.values)
    whole = quantize(network(), data(network())).graph
    saved = sum(t.elements // 2 for t in weights(narrow.graph).values() if t.dtype is INT4)
    assert len(to_tflite(whole)) - len(to_tflite(narrow.graph)) >= 0.8 * saved


def widened(graph: Graph) -> Graph:
    """int4 weights of fully connected layers as int8: TFLM has none with a scale a channel."""
    names = [n.inputs[1] for n in graph.nodes if isinstance(n.op, FullyConnected)]
    wide = {name: replace(graph.tensors[name], dtype=DType.INT8) for name in names}
    return replace(graph, tensors={**graph.tensors, **wide})


def test_tflm_computes_the_same(narrow: Quantized) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    graph = narrow.graph
    (name,) = graph.inputs
    inputs = stored(graph.tensors[name], data(graph, 20, 7)[name])
    expected = evaluate(graph, {name: inputs})[graph.outputs[0]]
    worker = Tflm()
    made = worker.run(to_tflite(widened(graph)), [[values] for values in inputs])
    worker.close()
    assert np.array_equal(np.array([case[0] for case in made]), expected)


def test_auto_fits_the_budget_with_the_layers_of_least_noise() -> None:
    graph, samples = network(), data(network())
    whole = quantize(graph, samples).report.flash_bytes
    assert whole is not None
    made = quantize(graph, samples, recipe=Recipe.AUTO, flash=whole - 60)
    assert made.report.flash_bytes == flash_bytes(made.graph) <= whole - 60
    assert INT4 in {tensor.dtype for tensor in weights(made.graph).values()}
    same = quantize(graph, samples, recipe=Recipe.AUTO, flash=whole)
    assert INT4 not in {tensor.dtype for tensor in weights(same.graph).values()}
    with pytest.raises(BudgetError, match="the budget is 10") as caught:
        quantize(graph, samples, recipe=Recipe.AUTO, flash=10)
    assert "--flash" in caught.value.hint


def test_flash_is_what_a_build_has_of_constants(tmp_path: Path) -> None:
    for recipe in (Recipe.INT8, Recipe.W4A8, Recipe.INT8X16):
        made = quantize(network(), data(network()), recipe=recipe)
        image = export(made.graph, "nucleo_l4r5zi", tmp_path / recipe.value).image
        with image.elf.open("rb") as file:
            (table,) = (s for s in ELFFile(file).iter_sections() if s.name == ".symtab")
            sizes = [
                symbol["st_size"]
                for symbol in table.iter_symbols()
                if symbol["st_info"]["type"] == "STT_OBJECT" and CONSTANT.fullmatch(symbol.name)
            ]
        assert made.report.flash_bytes is not None
        assert 0 <= made.report.flash_bytes - sum(sizes) < 4 * len(sizes)


@pytest.fixture(scope="module")
def uneven() -> Graph:
    """Values a hundredfold apart in one tensor, of which the small ones decide.

    They are added to before they are read, so that equalisation does not help.
    """
    builder = Builder(FLOAT)
    wide = builder.add(builder.dense(builder.input(1, 6), 12), builder.constant(12))
    graph = builder.graph(builder.dense(builder.dense(wide, 12), 3))
    first, second = graph.tensors["w0"].values.copy(), graph.tensors["w2"].values.copy()
    first[:6] *= 100
    second[:, :6] *= np.float32(1e-4)
    replaced = {
        "w0": Tensor.constant("w0", first),
        "w2": Tensor.constant("w2", second),
        "b0": Tensor.constant("b0", np.zeros(12, np.float32)),
    }
    return replace(graph, tensors={**graph.tensors, **replaced})


def test_int8x16_widens_from_what_makes_a_tensor_to_what_reads_it(
    uneven: Graph, tmp_path: Path
) -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    options = {"observer": Observer.MIN_MAX}
    given = Calibration.of(uneven, calibration_arrays(uneven, data(uneven)), **options)
    wide = mix(given, Recipe.INT8X16, flash=None, most_drop=None).built
    plain = mix(given, Recipe.INT8, flash=None, most_drop=None).built
    assert wide.noise < 0.5 * plain.noise
    graph = wide.graph
    kinds = [graph.tensors[node.inputs[0]].dtype for node in graph.nodes]
    assert {DType.INT8, DType.INT16} == set(kinds)
    inputs = stored(graph.tensors["in0"], data(uneven, 8, 5)["in0"])
    expected = evaluate(graph, {"in0": inputs})[graph.outputs[0]]
    worker = Tflm()
    made = worker.run(to_tflite(graph), [[values] for values in inputs])
    worker.close()
    assert np.array_equal(np.array([case[0] for case in made]), expected)
    for board in ("host", "nucleo_l4r5zi", "rpi_pico"):
        exported = export(graph, board, tmp_path / board)
        cases = Cases.of([graph.tensors["in0"]], {"in0": inputs}, streaming=False)
        result = emulate(exported.folder, cases, graph=graph)
        assert result.exact == result.compared > 0


def test_auto_spends_16_bits_by_the_score_where_there_is_one(uneven: Graph) -> None:
    samples = data(uneven, 400, 9)
    (exact,) = predict(uneven, samples).values()
    scored = Labelled(samples, exact.reshape(400, -1).argmax(1))
    options = {"recipe": Recipe.AUTO, "observer": Observer.MIN_MAX, "evaluation": scored}
    free = quantize(uneven, data(uneven), most_drop=100, **options).report
    strict = quantize(uneven, data(uneven), most_drop=0.5, **options).report
    assert free.drop is not None and strict.drop is not None
    assert "a16" not in {choice.precision for choice in free.choices}
    assert "a16" in {choice.precision for choice in strict.choices}
    assert strict.drop < free.drop
    assert free.flash_bytes is not None
    tight = quantize(uneven, data(uneven), most_drop=0.5, flash=free.flash_bytes, **options).report
    assert tight.flash_bytes == free.flash_bytes


def test_scores_are_those_of_each_graph() -> None:
    graph, samples = network(), data(network(), 60, 3)
    labels = np.random.default_rng(0).integers(0, 5, 60)
    made = quantize(graph, data(graph), evaluation=Labelled(samples, labels))
    score = made.report.score
    assert score is not None
    assert score.float_percent == pytest.approx(100 * accuracy(graph, samples, labels))
    assert score.quantized_percent == pytest.approx(100 * accuracy(made.graph, samples, labels))
    assert made.report.drop == pytest.approx(score.float_percent - score.quantized_percent)


def test_hints_name_the_cause() -> None:
    builder = Builder(FLOAT)
    graph = builder.graph(builder.conv(builder.conv(builder.input(1, 6, 6, 2), 4), 2))
    samples = data(graph, 200)
    samples["in0"][7] *= 100
    worst = quantize(graph, samples).report.worst(2)
    assert all(layer.hint for layer in worst)
    assert any("percentile" in layer.hint or "saturates" in layer.hint for layer in worst)


def test_arrays_may_be_called_by_place_by_name_or_x() -> None:
    graph = network()
    x, y = np.zeros((2, 8, 8, 3)), np.array([[1], [2]])
    for key in ("in0", "x", graph.inputs[0]):
        assert list(samples_of(graph, {key: x, "y": y})) == ["in0"]
    for key in ("y", "labels"):
        assert labelled_of(graph, {"x": x, key: y}).labels.tolist() == [1, 2]
    with pytest.raises(DataError, match="no labels") as caught:
        labelled_of(graph, {"x": x})
    assert "y" in caught.value.hint


@pytest.mark.models
def test_the_keyword_spotter_keeps_its_score_and_gptq_beats_the_nearest(
    models: Path, data: Path
) -> None:
    subject = speech(models.parent)
    assert subject.score(quantize(subject.graph, subject.calibration).graph).drop <= 0.5
    made = {name: subject.score(graph) for name, graph in roundings(subject).items()}
    assert made["GPTQ"].drop < made["nearest"].drop
    assert made["GPTQ"].agreement > made["nearest"].agreement


@pytest.mark.models
@pytest.mark.slow
def test_the_residual_network_keeps_its_score_and_gptq_beats_the_nearest(
    models: Path, data: Path
) -> None:
    pytest.importorskip("PIL.Image", reason="Pillow decodes the images")
    subject: Subject = images(models.parent, train=128, test=1000)
    assert subject.score(quantize(subject.graph, subject.calibration).graph).drop <= 0.5
    made = {name: subject.score(graph) for name, graph in roundings(subject).items()}
    assert made["GPTQ"].drop < made["nearest"].drop - 5
    assert made["GPTQ, biases corrected"].drop < made["nearest, biases corrected"].drop


def test_16_bits_are_left_out_where_they_slow_more_than_they_help(
    uneven: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"observer": Observer.MIN_MAX}
    given = Calibration.of(uneven, calibration_arrays(uneven, data(uneven)), **options)
    monkeypatch.setattr("edge_runtime.quant.mix.WORTH", 1000.0)
    mixed = mix(given, Recipe.INT8X16, flash=None, most_drop=None)
    assert set(mixed.built.forms.precisions.values()) == {Precision.W8}
    told = re.compile(r"int8: .* makes \d+% of the noise, with \d+% of all MACs")
    assert any(told.fullmatch(choice.reason) for choice in mixed.choices)
