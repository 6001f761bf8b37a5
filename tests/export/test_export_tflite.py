from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builder import Builder
from hypothesis import given, settings
from hypothesis import strategies as st
from op_cases import CASES, MIXED, ODD, build, trained
from tflm import Tflm

from edge_runtime.errors import ModelError
from edge_runtime.export.tflite import to_tflite, write_tflite
from edge_runtime.graph import Array, DType, Graph, Kind, Node, Quantization, Tensor, Window
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import AveragePool2D, Concat, Slice

EXPORTED = [
    "mlperf_ad_autoencoder_int8",
    "mlperf_ic_resnet8_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_vww_mobilenetv1_025_96_int8",
    "tflm_hello_world_int8",
    "tflm_micro_speech_int8",
]


def reference(graph: Graph, case: list[Array]) -> list[Array]:
    outputs = Interpreter(graph).run(dict(zip(graph.inputs, case, strict=True)))
    return [outputs[name] for name in graph.outputs]


def assert_same(tflm: Tflm, graph: Graph, cases: list[list[Array]]) -> None:
    """TFLM gives the interpreter's integers, and its floats but for the order of additions."""
    made = tflm.run(to_tflite(graph), cases, len(graph.outputs))
    for case, outputs in zip(cases, made, strict=True):
        for expected, actual in zip(reference(graph, case), outputs, strict=True):
            assert expected.shape == actual.shape
            if expected.dtype == np.int8:
                assert np.array_equal(expected, actual)
            else:
                np.testing.assert_allclose(expected, actual, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32], ids=lambda d: d.value)
@pytest.mark.parametrize("name", CASES)
def test_every_operation_as_tflm_runs_it(tflm: Tflm, name: str, dtype: DType) -> None:
    builder, graph = build(name, dtype)
    assert_same(tflm, graph, [[builder.values(i) for i in graph.inputs] for _ in range(3)])


@pytest.mark.parametrize("name", MIXED)
def test_changes_of_type_as_tflm_runs_them(tflm: Tflm, name: str) -> None:
    builder, graph = build(name)
    assert_same(tflm, graph, [[builder.values(i) for i in graph.inputs] for _ in range(3)])


def test_two_outputs_and_a_dead_constant(tflm: Tflm) -> None:
    builder = Builder()
    image = builder.input(1, 4, 4, 2)
    builder.constant(3)
    graph = builder.graph(builder.conv(image, 3), builder.depthwise(image))
    assert_same(tflm, graph, [[builder.values(image)]])


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_random_networks_as_tflm_runs_them(tflm: Tflm, data: st.DataObject, seed: int) -> None:
    builder = Builder(DType.INT8, seed)
    size = st.integers(1, 9)
    value = builder.input(1, data.draw(size), data.draw(size), data.draw(st.integers(1, 4)))
    for _ in range(data.draw(st.integers(1, 4))):
        value = _random_layer(builder, value, data)
    graph = builder.graph(builder.dense(value, data.draw(st.integers(1, 5))))
    assert_same(tflm, graph, [[builder.values("in0")] for _ in range(2)])


def _random_layer(builder: Builder, value: str, data: st.DataObject) -> str:
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    two = st.integers(1, 2)
    window = Window(
        data.draw(st.tuples(two, two)),
        data.draw(st.tuples(two, two)),
        data.draw(st.tuples(st.integers(0, kernel[0] - 1), st.integers(0, kernel[1] - 1))),
        data.draw(st.tuples(st.integers(0, kernel[0] - 1), st.integers(0, kernel[1] - 1))),
    )
    size = builder.tensors[value].shape[1:3]
    if min(window.output_size((size[0], size[1]), kernel)) < 1:
        return builder.add(value, value)
    kind = data.draw(st.sampled_from(["conv", "depthwise", "max"]))
    if kind == "conv":
        return builder.conv(value, data.draw(st.integers(1, 5)), kernel, window)
    if kind == "depthwise":
        return builder.depthwise(value, data.draw(two), kernel, window)
    plain = Window(window.stride, (1, 1), window.pad_before, window.pad_after)
    if min(plain.output_size((size[0], size[1]), kernel)) < 1:
        return builder.add(value, value)
    return builder.max_pool(value, kernel, plain)


def test_a_quantized_network_as_tflm_runs_it(tflm: Tflm) -> None:
    graph = trained()
    random = np.random.default_rng(3)
    assert_same(
        tflm, graph, [[random.integers(-128, 128, (1, 12, 10, 3), np.int8)] for _ in range(20)]
    )


