"""Conversion: a float graph and a range for each tensor make an integer graph.

The scheme is TFLite's (https://ai.google.dev/edge/litert/models/quantization_spec): int8
activations asymmetric with one scale, int16 ones symmetric, weights symmetric with a scale for each
output channel, biases in units of input scale times weight scale.

Nothing here knows one operation from another but by what it says of itself (`Op.SCALING`,
`Op.node_problems`), save that layers with weights scale them by channel, and that a pad's filling
is a value. An operation without integer form stays float32, between nodes that dequantize what it
reads and quantize what it makes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.errors import DataError, ModelError, Problem
from edge_runtime.graph import Array, DType, Graph, Kind, Node, Quantization, Scaling, Tensor
from edge_runtime.graph.names import UniqueNames
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Dequantize, Linear, Pad, Quantize
from edge_runtime.quant.precision import Forms, Precision, bias_type, has_weights
from edge_runtime.quant.ranges import Ranges
from edge_runtime.quant.scaling import Origin, origins, own_tensors, range_of
from edge_runtime.quant.weights import bounds, grid, least_scales, rows_of, scales_of

INTERFACES = (DType.INT8, DType.FLOAT32)


def quantize_graph(
    graph: Graph,
    ranges: Ranges,
    *,
    interface: DType = DType.INT8,
    forms: Forms | None = None,
) -> Graph:
    """The integer form of the float `graph`, with the same names.

    `ranges` has one for each tensor that `calibrate` gives one for. `forms` is the precision of
    each node, int8 by default. With `interface` float32 the graph quantizes its inputs and
    dequantizes its outputs itself. ModelError: the graph is not all float32, or keeps state.
    DataError: ranges are missing, or `interface` is another type.
    """
    if interface not in INTERFACES:
        raise DataError(f"interface {interface.value}; allowed: int8, float32")
    check_float(graph)
    kept = forms or Forms.of(graph)
    missing = [name for name in own_tensors(graph, kept) if name not in ranges]
    if missing:
        raise DataError(f"there are no ranges for {', '.join(missing)}")
    converted = verify(_Conversion(graph, ranges, kept).graph())
    return converted if interface is DType.INT8 else with_float_interface(converted)


_PASSED_ON = "make it an input and an output of the model, which the caller passes on"


def check_float(graph: Graph) -> None:
    """ModelError naming each node that works on quantized tensors, and each state."""
    problems = [
        Problem(tensor.name, "tensor", "state kept between calls cannot be quantized", _PASSED_ON)
        for tensor in graph.of_kind(Kind.STATE)
    ]
    problems += [
        Problem(node.name, node.op.NAME, f"{tensor.name} is {tensor.dtype.value}; allowed: float32")
        for node in graph.nodes
        for tensor in (*graph.node_inputs(node), *graph.node_outputs(node))
        if tensor.quantization is not None and not tensor.dtype.is_float
    ]
    if problems:
        raise ModelError(
            f"model {graph.name} cannot be quantized; {len(problems)} problem(s):",
            hint="give a model that is float32 throughout and keeps no state",
            problems=problems,
        )


class _Conversion:
    """The tensors and nodes of the integer graph.

    An activation of the float graph may be there several times: as it was made, and as its readers
    need it. `_made` is the former, `_versions` has all of them.
    """

    def __init__(self, graph: Graph, ranges: Ranges, forms: Forms) -> None:
        self.source = graph
        self.ranges = ranges
        self.forms = forms
        self.origins: Mapping[str, Origin] = origins(graph, forms)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self._unique = UniqueNames()
        self._made: dict[str, Tensor] = {}
        self._versions: dict[tuple[str, DType, Quantization | None], Tensor] = {}
        for name in (*graph.tensors, *(node.name for node in graph.nodes)):
            self._unique(name)

    def graph(self) -> Graph:
        """The integer graph, its tensors in the float graph's order."""
        source = self.source
        for name in source.inputs:
            self._keep(name, self._typed(name, DType.INT8))
        for node in source.nodes:
            self._convert(node)
        for name in source.outputs:
            self._output(name)
        order = {name: index for index, name in enumerate(source.tensors)}
        tensors = sorted(self.tensors.values(), key=lambda t: order.get(t.name, len(order)))
        return Graph.build(source.name, tensors, self.nodes, source.inputs, source.outputs)

    def _typed(self, name: str, dtype: DType) -> Tensor:
        """The activation `name` as a tensor of this type."""
        old = self.source.tensors[name]
        if not old.dtype.is_float:
            return old
        if dtype.is_float:
            return replace(old, quantization=None)
        quantization = self.origins[name].quantization(self.ranges, dtype)
        return replace(old, dtype=dtype, quantization=quantization)

    def _keep(self, name: str, tensor: Tensor) -> None:
        self.tensors[tensor.name] = tensor
        self._made.setdefault(name, tensor)
        self._versions[name, tensor.dtype, tensor.quantization] = tensor

    def _convert(self, node: Node) -> None:
        dtype = self.forms.activations(node)
        outputs = [self._typed(name, dtype) for name in node.outputs]
        op = node.op
        if dtype.is_float:
            inputs = [
                self._as_read(node, tensor, dtype) for tensor in self.source.node_inputs(node)
            ]
        elif isinstance(op, Linear) and has_weights(self.source, node):
            inputs = self._linear(node, op)
        else:
            inputs = self._operands(node, dtype, outputs[0])
        if isinstance(op, Pad) and not dtype.is_float:
            real = np.asarray(op.value, np.float32)
            op = replace(op, value=float(inputs[0].quant.quantize(real, dtype)))
        names = []
        for name, tensor in zip(node.outputs, outputs, strict=True):
            placed = self._place(name, tensor)
            self._keep(name, placed)
            names.append(placed.name)
        read = tuple(tensor.name for tensor in inputs)
        self.nodes.append(replace(node, op=op, inputs=read, output=names[0], also=tuple(names[1:])))

    def _place(self, name: str, tensor: Tensor) -> Tensor:
        """`tensor`, under another name where the graph's output of its name has another type."""
        wanted = self._typed(name, DType.INT8)
        if name not in self.source.outputs or _alike(tensor, wanted):
            return tensor
        return replace(tensor, name=self._unique(f"{name}/{tensor.dtype.value}"))

    def _output(self, name: str) -> None:
        if name not in self.tensors:
            self._change(self._made[name], self._typed(name, DType.INT8))

    def _as_read(
        self, node: Node, tensor: Tensor, dtype: DType, quantization: Quantization | None = None
    ) -> Tensor:
        """`tensor` of the float graph as `node` reads it: of `dtype`, made of what there is of it.

        Without a `quantization` it has its own.
        """
        if tensor.data is not None:
            if dtype.is_float or not tensor.dtype.is_float:
                return self._constant(node, tensor)
            made = quantization or range_of(tensor).stored_as(dtype)
            stored = made.quantize(tensor.values, dtype)
            return self._constant(node, Tensor.constant(tensor.name, stored, made))
        if not tensor.dtype.is_float:
            return self._made[tensor.name]
        wanted = self._typed(tensor.name, dtype)
        if quantization is not None:
            wanted = replace(wanted, quantization=quantization)
        key = tensor.name, wanted.dtype, wanted.quantization
        if key not in self._versions:
            made_as = self._made[tensor.name]
            name = self._unique(f"{tensor.name}/{wanted.dtype.value}")
            self._keep(tensor.name, self._change(made_as, replace(wanted, name=name)))
        return self._versions[key]

    def _change(self, given: Tensor, wanted: Tensor) -> Tensor:
        """Add the node that makes `wanted` out of `given`."""
        op = Dequantize() if wanted.dtype.is_float else Quantize()
        self.tensors[wanted.name] = wanted
        name = self._unique(f"{wanted.name}/{op.NAME.lower()}")
        self.nodes.append(Node(name, op, (given.name,), wanted.name))
        return wanted

    def _operands(self, node: Node, dtype: DType, output: Tensor) -> list[Tensor]:
        """What a node without weights reads."""
        shared = node.op.SCALING is Scaling.SHARED
        common = output.quantization if shared else None
        return [
            self._as_read(node, tensor, dtype, common) for tensor in self.source.node_inputs(node)
        ]

    def _linear(self, node: Node, op: Linear) -> list[Tensor]:
        """The input, weights and bias of one layer."""
        precision = self.forms.precisions[node.name]
        given, weights, *bias = self.source.node_inputs(node)
        image = self._as_read(node, given, precision.activations)
        rows = rows_of(op, weights.values).astype(np.float64)
        source = image.quant.scale
        least = least_scales(bias[0].values if bias else None, source, len(rows))
        scales = scales_of(rows, precision.weights, least)
        quantization = grid(op, scales)
        stored = quantization.quantize(weights.values, precision.weights)
        stored = np.clip(stored, *bounds(precision.weights))
        narrow = Tensor.constant(weights.name, stored, quantization, precision.weights)
        made = [self._constant(node, narrow)]
        made += [self._bias(node, each, source, scales.tolist(), precision) for each in bias]
        return [image, *made]

    def _bias(
        self, node: Node, bias: Tensor, source: float, scales: Sequence[float], precision: Precision
    ) -> Tensor:
        dtype = bias_type(self.source, node, precision)
        whole, sums = integer_bias(bias.values, source, scales, dtype)
        return self._constant(node, Tensor.constant(bias.name, whole, sums))

    def _constant(self, node: Node, made: Tensor) -> Tensor:
        """Add a constant, under another name where nodes that share one need it to differ."""
        there = self.tensors.get(made.name)
        if there is not None and not _same(there, made):
            made = replace(made, name=self._unique(f"{made.name}/{node.name}"))
        self.tensors[made.name] = made
        return made


