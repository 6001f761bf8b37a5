"""Channels that make no difference go, and no output changes by a bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from builder import Builder
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.graph import Activation, Array, Graph, Kind, Window
from edge_runtime.graph.verify import verify
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import Linear
from edge_runtime.passes import remove_dead_channels
from edge_runtime.passes.intervals import intervals

POINT = (1, 1)


def changed(graph: Graph, constants: dict[str, Array]) -> Graph:
    """`graph` with other values of some constants."""
    tensors = dict(graph.tensors)
    for name, values in constants.items():
        kept = values.astype(tensors[name].dtype.numpy)
        tensors[name] = replace(tensors[name], data=kept)
    return verify(Graph(graph.name, tensors, graph.nodes, graph.inputs, graph.outputs))


def silenced(graph: Graph, share: float, level: int, seed: int) -> Graph:
    """Some output channels of each convolution get weights of zero and a bias of about `level`."""
    random = np.random.default_rng(seed)
    constants: dict[str, Array] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Linear):
            continue
        weights, *bias = graph.node_inputs(node)[1:]
        axis = 3 if node.op.NAME == "DEPTHWISE_CONV_2D" else 0
        dead = random.random(weights.shape[axis]) < share
        values, summands = weights.values.copy(), bias[0].values.copy()
        np.moveaxis(values, axis, 0)[dead] = 0
        summands[dead] = random.integers(-level, level + 1, int(dead.sum())) if level else 0
        constants |= {weights.name: values, bias[0].name: summands}
    return changed(graph, constants)


def chain(seed: int, padded: bool, activation: Activation, tied: bool) -> Graph:
    """Convolution, depthwise, perhaps a sum, convolution, fully connected."""
    build = Builder(seed=seed)
    slide = Window(pad_before=(1, 1), pad_after=(1, 1)) if padded else Window()
    first = build.conv(build.input(1, 7, 6, 3), 9, (3, 3), slide, activation)
    value = build.depthwise(first, window=Window((1, 1), (1, 1), (1, 1), (1, 1)))
    if tied:
        value = build.add(value, first, activation)
    value = build.conv(value, 8, (3, 3), slide, activation)
    value = build.conv(value, 6, POINT, activation=activation)
    _, height, width, depth = build.tensors[value].shape
    value = build.reshape(value, 1, height * width * depth)
    return build.graph(build.dense(value, 5))


def equal(before: Graph, after: Graph, count: int = 4) -> None:
    """The same outputs for random inputs and for those that are all the least or the most."""
    source = before.tensors[before.inputs[0]]
    random = np.random.default_rng(1)
    inputs = [random.integers(-128, 128, source.shape) for _ in range(count)]
    inputs += [np.full(source.shape, end) for end in (-128, 127)]
    for values in inputs:
        given_ = {source.name: values.astype(np.int8)}
        expected, found = Interpreter(before).run(given_), Interpreter(after).run(given_)
        np.testing.assert_array_equal(found[before.outputs[0]], expected[before.outputs[0]])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000),
    st.booleans(),
    st.sampled_from(Activation),
    st.booleans(),
    st.floats(0, 1),
    st.sampled_from([0, 1000, 100_000]),
)
def test_nothing_changes(
    seed: int, padded: bool, act: Activation, tied: bool, share: float, level: int
) -> None:
    graph = silenced(chain(seed, padded, act, tied), share, level, seed)
    after = remove_dead_channels(graph)
    equal(graph, after)
    assert after.total_macs <= graph.total_macs
    assert remove_dead_channels(after).total_macs == after.total_macs


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.booleans(), st.sampled_from(Activation), st.booleans())
def test_values_stay_in_their_intervals(
    seed: int, padded: bool, act: Activation, tied: bool
) -> None:
    graph = silenced(chain(seed, padded, act, tied), 0.3, 3000, seed)
    bounds = intervals(graph)
    source = graph.tensors[graph.inputs[0]]
    random = np.random.default_rng(seed)
    for spread in (1, 40, 127):
        values = random.integers(-spread - 1, spread + 1, source.shape).astype(np.int8)
        made: dict[str, npt.NDArray[np.int8]] = {}
        Interpreter(graph).run({source.name: values}, lambda n, v, m=made: m.update({n.output: v}))
        for name, result in made.items():
            rows = result.reshape(-1, len(bounds[name].low))
            assert (rows >= bounds[name].low).all(), name
            assert (rows <= bounds[name].high).all(), name


def dead_middle(padded: bool, bias: int) -> Graph:
    """A 1x1 convolution whose channel 2 of 4 is constant, then a 3x3 convolution."""
    build = Builder()
    slide = Window(pad_before=(1, 1), pad_after=(1, 1)) if padded else Window()
    value = build.conv(build.input(1, 5, 5, 3), 4, POINT)
    graph = build.graph(build.conv(value, 3, (3, 3), slide))
    weights, summands = (graph.tensors[n] for n in graph.nodes[0].inputs[1:])
    values, biases = weights.values.copy(), summands.values.copy()
    values[2], biases[2] = 0, bias
    return changed(graph, {weights.name: values, summands.name: biases})


def channels(graph: Graph, node: int) -> int:
    return graph.node_output(graph.nodes[node]).shape[-1]


def test_a_constant_zero_goes_whether_padded_or_not() -> None:
    for padded in (False, True):
        assert channels(remove_dead_channels(dead_middle(padded, 0)), 0) == 3


def test_another_constant_goes_into_the_bias_only_where_no_padding_sees_it() -> None:
    for padded, left in ((False, 3), (True, 4)):
        graph = dead_middle(padded, 4000)
        after = remove_dead_channels(graph)
        assert channels(after, 0) == left
        equal(graph, after)


def test_a_channel_that_is_read_by_zeros_goes() -> None:
    graph = dead_middle(True, 4000)
    weights = graph.tensors[graph.nodes[1].inputs[1]]
    values = weights.values.copy()
    values[..., 1] = 0
    graph = changed(graph, {weights.name: values})
    after = remove_dead_channels(graph)
    assert channels(after, 0) == 3
    equal(graph, after)


def test_outputs_stay_whole_and_one_channel_of_all_else() -> None:
    build = Builder()
    value = build.conv(build.input(1, 3, 3, 2), 4, POINT)
    graph = build.graph(build.conv(value, 5, POINT))
    names = [tensor.name for tensor in graph.of_kind(Kind.CONSTANT)]
    graph = changed(graph, {name: 0 * graph.tensors[name].values for name in names})
    after = remove_dead_channels(graph)
    assert [channels(after, i) for i in range(2)] == [1, 5]
    equal(graph, after)


@pytest.mark.models
def test_wake_word_model_loses_half_its_work(models: Path) -> None:
    """45 percent of its products are known to go with channels that are constant."""
    graph = load_model(models / "mlperf_vww_mobilenetv1_025_96_int8.tflite")
    after = remove_dead_channels(graph)
    assert after.total_macs < 0.55 * graph.total_macs
    with np.load(models / "mlperf_vww_mobilenetv1_025_96_int8.ref.npz") as stored:
        inputs, expected = stored["in0"][:2], stored["out0_tflm"][:2]
    for values, wanted in zip(inputs, expected, strict=True):
        shaped = values.reshape(after.tensors[after.inputs[0]].shape)
        made = Interpreter(after).run({after.inputs[0]: shaped})[after.outputs[0]]
        np.testing.assert_array_equal(made.reshape(-1), wanted.reshape(-1))
