"""Hypothesis strategies: graphs of one integer operation with hostile numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

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
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Mean,
    Quantize,
    Reshape,
    Softmax,
    Transpose,
)

Draw = st.DrawFn

activations = st.sampled_from(list(Activation))
zero_points = st.one_of(st.sampled_from([-128, -127, 0, 127]), st.integers(-128, 127))
seeds = st.integers(0, 2**32 - 1)


def scales(low: float, high: float) -> st.SearchStrategy[float]:
    """Single-precision scales, evenly over the exponents."""
    exponents = st.floats(math.log10(low), math.log10(high), allow_nan=False)
    return exponents.map(lambda exponent: float(np.float32(10.0**exponent)))


@st.composite
def grids(draw: Draw, low: float = 1e-3, high: float = 1.0) -> Quantization:
    """Per-tensor quantizations."""
    return Quantization.per_tensor(draw(scales(low, high)), draw(zero_points))


def one_op(op: Op, inputs: Sequence[Tensor], output: Quantization | None, dtype: DType) -> Graph:
    """A graph of one node; tensors without data are its inputs."""
    made = Tensor("out", op.output_shape(inputs), dtype, quantization=output)
    node = Node("node", op, tuple(tensor.name for tensor in inputs), "out")
    names = [tensor.name for tensor in inputs if tensor.data is None]
    return verify(Graph.build("one", [*inputs, made], [node], names, ["out"]))


def activation_tensor(name: str, shape: Shape, grid: Quantization | None) -> Tensor:
    """An int8 activation, or a float one where there is no grid."""
    return Tensor(name, shape, DType.INT8 if grid else DType.FLOAT32, quantization=grid)


@st.composite
def windows(draw: Draw, size: tuple[int, int], kernel: tuple[int, int]) -> Window:
    """Windows that fit: VALID, SAME or odd paddings, with strides and dilations."""
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    if draw(st.booleans()):
        return Window.same(size, kernel, stride, dilation)
    reach = [(kernel[i] - 1) * dilation[i] + 1 for i in (0, 1)]
    missing = [max(0, reach[i] - size[i]) for i in (0, 1)]
    odd = draw(st.booleans())
    before = tuple(draw(st.integers(0, 2)) if odd else 0 for _ in missing)
    after = tuple(m + (draw(st.integers(0, 2)) if odd else 0) for m in missing)
    return Window(stride, dilation, (before[0], before[1]), (after[0], after[1]))


@st.composite
def linear(draw: Draw, kind: type[Conv2D] | type[DepthwiseConv2D]) -> Graph:
    """A convolution or depthwise convolution."""
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    depth = draw(st.integers(1, 9))
    channels = draw(st.integers(1, 9)) if kind is Conv2D else depth * draw(st.integers(1, 3))
    op = kind(draw(activations), draw(windows(size, kernel)))
    shape = (channels, *kernel, depth) if kind is Conv2D else (1, *kernel, channels)
    image = activation_tensor("image", (1, *size, depth), draw(grids()))
    taps = math.prod(kernel) * (depth if kind is Conv2D else 1)
    return _linear(draw, op, image, shape, axis=op.weight_axis, taps=taps)


@st.composite
def dense(draw: Draw) -> Graph:
    """A fully connected layer, also on more than one row."""
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 70))
    op = FullyConnected(draw(activations), keep_dims=draw(st.booleans()))
    shape = (1, rows, columns) if op.keep_dims else (rows, columns)
    image = activation_tensor("image", shape, draw(grids()))
    return _linear(draw, op, image, (draw(st.integers(1, 9)), columns), axis=0, taps=columns)


def _linear(
    draw: Draw,
    op: Conv2D | DepthwiseConv2D | FullyConnected,
    image: Tensor,
    shape: Shape,
    *,
    axis: int,
    taps: int,
) -> Graph:
    random = np.random.default_rng(draw(seeds))
    base, each = draw(scales(1e-4, 1e-1)), draw(st.booleans())
    spread = random.uniform(0.1, 1.0, shape[axis] if each else 1)
    weight_scales = tuple(float(np.float32(base * s)) for s in spread)
    grid = Quantization(weight_scales, (0,) * len(weight_scales), axis if each else None)
    weights = Tensor.constant("weights", _stored(random, shape, draw(st.booleans())), grid)
    inputs = [image, weights]
    if draw(st.booleans()):
        bias = random.integers(-20000, 20000, shape[axis]).astype(np.int32)
        inputs.append(Tensor.constant("bias", bias))
    # From outputs that nearly all saturate to outputs that hardly move.
    step = image.quant.scale * base * math.sqrt(taps) * 10.0 ** draw(st.floats(0.5, 3.5))
    output = Quantization.per_tensor(step, draw(zero_points))
    return one_op(op, inputs, output, DType.INT8)


def _stored(random: np.random.Generator, shape: Shape, extreme: bool) -> Array:
    if extreme:
        return random.choice(np.array([-128, -127, 127], np.int8), shape)
    return random.integers(-127, 128, shape).astype(np.int8)


@st.composite
def additions(draw: Draw) -> Graph:
    """An addition of equal shapes, of shapes that broadcast, or of a constant."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    other = shape
    if draw(st.booleans()):
        kept = shape[draw(st.integers(0, len(shape) - 1)) :]
        other = tuple(size if draw(st.booleans()) else 1 for size in kept)
    first = activation_tensor("first", shape, draw(grids()))
    second = activation_tensor("second", other, draw(grids()))
    if draw(st.booleans()):
        random = np.random.default_rng(draw(seeds))
        second = Tensor.constant("second", _stored(random, other, False), second.quantization)
    inputs = [second, first] if draw(st.booleans()) else [first, second]
    step = max(first.quant.scale, second.quant.scale) * draw(st.floats(0.3, 4.0))
    output = Quantization.per_tensor(step, draw(zero_points))
    return one_op(Add(draw(activations)), inputs, output, DType.INT8)


