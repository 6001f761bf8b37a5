"""Conversion: a float graph and a range for each tensor make an int8 graph.

The scheme is TFLite's (https://ai.google.dev/edge/litert/models/quantization_spec): activations
asymmetric with one scale, weights symmetric with a scale for each output channel, biases int32 in
units of input scale times weight scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.errors import DataError, ModelError, Problem
from edge_runtime.graph import Array, DType, Graph, Kind, Node, Quantization, Scaling, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Dequantize, Linear, Pad, Quantize
from edge_runtime.quant.calibrate import keeps_or_fixes, own_tensors
from edge_runtime.quant.ranges import SMALLEST_SCALE, Range, Ranges

LARGEST_BIAS = float(1 << 30)
"""Leaves as much again for the sum of products, so that 32 bits never overflow."""


def quantize_graph(graph: Graph, ranges: Ranges, *, interface: DType = DType.INT8) -> Graph:
    """The int8 form of the float `graph`, with the same names.

    `ranges` has one for each tensor that `calibrate` gives one for. What only
    moves or picks values hands on the quantization of its input, and softmax has a fixed one. With
    `interface` float32 the graph quantizes its inputs and dequantizes its outputs itself.
    ModelError: the graph is not all float32, or keeps state. DataError: ranges are missing, or
    `interface` is another type.
    """
    if interface not in (DType.INT8, DType.FLOAT32):
        raise DataError(f"interface {interface.value}; allowed: int8, float32")
    missing = [name for name in own_tensors(graph) if name not in ranges]
    if missing:
        raise DataError(f"there are no ranges for {', '.join(missing)}")
    check_float(graph)
    converted = verify(_Conversion(graph, ranges).graph())
    return converted if interface is DType.INT8 else verify(_with_float_interface(converted))


def check_float(graph: Graph) -> None:
    """ModelError naming each node that is not float32, and each state."""
    problems = [
        Problem(tensor.name, "tensor", "state kept between calls cannot be quantized yet")
        for tensor in graph.of_kind(Kind.STATE)
    ]
    problems += [
        Problem(node.name, node.op.NAME, f"{tensor.name} is {tensor.dtype.value}; allowed: float32")
        for node in graph.nodes
        for tensor in (*graph.node_inputs(node), graph.node_output(node))
        if not tensor.dtype.is_float
    ]
    if problems:
        raise ModelError(
            f"model {graph.name} cannot be quantized; {len(problems)} problem(s):",
            hint="give the float32 model that it was made from",
            problems=problems,
        )


class _Conversion:
    """The tensors and nodes of the int8 graph."""

    def __init__(self, graph: Graph, ranges: Ranges) -> None:
        self.source = graph
        self.tensors: dict[str, Tensor] = {}
        self.activations = {name: ranges[name].quantization for name in own_tensors(graph)}
        for node in graph.nodes:
            if keeps_or_fixes(node):
                fixed = node.op.SCALING is Scaling.FIXED
                self.activations[node.output] = (
                    node.op.fixed_quantization(DType.INT8)
                    if fixed
                    else self.activations[node.inputs[0]]
                )
        for name, quantization in self.activations.items():
            old = graph.tensors[name]
            self.tensors[name] = replace(old, dtype=DType.INT8, quantization=quantization)

    def graph(self) -> Graph:
        """The int8 graph, its tensors in the float graph's order."""
        nodes = [self.node(node) for node in self.source.nodes]
        order = {name: index for index, name in enumerate(self.source.tensors)}
        tensors = sorted(self.tensors.values(), key=lambda t: order.get(t.name, len(order)))
        source = self.source
        return Graph.build(source.name, tensors, nodes, source.inputs, source.outputs)

    def node(self, node: Node) -> Node:
        """`node` on int8 tensors; its constants are converted."""
        inputs = self.source.node_inputs(node)
        if isinstance(node.op, Linear):
            return replace(node, inputs=self.linear(node, node.op, inputs))
        if isinstance(node.op, Pad):
            real = np.asarray(node.op.value, np.float32)
            fill = self.activations[inputs[0].name].quantize(real, DType.INT8)
            return replace(node, op=replace(node.op, value=float(fill)))
        names = [
            tensor.name if tensor.data is None else self.operand(node, tensor) for tensor in inputs
        ]
        return replace(node, inputs=tuple(names))

    def operand(self, node: Node, tensor: Tensor) -> str:
        """A constant that is added or the like: asymmetric, by its own extremes."""
        values = tensor.values
        quantization = Range(float(values.min()), float(values.max())).quantization
        return self.constant(node, tensor, quantization.quantize(values, DType.INT8), quantization)

    def linear(self, node: Node, op: Linear, inputs: Sequence[Tensor]) -> tuple[str, ...]:
        """Weights and bias of one layer."""
        image, weights, *bias = inputs
        source = self.activations[image.name].scale
        scales = _weight_scales(op, weights.values, bias[0].values if bias else None, source)
        quantization = Quantization(scales, (0,) * len(scales), op.weight_axis)
        stored = np.clip(quantization.quantize(weights.values, DType.INT8), -127, 127)
        names = [image.name, self.constant(node, weights, stored, quantization)]
        if bias:
            products = tuple(float(np.float32(source * scale)) for scale in scales)
            sums = Quantization(products, (0,) * len(scales), 0)
            values = bias[0].values.reshape(-1).astype(np.float64)
            whole = np.rint(values / (source * np.array(scales))).astype(np.int32)
            names.append(self.constant(node, bias[0], whole, sums))
        return tuple(names)

    def constant(self, node: Node, old: Tensor, data: Array, quantization: Quantization) -> str:
        """A converted constant, under another name where nodes that share one need it to differ."""
        made = Tensor.constant(old.name, data, quantization)
        there = self.tensors.get(old.name)
        if there is not None and not _same(there, made):
            made = replace(made, name=f"{old.name}/{node.name}")
        self.tensors[made.name] = made
        return made.name


