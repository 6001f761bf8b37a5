from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from builder import Builder
from op_cases import CASES, MIXED, build, trained

from edge_runtime.errors import ModelError
from edge_runtime.export.onnx import to_onnx, write_onnx
from edge_runtime.export.onnx_agreement import Agreement, onnx_agreement
from edge_runtime.graph import Activation, Array, DType, Graph, Kind, Tensor, Window
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter

REAL = [
    "mlperf_ad_autoencoder_int8",
    "mlperf_ic_resnet8_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_vww_mobilenetv1_025_96_int8",
    "tflm_hello_world_int8",
    "tflm_micro_speech_int8",
]


def runtime_outputs(
    model: onnx.ModelProto, names: Sequence[str], cases: Sequence[Sequence[Array]]
) -> list[list[Array]]:
    """What ONNX Runtime makes of a model that ONNX's checker finds right."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [session.run(None, dict(zip(names, case, strict=True))) for case in cases]


def assert_close(graph: Graph, cases: list[list[Array]], exact: bool) -> float:
    """Within one step of the interpreter (floats: to rounding); the share of equal outputs."""
    shares = []
    made = runtime_outputs(to_onnx(graph, exact=exact), graph.inputs, cases)
    for case, outputs in zip(cases, made, strict=True):
        expected = Interpreter(graph).run(dict(zip(graph.inputs, case, strict=True)))
        for name, actual in zip(graph.outputs, outputs, strict=True):
            assert actual.shape == expected[name].shape
            assert actual.dtype == expected[name].dtype
            if actual.dtype == np.int8:
                steps = actual.astype(np.int16) - expected[name].astype(np.int16)
                assert np.abs(steps).max() <= 1
                shares.append(float(np.mean(steps == 0)))
            else:
                np.testing.assert_allclose(actual, expected[name], rtol=1e-4, atol=1e-5)
                shares.append(1.0)
    return float(np.mean(shares))


@pytest.mark.parametrize("dtype", [DType.INT8, DType.FLOAT32], ids=lambda d: d.value)
@pytest.mark.parametrize("name", CASES)
def test_every_operation_in_onnx_runtime(name: str, dtype: DType) -> None:
    builder, graph = build(name, dtype)
    cases = [[builder.values(i) for i in graph.inputs] for _ in range(4)]
    assert assert_close(graph, cases, exact=True) > 0.995


@pytest.mark.parametrize("name", CASES)
def test_the_plain_form_is_within_a_step_too(name: str) -> None:
    builder, graph = build(name)
    cases = [[builder.values(i) for i in graph.inputs] for _ in range(2)]
    assert_close(graph, cases, exact=False)


@pytest.mark.parametrize("name", MIXED)
def test_changes_of_type_in_onnx_runtime(name: str) -> None:
    builder, graph = build(name)
    cases = [[builder.values(i) for i in graph.inputs] for _ in range(3)]
    assert_close(graph, cases, exact=True)


@pytest.mark.parametrize("name", REAL)
def test_real_models_agree_in_onnx_runtime(models: Path, name: str) -> None:
    graph = load_model(models / f"{name}.tflite")
    with np.load(models / f"{name}.ref.npz") as stored:
        cases, expected = stored["in0"], stored["out0_tflm"]
    made = runtime_outputs(to_onnx(graph), graph.inputs, [[case] for case in cases])
    steps = np.array([outputs[0] for outputs in made]).astype(np.int16) - expected
    assert np.abs(steps).max() <= 1
    assert np.mean(steps == 0) > 0.999


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "plain"])
@pytest.mark.parametrize("name", ["conv", "depthwise-times-3", "average", "mean", "dense-of-image"])
def test_reading_back_gives_the_same_results(tmp_path: Path, name: str, exact: bool) -> None:
    builder, graph = build(name)
    write_onnx(graph, tmp_path / "model.onnx", exact=exact)
    again = load_model(tmp_path / "model.onnx")
    case = {i: builder.values(i) for i in graph.inputs}
    expected = Interpreter(graph).run(case)[graph.outputs[0]]
    assert np.array_equal(Interpreter(again).run(case)[again.outputs[0]], expected)


def test_agreement_is_measured_over_all_samples(tmp_path: Path) -> None:
    builder, graph = build("average")
    inputs = {"in0": np.stack([builder.values("in0") for _ in range(20)])}
    write_onnx(graph, tmp_path / "exact.onnx")
    assert onnx_agreement(tmp_path / "exact.onnx", graph, inputs) == Agreement(20, 1.0, 0.0)
    plain = onnx_agreement(to_onnx(graph, exact=False).SerializeToString(), graph, inputs)
    assert plain.samples == 20
    assert plain.exact < 1
    assert plain.largest == 1
    with pytest.raises(ModelError, match="refuses"):
        onnx_agreement(b"no model", graph, inputs)


def test_a_quantized_network_gives_the_same_bytes_in_onnx_runtime() -> None:
    graph = trained()
    inputs = {"in0": np.random.default_rng(4).integers(-128, 128, (200, 1, 12, 10, 3), np.int8)}
    agreement = onnx_agreement(to_onnx(graph).SerializeToString(), graph, inputs)
    assert agreement.largest <= 1
    assert agreement.exact > 0.99


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_images_turn_round_once_on_the_way_in_and_once_on_the_way_out() -> None:
    builder = Builder()
    image = builder.input(1, 8, 8, 3)
    first = builder.conv(image, 4)
    second = builder.depthwise(first)
    joined = builder.add(builder.average_pool(second), builder.max_pool(first))
    assert kinds(to_onnx(builder.graph(joined))).count("Transpose") == 2
    flat = builder.reshape(builder.mean(joined, 1, 2, keep_dims=True), 1, 4)
    assert kinds(to_onnx(builder.graph(builder.softmax(flat)))).count("Transpose") == 1


def test_a_model_that_takes_planes_is_not_turned_at_all() -> None:
    _, graph = build("transpose-in")
    assert kinds(to_onnx(graph)).count("Transpose") == 1
    _, graph = build("transpose-out")
    assert kinds(to_onnx(graph)).count("Transpose") == 1


def test_weights_have_a_scale_per_channel_and_the_bias_that_of_the_sums() -> None:
    _, graph = build("conv")
    model = to_onnx(graph)
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    by_output = {node.output[0]: node for node in model.graph.node}
    convolution = next(node for node in model.graph.node if node.op_type == "Conv")
    weights, bias = (by_output[name] for name in convolution.input[1:])
    source, scales = graph.tensors["in0"].quant.scale, graph.tensors["w0"].quant.scales
    assert constants[weights.input[0]].dtype == np.int8
    assert constants[bias.input[0]].dtype == np.int32
    np.testing.assert_array_equal(constants[weights.input[1]], np.float32(scales))
    np.testing.assert_allclose(constants[bias.input[1]], source * np.array(scales), rtol=1e-6)


def test_a_clamp_that_storage_does_is_not_written() -> None:
    builder = Builder(seed=3)
    name = builder.conv(builder.input(1, 4, 4, 2), 3, activation=Activation.RELU)
    assert "Relu" in kinds(to_onnx(builder.graph(name)))
    tensor = builder.tensors[name]
    low = type(tensor.quant).per_tensor(tensor.quant.scale, -128)
    builder.tensors[name] = Tensor(name, tensor.shape, tensor.dtype, quantization=low)
    assert "Relu" not in kinds(to_onnx(builder.graph(name)))


def test_the_same_graph_gives_the_same_bytes(tmp_path: Path) -> None:
    for path in ("a.onnx", "b.onnx"):
        write_onnx(build("conv")[1], tmp_path / path)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_names_that_a_graph_took_already_are_left_to_it() -> None:
    builder = Builder()
    image = builder.input(1, 4, 4, 2)
    made = builder.conv(image, 3)
    for taken in (f"{made}/planar", f"{image}/real", "node0/nudge"):
        builder.tensors[taken] = Tensor.constant(taken, np.zeros(3, np.float32))
    graph = builder.graph(made)
    assert_close(graph, [[builder.values(image)]], exact=True)


def test_all_that_onnx_cannot_say_is_listed_at_once() -> None:
    builder = Builder()
    pooled = builder.average_pool(builder.input(1, 7, 7, 2), (2, 2), Window((1, 1), (2, 2)))
    builder.tensors["kept"] = Tensor("kept", (4,), DType.INT8, Kind.STATE)
    with pytest.raises(ModelError) as caught:
        to_onnx(builder.graph(pooled))
    assert [problem.node for problem in caught.value.problems] == ["kept", "node0"]
