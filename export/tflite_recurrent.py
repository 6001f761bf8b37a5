"""SVDF and LSTM as TFLite writes them: variable tensors for state, weights for each gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import Problem
from edge_runtime.export.tflite_elementwise import ACTIVATIONS
from edge_runtime.export.tflite_options import Options
from edge_runtime.graph import DType, Graph, Kind, Node, Quantization, Tensor
from edge_runtime.ops import Direction, Lstm, Recurrent, Reshape, Svdf

_GATES = {"input": 0, "forget": 2, "cell": 3, "output": 1}
"""TFLite's order of the gates, and the place of each in ONNX's."""


class Writer(Protocol):
    """What takes tensors and operators in."""

    @property
    def graph(self) -> Graph:
        """What is written."""

    def add_tensor(self, tensor: Tensor) -> str:
        """Add a tensor; the name it got."""

    def add_integers(self, name: str, values: Sequence[int]) -> str:
        """Add a constant list of integers."""

    def leave_out(self, node: Node) -> None:
        """Write no operator for a node that comes later."""

    def add_operator(
        self,
        name: str,
        inputs: Iterable[str | None],
        outputs: Iterable[str],
        options: Options,
        version: int = 1,
    ) -> None:
        """Add an operator."""


def recurrent_problems(graph: Graph, node: Node) -> list[Problem]:
    """Why TFLite has no form for a recurrent node."""
    op, found = node.op, []
    if isinstance(op, Recurrent) and not isinstance(op, Lstm):
        found.append("TFLite has no such operation over a sequence")
    if isinstance(op, Lstm):
        if op.direction is not Direction.FORWARD:
            found.append(f"direction {op.direction.value}; TFLite allows: forward")
        if not op.sequence:
            found.append("the last step only; TFLite gives all steps")
        if len(node.inputs) > 6:
            found.append("peepholes, which are not written")
        if any(graph.tensors[name].data is None for name in node.inputs[1:4]):
            found.append("weights that are computed at run time; TFLite allows: constants")
        if node.inputs[4:6] != node.also or not all(
            graph.tensors[name].kind is Kind.STATE for name in node.also
        ):
            found.append("first and last states that are no state kept between calls")
    return [Problem(node.name, op.NAME, reason) for reason in found]


def add_svdf(writer: Writer, node: Node, op: Svdf) -> None:
    """Add `node`; TFLM wants a bias, which is zero where there is none."""
    image, features, times, state, *bias = writer.graph.node_inputs(node)
    if bias:
        name = bias[0].name
    else:
        kind = np.float32 if image.dtype.is_float else np.int32
        zeros = np.zeros(features.shape[0] // op.rank, kind)
        name = writer.add_tensor(
            Tensor.constant(f"{node.name}/bias", zeros, product(state, times.quantization))
        )
    options = schema.SVDFOptionsT(rank=op.rank, fusedActivationFunction=ACTIVATIONS[op.activation])
    names = (image.name, features.name, times.name, name, state.name)
    writer.add_operator(op.NAME, names, [node.output], options, 1 if image.dtype.is_float else 3)


def product(values: Tensor, weights: Quantization | None) -> Quantization | None:
    """The quantization of sums of products with weights of one scale."""
    if values.quantization is None or weights is None:
        return None
    scale = np.float32(values.quant.scale) * np.float32(weights.scales[0])
    return Quantization.per_tensor(float(scale))


def add_lstm(writer: Writer, node: Node, op: Lstm) -> None:
    """Add `node`; what only flattens its output is left out, or else its contrary is added."""
    graph = writer.graph
    image, weights, recurrent, bias, hidden, cell = graph.node_inputs(node)
    output = graph.node_output(node)
    names: list[str | None] = [image.name]
    for part, tensor in (("weights", weights), ("recurrent", recurrent)):
        names += [
            writer.add_tensor(_gate(tensor, gate, f"{node.name}/{name}_{part}"))
            for name, gate in _GATES.items()
        ]
    names += [None] * 3
    names += [
        writer.add_tensor(_bias(bias, image, weights, gate, f"{node.name}/{name}_bias"))
        for name, gate in _GATES.items()
    ]
    names += [None, None, hidden.name, cell.name, *(None,) * 4]
    options = schema.UnidirectionalSequenceLSTMOptionsT(
        fusedActivationFunction=schema.ActivationFunctionType.TANH,
        cellClip=op.cell_clip,
        timeMajor=not op.batch_first,
    )
    version = {DType.FLOAT32: 1, DType.INT8: 3}.get(image.dtype, 4)
    sizes = op.sizes((image, weights, recurrent))
    shape = (*image.shape[:2], sizes.hidden)
    flattening = _flattening(graph, output, shape)
    if flattening is not None:
        writer.leave_out(flattening)
        writer.add_operator(op.NAME, names, [flattening.output], options, version)
        return
    flat = Tensor(f"{node.name}/steps", shape, output.dtype, quantization=output.quantization)
    made = writer.add_tensor(flat)
    writer.add_operator(op.NAME, names, [made], options, version)
    sizes_name = writer.add_integers(f"{node.name}/shape", output.shape)
    reshape = schema.ReshapeOptionsT(newShape=list(output.shape))
    writer.add_operator("RESHAPE", (made, sizes_name), [output.name], reshape, 1)


def _flattening(graph: Graph, sequence: Tensor, shape: Sequence[int]) -> Node | None:
    """The only reader of an LSTM's output, where it gives that the shape TFLite has."""
    readers = graph.consumers(sequence.name)
    if sequence.name in graph.outputs or len(readers) != 1:
        return None
    op = readers[0].op
    return readers[0] if isinstance(op, Reshape) and op.shape == tuple(shape) else None


def _gate(tensor: Tensor, gate: int, name: str) -> Tensor:
    """One gate's rows of (1, 4 * hidden, columns)."""
    rows = tensor.shape[1] // 4
    values = tensor.values[0, gate * rows : (gate + 1) * rows]
    return Tensor.constant(name, values, _gate_quantization(tensor, gate))


def _gate_quantization(tensor: Tensor, gate: int) -> Quantization | None:
    if tensor.quantization is None:
        return None
    scales = tensor.quantization.scales
    return Quantization.per_tensor(
        scales[gate * (len(scales) // 4)] if len(scales) > 1 else scales[0]
    )


def _bias(bias: Tensor, image: Tensor, weights: Tensor, gate: int, name: str) -> Tensor:
    """One gate's biases; those of floats are the sums of both that there are."""
    values = bias.values[0]
    if bias.dtype.is_float:
        values = values.reshape(2, -1).sum(0)
    rows = len(values) // 4
    part = values[gate * rows : (gate + 1) * rows]
    return Tensor.constant(name, part, product(image, _gate_quantization(weights, gate)))
