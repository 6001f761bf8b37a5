"""SVDF and LSTM equal TFLM over many invocations; LSTM, GRU and RNN equal ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from tflm import Tflm

from edge_runtime.errors import ModelError
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import Activation, Array, DType, Graph, Kind, Node, Quantization, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.importers.tflite import read_tflite
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import HIDDEN, Direction, Gru, Lstm, Recurrent, Reshape, Rnn, Svdf

FLOAT, INT8, INT16 = DType.FLOAT32, DType.INT8, DType.INT16
Random = np.random.Generator

quickly = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
lengths = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)


def grid(dtype: DType, scale: float, zero: int = 0) -> Quantization | None:
    return None if dtype.is_float else Quantization.per_tensor(scale, zero)


def stored(random: Random, shape: Sequence[int], dtype: DType, most: int | None = None) -> Array:
    if dtype.is_float:
        return random.normal(0, 0.7, shape).astype(np.float32)
    low, high = dtype.range if most is None else (-most, most)
    return random.integers(low, high, shape, endpoint=True).astype(dtype.numpy)


def svdf(kind: DType, sizes: Sequence[int], zero: int, act: Activation, random: Random) -> Graph:
    """An SVDF with a state of type `kind`; sizes: batch, inputs, units, rank, memory."""
    batch, depth, units, rank, memory = sizes
    data = FLOAT if kind is FLOAT else INT8
    filters, fine = units * rank, 1 / 256 if kind is INT16 else 1.0
    # No filter leaves the range of the state, where this TFLM would wrap round a zero point.
    state_scale = 0.05 * 0.01 * 127 * 255 * depth / 100 * fine
    state = Tensor("s", (batch, memory * filters), kind, Kind.STATE, grid(kind, state_scale, zero))
    times = Tensor.constant("t", stored(random, (filters, memory), kind), grid(kind, 0.01 * fine))
    unit = None if kind is FLOAT else float(np.float32(state_scale) * np.float32(0.01 * fine))
    bias = stored(random, (units,), DType.FLOAT32 if kind is FLOAT else DType.INT32, 3000)
    tensors = [
        Tensor("x", (batch, depth), data, quantization=grid(data, 0.05, -3)),
        Tensor.constant("f", stored(random, (filters, depth), data), grid(data, 0.01)),
        times,
        state,
        Tensor.constant("b", bias, None if unit is None else Quantization.per_tensor(unit)),
        Tensor("out", (batch, units), data, quantization=grid(data, state_scale / fine / 8, 5)),
    ]
    node = Node("svdf", Svdf(rank, act), ("x", "f", "t", "s", "b"), "out", ("s",))
    return verify(Graph.build("svdf", tensors, [node], ["x"], ["out"]))


def lstm(dtype: DType, op: Lstm, sizes: Sequence[int], power: int, random: Random) -> Graph:
    """A streaming LSTM; sizes: steps, batch, inputs, hidden."""
    steps, batch, depth, hidden = sizes
    shape = (batch, steps, depth) if op.batch_first else (steps, batch, depth)
    image_grid = grid(dtype, 0.03 if dtype is INT8 else 0.0002, -4 if dtype is INT8 else 0)
    hidden_grid = grid(dtype, 0.007 if dtype is INT8 else 2.0**-15, 9 if dtype is INT8 else 0)
    cell = FLOAT if dtype is FLOAT else INT16
    x = Tensor("x", shape, dtype, quantization=image_grid)
    h = Tensor("h", (batch, hidden), dtype, Kind.STATE, hidden_grid)
    c = Tensor("c", (batch, hidden), cell, Kind.STATE, grid(cell, 2.0**power))
    constants = []
    for name, columns in (("w", depth), ("r", hidden)):
        weights = stored(random, (1, 4 * hidden, columns), FLOAT if dtype is FLOAT else INT8)
        scales = np.repeat(random.uniform(0.002, 0.03, 4), hidden).astype(np.float32)
        each = Quantization(tuple(map(float, scales)), (0,) * len(scales), 1)
        constants.append(Tensor.constant(name, weights, None if dtype is FLOAT else each))
    kinds = {FLOAT: FLOAT, INT8: DType.INT32, INT16: DType.INT64}
    count = 8 if dtype is FLOAT else 4
    constants.append(Tensor.constant("b", stored(random, (1, count * hidden), kinds[dtype], 9000)))
    inputs = [x, *constants, h, c]
    y = Tensor("y", op.output_shapes(inputs)[0], dtype, quantization=hidden_grid)
    out = Tensor("out", (*shape[:2], hidden), dtype, quantization=hidden_grid)
    nodes = [
        Node("lstm", op, ("x", "w", "r", "b", "h", "c"), "y", ("h", "c")),
        Node("flat", Reshape(out.shape), ("y",), "out"),
    ]
    return verify(Graph.build("lstm", [*inputs, y, out], nodes, ["x"], ["out"]))


def compare(graph: Graph, tflm: Tflm, random: Random) -> None:
    """Step by step, with the state kept: the interpreter, TFLM, and what is read back."""
    image = graph.tensors["x"]
    steps = [[stored(random, image.shape, image.dtype)] for _ in range(6)]
    content = to_tflite(graph)
    mine, again = Interpreter(graph), Interpreter(read_tflite(content, "again"))
    for step, expected in zip(steps, tflm.run(content, steps), strict=True):
        made = mine.run({"x": step[0]})["out"]
        read = again.run({again.graph.inputs[0]: step[0]})[again.graph.outputs[0]]
        if image.dtype.is_float:
            np.testing.assert_allclose(made, read, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(made, expected[0], rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(made, read)
            np.testing.assert_array_equal(made, expected[0])


@pytest.mark.parametrize("kind", [FLOAT, INT8, INT16], ids=lambda kind: kind.value)
@quickly
@given(sizes=st.tuples(*[lengths] * 5), zero=st.integers(-20, 20), seed=seeds)
def test_svdf_as_tflm(
    kind: DType, sizes: tuple[int, ...], zero: int, seed: int, tflm: Tflm
) -> None:
    random = np.random.default_rng(seed)
    act = Activation.RELU if kind is FLOAT else Activation.NONE
    compare(svdf(kind, sizes, zero if kind is INT8 else 0, act, random), tflm, random)


@pytest.mark.parametrize("dtype", [FLOAT, INT8, INT16], ids=lambda dtype: dtype.value)
@quickly
@given(
    sizes=st.tuples(*[lengths] * 4),
    power=st.integers(-15, -7),
    first=st.booleans(),
    clip=st.sampled_from([0.0, 0.0, 0.4]),
    seed=seeds,
)
def test_lstm_as_tflm(
    dtype: DType,
    sizes: tuple[int, ...],
    power: int,
    first: bool,
    clip: float,
    seed: int,
    tflm: Tflm,
) -> None:
    random = np.random.default_rng(seed)
    op = Lstm(batch_first=first, cell_clip=clip)
    compare(lstm(dtype, op, sizes, power, random), tflm, random)


OPERATIONS = [
    Lstm(),
    Gru(),
    Gru(linear_before_reset=True),
    Rnn(),
    Rnn(relu=True),
]


def model_of(op: Recurrent, shapes: Sequence[Sequence[int]], outputs: int) -> bytes:
    """An ONNX model of one recurrent node, all of whose operands are inputs."""
    kind = {Lstm: "LSTM", Gru: "GRU", Rnn: "RNN"}[type(op)]
    attributes: dict[str, object] = {
        "hidden_size": shapes[2][-1],
        "direction": op.direction.value,
    }
    if isinstance(op, Gru):
        attributes["linear_before_reset"] = int(op.linear_before_reset)
    if isinstance(op, Rnn) and op.relu:
        attributes["activations"] = ["Relu"] * len(op.direction.backward)
    names = [f"in{i}" for i in range(len(shapes))]
    # The fifth input of ONNX's nodes holds the lengths of the sequences.
    given_names = [*names[:4], "", *names[4:]]
    made = [f"out{i}" for i in range(outputs)]
    node = helper.make_node(kind, given_names, made, **attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in zip(names, shapes, strict=True)
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in made],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("direction", Direction, ids=lambda direction: direction.value)
@pytest.mark.parametrize("base", OPERATIONS, ids=["lstm", "gru", "gru-linear", "rnn", "rnn-relu"])
@pytest.mark.parametrize("peepholes", [False, True])
def test_as_onnx_runtime(base: Recurrent, direction: Direction, peepholes: bool) -> None:
    if peepholes and not isinstance(base, Lstm):
        return
    op = type(base)(**{**vars(base), "direction": direction})
    random = np.random.default_rng(3)
    steps, batch, depth, hidden, count = 6, 3, 4, 5, len(direction.backward)
    rows = op.GATES * hidden
    shapes = [
        (steps, batch, depth),
        (count, rows, depth),
        (count, rows, hidden),
        (count, 2 * rows),
        *[(count, batch, hidden)] * op.STATES,
        *([(count, 3 * hidden)] if peepholes else []),
    ]
    values = [stored(random, shape, FLOAT) for shape in shapes]
    session = onnxruntime.InferenceSession(model_of(op, shapes, 1 + op.STATES))
    expected = session.run(None, {f"in{i}": value for i, value in enumerate(values)})
    inputs = [Tensor(f"in{i}", shape, FLOAT) for i, shape in enumerate(shapes)]
    outputs = [Tensor("", shape, FLOAT) for shape in op.output_shapes(inputs)]
    assert not op.node_problems(inputs, outputs)
    for made, wanted in zip(op.compute(values, inputs, outputs), expected, strict=True):
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)
    _check_batch_first(op, values, expected)


def _check_batch_first(op: Recurrent, values: list[Array], expected: Sequence[Array]) -> None:
    """The same with the batch in front, and of the sequence the last step only."""
    turned = type(op)(**{**vars(op), "batch_first": True, "sequence": False})
    given_values = [values[0].swapaxes(0, 1), *values[1:4]]
    given_values += [value.swapaxes(0, 1) for value in values[4 : 4 + op.STATES]]
    given_values += values[4 + op.STATES :]
    inputs = [Tensor(f"in{i}", v.shape, FLOAT) for i, v in enumerate(given_values)]
    outputs = [Tensor("", shape, FLOAT) for shape in turned.output_shapes(inputs)]
    sequence, *states = turned.compute(given_values, inputs, outputs)
    np.testing.assert_allclose(states[0].swapaxes(0, 1), expected[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sequence[:, 0], states[0], rtol=0, atol=0)


def test_what_the_lstm_refuses() -> None:
    random = np.random.default_rng(0)
    graph = lstm(INT8, Lstm(), (2, 1, 3, 2), -11, random)
    tensors = {name: graph.tensors[name] for name in ("x", "w", "r", "b", "h", "c", "y")}
    inputs = [tensors[name] for name in ("x", "w", "r", "b", "h", "c")]
    outputs = [tensors["y"], tensors["h"], tensors["c"]]
    found = Lstm(Direction.REVERSE).node_problems(inputs, outputs)
    assert found == ["direction reverse; allowed for integers: forward"]
    odd = Tensor("c", (1, 2), INT16, Kind.STATE, Quantization.per_tensor(0.3))
    found = Lstm().node_problems([*inputs[:5], odd], [*outputs[:2], odd])
    assert len(found) == 1 and "a power of two" in found[0]
    short = Tensor.constant("b", np.zeros((1, 3), np.int32))
    found = Lstm().node_problems([*inputs[:3], short, *inputs[4:]], outputs)
    assert found == ["tensor b has shape (1, 3); allowed: (1, 8)"]


def test_what_tflite_has_no_form_for_is_told() -> None:
    shapes = [(2, 1, 3), (1, 6, 3), (1, 6, 2), (1, 12), (1, 1, 2)]
    inputs = [Tensor(f"in{i}", shape, FLOAT) for i, shape in enumerate(shapes)]
    op = Gru()
    outputs = [Tensor(f"o{i}", shape, FLOAT) for i, shape in enumerate(op.output_shapes(inputs))]
    node = Node("gru", op, tuple(t.name for t in inputs), "o0", ("o1",))
    names = [tensor.name for tensor in inputs]
    graph = verify(Graph.build("gru", [*inputs, *outputs], [node], names, ["o0"]))
    with pytest.raises(ModelError, match="TFLite has no such operation"):
        to_tflite(graph)


def integer_gru(op: Gru, hidden: int, random: Random) -> tuple[list[Tensor], list[Tensor]]:
    """Operands and outputs of an int8 GRU over 30 steps of a batch of 2."""
    shape = (2, 30, 6) if op.batch_first else (30, 2, 6)
    image = Tensor("x", shape, INT8, quantization=grid(INT8, 0.02, -3))
    units, operands = [], [image]
    for name, columns, scale in (("w", 6, 0.02), ("r", hidden, HIDDEN.scale)):
        each = np.repeat(np.float32([0.004, 0.006, 0.008]), hidden)
        rows = Quantization(tuple(each.tolist()), (0,) * len(each), 1)
        operands.append(Tensor.constant(name, stored(random, (1, len(each), columns), INT8), rows))
        units.append(scale * each)
    unit = np.concatenate(units)
    bias = np.rint(random.normal(0, 0.5, len(unit)) / unit).astype(np.int32).reshape(1, -1)
    held = Quantization(tuple(unit.tolist()), (0,) * len(unit), 1)
    operands.append(Tensor.constant("b", bias, held))
    h = Tensor("h", (2, hidden), INT16, quantization=HIDDEN)
    y = Tensor("y", op.output_shapes([*operands, h])[0], INT8, quantization=grid(INT8, 1 / 120, 5))
    return [*operands, h], [y, replace(h, name="last")]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_integer_gru_is_close_to_the_float_one(before: bool, batch_first: bool) -> None:
    random = np.random.default_rng(4)
    op = Gru(batch_first=batch_first, linear_before_reset=before)
    inputs, outputs = integer_gru(op, 8, random)
    assert op.node_problems(inputs, outputs) == []
    values = [t.values if t.data is not None else stored(random, t.shape, t.dtype) for t in inputs]
    made = op.compute(values, inputs, outputs)
    floats = [replace(t, dtype=FLOAT, quantization=None, data=None) for t in (*inputs, *outputs)]
    real = [t.quant.dequantize(v) for t, v in zip(inputs, values, strict=True)]
    exact = op.compute(real, floats[:5], floats[5:])
    for tensor, one, two in zip(outputs, made, exact, strict=True):
        error = np.abs(tensor.quant.dequantize(one) - two)
        # The gates have 12 bits behind the point, Y as many as int8 has.
        assert error.max() <= 0.003 + (tensor.quant.scale if tensor.dtype is INT8 else 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"h": {"quantization": Quantization.per_tensor(2.0**-14)}}, "not in units of 2**-15"),
        ({"h": {"dtype": INT8}}, "h is int8; allowed beside an input of int8: int16"),
        ({"w": {"quantization": Quantization.per_tensor(0.1, 3)}}, "a zero point other than 0"),
        ({"w": {"quantization": Quantization.per_tensor(2.0)}}, "product is too large"),
    ],
)
def test_integer_grus_that_are_refused(change: dict[str, dict[str, Any]], message: str) -> None:
    inputs, outputs = integer_gru(Gru(), 8, np.random.default_rng(4))
    changed = [replace(t, **change.get(t.name, {})) for t in inputs]
    assert any(message in text for text in Gru().node_problems(changed, outputs))


def test_integer_grus_have_one_direction_and_a_limit() -> None:
    inputs, outputs = integer_gru(Gru(), 257, np.random.default_rng(4))
    assert any("allowed for integers: 256" in p for p in Gru().node_problems(inputs, outputs))
    reverse = Gru(Direction.REVERSE)
    inputs, outputs = integer_gru(reverse, 8, np.random.default_rng(4))
    assert any("direction reverse" in p for p in reverse.node_problems(inputs, outputs))