@st.composite
def pools(draw: Draw, kind: type[AveragePool2D] | type[MaxPool2D]) -> Graph:
    """A pool with VALID or SAME padding, which are all that TFLite has."""
    size = (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    fits = kernel[0] <= size[0] and kernel[1] <= size[1]
    window = Window(stride) if fits and draw(st.booleans()) else Window.same(size, kernel, stride)
    grid = draw(grids())
    image = activation_tensor("image", (1, *size, draw(st.integers(1, 9))), grid)
    return one_op(kind(kernel, window, draw(activations)), [image], grid, DType.INT8)


@st.composite
def means(draw: Draw) -> Graph:
    """A mean over any axes, with or without a change of scale."""
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    grid = draw(grids())
    same = draw(st.booleans())
    step = float(np.float32(grid.scale * draw(st.floats(0.1, 3.0))))
    output = grid if same else Quantization.per_tensor(step, draw(zero_points))
    op = Mean(tuple(sorted(axes)), draw(st.booleans()))
    return one_op(op, [activation_tensor("image", shape, grid)], output, DType.INT8)


@st.composite
def softmaxes(draw: Draw) -> Graph:
    """A softmax of any depth and input scale."""
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 40)))
    image = activation_tensor("image", shape, draw(grids(1e-4, 10.0)))
    beta = draw(st.sampled_from([1.0, 0.5, 2.0]))
    return one_op(Softmax(beta), [image], Quantization.per_tensor(1 / 256, -128), DType.INT8)


@st.composite
def quantizers(draw: Draw) -> Graph:
    """float32 to int8, int8 to int8, int8 to float32."""
    shape = (1, draw(st.integers(1, 300)))
    grid, output = draw(grids(1e-4, 10.0)), draw(grids(1e-4, 10.0))
    kind = draw(st.sampled_from(["quantize", "requantize", "dequantize"]))
    if kind == "dequantize":
        return one_op(Dequantize(), [activation_tensor("image", shape, grid)], None, DType.FLOAT32)
    image = activation_tensor("image", shape, None if kind == "quantize" else grid)
    return one_op(Quantize(), [image], output, DType.INT8)


@st.composite
def reshapes(draw: Draw) -> Graph:
    """A change of shape."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    grid = draw(grids())
    op = Reshape((1, math.prod(shape)))
    return one_op(op, [activation_tensor("image", shape, grid)], grid, DType.INT8)


@st.composite
def transposes(draw: Draw) -> Graph:
    """Another order of dimensions."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    grid = draw(grids())
    op = Transpose(tuple(draw(st.permutations(range(len(shape))))))
    return one_op(op, [activation_tensor("image", shape, grid)], grid, DType.INT8)


def cases(graph: Graph, seed: int) -> list[list[Array]]:
    """Inputs: random ones, the least, the greatest, and a mixture of both."""
    random = np.random.default_rng(seed)
    tensors = [graph.tensors[name] for name in graph.inputs]
    return [
        [_values(tensor, random, kind, graph) for tensor in tensors]
        for kind in ("random", "random", "least", "greatest", "mixed")
    ]


def _values(tensor: Tensor, random: np.random.Generator, kind: str, graph: Graph) -> Array:
    least, greatest = -128, 127
    stored = {
        "random": random.integers(least, greatest + 1, tensor.shape),
        "least": np.full(tensor.shape, least),
        "greatest": np.full(tensor.shape, greatest),
        "mixed": random.choice([least, greatest], tensor.shape),
    }[kind]
    if not tensor.dtype.is_float:
        return stored.astype(np.int8)
    # Halves between the output's steps, and beyond its range.
    grid = graph.tensors[graph.outputs[0]].quant
    return (
        (stored - grid.zero_point + random.choice([0, 0.5, 300], tensor.shape)) * grid.scale
    ).astype(np.float32)
