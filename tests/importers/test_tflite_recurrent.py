"""What is refused of TFLite's LSTM and SVDF, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import ModelError
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import DType, Graph, Kind, Node, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.importers.tflite import read_tflite
from edge_runtime.ops import Lstm, Reshape

FLOAT = DType.FLOAT32


def lstm() -> Graph:
    """A float LSTM of two steps, three inputs and two hidden values."""
    random = np.random.default_rng(0)
    constants = [
        Tensor.constant(name, random.normal(0, 1, shape).astype(np.float32))
        for name, shape in (("w", (1, 8, 3)), ("r", (1, 8, 2)), ("b", (1, 16)))
    ]
    tensors = [
        Tensor("x", (1, 2, 3), FLOAT),
        *constants,
        Tensor("h", (1, 2), FLOAT, Kind.STATE),
        Tensor("c", (1, 2), FLOAT, Kind.STATE),
        Tensor("y", (1, 2, 1, 2), FLOAT),
        Tensor("out", (1, 2, 2), FLOAT),
    ]
    nodes = [
        Node("lstm", Lstm(batch_first=True), ("x", "w", "r", "b", "h", "c"), "y", ("h", "c")),
        Node("flat", Reshape((1, 2, 2)), ("y",), "out"),
    ]
    return verify(Graph.build("lstm", tensors, nodes, ["x"], ["out"]))


def altered(change: Callable[[Any, Any], None]) -> bytes:
    """The file of `lstm` after `change` of its tensors and its LSTM operator."""
    model = schema.ModelT.InitFromPackedBuf(to_tflite(lstm()), 0)
    graph = model.subgraphs[0]
    graph.operators[0].inputs = list(graph.operators[0].inputs)
    change(graph.tensors, graph.operators[0])
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _hybrid(tensors: Any, operator: Any) -> None:
    for index in operator.inputs[1:9]:
        tensors[index].type = schema.TensorType.INT8


def _peephole(tensors: Any, operator: Any) -> None:
    operator.inputs[9] = operator.inputs[12]


def _projection(tensors: Any, operator: Any) -> None:
    operator.inputs[16] = operator.inputs[12]


def _coupled(tensors: Any, operator: Any) -> None:
    operator.inputs[1] = operator.inputs[5] = operator.inputs[12] = -1


def _constant_state(tensors: Any, operator: Any) -> None:
    tensors[operator.inputs[18]].isVariable = False


def _relu(tensors: Any, operator: Any) -> None:
    operator.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_hybrid, "activations are float32 and weights int8"),
        (_peephole, "it has peepholes"),
        (_projection, "it has a projection"),
        (_coupled, "its input and forget gates are coupled"),
        (_constant_state, "state h is no variable tensor"),
        (_relu, "its activation is not TANH"),
    ],
)
def test_what_is_refused_is_told(change: Callable[[Any, Any], None], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_tflite(altered(change), "model")


def test_what_was_read_is_written_as_it_was() -> None:
    once = read_tflite(to_tflite(lstm()), "model")
    again = read_tflite(to_tflite(once), "model")
    names = ["UNIDIRECTIONAL_SEQUENCE_LSTM", "RESHAPE"]
    assert [node.op.NAME for node in once.nodes] == names
    assert [node.op.NAME for node in again.nodes] == names
