"""What kernels cost a product over a grid of shapes, and whether that jumps between neighbours.

A sweep changes one thing at a time (channels, image, kernel, stride, dilation, padding). Its shapes
are operations of their own, many to an emulated image.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge_runtime import api
from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.export.firmware import Options
from edge_runtime.graph import Activation, DType, Graph, Node, Quantization, Tensor, Window
from edge_runtime.measure import batches, merge
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected, Linear

MOST = 2.0
"""A cost a product more than so many times a neighbour's is a cliff, unless that has more to do."""

Pair = tuple[int, int]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Shape:
    """A convolution, a depthwise one (`outputs` is then 0), or a product (`image` is (0, 0))."""

    image: Pair = (8, 8)
    inputs: int = 16
    outputs: int = 16
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padded: bool = True
    multiplier: int = 1

    @property
    def is_product(self) -> bool:
        """Whether it is a fully connected layer."""
        return self.image == (0, 0)

    @property
    def window(self) -> Window:
        """Stride, dilation and padding."""
        if not self.padded:
            return Window(self.stride, self.dilation)
        return Window.same(self.image, self.kernel, self.stride, self.dilation)

    def graph(self) -> Graph:
        """The operation alone, with weights drawn from a fixed seed and plausible scales."""
        random = np.random.default_rng(0)
        op: Linear
        source: tuple[int, ...]
        weights: tuple[int, ...]
        channels = self.outputs or self.inputs * self.multiplier
        if self.is_product:
            op, source, weights = FullyConnected(), (1, self.inputs), (channels, self.inputs)
        elif self.outputs:
            op, source = Conv2D(Activation.NONE, self.window), (1, *self.image, self.inputs)
            weights = (channels, *self.kernel, self.inputs)
        else:
            op = DepthwiseConv2D(Activation.NONE, self.window)
            source, weights = (1, *self.image, self.inputs), (1, *self.kernel, channels)
        plain = Quantization.per_tensor(1 / 32, 0)
        scale = float(np.float32(1 / (96 * math.sqrt(math.prod(weights) / channels))))
        axis = op.weight_axis
        scales = Quantization((scale,) * channels, (0,) * channels, axis)
        constants = [
            Tensor.constant("weights", random.integers(-127, 128, weights, np.int8), scales),
            Tensor.constant("bias", random.integers(-1000, 1001, channels, np.int32), None),
        ]
        image = Tensor("in0", source, DType.INT8, quantization=plain)
        made = op.output_shape([image, *constants])
        output = Tensor("out0", made, DType.INT8, quantization=plain)
        node = Node("op", op, ("in0", "weights", "bias"), "out0")
        return Graph.build("op", [image, *constants, output], [node], ["in0"], ["out0"])


@dataclass(frozen=True)
class Sweep:
    """Shapes that differ in one thing, the smallest first; `points` names them."""

    title: str
    points: tuple[str, ...]
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Cost:
    """What one shape took."""

    instructions: int
    products: int

    @property
    def each(self) -> float:
        """Instructions a product."""
        return self.instructions / self.products


def _sweep(title: str, shape: Callable[[Value], Shape], values: Iterable[Value]) -> Sweep:
    kept = tuple(values)
    points = (
        "x".join(map(str, value)) if isinstance(value, tuple) else str(value) for value in kept
    )
    return Sweep(title, tuple(points), tuple(map(shape, kept)))


_CHANNELS = (1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 57, 64, 106, 128, 255, 256)
_SIZES = tuple((n, n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 24, 48))
_NARROW = tuple((n, 1) for n in (1, 2, 3, 4, 5, 8, 16, 49, 96))
_KERNELS = ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4), (4, 4), (5, 5), (6, 6), (7, 7))
_TALL = tuple((n, 1) for n in range(1, 8))
_WIDE = tuple((1, n) for n in range(1, 8))
_STRIDES = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 3))
_DILATIONS = tuple((n, n) for n in (1, 2, 3, 4))
_POINT = Shape(kernel=(1, 1), inputs=32, outputs=32)
_CONV = Shape()
_DEPTHWISE = Shape(outputs=0, inputs=32)
_PRODUCT = Shape(image=(0, 0), inputs=64, outputs=64)

