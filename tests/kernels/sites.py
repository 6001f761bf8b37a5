"""Single nodes with hostile shapes and numbers, with inputs for them and what must come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
from edge_runtime.kernels import Site
from edge_runtime.ops import (
    Add,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    Mean,
    Pool2D,
    Quantize,
    Softmax,
)

Random = np.random.Generator
NONE, RELU6 = Activation.NONE, Activation.RELU6


@dataclass(frozen=True)
class Case:
    """A site, the values of all its inputs, and the reference output."""

    name: str
    site: Site
    values: tuple[Array, ...]

    @property
    def expected(self) -> bytes:
        """The outputs, one behind the other."""
        site = self.site
        made = site.node.op.compute(self.values, site.inputs, (site.output, *site.also))
        return b"".join(array.tobytes() for array in made)

    def matches(self, output: bytes) -> bool:
        """Whether outputs are the reference's: integers exactly, floats up to rounding."""
        if not self.site.output.dtype.is_float:
            return output == self.expected
        made, expected = (np.frombuffer(raw, np.float32) for raw in (output, self.expected))
        largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
        return np.allclose(made, expected, rtol=1e-5, atol=1e-6 * largest, equal_nan=True)


def activation(shape: Shape, scale: float, zero: int, name: str = "in") -> Tensor:
    return Tensor(name, shape, DType.INT8, quantization=Quantization.per_tensor(scale, zero))


def case(name: str, op: Op, inputs: Sequence[Tensor], values: Sequence[Array], out: Tensor) -> Case:
    """The case of one node, checked by the rules of the graph."""
    output = Tensor("out", op.output_shape(inputs), out.dtype, quantization=out.quantization)
    node = Node(name, op, tuple(tensor.name for tensor in inputs), "out")
    given = [tensor.name for tensor in inputs if tensor.data is None]
    graph = verify(Graph.build(name, [*inputs, output], [node], given, ["out"]))
    return Case(name, Site.of(graph, node), tuple(values))


def random_int8(random: Random, shape: Shape, *, extreme: float = 0.1) -> Array:
    """Random values, a share of them at the ends of the range."""
    values = random.integers(-128, 128, shape)
    ends = random.choice([-128, 127], shape)
    return np.where(random.random(shape) < extreme, ends, values).astype(np.int8)


@dataclass(frozen=True)
class Numbers:
    """The numbers of a layer with weights, apart from its shape."""

    zero: int = -5
    out_zero: int = 3
    gain: float = 0.4
    """Size of typical sums as a share of the output's range; above 1, most outputs saturate."""
    spread: float = 1.0
    """Ratio of the largest to the smallest scale of the channels; 1: one scale for all."""
    activation: Activation = NONE
    bias: str = "random"
    """none, random, or huge: as far as sums wrap round."""
    lowest: bool = False
    """All inputs and weights are -128."""
    least: int = -128
    """The least weight that there may be."""


def weighted(
    name: str,
    op: Conv2D | DepthwiseConv2D | FullyConnected,
    image: Shape,
    weights: Shape,
    numbers: Numbers,
    random: Random,
) -> Case:
    """A convolution, depthwise or fully connected layer."""
    axis = 3 if isinstance(op, DepthwiseConv2D) else 0
    out = weights[axis]
    depth = int(np.prod(weights)) // out
    kernel = np.maximum(random_int8(random, weights, extreme=0.05), np.int8(numbers.least))
    data = random_int8(random, image)
    if numbers.lowest:
        kernel, data = np.full_like(kernel, -128), np.full_like(data, -128)
    in_scale, out_scale = 0.05, 0.1
    typical = 75.0 * 75.0 * np.sqrt(depth)
    scale = numbers.gain * 128 * out_scale / (typical * in_scale)
    scales = scale * numbers.spread ** (random.random(out) - 0.5)
    if numbers.spread == 1.0:
        quantization = Quantization((float(np.float32(scale)),), (0,))
    else:
        quantization = Quantization(tuple(map(float, np.float32(scales))), (0,) * out, axis)
    inputs = [
        activation(image, in_scale, numbers.zero),
        Tensor.constant("weights", kernel, quantization),
    ]
    values = [data, kernel]
    if numbers.bias != "none":
        most = int(typical) if numbers.bias == "random" else (1 << 31) - 1
        bias = random.integers(-most, most + 1, out).astype(np.int32)
        inputs.append(Tensor.constant("bias", bias))
        values.append(bias)
    return case(name, op, inputs, values, activation((), out_scale, numbers.out_zero))


