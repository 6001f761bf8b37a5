"""Small graphs with random weights, for tests of exporters and of the quantizer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from edge_runtime.graph import (
    Activation,
    Array,
    DType,
    Graph,
    Node,
    Op,
    Quantization,
    Shape,
    Tensor,
    Window,
)
from edge_runtime.graph.verify import verify
from edge_runtime.ops import (
    Add,
    AveragePool2D,
    BatchMatMul,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    Linear,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Reshape,
    Softmax,
    Transpose,
)

NONE = Activation.NONE
SOFTMAX = Quantization.per_tensor(1 / 256, -128)


class Builder:
    """Adds one node at a time; every method returns the name of the tensor it made."""

    def __init__(self, dtype: DType = DType.INT8, seed: int = 0) -> None:
        self.dtype = dtype
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []

    def graph(self, *outputs: str) -> Graph:
        return verify(Graph.build("built", self.tensors.values(), self.nodes, self.inputs, outputs))

    def values(self, name: str) -> Array:
        """Random values that fit the input `name`."""
        return random_values(self.tensors[name], self.random)

    def input(self, *shape: int, dtype: DType | None = None) -> str:
        kept = dtype or self.dtype
        name = f"in{len(self.inputs)}"
        self.inputs.append(name)
        self.tensors[name] = Tensor(name, shape, kept, quantization=self._activation(kept, 0.02))
        return name

    def _activation(self, dtype: DType, scale: float) -> Quantization | None:
        if dtype.is_float:
            return None
        jitter = self.random.uniform(0.7, 1.4)
        if dtype is DType.INT16:
            return Quantization.per_tensor(scale * jitter / 256)
        return Quantization.per_tensor(scale * jitter, int(self.random.integers(-60, 61)))

    def node(
        self, op: Op, inputs: list[str], quantization: Quantization | None, dtype: DType
    ) -> str:
        name = f"t{len(self.nodes)}"
        shape = op.output_shape([self.tensors[i] for i in inputs])
        self.tensors[name] = Tensor(name, shape, dtype, quantization=quantization)
        self.nodes.append(Node(f"node{len(self.nodes)}", op, tuple(inputs), name))
        return name

    def _same(self, op: Op, source: str) -> str:
        return self.node(op, [source], self.tensors[source].quantization, self.dtype)

    def linear(
        self, op: Linear, source: str, shape: Shape, *, bias: bool = True, each: bool = True
    ) -> str:
        axis = op.weight_axis
        taps = math.prod(shape) // shape[axis]
        channels = shape[axis]
        count = len(self.nodes)
        names = [source, f"w{count}", f"b{count}"][: 3 if bias else 2]
        if self.dtype.is_float:
            weights = self.random.normal(0, taps**-0.5, shape).astype(np.float32)
            self.tensors[names[1]] = Tensor.constant(names[1], weights)
            if bias:
                values = self.random.normal(0, 0.3, channels).astype(np.float32)
                self.tensors[names[2]] = Tensor.constant(names[2], values)
            return self.node(op, names, None, self.dtype)
        scales = 10.0 ** self.random.uniform(-3, -2, channels if each else 1)
        quantization = Quantization(
            tuple(float(np.float32(s)) for s in scales), (0,) * len(scales), axis if each else None
        )
        stored = self.random.integers(-127, 128, shape).astype(np.int8)
        self.tensors[names[1]] = Tensor.constant(names[1], stored, quantization)
        spread = 70 * math.sqrt(taps)
        if bias:
            values = self.random.integers(-5000, 5000, channels).astype(np.int32)
            if self.dtype is DType.INT16:
                values = values.astype(np.int64) * 256
            self.tensors[names[2]] = Tensor.constant(names[2], values)
        incoming = self.tensors[source].quant.scale
        if self.dtype is DType.INT16:
            incoming *= 256
        out = self._activation(self.dtype, incoming * float(np.mean(scales)) * spread)
        return self.node(op, names, out, self.dtype)

    def conv(
        self,
        source: str,
        channels: int,
        kernel: tuple[int, int] = (3, 3),
        window: Window | None = None,
        activation: Activation = NONE,
        *,
        bias: bool = True,
        each: bool = True,
    ) -> str:
        _, height, width, depth = self.tensors[source].shape
        op = Conv2D(activation, window or Window.same((height, width), kernel))
        return self.linear(op, source, (channels, *kernel, depth), bias=bias, each=each)

    def depthwise(
        self,
        source: str,
        multiplier: int = 1,
        kernel: tuple[int, int] = (3, 3),
        window: Window | None = None,
        activation: Activation = NONE,
        *,
        bias: bool = True,
        each: bool = True,
    ) -> str:
        _, height, width, depth = self.tensors[source].shape
        op = DepthwiseConv2D(activation, window or Window.same((height, width), kernel))
        return self.linear(op, source, (1, *kernel, depth * multiplier), bias=bias, each=each)

    def dense(
        self,
        source: str,
        units: int,
        activation: Activation = NONE,
        *,
        bias: bool = True,
        each: bool = False,
        keep_dims: bool = False,
    ) -> str:
        shape = self.tensors[source].shape
        columns = shape[-1] if keep_dims else math.prod(shape[1:])
        op = FullyConnected(activation, keep_dims)
        return self.linear(op, source, (units, columns), bias=bias, each=each)

    def matmul(self, op: BatchMatMul, left: str, right: str) -> str:
        return self.node(op, [left, right], self._activation(self.dtype, 0.1), self.dtype)

    def add(self, left: str, right: str, activation: Activation = NONE) -> str:
        out = self._activation(self.dtype, 0.03)
        return self.node(Add(activation), [left, right], out, self.dtype)

    def constant(self, *shape: int) -> str:
        name = f"c{len(self.tensors)}"
        if self.dtype.is_float:
            self.tensors[name] = Tensor.constant(
                name, self.random.normal(0, 1, shape).astype(np.float32)
            )
            return name
        stored = self.random.integers(-128, 128, shape).astype(np.int8)
        self.tensors[name] = Tensor.constant(name, stored, self._activation(self.dtype, 0.02))
        return name

    def average_pool(
        self,
        source: str,
        kernel: tuple[int, int] = (2, 2),
        window: Window | None = None,
        activation: Activation = NONE,
    ) -> str:
        return self._same(AveragePool2D(kernel, window or Window(kernel), activation), source)

    def max_pool(
        self,
        source: str,
        kernel: tuple[int, int] = (2, 2),
        window: Window | None = None,
        activation: Activation = NONE,
    ) -> str:
        return self._same(MaxPool2D(kernel, window or Window(kernel), activation), source)

    def mean(self, source: str, *axes: int, keep_dims: bool = False) -> str:
        out = self._activation(self.dtype, 0.01)
        return self.node(Mean(axes, keep_dims), [source], out, self.dtype)

    def softmax(self, source: str, beta: float = 1.0) -> str:
        out = None if self.dtype.is_float else SOFTMAX
        return self.node(Softmax(beta), [source], out, self.dtype)

    def reshape(self, source: str, *shape: int) -> str:
        return self._same(Reshape(shape), source)

    def transpose(self, source: str, *order: int) -> str:
        return self._same(Transpose(order), source)

    def pad(self, source: str, before: Shape, after: Shape, value: float = 0) -> str:
        return self._same(Pad(before, after, value), source)

    def quantize(self, source: str) -> str:
        return self.node(Quantize(), [source], self._activation(DType.INT8, 0.02), DType.INT8)

    def dequantize(self, source: str) -> str:
        return self.node(Dequantize(), [source], None, DType.FLOAT32)


def symmetric(tensor: Tensor) -> Tensor:
    """A float constant as int8 with one scale."""
    grid = Quantization.per_tensor(float(np.abs(tensor.values).max()) / 127)
    return Tensor.constant(tensor.name, grid.quantize(tensor.values, DType.INT8), grid)


def unsigned(graph: Graph) -> Graph:
    """`graph` with every int8 tensor as uint8, as TFLite wrote them of old."""
    return replace(graph, tensors={n: _unsigned(t) for n, t in graph.tensors.items()})


def _unsigned(tensor: Tensor) -> Tensor:
    if tensor.dtype is not DType.INT8:
        return tensor
    zeros = tuple(zero + 128 for zero in tensor.quant.zero_points)
    data = None if tensor.data is None else (tensor.data.astype(int) + 128).astype(np.uint8)
    grid = Quantization(tensor.quant.scales, zeros)
    return replace(tensor, dtype=DType.UINT8, quantization=grid, data=data)


def random_values(tensor: Tensor, random: np.random.Generator) -> Array:
    """Values of the shape and type of `tensor`: the whole range of int8, a unit normal of float."""
    if tensor.dtype.is_float:
        return random.normal(0, 1, tensor.shape).astype(np.float32)
    return random.integers(-128, 128, tensor.shape).astype(np.int8)