SWEEPS = (
    _sweep("1x1, input channels", lambda n: replace(_POINT, inputs=n), _CHANNELS),
    _sweep("1x1, output channels", lambda n: replace(_POINT, outputs=n), _CHANNELS),
    _sweep(
        "1x1, image",
        lambda n: replace(Shape(kernel=(1, 1), inputs=8, outputs=8), image=n),
        (*_SIZES, (96, 96)),
    ),
    _sweep("1x1, stride", lambda n: replace(_POINT, stride=n), ((1, 1), (2, 2), (3, 3))),
    _sweep(
        "3x3, input channels", lambda n: replace(_CONV, inputs=n), (1, 2, 3, 4, 5, 7, 8, 16, 31, 64)
    ),
    _sweep(
        "3x3, output channels", lambda n: replace(_CONV, outputs=n), (1, 2, 3, 4, 5, 8, 15, 16, 57)
    ),
    _sweep("3x3, image", lambda n: replace(_CONV, image=n), _SIZES),
    _sweep("convolution, kernel", lambda n: replace(_CONV, kernel=n), _KERNELS),
    _sweep("convolution, tall kernel", lambda n: replace(_CONV, kernel=n), _TALL),
    _sweep("convolution, wide kernel", lambda n: replace(_CONV, kernel=n), _WIDE),
    _sweep("3x3, stride", lambda n: replace(_CONV, stride=n), _STRIDES),
    _sweep("3x3, dilation", lambda n: replace(_CONV, dilation=n), _DILATIONS),
    _sweep("3x3, padded", lambda n: replace(_CONV, padded=n), (False, True)),
    _sweep("depthwise, channels", lambda n: replace(_DEPTHWISE, inputs=n), _CHANNELS),
    _sweep(
        "depthwise, image",
        lambda n: replace(Shape(inputs=8, outputs=0), image=n),
        (*_SIZES, (96, 96)),
    ),
    _sweep(
        "depthwise 3x1, one column",
        lambda n: replace(Shape((8, 1), 32, 0, (3, 1)), image=n),
        _NARROW,
    ),
    _sweep("depthwise, kernel", lambda n: replace(_DEPTHWISE, kernel=n), _KERNELS),
    _sweep("depthwise, tall kernel", lambda n: replace(_DEPTHWISE, kernel=n), _TALL),
    _sweep("depthwise, wide kernel", lambda n: replace(_DEPTHWISE, kernel=n), _WIDE),
    _sweep("depthwise, stride", lambda n: replace(_DEPTHWISE, stride=n), _STRIDES),
    _sweep("depthwise, dilation", lambda n: replace(_DEPTHWISE, dilation=n), _DILATIONS),
    _sweep("depthwise, padded", lambda n: replace(_DEPTHWISE, padded=n), (False, True)),
    _sweep(
        "depthwise, channel multiplier", lambda n: replace(_DEPTHWISE, multiplier=n), (1, 2, 3, 4)
    ),
    _sweep("fully connected, inputs", lambda n: replace(_PRODUCT, inputs=n), _CHANNELS),
    _sweep("fully connected, outputs", lambda n: replace(_PRODUCT, outputs=n), _CHANNELS),
)


def measure_sweeps(board: str, compiler: str, sweeps: Sequence[Sweep]) -> list[list[Cost]]:
    """The cost of each shape of each sweep, emulated."""
    shapes = dict.fromkeys(shape for sweep in sweeps for shape in sweep.shapes)
    graphs = {str(number): shape.graph() for number, shape in enumerate(shapes)}
    found: dict[str, Cost] = {}
    for batch in batches(graphs, load_board(board)):
        found |= _measure(board, compiler, batch)
    by_shape = {shape: found[str(number)] for number, shape in enumerate(shapes)}
    return [[by_shape[shape] for shape in sweep.shapes] for sweep in sweeps]


def _measure(board: str, compiler: str, batch: dict[str, Graph]) -> dict[str, Cost]:
    merged = merge(list(batch.values()))
    inputs = [merged.tensors[name] for name in merged.inputs]
    values = {f"in{i}": np.zeros((1, *tensor.shape), np.int8) for i, tensor in enumerate(inputs)}
    options = Options(keep_dead_channels=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "firmware"
        api.export(merged, board, folder, compiler=compiler, options=options)
        result = api.emulate(folder, Cases.of(inputs, values, streaming=False))
    layers = {layer.name: layer for layer in result.measurement.layers}
    costs = {}
    for number, key in enumerate(batch):
        layer = layers[f"op{number}"]
        costs[key] = Cost(layer.instructions or 0, layer.macs)
    return costs


def cliffs(sweep: Sweep, costs: Sequence[Cost]) -> list[str]:
    """Neighbours of which one costs more than MOST times as much a product as the other.

    Where the dearer has less to do, and takes fewer instructions in all, that is what every output
    or row costs besides, and no cliff.
    """
    found = []
    points = list(zip(sweep.points, costs, strict=True))
    for pair in pairwise(points):
        (cheap_point, cheap), (dear_point, dear) = sorted(pair, key=lambda point: point[1].each)
        explained = dear.products < cheap.products and dear.instructions <= cheap.instructions
        if dear.each > MOST * cheap.each and not explained:
            found.append(f"{sweep.title}: {dear_point} beside {cheap_point}")
    return found


def grid_page(boards: Sequence[str]) -> str:
    """Tables of all sweeps on each board, and the cliffs among them, in Markdown."""
    parts = []
    for board in boards:
        measured = measure_sweeps(board, "zig", SWEEPS)
        rows = ["| sweep | instructions a product |", "|---|---|"]
        jumps: list[str] = []
        for sweep, costs in zip(SWEEPS, measured, strict=True):
            listed = ", ".join(
                f"{point}: {cost.each:.2f}" for point, cost in zip(sweep.points, costs, strict=True)
            )
            rows.append(f"| {sweep.title} | {listed} |")
            jumps += cliffs(sweep, costs)
        told = "; ".join(jumps) if jumps else "none"
        parts.append("\n".join([f"### {board}", "", *rows, "", f"Cliffs: {told}."]))
    return "\n\n".join(parts)
