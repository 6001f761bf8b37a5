"""LSTM and GRU layers of a quantized graph in integers.

`quantize` leaves them float32, as a file would have to say that their state starts anew with each
call, which neither TFLite nor ONNX can for integers. Firmware can: here each one that allows it
becomes an int8 layer, whose cell (of an LSTM) or state (of a GRU) is int16.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.evaluate import real
from edge_runtime.graph import Array, DType, Graph, Node, Quantization, Tensor
from edge_runtime.graph.names import UniqueNames
from edge_runtime.graph.verify import verify
from edge_runtime.ops import HIDDEN, Dequantize, Direction, Gru, Lstm, Recurrent
from edge_runtime.passes.quantize import fuse_quantization
from edge_runtime.passes.simplify import drop_unused
from edge_runtime.quant.ranges import Range
from edge_runtime.quant.samples import noise, spread, values_of

SAMPLES = 64
NOISIEST = 0.02
"""Of a layer's output, over its signal: noisier ones stay float32."""


def with_integer_recurrence(
    source: Graph, quantized: Graph, arrays: Mapping[str, Array]
) -> tuple[Graph, dict[str, str]]:
    """`quantized` with int8 recurrent layers where they can be, and why others cannot, by name.

    `source` is the float graph that `quantized` was made of, `arrays` real samples for it.
    """
    layers = [node for node in quantized.nodes if isinstance(node.op, Lstm | Gru)]
    if not layers:
        return quantized, {}
    values = values_of(source, spread(arrays, SAMPLES))
    work, reasons = _Work(quantized), {}
    for node in quantized.nodes:
        reason = None if node not in layers else work.convert(source, node, values)
        if node not in layers or reason is not None:
            work.nodes.append(node)
        if reason is not None:
            reasons[node.name] = reason
    graph = replace(quantized, tensors=work.tensors, nodes=tuple(work.nodes))
    return drop_unused(fuse_quantization(verify(graph))), reasons


@dataclass(frozen=True)
class _Layer:
    """The operands of an integer layer, and what its outputs are stored by."""

    operands: list[Tensor]
    outputs: tuple[tuple[DType, Quantization], ...]