HOSTILE_NUMBERS = {
    "plain": Numbers(),
    "per channel": Numbers(spread=100.0),
    "lowest zero points": Numbers(zero=-128, out_zero=-128, spread=3.0),
    "highest zero points": Numbers(zero=127, out_zero=127, spread=3.0),
    "relu": Numbers(activation=Activation.RELU, out_zero=-20),
    "relu6": Numbers(activation=RELU6, out_zero=-100),
    "relu from the lowest": Numbers(
        activation=Activation.RELU, out_zero=-128, least=-127, gain=0.9
    ),
    "relu6 from the lowest": Numbers(activation=RELU6, out_zero=-128, spread=3.0, least=-127),
    "relu6 at the end": Numbers(activation=RELU6, out_zero=126),
    "no bias": Numbers(bias="none"),
    "wrapping": Numbers(bias="huge", spread=10.0),
    "shift to the left": Numbers(gain=30000.0, spread=1e7),
    "factors near one": Numbers(gain=3000.0, spread=1000.0),
    "factors near nothing": Numbers(gain=1e-4, spread=1e9),
}


def conv(name: str, image: Shape, weights: Shape, window: Window, n: Numbers, r: Random) -> Case:
    return weighted(name, Conv2D(n.activation, window), (1, *image), weights, n, r)


def depthwise(
    name: str, image: Shape, weights: Shape, window: Window, n: Numbers, r: Random
) -> Case:
    return weighted(name, DepthwiseConv2D(n.activation, window), (1, *image), weights, n, r)


def linear(name: str, rows: int, depth: int, out: int, n: Numbers, r: Random) -> Case:
    op = FullyConnected(n.activation)
    return weighted(name, op, (rows, depth), (out, depth), n, r)


def windows() -> dict[str, tuple[Shape, tuple[int, int], Window]]:
    """Image sizes, kernels and windows at the edges of what loops can get wrong."""
    same, valid = Window.same, Window
    return {
        "point": ((1, 1), (1, 1), valid()),
        "1x1": ((3, 5), (1, 1), valid()),
        "1x1 of four": ((2, 2), (1, 1), valid()),
        "1x1 of six": ((2, 3), (1, 1), valid()),
        "1x1 of seven": ((1, 7), (1, 1), valid()),
        "1x1 stride 2": ((5, 6), (1, 1), valid((2, 2))),
        "3x3 valid": ((5, 4), (3, 3), valid()),
        "3x3 same": ((4, 5), (3, 3), same((4, 5), (3, 3))),
        "3x3 same, even": ((6, 6), (3, 3), same((6, 6), (3, 3))),
        "3x3 same on 1x1": ((1, 1), (3, 3), same((1, 1), (3, 3))),
        "3x3 same on 2x1": ((2, 1), (3, 3), same((2, 1), (3, 3))),
        "3x3 stride 2, asymmetric": ((6, 8), (3, 3), same((6, 8), (3, 3), (2, 2))),
        "3x3 stride 2, odd": ((5, 7), (3, 3), same((5, 7), (3, 3), (2, 2))),
        "3x3 stride 2 valid": ((7, 6), (3, 3), valid((2, 2))),
        "3x3 strides 1, 2": ((5, 6), (3, 3), same((5, 6), (3, 3), (1, 2))),
        "3x3 strides 2, 1": ((6, 5), (3, 3), same((6, 5), (3, 3), (2, 1))),
        "3x3 stride 3": ((7, 8), (3, 3), same((7, 8), (3, 3), (3, 3))),
        "3x3 stride 5": ((9, 8), (3, 3), valid((5, 5))),
        "3x3 dilated": ((6, 7), (3, 3), same((6, 7), (3, 3), (1, 1), (2, 2))),
        "3x3 dilated 2x3 valid": ((7, 8), (3, 3), valid((1, 1), (2, 3))),
        "2x2 same": ((3, 4), (2, 2), same((3, 4), (2, 2))),
        "5x1": ((9, 2), (5, 1), same((9, 2), (5, 1))),
        "7x1 stride 2": ((12, 1), (7, 1), same((12, 1), (7, 1), (2, 1))),
        "1x6 valid": ((2, 6), (1, 6), valid()),
        "10x4 stride 2": ((13, 10), (10, 4), same((13, 10), (10, 4), (2, 2))),
        "kernel larger than the image": ((2, 3), (5, 7), same((2, 3), (5, 7))),
        "padded beyond the kernel": ((2, 2), (2, 2), valid((1, 1), (1, 1), (3, 3), (2, 4))),
        "padded before only": ((4, 4), (3, 3), valid((1, 1), (1, 1), (2, 2), (0, 0))),
        "padded after only": ((4, 4), (3, 3), valid((2, 2), (1, 1), (0, 0), (1, 2))),
    }


