"""The operations a network of the space is made of, with their shapes: keys of the cost table.

Each is what both the float graph and the PyTorch network are built from, and can be made into an
int8 graph of its own, to be measured alone. Shapes are (height, width, channels): time steps,
sensors, features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Activation, DType, Graph, Node, Op, Quantization, Tensor, Window
from edge_runtime.ops import Add, Conv2D, Mean, Softmax

Shape3 = tuple[int, int, int]


@dataclass(frozen=True)
class Convolution:
    """A convolution with SAME padding, its batch norm folded, and a bias."""

    shape: Shape3
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    relu: bool = False

    @property
    def output(self) -> Shape3:
        """Shape of what comes out."""
        height, width, _ = self.shape
        return -(-height // self.stride[0]), -(-width // self.stride[1]), self.channels

    @property
    def window(self) -> Window:
        """Stride and explicit padding."""
        return Window.same(self.shape[:2], self.kernel, self.stride)

    @property
    def weights(self) -> int:
        """How many weights it has, biases not counted."""
        return math.prod(self.kernel) * self.shape[2] * self.channels

    @property
    def flash_bytes(self) -> int:
        """Its int8 weights and int32 biases."""
        return self.weights + 4 * self.channels

    def op(self) -> Op:
        """The graph operation."""
        return Conv2D(Activation.RELU if self.relu else Activation.NONE, self.window)


@dataclass(frozen=True)
class Addition:
    """The sum of two tensors of one shape, then ReLU."""

    shape: Shape3
    flash_bytes = 0

    @property
    def output(self) -> Shape3:
        """Shape of what comes out."""
        return self.shape

    def op(self) -> Op:
        """The graph operation."""
        return Add(Activation.RELU)


@dataclass(frozen=True)
class Average:
    """The mean over all positions, one number a channel."""

    shape: Shape3
    flash_bytes = 0

    @property
    def output(self) -> Shape3:
        """Shape of what comes out."""
        return 1, 1, self.shape[2]

    def op(self) -> Op:
        """The graph operation."""
        return Mean((1, 2))


@dataclass(frozen=True)
class Probabilities:
    """Softmax over the classes."""

    shape: Shape3
    flash_bytes = 0

    @property
    def output(self) -> Shape3:
        """Shape of what comes out."""
        return self.shape

    def op(self) -> Op:
        """The graph operation."""
        return Softmax()


Item = Convolution | Addition | Average | Probabilities


@dataclass(frozen=True)
class Step:
    """One item of a network: its name, which is also its output's, and the names it reads."""

    name: str
    item: Item
    inputs: tuple[str, ...]


def tensor_shape(shape: Shape3, item: Item) -> tuple[int, ...]:
    """`shape` as tensors have it: NHWC, but (1, classes) from the average on."""
    flat = isinstance(item, Average | Probabilities)
    return (1, shape[2]) if flat else (1, *shape)


def int8_graph(item: Item) -> Graph:
    """`item` alone as an int8 graph, with weights drawn from a fixed seed and plausible scales."""
    plain = Quantization.per_tensor(1 / 32, 0)
    result = Quantization.per_tensor(1 / 256, -128) if isinstance(item, Probabilities) else plain
    source = (1, item.shape[2]) if isinstance(item, Probabilities) else (1, *item.shape)
    names = ("in0", "in1") if isinstance(item, Addition) else ("in0",)
    tensors = [Tensor(name, source, DType.INT8, quantization=plain) for name in names]
    constants = _int8_constants(item) if isinstance(item, Convolution) else []
    output = Tensor("out0", tensor_shape(item.output, item), DType.INT8, quantization=result)
    reads = (*names, *(tensor.name for tensor in constants))
    node = Node("op", item.op(), reads, "out0")
    return Graph.build("op", [*tensors, *constants, output], [node], names, ["out0"])


def _int8_constants(item: Convolution) -> Sequence[Tensor]:
    generator = np.random.default_rng(0)
    shape = (item.channels, *item.kernel, item.shape[2])
    fan_in = math.prod(shape[1:])
    # Sums then spread over the output's range, so that few outputs clamp.
    scale = 1 / (96 * math.sqrt(fan_in))
    scales = Quantization((float(np.float32(scale)),) * item.channels, (0,) * item.channels, 0)
    weights = generator.integers(-127, 128, shape, np.int8)
    biases = generator.integers(-1000, 1001, item.channels, np.int32)
    return [Tensor.constant("weights", weights, scales), Tensor.constant("bias", biases, None)]
