"""One small graph for each way an operation can be used, for every exporter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from builder import Builder

from edge_runtime.graph import Activation, DType, Graph, Quantization, Window
from edge_runtime.ops import (
    AveragePool2D,
    BatchMatMul,
    Conv2D,
    Reduce,
    ReduceMax,
    ReduceMin,
    Sum,
    TransposeConv2D,
)
from edge_runtime.quant import quantize

RELU, RELU6 = Activation.RELU, Activation.RELU6
ODD = Window((2, 1), (1, 1), (2, 0), (1, 2))
"""Padding that no rule of TFLite's gives."""
DILATED = Window((1, 1), (2, 2), (2, 2), (2, 2))


def _same(size: tuple[int, int], stride: tuple[int, int]) -> Window:
    return Window.same(size, (3, 3), stride)


Make = Callable[[Builder], str]


def reduced(b: Builder, op: Reduce, scale: float | None = None) -> str:
    """A reduction of an image; with its quantization where there is no scale."""
    image = b.conv(b.input(1, 7, 6, 5), 3)
    output = None if scale is None or b.dtype.is_float else Quantization.per_tensor(scale, -7)
    return b.node(op, [image], output or b.tensors[image].quantization, b.dtype)


CASES: dict[str, Make] = {
    "conv": lambda b: b.conv(b.input(1, 9, 7, 3), 5),
    "conv-one-scale": lambda b: b.conv(b.input(1, 9, 7, 3), 5, each=False),
    "conv-no-bias": lambda b: b.conv(b.input(1, 9, 7, 3), 5, bias=False),
    "conv-odd-padding": lambda b: b.conv(b.input(1, 9, 7, 3), 5, window=ODD, activation=RELU),
    "conv-stride-2-even": lambda b: b.conv(
        b.input(1, 8, 6, 3), 2, window=_same((8, 6), (2, 2)), activation=RELU
    ),
    "conv-dilated": lambda b: b.conv(b.input(1, 9, 7, 3), 5, window=DILATED, activation=RELU6),
    "conv-dilated-valid": lambda b: b.conv(b.input(1, 9, 9, 3), 5, window=Window((1, 1), (2, 3))),
    "conv-1x1": lambda b: b.conv(b.input(1, 4, 4, 6), 7, (1, 1)),
    "conv-groups": lambda b: b.linear(
        Conv2D(RELU, _same((9, 7), (2, 1))), b.input(1, 9, 7, 6), (9, 3, 3, 2)
    ),
    "transposed": lambda b: b.linear(
        TransposeConv2D(RELU6, Window((2, 3)), (9, 9)), b.input(1, 4, 3, 3), (5, 3, 3, 3)
    ),
    "transposed-same": lambda b: b.linear(
        TransposeConv2D(window=_same((9, 8), (2, 3)), size=(9, 8)),
        b.input(1, 5, 3, 3),
        (5, 3, 3, 3),
        bias=False,
    ),
    "matmul": lambda b: b.matmul(BatchMatMul(), b.input(2, 3, 5), b.input(2, 5, 4)),
    "matmul-transposed": lambda b: b.matmul(
        BatchMatMul(True, True), b.input(2, 5, 3), b.input(1, 4, 5)
    ),
    "depthwise": lambda b: b.depthwise(b.input(1, 9, 7, 3), activation=RELU),
    "depthwise-times-3": lambda b: b.depthwise(b.input(1, 9, 7, 3), 3),
    "depthwise-one-scale": lambda b: b.depthwise(b.input(1, 9, 7, 3), each=False),
    "depthwise-odd-padding": lambda b: b.depthwise(b.input(1, 9, 7, 3), 2, window=ODD, bias=False),
    "depthwise-dilated": lambda b: b.depthwise(b.input(1, 9, 7, 3), 2, window=DILATED),
    "dense": lambda b: b.dense(b.input(1, 17), 5, RELU),
    "dense-no-bias": lambda b: b.dense(b.input(1, 17), 5, bias=False),
    "dense-per-channel": lambda b: b.dense(b.input(1, 17), 5, each=True),
    "dense-of-image": lambda b: b.dense(b.conv(b.input(1, 3, 4, 5), 4), 5),
    "dense-keeping": lambda b: b.dense(b.input(1, 3, 4, 5), 6, keep_dims=True),
    "add": lambda b: b.add(b.input(1, 3, 4, 5), b.input(1, 3, 4, 5), RELU6),
    "add-of-images": lambda b: b.add(b.conv(x := b.input(1, 5, 4, 3), 3), x, RELU),
    "add-broadcast": lambda b: b.add(b.input(1, 3, 4, 5), b.input(1, 1, 1, 5)),
    "add-constant-channels": lambda b: b.add(b.conv(b.input(1, 3, 4, 5), 6), b.constant(6)),
    "add-constant": lambda b: b.add(b.constant(1, 3, 4, 5), b.input(1, 3, 4, 5)),
    "average": lambda b: b.average_pool(b.input(1, 7, 7, 5), (3, 2), Window((2, 2))),
    "average-same": lambda b: b.average_pool(b.input(1, 7, 7, 5), (3, 3), _same((7, 7), (2, 2))),
    "average-relu": lambda b: b.average_pool(
        b.input(1, 7, 7, 5), (3, 3), _same((7, 7), (1, 1)), RELU
    ),
    "max": lambda b: b.max_pool(b.input(1, 7, 7, 5)),
    "max-same": lambda b: b.max_pool(b.input(1, 7, 7, 5), (3, 3), _same((7, 7), (2, 2)), RELU6),
    "max-odd-padding": lambda b: b.max_pool(b.input(1, 7, 7, 5), (3, 3), ODD),
    "mean": lambda b: b.mean(b.conv(b.input(1, 7, 6, 5), 3), 1, 2),
    "mean-keeping": lambda b: b.mean(b.conv(b.input(1, 7, 6, 5), 3), 1, 2, keep_dims=True),
    "mean-of-channels": lambda b: b.mean(b.conv(b.input(1, 7, 6, 5), 3), 3),
    "mean-of-rows": lambda b: b.mean(b.conv(b.input(1, 7, 6, 5), 3), 1),
    "mean-of-sequence": lambda b: b.mean(b.input(1, 7, 6), 1),
    "mean-of-all": lambda b: b.mean(b.input(1, 7, 6), 0, 1, 2),
    "mean-of-two-axes": lambda b: b.mean(b.input(1, 7, 6, 5), 1, 3, keep_dims=True),
    "sum": lambda b: reduced(b, Sum((1, 2)), 0.1),
    "sum-keeping": lambda b: reduced(b, Sum((1,), keep_dims=True), 0.1),
    "largest": lambda b: reduced(b, ReduceMax((1, 2), keep_dims=True)),
    "smallest": lambda b: reduced(b, ReduceMin((3,))),
    "average-counting": lambda b: b.node(
        AveragePool2D((3, 3), Window(), count_include_pad=True),
        [x := b.input(1, 7, 7, 5)],
        b.tensors[x].quantization,
        b.dtype,
    ),
    "pad": lambda b: b.pad(b.conv(b.input(1, 4, 5, 3), 2), (0, 1, 0, 2), (0, 0, 3, 1), 7),
    "softmax": lambda b: b.softmax(b.input(1, 10)),
    "softmax-of-image": lambda b: b.softmax(b.conv(b.input(1, 3, 2, 4), 6), 2.5),
    "reshape": lambda b: b.reshape(b.conv(b.input(1, 3, 4, 5), 3), 1, 36),
    "reshape-one-channel": lambda b: b.reshape(b.conv(b.input(1, 3, 4, 5), 1), 1, 12),
    "reshape-to-image": lambda b: b.conv(b.reshape(b.input(1, 60), 1, 5, 4, 3), 2),
    "transpose-in": lambda b: b.conv(b.transpose(b.input(1, 3, 8, 9), 0, 2, 3, 1), 5),
    "transpose-out": lambda b: b.transpose(b.conv(b.input(1, 8, 9, 3), 5), 0, 3, 1, 2),
    "transpose-other": lambda b: b.transpose(b.conv(b.input(1, 8, 9, 3), 5), 0, 2, 1, 3),
    "transpose-sequence": lambda b: b.transpose(b.input(1, 8, 9), 0, 2, 1),
}
"""Each for int8 and for float32."""

