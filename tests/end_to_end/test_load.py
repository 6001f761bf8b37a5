"""`edge_runtime.load(...).run(...)`: what it takes and gives, and that it is the same model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builder import Builder, random_values
from test_streaming import GRID, START, window

import edge_runtime
from edge_runtime import api, model
from edge_runtime.errors import BoardError, DataError, ModelError
from edge_runtime.evaluate import evaluate, predict
from edge_runtime.export.firmware import Options
from edge_runtime.export.tflite import write_tflite
from edge_runtime.graph import Array, DType, Graph
from edge_runtime.model import Model

MLPERF = (
    "mlperf_ad_autoencoder_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_ic_resnet8_int8",
    "mlperf_vww_mobilenetv1_025_96_int8",
)
SAMPLES = 5


def image_graph(dtype: DType = DType.INT8) -> Graph:
    build = Builder(dtype)
    value = build.conv(build.input(1, 6, 6, 3), 8, (3, 3))
    flat = build.reshape(value, 1, build.tensors[value].elements)
    return build.graph(build.dense(flat, 4))


def samples_of(graph: Graph) -> Array:
    random = np.random.default_rng(3)
    tensor = graph.tensors[graph.inputs[0]]
    return np.concatenate([random_values(tensor, random) for _ in range(SAMPLES)])


@pytest.fixture(scope="module")
def image() -> Iterator[tuple[Graph, Model, Array, Array]]:
    """A graph, loaded, with samples and what it makes of them: (samples, 4)."""
    graph = image_graph()
    given = samples_of(graph)
    (expected,) = evaluate(graph, {graph.inputs[0]: given[:, None]}).values()
    with edge_runtime.load(graph) as loaded:
        yield graph, loaded, given, expected[:, 0]


@pytest.mark.parametrize("name", MLPERF)
def test_mlperf_tiny_equals_tflm(models: Path, name: str) -> None:
    with np.load(models / f"{name}.ref.npz") as archive:
        given, expected = archive["in0"], archive["out0_tflm"]
    with edge_runtime.load(models / f"{name}.tflite") as loaded:
        np.testing.assert_array_equal(loaded.run(given), expected)


def test_samples_and_batches_come_back_as_they_were_given(image) -> None:
    _, loaded, given, expected = image
    shapes = {
        (6, 6, 3): (given[0], expected[0]),
        (1, 6, 6, 3): (given[:1], expected[:1]),
        (5, 6, 6, 3): (given, expected),
        (5, 1, 6, 6, 3): (given[:, None], expected[:, None]),
        (0, 6, 6, 3): (given[:0], expected[:0]),
    }
    for shape, (array, wanted) in shapes.items():
        assert array.shape == shape
        made = loaded.run(array)
        assert made.dtype == np.int8
        np.testing.assert_array_equal(made, wanted)


def test_arrays_need_not_be_contiguous_and_many_are_run_in_parts(image, monkeypatch) -> None:
    _, loaded, given, expected = image
    turned = np.asfortranarray(given)
    monkeypatch.setattr(model, "_AT_ONCE", 2 * 6 * 6 * 3)
    np.testing.assert_array_equal(loaded.run(turned), expected)


def test_real_values_are_quantized_and_outputs_are_real_then(image) -> None:
    graph, loaded, _, _ = image
    real = np.random.default_rng(0).normal(size=(SAMPLES, 6, 6, 3))
    (wanted,) = predict(graph, {graph.inputs[0]: real[:, None]}).values()
    made = loaded.run(real)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, wanted[:, 0])


def test_a_float_model_takes_any_numbers() -> None:
    graph = image_graph(DType.FLOAT32)
    given = np.arange(108).reshape(6, 6, 3)
    with edge_runtime.load(graph) as loaded:
        made = loaded.run(given)
        assert made.dtype == np.float32
        np.testing.assert_array_equal(made, loaded.run(given.astype(np.float32)))
        np.testing.assert_array_equal(made, loaded.run(given.astype(np.float64).tolist()))


@pytest.mark.parametrize(
    ("array", "message", "hint"),
    [
        (np.zeros((6, 6, 4), np.int8), r"has the shape \(1, 6, 6, 3\); \(6, 6, 4\)", "N, 6, 6, 3"),
        (np.zeros((6, 6, 3), np.uint8), "is int8; uint8 is given", "or real values as floats"),
        (np.full((6, 6, 3), np.nan), "not finite", ""),
        ([[1.0], [2.0, 3.0]], "given as no array", ""),
        ({"other": np.zeros((6, 6, 3))}, "arrays other are given", ""),
    ],
)
def test_what_does_not_fit_is_told(image, array, message: str, hint: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        image[1].run(array)
    assert hint in caught.value.hint


def test_several_inputs_go_by_place_or_by_name() -> None:
    build = Builder()
    first, second = build.input(1, 4), build.input(1, 4)
    graph = build.graph(build.add(first, second), build.dense(first, 3))
    given = {name: np.repeat(build.values(name), 2, 0) for name in graph.inputs}
    wanted = evaluate(graph, {name: array[:, None] for name, array in given.items()})
    with edge_runtime.load(graph) as loaded:
        by_place = loaded.run(*given.values())
        by_name = loaded.run(dict(reversed(given.items())))
        for made, other, (_, expected) in zip(by_place, by_name, wanted.items(), strict=True):
            np.testing.assert_array_equal(made, expected[:, 0])
            np.testing.assert_array_equal(other, made)
        with pytest.raises(DataError, match=r"1 arrays for 2 input\(s\)"):
            loaded.run(given[first])
        with pytest.raises(DataError, match="differ in their number of samples"):
            loaded.run(given[first], given[second][:1])


def test_samples_of_a_batch_are_steps_of_a_model_with_state() -> None:
    steps = np.arange(20, dtype=np.int8).reshape(5, 1, 4)
    with edge_runtime.load(window()) as loaded, edge_runtime.load(window()) as other:
        assert loaded.keeps_state
        everything, before = loaded.run(steps)
        np.testing.assert_array_equal(before[0], START)
        np.testing.assert_array_equal(everything[4], steps[1:, 0])
        np.testing.assert_array_equal(other.run(steps[0])[1], START)
        loaded.reset()
        np.testing.assert_array_equal(loaded.run(steps[0])[1], START)
        assert loaded.inputs[0].quant == GRID


def test_an_exported_folder_is_loaded_and_one_for_a_board_is_not(tmp_path: Path) -> None:
    build = Builder()
    graph = build.graph(build.conv(build.input(1, 8, 8, 3), 4, (3, 3)))
    given = build.values(graph.inputs[0])
    options = Options(input_rows=True)
    by_rows = api.export(graph, "host", tmp_path / "host", options=options).folder
    (expected,) = evaluate(graph, {graph.inputs[0]: given[None]}).values()
    with edge_runtime.load(by_rows) as loaded:
        np.testing.assert_array_equal(loaded.run(np.repeat(given, 2, 0))[1:], expected[0])
    board = api.export(graph, "rpi_pico", tmp_path / "pico").folder
    with pytest.raises(BoardError, match="exported for rpi_pico"):
        edge_runtime.load(board)
    with pytest.raises(ModelError):
        edge_runtime.load(tmp_path / "nothing.tflite")


def test_a_closed_model_says_so(tmp_path: Path) -> None:
    graph = image_graph()
    write_tflite(graph, tmp_path / "model.tflite")
    with edge_runtime.load(str(tmp_path / "model.tflite")) as loaded:
        assert "int8[1, 6, 6, 3] → " in repr(loaded)
        loaded.run(samples_of(graph))
    loaded.close()
    for use in (lambda: loaded.run(samples_of(graph)), loaded.reset):
        with pytest.raises(DataError, match="is closed"):
            use()


def test_threads_may_share_it(image) -> None:
    _, loaded, given, expected = image
    made: list[Array] = []
    threads = [
        threading.Thread(target=lambda: made.append(loaded.run(np.repeat(given, 200, 0))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    for each in made:
        np.testing.assert_array_equal(each, np.repeat(expected, 200, 0))