def pool(op: Pool2D, image: Shape, zero: int, random: Random) -> Case:
    shape = (1, *image)
    tensor = activation(shape, 0.05, zero)
    return case(f"{op}", op, [tensor], [random_int8(random, shape)], tensor)


def add(
    shapes: tuple[Shape, Shape],
    scales: tuple[float, float, float],
    zeros: tuple[int, int, int],
    act: Activation,
    random: Random,
) -> Case:
    inputs = [activation(shapes[i], scales[i], zeros[i], f"in{i}") for i in (0, 1)]
    values = [random_int8(random, shape) for shape in shapes]
    out = activation((), scales[2], zeros[2])
    return case(f"{shapes} {scales} {zeros} {act}", Add(act), inputs, values, out)


def mean(
    shape: Shape, axes: tuple[int, ...], scale: float, zeros: tuple[int, int], random: Random
) -> Case:
    op = Mean(axes, keep_dims=bool(random.integers(2)))
    inputs = [activation(shape, 0.05, zeros[0])]
    out = activation((), scale, zeros[1])
    return case(f"{shape} {axes} {scale} {zeros}", op, inputs, [random_int8(random, shape)], out)


def softmax(shape: Shape, scale: float, beta: float, values: Array) -> Case:
    inputs = [activation(shape, scale, 7)]
    out = activation((), 1 / 256, -128)
    return case(f"{shape} {scale} {beta}", Softmax(beta), inputs, [values], out)


def quantize(values: Array, scale: float, zero: int) -> Case:
    inputs = [Tensor("in", values.shape, DType.FLOAT32)]
    return case(f"{scale} {zero}", Quantize(), inputs, [values], activation((), scale, zero))


def requantize(scales: tuple[float, float], zeros: tuple[int, int]) -> Case:
    """Every int8 value once."""
    values = np.arange(-128, 128).astype(np.int8)
    inputs = [activation(values.shape, scales[0], zeros[0])]
    out = activation((), scales[1], zeros[1])
    return case(f"{scales} {zeros}", Quantize(), inputs, [values], out)


def dequantize(scale: float, zero: int) -> Case:
    """Every int8 value once."""
    values = np.arange(-128, 128).astype(np.int8)
    inputs = [activation(values.shape, scale, zero)]
    return case(f"{scale} {zero}", Dequantize(), inputs, [values], Tensor("", (), DType.FLOAT32))
