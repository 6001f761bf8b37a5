"""Random int8 networks, to try a latency model on: none of their layers was fitted to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from edge_runtime.graph import (
    Activation,
    DType,
    Graph,
    Kind,
    Node,
    Op,
    Quantization,
    Tensor,
    Window,
)
from edge_runtime.graph.tensor import Shape
from edge_runtime.latency.draw import Draw, Limits, result_grid, weight_grid
from edge_runtime.ops import (
    Add,
    AveragePool2D,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Linear,
    MaxPool2D,
    Mean,
    Softmax,
)

_RELU = Activation.RELU


def network(seed: int) -> Graph:
    """A random classifier of images or of spectrograms: a stem, some blocks, a head."""
    builder = _Builder(Draw(seed, Limits()))
    draw = builder.draw
    height = draw.size(12, 64)
    image = (1, height, draw.one_of((height, draw.size(8, 40))), draw.one_of((1, 1, 3)))
    builder.start(image)
    stride = draw.one_of((1, 2))
    kernel = draw.one_of(((3, 3), (3, 3), (5, 5), (10, 4)))
    builder.conv(draw.channels(32), kernel, (stride, stride))
    for _ in range(draw.size(2, 7)):
        builder.block()
    builder.head(draw.size(2, 20))
    return builder.graph(f"random_{seed}")


@dataclass
class _Builder:
    """Adds one layer after another to a chain."""

    draw: Draw
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    last: Tensor = field(init=False)

    def start(self, shape: Shape) -> None:
        """The input."""
        grid = Quantization.per_tensor(1 / 32, 3)
        self.last = Tensor("image", shape, DType.INT8, quantization=grid)
        self.tensors.append(self.last)

    def add(self, op: Op, *others: Tensor) -> Tensor:
        """One node that reads the last tensor and `others`."""
        name = f"{op.NAME.lower()}_{len(self.nodes)}"
        inputs = (self.last, *others)
        shape = op.output_shape(inputs)
        grid = self.last.quantization
        if not isinstance(op, Linear | MaxPool2D | AveragePool2D | Concat):
            grid = result_grid(op, inputs, DType.INT8)
        output = Tensor(name, shape, DType.INT8, quantization=grid)
        self.nodes.append(Node(name, op, tuple(tensor.name for tensor in inputs), name))
        self.tensors += [t for t in others if t.kind is Kind.CONSTANT]
        self.tensors.append(output)
        self.last = output
        return output

    def layer(self, op: Linear, weights: Shape) -> None:
        """One node with weights; scales are such that sums fill the output's range."""
        grid = weight_grid(self.draw, weights, op.weight_axis)
        out = weights[op.weight_axis]
        name = f"layer_{len(self.nodes)}"
        values = self.draw.array(weights, DType.INT8)
        bias = self.draw.random.integers(-1000, 1001, out).astype(np.int32)
        self.add(
            op,
            Tensor.constant(f"{name}_weights", values, grid),
            Tensor.constant(f"{name}_bias", bias),
        )

    def conv(
        self,
        out: int,
        kernel: tuple[int, int] = (1, 1),
        stride: tuple[int, int] = (1, 1),
        activation: Activation = _RELU,
    ) -> None:
        """A convolution with SAME padding."""
        _, height, width, depth = self.last.shape
        window = Window.same((height, width), kernel, stride)
        self.layer(Conv2D(activation, window), (out, *kernel, depth))

    def depthwise(self, kernel: tuple[int, int], stride: tuple[int, int]) -> None:
        """A depthwise convolution with SAME padding."""
        _, height, width, depth = self.last.shape
        window = Window.same((height, width), kernel, stride)
        self.layer(DepthwiseConv2D(_RELU, window), (1, *kernel, depth))

    def block(self) -> None:
        """A residual, a separable or an inverted residual block, a pool, or a branch."""
        _, height, width, depth = self.last.shape
        kind = self.draw.one_of(
            ("separable", "separable", "residual", "inverted", "pool", "branch")
        )
        small = min(height, width) < 4
        stride = (1, 1) if small else self.draw.one_of(((1, 1), (1, 1), (2, 2)))
        kernel = self.draw.one_of(((3, 3), (3, 3), (5, 5), (3, 1)))
        out = self.draw.channels(64)
        if kind == "separable":
            self.depthwise(kernel, stride)
            self.conv(out)
        elif kind == "residual":
            before = self.last
            self.conv(depth, (3, 3))
            self.conv(depth, (3, 3), activation=Activation.NONE)
            self.add(Add(_RELU), before)
        elif kind == "inverted":
            before = self.last
            self.conv(min(2 * depth, 96))
            self.depthwise(kernel, (1, 1))
            self.conv(depth, activation=Activation.NONE)
            self.add(Add(), before)
        elif kind == "pool" and not small:
            pool = self.draw.one_of((MaxPool2D, AveragePool2D))
            self.add(pool((2, 2), Window((2, 2))))
        else:
            before = self.last
            self.conv(out, kernel)
            first, self.last = self.last, before
            self.conv(self.draw.channels(32))
            self.add(Concat(3), first)

    def head(self, classes: int) -> None:
        """Mean over positions, a fully connected layer, softmax."""
        self.add(Mean((1, 2)))
        self.layer(FullyConnected(), (classes, self.last.shape[1]))
        self.add(Softmax())

    def graph(self, name: str) -> Graph:
        """All that was added."""
        return Graph.build(name, self.tensors, self.nodes, ["image"], [self.last.name])