MIXED: dict[str, Make] = {
    "quantize": lambda b: b.quantize(b.input(1, 3, 4, 5, dtype=DType.FLOAT32)),
    "requantize": lambda b: b.quantize(b.conv(b.input(1, 3, 4, 5), 6)),
    "dequantize": lambda b: b.dequantize(b.conv(b.input(1, 3, 4, 5), 6)),
}


def build(name: str, dtype: DType = DType.INT8, seed: int = 0) -> tuple[Builder, Graph]:
    """The case `name` with weights drawn from `seed`, and what built it."""
    builder = Builder(dtype, seed)
    output = (CASES | MIXED)[name](builder)
    return builder, builder.graph(output)


def trained() -> Graph:
    """A float network, quantized: what the quantizer hands to the exporters."""
    builder = Builder(DType.FLOAT32, 8)
    image = builder.input(1, 12, 10, 3)
    first = builder.conv(image, 8, window=Window((2, 1), (1, 1), (1, 1), (1, 1)), activation=RELU)
    second = builder.conv(builder.depthwise(first, activation=RELU6), 8, (1, 1))
    joined = builder.add(second, first, RELU)
    pooled = builder.average_pool(builder.conv(joined, 5, (1, 1)), (6, 10))
    graph = builder.graph(builder.softmax(builder.reshape(pooled, 1, 5)))
    samples = np.random.default_rng(9).normal(0, 1, (100, 1, 12, 10, 3)).astype(np.float32)
    return quantize(graph, {image: samples}).graph
