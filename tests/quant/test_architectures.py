"""Small networks of many kinds, from ONNX to int8: close to float, and the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tflm import Tflm

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.errors import DataError, ModelError
from edge_runtime.evaluate import evaluate, predict, stored
from edge_runtime.export.onnx import to_onnx
from edge_runtime.export.onnx_agreement import onnx_agreement
from edge_runtime.export.tflite import to_tflite
from edge_runtime.export.tflm_limits import tflm_refusals
from edge_runtime.graph import Array, Graph
from edge_runtime.quant import Forms, Precision, calibrate, float_nodes, quantize, quantize_graph


class Net:
    """An ONNX model, one node at a time."""

    def __init__(self, *inputs: tuple[int, ...], integers: bool = False) -> None:
        self.random = np.random.default_rng(0)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        kind = TensorProto.INT32 if integers else TensorProto.FLOAT
        self.inputs = [
            helper.make_tensor_value_info(f"in{i}", kind, shape) for i, shape in enumerate(inputs)
        ]

    def __call__(self, kind: str, *inputs: str | Array | list[int], **given: Any) -> str:
        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        made = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [made], f"{kind}_{made}", **given))
        return made

    def constant(self, values: Array | list[int]) -> str:
        array = np.array(values, np.int64) if isinstance(values, list) else np.float32(values)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape: int) -> Array:
        return self.random.normal(0, 0.4, shape).astype(np.float32)

    def conv(self, x: str, depth: int, out: int, *kernel: int, **given: Any) -> str:
        weights = self.weights(out, depth // given.get("group", 1), *kernel)
        return self("Conv", x, weights, self.weights(out), **given)

    def split(self, x: str, axis: int, *sizes: int) -> list[str]:
        names = [f"{x}_{i}" for i in range(len(sizes))]
        inputs = [x, self.constant(list(sizes))]
        self.nodes.append(helper.make_node("Split", inputs, names, f"Split_{x}", axis=axis))
        return names

    def graph(self, folder: Path, *outputs: str) -> Graph:
        made = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "g", self.inputs, made, self.constants)
        opset = [helper.make_opsetid("", 13)]
        onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "m.onnx")
        return api.load(folder / "m.onnx")


Make = Callable[[Path], Graph]


def gelu(folder: Path) -> Graph:
    net = Net((1, 3, 8, 8))
    x = net.conv("in0", 3, 8, 3, 3)
    bell = net("Erf", net("Div", x, np.float32(2**0.5)))
    y = net("Mul", net("Mul", x, net("Add", bell, np.float32(1))), np.float32(0.5))
    return net.graph(folder, net.conv(y, 8, 4, 3, 3))


def gates(folder: Path) -> Graph:
    """SiLU, hard swish, squeeze and excitation, PReLU."""
    net = Net((1, 3, 8, 8))
    x = net.conv("in0", 3, 8, 3, 3)
    x = net("Mul", x, net("Sigmoid", x))
    x = net("Mul", x, net("HardSigmoid", x, alpha=1 / 6, beta=0.5))
    squeezed = net("Relu", net.conv(net("GlobalAveragePool", x), 8, 4, 1, 1))
    x = net("Mul", x, net("Sigmoid", net.conv(squeezed, 4, 8, 1, 1)))
    x = net("PRelu", x, net.weights(8, 1, 1))
    return net.graph(folder, net.conv(x, 8, 4, 1, 1))


def attention(folder: Path) -> Graph:
    return attending(folder, lambda net, like: like)


def added_mask(folder: Path) -> Graph:
    """No later step is seen: minus infinity is added to its score."""
    unseen = np.triu(np.full((6, 6), -np.inf, np.float32), 1)
    return attending(folder, lambda net, like: net("Add", like, unseen))


def chosen_mask(folder: Path) -> Graph:
    """The same with the lowest number in place of the score, as it is often written."""
    seen = helper.make_node("Constant", [], ["seen"], value=numpy_helper.from_array(np.tri(6) > 0))

    def mask(net: Net, like: str) -> str:
        net.nodes.append(seen)
        return net("Where", "seen", like, np.full(1, np.finfo(np.float32).min))

    return attending(folder, mask)


def attending(folder: Path, mask: Callable[[Net, str], str]) -> Graph:
    """Two heads, a layer norm before them, and a residual around."""
    net = Net((1, 6, 8))
    centred = net("Sub", "in0", net("ReduceMean", "in0", axes=[-1]))
    spread = net("ReduceMean", net("Mul", centred, centred), axes=[-1])
    scaled = net("Div", centred, net("Sqrt", net("Add", spread, np.float32(1e-5))))
    x = net("Add", net("Mul", scaled, net.weights(8)), net.weights(8))

    def heads(order: list[int]) -> str:
        part = net("Reshape", net("MatMul", x, net.weights(8, 8)), [1, 6, 2, 4])
        return net("Transpose", part, perm=order)

    like = net("MatMul", heads([0, 2, 1, 3]), heads([0, 2, 3, 1]))
    share = net("Softmax", mask(net, net("Div", like, np.float32(2))), axis=-1)
    mixed = net("Transpose", net("MatMul", share, heads([0, 2, 1, 3])), perm=[0, 2, 1, 3])
    out = net("MatMul", net("Reshape", mixed, [1, 6, 8]), net.weights(8, 8))
    return net.graph(folder, net("Add", "in0", out))


def lstm(folder: Path) -> Graph:
    net = Net((1, 10, 6))
    x = net("Transpose", "in0", perm=[1, 0, 2])
    weights = [net.weights(1, 32, 6), net.weights(1, 32, 8), net.weights(1, 64)]
    y = net("Squeeze", net("LSTM", x, *weights, hidden_size=8), [1])
    last = net("Gather", net("Transpose", y, perm=[1, 0, 2]), net.constant([9]), axis=1)
    return net.graph(folder, net("Gemm", net("Flatten", last), net.weights(8, 4), net.weights(4)))


def branches(folder: Path) -> Graph:
    """Concat, split, and pads of two kinds."""
    net = Net((1, 3, 8, 8))
    left = net.conv("in0", 3, 4, 3, 3, pads=[1] * 4)
    joined = net("Concat", left, net("Relu", net.conv("in0", 3, 6, 1, 1)), axis=1)
    one, two = net.split(joined, 1, 5, 5)
    x = net("Mul", one, net("Sigmoid", two))
    mirrored = net("Pad", x, [0, 0, 1, 1, 0, 0, 1, 1], mode="reflect")
    filled = net("Pad", x, [0, 0, 1, 1, 0, 0, 1, 1], np.float32(0.5))
    return net.graph(folder, net.conv(net("Concat", mirrored, filled, axis=1), 10, 3, 3, 3))


def upsampled(folder: Path) -> Graph:
    """Both kinds of resizing, and a transposed convolution."""
    net = Net((1, 3, 6, 6))
    x = net.conv("in0", 3, 4, 3, 3)
    scales = net.constant(np.float32([1, 1, 2, 2]))
    near = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    nearest = net("Resize", x, "", scales, mode="nearest", **near)
    linear = net("Resize", x, "", scales, mode="linear")
    learned = net("ConvTranspose", x, net.weights(4, 4, 2, 2), net.weights(4), strides=[2, 2])
    return net.graph(folder, net("Add", net("Add", nearest, linear), learned))


def grouped(folder: Path) -> Graph:
    """A depthwise multiplier, groups, and a shuffle of channels."""
    net = Net((1, 3, 8, 8))
    x = net("Relu", net.conv("in0", 3, 8, 3, 3))
    x = net.conv(net("Relu", net.conv(x, 8, 16, 3, 3, group=8)), 16, 8, 1, 1, group=4)
    x = net("Transpose", net("Reshape", x, [1, 4, 2, 4, 4]), perm=[0, 2, 1, 3, 4])
    return net.graph(folder, net.conv(net("Reshape", x, [1, 8, 4, 4]), 8, 4, 3, 3, group=2))


def embedding(folder: Path) -> Graph:
    net = Net((1, 6), integers=True)
    x = net("ReduceMean", net("Gather", net.weights(20, 8), "in0"), axes=[1])
    return net.graph(folder, net("MatMul", x, net.weights(8, 4)))


def several(folder: Path) -> Graph:
    """Two inputs, three outputs."""
    net = Net((1, 8), (1, 3, 6, 6))
    p = net("Gemm", "in0", net.weights(8, 6), net.weights(6))
    q = net("Flatten", net("GlobalAveragePool", net.conv("in1", 3, 6, 3, 3)))
    joined = net("Concat", p, q, axis=1)
    made = net("Gemm", joined, net.weights(12, 4), net.weights(4))
    return net.graph(folder, made, net("Softmax", q), p)


def sequence(folder: Path) -> Graph:
    """Convolutions along one dimension."""
    net = Net((1, 4, 20))
    x = net("Relu", net.conv("in0", 4, 8, 3, pads=[1, 1]))
    x = net.conv(net("MaxPool", x, kernel_shape=[2], strides=[2]), 8, 8, 3, dilations=[2], group=8)
    x = net("Flatten", net("GlobalAveragePool", x))
    return net.graph(folder, net("Gemm", x, net.weights(8, 4), net.weights(4)))


def truths(folder: Path) -> Graph:
    """Comparisons turned into numbers, and multiplied with."""
    net = Net((1, 3, 8, 8))
    x = net.conv("in0", 3, 8, 3, 3)
    seen = net("Cast", net("Greater", x, np.float32(0.3)), to=TensorProto.FLOAT)
    return net.graph(folder, net.conv(net("Mul", net.conv("in0", 3, 8, 3, 3), seen), 8, 4, 1, 1))


def products(folder: Path) -> Graph:
    net = Net((2, 3, 8), (2, 8, 5))
    return net.graph(folder, net("MatMul", "in0", "in1"))


NETS: dict[str, Make] = {
    make.__name__: make
    for make in (
        *(gelu, gates, attention, added_mask, chosen_mask, lstm, branches, upsampled),
        *(grouped, embedding, several, sequence, truths, products),
    )
}
FLOATS = {"lstm": ["UNIDIRECTIONAL_SEQUENCE_LSTM"], "truths": ["CAST"]}
"""What stays float32."""
DECIBELS = 22
"""What the worst of them reaches, GELU between convolutions of random weights, is 22.5."""


def data(graph: Graph, count: int, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    found = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        shape = (count, *tensor.shape)
        values = (
            random.normal(0, 1, shape) if tensor.dtype.is_float else random.integers(0, 20, shape)
        )
        found[name] = values.astype(tensor.dtype.numpy)
    return found


def decibels(exact: Array, held: Array) -> float:
    return float(10 * np.log10(np.square(exact).sum() / np.square(exact - held).sum()))


@pytest.fixture(scope="module")
def tflm() -> Iterator[Tflm]:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    worker = Tflm()
    yield worker
    worker.close()


def inputs_of(graph: Graph, made: Graph, count: int) -> dict[str, Array]:
    """Samples for the float `graph` as `made` stores them."""
    return {n: stored(made.tensors[n], array) for n, array in data(graph, count, 7).items()}


def assert_same_firmware(graph: Graph, inputs: dict[str, Array], board: str, folder: Path) -> None:
    tensors = [graph.tensors[name] for name in graph.inputs]
    arrays = {f"in{i}": inputs[name] for i, name in enumerate(graph.inputs)}
    exported = api.export(graph, board, folder)
    cases = Cases.of(tensors, arrays, streaming=False)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.exact == result.compared > 0


def assert_same_in_tflm(tflm: Tflm, graph: Graph, inputs: dict[str, Array]) -> None:
    expected = evaluate(graph, inputs)
    count = len(inputs[graph.inputs[0]])
    cases = [[inputs[name][i] for name in graph.inputs] for i in range(count)]
    for i, made in enumerate(tflm.run(to_tflite(graph), cases, len(graph.outputs))):
        for name, values in zip(graph.outputs, made, strict=True):
            assert np.array_equal(values, expected[name][i])


@pytest.mark.parametrize("name", NETS)
def test_int8_is_close_to_float_and_the_same_everywhere(
    tmp_path: Path, tflm: Tflm, name: str
) -> None:
    graph = NETS[name](tmp_path)
    quantized = quantize(graph, data(graph, 64, 1))
    made, report = quantized.graph, quantized.report
    exact, held = (predict(each, data(graph, 20, 7)) for each in (graph, made))
    assert min(decibels(exact[o], held[o]) for o in graph.outputs) > DECIBELS
    assert all(layer.own_db is None or layer.own_db > DECIBELS for layer in report.layers)
    assert {node.node for node in report.floats} == set(float_nodes(made))
    assert [node.op for node in report.floats] == FLOATS.get(name, [])
    inputs = inputs_of(graph, made, 5)
    assert_same_firmware(made, inputs, "host", tmp_path / "firmware")
    agreement = onnx_agreement(to_onnx(made).SerializeToString(), made, inputs)
    assert agreement.largest <= 2
    assert agreement.exact > 0.95
    try:
        to_tflite(made)
    except ModelError as error:
        assert {p.op for p in error.problems} <= {"SILU", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
        return
    if not tflm_refusals(made):
        assert_same_in_tflm(tflm, made, inputs)


def test_indices_are_whole_numbers(tmp_path: Path) -> None:
    graph = embedding(tmp_path)
    with pytest.raises(DataError, match="no int32"):
        quantize(graph, {"in0": np.full((20, 1, 6), 0.5)})


def test_whole_numbers_are_made_of_real_ones(tmp_path: Path) -> None:
    """Not of what int8 stores for them."""
    net = Net((1, 6))
    made = net("Cast", net("Mul", "in0", net.weights(6)), to=TensorProto.INT32)
    graph = net.graph(tmp_path, made)
    samples = data(graph, 64, 1)
    exact, held = (predict(g, samples)[made] for g in (graph, quantize(graph, samples).graph))
    # A step of int8 moves what lies next to a whole number.
    assert np.abs(exact - held).max() <= 1
    assert (exact == held).mean() > 0.9


@pytest.mark.parametrize("name", ["attention", "branches", "several"])
def test_16_bits_wherever_they_can_be(tmp_path: Path, tflm: Tflm, name: str) -> None:
    graph = NETS[name](tmp_path)
    forms = Forms.of(graph, {node.name: Precision.A16 for node in graph.nodes})
    assert Precision.A16 in forms.precisions.values()
    made = quantize_graph(graph, calibrate(graph, data(graph, 64, 1), forms=forms), forms=forms)
    exact, held = (predict(each, data(graph, 20, 7)) for each in (graph, made))
    assert min(decibels(exact[o], held[o]) for o in graph.outputs) > 30
    inputs = inputs_of(graph, made, 3)
    assert_same_firmware(made, inputs, "nucleo_l4r5zi", tmp_path / "firmware")
    if not tflm_refusals(made):
        assert_same_in_tflm(tflm, made, inputs)