@pytest.mark.parametrize("name", EXPORTED)
def test_real_models_survive_the_way_out(tflm: Tflm, models: Path, name: str) -> None:
    graph = load_model(models / f"{name}.tflite")
    with np.load(models / f"{name}.ref.npz") as stored:
        cases, expected = stored["in0"][-4:], stored["out0_tflm"][-4:]
    made = tflm.run(to_tflite(graph), [[case] for case in cases])
    assert np.array_equal(np.array([outputs[0] for outputs in made]), expected)


@pytest.mark.parametrize("name", CASES)
def test_reading_back_gives_the_same_results(tmp_path: Path, name: str) -> None:
    builder, graph = build(name)
    write_tflite(graph, tmp_path / "model.tflite")
    again = load_model(tmp_path / "model.tflite")
    case = [builder.values(i) for i in graph.inputs]
    assert np.array_equal(reference(again, case)[0], reference(graph, case)[0])


GRID = Quantization.per_tensor(0.5, 3)
START = np.arange(12, dtype=np.int8).reshape(3, 4)


def shifting(start: Array | None) -> Graph:
    """The inputs before, oldest first, and the sum of the oldest and the newest."""
    builder = Builder(DType.INT8)
    builder.tensors["kept"] = Tensor("kept", (3, 4), DType.INT8, Kind.STATE, GRID, initial=start)
    builder.tensors["x"] = Tensor("x", (1, 4), DType.INT8, quantization=GRID)
    builder.inputs.append("x")
    joined = builder.node(Concat(0), ["kept", "x"], GRID, DType.INT8)
    builder.nodes.append(Node("shift", Slice((1, 0), (3, 4), (1, 1)), (joined,), "kept"))
    oldest = builder.node(Slice((0, 0), (1, 4), (1, 1)), ["kept"], GRID, DType.INT8)
    return builder.graph(builder.add(oldest, "x"), joined)


@pytest.mark.parametrize("start", [None, START], ids=["zero", "given"])
def test_state_as_tflm_runs_it(tflm: Tflm, tmp_path: Path, start: Array | None) -> None:
    graph = shifting(start)
    write_tflite(graph, tmp_path / "model.tflite")
    again = load_model(tmp_path / "model.tflite")
    assert len(again.nodes) == len(graph.nodes)
    assert len(again.of_kind(Kind.STATE)) == 1
    steps = np.random.default_rng(4).integers(-128, 128, (5, 1, 4)).astype(np.int8)
    made = tflm.run(to_tflite(graph), [[step] for step in steps], 2)
    interpreters = Interpreter(graph), Interpreter(again)
    for step, theirs in zip(steps, made, strict=True):
        for interpreter in interpreters:
            outputs = interpreter.run({"x": step})
            for name, expected in zip(interpreter.graph.outputs, theirs, strict=True):
                assert np.array_equal(outputs[name], expected)


def test_equal_graphs_give_equal_bytes() -> None:
    assert to_tflite(build("conv")[1]) == to_tflite(build("conv")[1])
    assert to_tflite(build("conv", seed=1)[1]) != to_tflite(build("conv")[1])


def test_constants_are_aligned() -> None:
    _, graph = build("conv")
    written = to_tflite(graph)
    for tensor in graph.of_kind(Kind.CONSTANT):
        assert written.index(tensor.values.tobytes()) % 16 == 0


def test_all_that_tflite_cannot_say_is_listed_at_once() -> None:
    builder = Builder()
    image = builder.input(1, 7, 7, 2)
    averaged = builder.node(
        AveragePool2D((3, 3), ODD), [image], builder.tensors[image].quantization, DType.INT8
    )
    dilated = builder.max_pool(averaged, (2, 2), Window((1, 1), (2, 2)))
    with pytest.raises(ModelError) as caught:
        to_tflite(builder.graph(dilated))
    assert [problem.node for problem in caught.value.problems] == ["node0", "node1"]
    assert "SAME" in str(caught.value)


def test_a_refused_graph_leaves_no_file(tmp_path: Path) -> None:
    builder = Builder()
    pooled = builder.max_pool(builder.input(1, 7, 7, 2), (2, 2), Window((1, 1), (2, 2)))
    with pytest.raises(ModelError):
        write_tflite(builder.graph(pooled), tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())