def integer_bias(
    bias: Array, source: float, scales: Sequence[float], dtype: DType = DType.INT32
) -> tuple[Array, Quantization]:
    """A bias in units of the input's scale `source` times that of each weight channel."""
    products = tuple(float(np.float32(source * scale)) for scale in scales)
    values = bias.reshape(-1).astype(np.float64) / (source * np.asarray(scales))
    whole = np.clip(np.rint(values), *DType.INT32.range).astype(dtype.numpy)
    return whole, Quantization(products, (0,) * len(products), 0)


def with_float_interface(graph: Graph) -> Graph:
    """`graph` with a quantize node behind each input and a dequantize node before each output."""
    ports = [name for name in (*graph.inputs, *graph.outputs) if graph.tensors[name].quantization]
    unique = UniqueNames((*graph.tensors, *(node.name for node in graph.nodes)))
    inner = {name: unique(f"{name}/{graph.tensors[name].dtype.value}") for name in ports}
    tensors = [replace(t, name=inner.get(t.name, t.name)) for t in graph.tensors.values()]
    tensors += [Tensor(name, graph.tensors[name].shape, DType.FLOAT32) for name in inner]
    nodes = [
        Node(unique(f"{n}/quantize"), Quantize(), (n,), inner[n])
        for n in graph.inputs
        if n in inner
    ]
    for node in graph.nodes:
        outputs = [inner.get(name, name) for name in node.outputs]
        read = tuple(inner.get(name, name) for name in node.inputs)
        nodes.append(replace(node, inputs=read, output=outputs[0], also=tuple(outputs[1:])))
    nodes += [
        Node(unique(f"{n}/dequantize"), Dequantize(), (inner[n],), n)
        for n in graph.outputs
        if n in inner
    ]
    return verify(Graph.build(graph.name, tensors, nodes, graph.inputs, graph.outputs))


def _alike(one: Tensor, other: Tensor) -> bool:
    return (one.dtype, one.quantization) == (other.dtype, other.quantization)


def _same(one: Tensor, other: Tensor) -> bool:
    return _alike(one, other) and np.array_equal(one.values, other.values)
