"""LSTM layers of a quantized graph in the integers of TensorFlow Lite Micro.

`quantize` leaves them float32, as a file would have to say that their state starts anew with each
call, which neither TFLite nor ONNX can for integers. Firmware can: here each one that allows it
becomes an int8 layer with an int16 cell.
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
from edge_runtime.ops import Dequantize, Direction, Lstm
from edge_runtime.passes.quantize import fuse_quantization
from edge_runtime.passes.simplify import drop_unused
from edge_runtime.quant.ranges import Range
from edge_runtime.quant.samples import noise, spread, values_of

SAMPLES = 64
NOISIEST = 0.02
"""Of a layer's output, over its signal: noisier ones stay float32."""


def with_integer_lstms(
    source: Graph, quantized: Graph, arrays: Mapping[str, Array]
) -> tuple[Graph, dict[str, str]]:
    """`quantized` with int8 LSTM layers where they can be, and why the others cannot, by name.

    `source` is the float graph that `quantized` was made of, `arrays` real samples for it.
    """
    layers = [node for node in quantized.nodes if isinstance(node.op, Lstm)]
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
    """The operands of an integer layer, and the grids of its hidden state and cell."""

    operands: list[Tensor]
    hidden: Quantization
    cell: Quantization


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
        assert isinstance(op, Lstm)
        if op.direction is not Direction.FORWARD or len(node.inputs) > 6:
            return "integers have one direction, forward, and no peepholes"
        fixed = all(self.tensors[name].data is not None for name in node.inputs[1:])
        if image is None or not fixed:
            return "its input is float32, or its weights or first states are no constants"
        given = next(each for each in source.nodes if each.name == node.name)
        layer = _quantized(source, given, image, values[given.inputs[0]])
        made = [
            replace(
                self.tensors[name],
                name=self._tensor(f"{name}/integer"),
                dtype=DType.INT16 if grid is layer.cell else DType.INT8,
                quantization=grid,
            )
            for name, grid in zip(
                node.outputs, (layer.hidden, layer.hidden, layer.cell), strict=True
            )
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


def _quantized(source: Graph, node: Node, image: Tensor, values: Array) -> _Layer:
    """The layer by what its states reach on these samples."""
    op = node.op
    assert isinstance(op, Lstm)
    given = source.node_inputs(node)
    h, c = _trajectory(source, node, values)
    starts = [tensor.values for tensor in given[4:6]]
    hidden = Range(min(h.min(), starts[0].min()), max(h.max(), starts[0].max())).quantization
    reach = max(float(np.abs(c).max()), float(np.abs(starts[1]).max()), 2.0**-15)
    power = min(max(math.ceil(math.log2(reach / 32767)), -15), 0)
    cell = Quantization.per_tensor(2.0**power)
    w, r = (_by_gate(tensor) for tensor in given[1:3])
    bias = given[3].values.reshape(2, -1).sum(0, dtype=np.float64)
    units = image.quant.scale * np.asarray(w.quant.scales)
    whole = np.clip(np.rint(bias / units), *DType.INT32.range).astype(np.int32)
    grid = Quantization(tuple(float(np.float32(unit)) for unit in units), (0,) * len(units), 1)
    return _Layer(
        [
            image,
            w,
            r,
            Tensor.constant(f"{given[3].name}/{node.name}", whole.reshape(1, -1), grid),
            _start(given[4], hidden, DType.INT8),
            _start(given[5], cell, DType.INT16),
        ],
        hidden,
        cell,
    )


def _trajectory(source: Graph, node: Node, values: Array) -> list[Array]:
    """The hidden state and the cell after each step of all samples."""
    op, given = node.op, source.node_inputs(node)
    assert isinstance(op, Lstm)
    # (samples, *X) with the samples beside the batch.
    merged = values if op.batch_first else values.swapaxes(0, 1)
    shape = (-1, *values.shape[2:]) if op.batch_first else (values.shape[1], -1, values.shape[3])
    return list(op.trajectory([merged.reshape(shape), *(t.values for t in given[1:])], given))


def _by_gate(weights: Tensor) -> Tensor:
    """int8 weights with one scale for each of the four gates."""
    gates = weights.values.reshape(4, -1)
    scales = np.maximum(np.abs(gates).max(1) / 127, 2.0**-40).astype(np.float32)
    rows = np.repeat(scales, weights.shape[1] // 4)
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