def _weight_scales(
    op: Linear, weights: Array, bias: Array | None, source: float
) -> tuple[float, ...]:
    """One scale for each output channel, not so small that its bias would not fit."""
    others = tuple(axis for axis in range(weights.ndim) if axis != op.weight_axis)
    largest = np.abs(weights).max(others).astype(np.float64)
    if bias is not None:
        least = np.abs(bias.reshape(-1).astype(np.float64)) / (source * LARGEST_BIAS)
        largest = np.maximum(largest, 127 * least)
    # What a channel of zeros is scaled by does not matter; that of the others is as good as any.
    scales = np.where(largest > 0, largest, largest.max() or 1.0) / 127
    return tuple(float(np.float32(max(scale, SMALLEST_SCALE))) for scale in scales)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.quantization == other.quantization and np.array_equal(one.values, other.values)


def _with_float_interface(graph: Graph) -> Graph:
    """`graph` with a quantize node behind each input and a dequantize node before each output."""
    inner = {name: f"{name}/int8" for name in (*graph.inputs, *graph.outputs)}
    tensors = []
    for tensor in graph.tensors.values():
        tensors.append(replace(tensor, name=inner.get(tensor.name, tensor.name)))
    for name in inner:
        tensors.append(Tensor(name, graph.tensors[name].shape, DType.FLOAT32))
    nodes = [
        *(Node(f"{n}/quantize", Quantize(), (n,), inner[n]) for n in graph.inputs),
        *(
            replace(
                node,
                inputs=tuple(inner.get(name, name) for name in node.inputs),
                output=inner.get(node.output, node.output),
            )
            for node in graph.nodes
        ),
        *(Node(f"{n}/dequantize", Dequantize(), (inner[n],), n) for n in graph.outputs),
    ]
    return Graph.build(graph.name, tensors, nodes, graph.inputs, graph.outputs)