class _Work:
    """The nodes and tensors so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = dict(graph.tensors)
        self.nodes: list[Node] = []
        self._tensor = UniqueNames(graph.tensors)
        self._node = UniqueNames(node.name for node in graph.nodes)

    def convert(self, source: Graph, node: Node, values: Mapping[str, Array]) -> str | None:
        """Add `node` in integers, or say why it has none."""
        image = self._integers_of(node.inputs[0])
        op = node.op
        assert isinstance(op, Lstm | Gru)
        if op.direction is not Direction.FORWARD or len(node.inputs) > 4 + op.STATES:
            return "integers have one direction, forward, and no peepholes"
        fixed = all(self.tensors[name].data is not None for name in node.inputs[1:])
        if image is None or not fixed:
            return "its input is float32, or its weights or first states are no constants"
        given = next(each for each in source.nodes if each.name == node.name)
        quantized = _lstm if isinstance(op, Lstm) else _gru
        layer = quantized(source, given, image, values[given.inputs[0]])
        made = [
            replace(
                self.tensors[name],
                name=self._tensor(f"{name}/integer"),
                dtype=dtype,
                quantization=grid,
            )
            for name, (dtype, grid) in zip(node.outputs, layer.outputs, strict=True)
        ]
        problems = op.node_problems(layer.operands, made)
        if problems:
            return "; ".join(problems)
        if (found := _noise(given, layer, made, values)) > NOISIEST:
            return f"in int8 its output has {100 * found:.0f} % noise"
        for tensor in (*layer.operands[1:], *made):
            self.tensors[tensor.name] = tensor
        inputs = tuple(tensor.name for tensor in layer.operands)
        also = tuple(tensor.name for tensor in made[1:])
        self.nodes.append(replace(node, inputs=inputs, output=made[0].name, also=also))
        for tensor, name in zip(made, node.outputs, strict=True):
            self.nodes.append(
                Node(self._node(f"{name}/dequantize"), Dequantize(), (tensor.name,), name)
            )
        return None

    def _integers_of(self, name: str) -> Tensor | None:
        """The int8 tensor that `name` is the real values of."""
        maker = self.graph.producer(name)
        if maker is None or not isinstance(maker.op, Dequantize):
            return None
        found = self.tensors[maker.inputs[0]]
        return found if found.dtype is DType.INT8 else None


def _lstm(source: Graph, node: Node, image: Tensor, values: Array) -> _Layer:
    """The layer by what its states reach on these samples."""
    given = source.node_inputs(node)
    h, c = _trajectory(source, node, values)
    starts = [tensor.values for tensor in given[4:6]]
    hidden = _grid(h, starts[0])
    reach = max(float(np.abs(c).max()), float(np.abs(starts[1]).max()), 2.0**-15)
    power = min(max(math.ceil(math.log2(reach / 32767)), -15), 0)
    cell = Quantization.per_tensor(2.0**power)
    w, r = (_by_gate(tensor, 4) for tensor in given[1:3])
    both = given[3].values.reshape(2, -1).sum(0, dtype=np.float64)
    bias = _bias(f"{given[3].name}/{node.name}", both, _units(image.quant.scale, w))
    states = [_start(given[4], hidden, DType.INT8), _start(given[5], cell, DType.INT16)]
    outputs = ((DType.INT8, hidden), (DType.INT8, hidden), (DType.INT16, cell))
    return _Layer([image, w, r, bias, *states], outputs)


def _gru(source: Graph, node: Node, image: Tensor, values: Array) -> _Layer:
    """The layer by what its output reaches on these samples."""
    given = source.node_inputs(node)
    (h,) = _trajectory(source, node, values)
    w, r = (_by_gate(tensor, 3) for tensor in given[1:3])
    units = np.concatenate([_units(image.quant.scale, w), _units(HIDDEN.scale, r)])
    bias = _bias(f"{given[3].name}/{node.name}", given[3].values.reshape(-1), units)
    start = _start(given[4], HIDDEN, DType.INT16)
    outputs = ((DType.INT8, _grid(h, given[4].values)), (DType.INT16, HIDDEN))
    return _Layer([image, w, r, bias, start], outputs)


def _grid(values: Array, start: Array) -> Quantization:
    low, high = min(values.min(), start.min()), max(values.max(), start.max())
    return Range(float(low), float(high)).quantization


def _units(scale: float, weights: Tensor) -> Array:
    """What the bias of each row is in units of."""
    return scale * np.asarray(weights.quant.scales)


def _bias(name: str, values: Array, units: Array) -> Tensor:
    whole = np.clip(np.rint(values / units), -(2**30), 2**30).astype(np.int32)
    grid = Quantization(tuple(float(np.float32(unit)) for unit in units), (0,) * len(units), 1)
    return Tensor.constant(name, whole.reshape(1, -1), grid)


def _trajectory(source: Graph, node: Node, values: Array) -> list[Array]:
    """Each state after each step of all samples."""
    op, given = node.op, source.node_inputs(node)
    assert isinstance(op, Recurrent)
    # (samples, *X) with the samples beside the batch.
    merged = values if op.batch_first else values.swapaxes(0, 1)
    shape = (-1, *values.shape[2:]) if op.batch_first else (values.shape[1], -1, values.shape[3])
    return list(op.trajectory([merged.reshape(shape), *(t.values for t in given[1:])], given))


def _by_gate(weights: Tensor, count: int) -> Tensor:
    """int8 weights with one scale for each gate."""
    gates = weights.values.reshape(count, -1)
    scales = np.maximum(np.abs(gates).max(1) / 127, 2.0**-40).astype(np.float32)
    rows = np.repeat(scales, weights.shape[1] // count)
    grid = Quantization(tuple(rows.tolist()), (0,) * len(rows), 1)
    stored = np.clip(np.rint(weights.values / rows[:, None]), -127, 127).astype(np.int8)
    return Tensor.constant(f"{weights.name}/int8", stored, grid)


def _start(state: Tensor, grid: Quantization, dtype: DType) -> Tensor:
    name = f"{state.name}/{dtype.value}_{grid.scale:g}_{grid.zero_point}"
    return Tensor.constant(name, grid.quantize(state.values, dtype), grid)


def _noise(node: Node, layer: _Layer, made: list[Tensor], values: Mapping[str, Array]) -> float:
    """Noise over signal of the layer's output by itself."""
    image, *rest = layer.operands
    outputs = []
    for sample in values[node.inputs[0]]:
        stored = image.quant.quantize(sample.reshape(image.shape), DType.INT8)
        first = node.op.compute([stored, *(t.values for t in rest)], layer.operands, made)[0]
        outputs.append(real(made[0], first))
    exact = values[node.output]
    return noise(exact, np.stack(outputs).reshape(exact.shape))
