"""Hypothesis strategies: operations along axes and over windows, of every type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from one_op import activations, scales, zero_points

from edge_runtime.graph import Array, DType, Graph, Node, Op, Quantization, Shape, Tensor, Window
from edge_runtime.graph.verify import verify
from edge_runtime.ops import (
    ArgReduce,
    AveragePool2D,
    CumSum,
    L2Normalization,
    LogSoftmax,
    MaxPool2D,
    Reduce,
    Softmax,
)

Draw = st.DrawFn
FLOAT, INT8, INT16 = DType.FLOAT32, DType.INT8, DType.INT16


@st.composite
def grids(draw: Draw, dtype: DType) -> Quantization | None:
    """Per-tensor quantizations for a type."""
    if dtype is INT8:
        return Quantization.per_tensor(draw(scales(1e-3, 1.0)), draw(zero_points))
    return Quantization.per_tensor(draw(scales(1e-5, 1e-2))) if dtype is INT16 else None


def one(op: Op, image: Tensor, dtype: DType, output: Quantization | None) -> Graph:
    """A graph of one node on one input."""
    made = Tensor("out", op.output_shape([image]), dtype, quantization=output)
    node = Node("node", op, (image.name,), "out")
    return verify(Graph.build("one", [image, made], [node], [image.name], ["out"]))


def shapes(most: int, largest: int = 6) -> st.SearchStrategy[Shape]:
    """Shapes of at most so many dimensions."""
    return st.lists(st.integers(1, largest), min_size=1, max_size=most).map(tuple)


@st.composite
def pools(draw: Draw, dtype: DType) -> Graph:
    """Several images at once; VALID or SAME padding, which are all that TFLite has."""
    size, kernel, stride = (
        draw(st.tuples(st.integers(1, most), st.integers(1, most))) for most in (9, 4, 3)
    )
    fits = kernel[0] <= size[0] and kernel[1] <= size[1]
    window = Window(stride) if fits and draw(st.booleans()) else Window.same(size, kernel, stride)
    kind = draw(st.sampled_from([AveragePool2D, MaxPool2D]))
    shape = (draw(st.integers(1, 3)), *size, draw(st.integers(1, 5)))
    image = Tensor("image", shape, dtype, quantization=draw(grids(dtype)))
    return one(kind(kernel, window, draw(activations)), image, dtype, image.quantization)


@st.composite
def reductions(draw: Draw, dtype: DType, kind: type[Reduce], *, kept: bool, most: int) -> Graph:
    """A reduction over any axes; with the input's quantization where it is `kept`."""
    shape = draw(shapes(most))
    axes = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    image = Tensor("image", shape, dtype, quantization=draw(grids(dtype)))
    same = kept or draw(st.booleans())
    output = image.quantization if same else draw(grids(dtype))
    return one(kind(tuple(sorted(axes)), draw(st.booleans())), image, dtype, output)


@st.composite
def positions(draw: Draw, dtype: DType, made: DType, kind: type[ArgReduce]) -> Graph:
    """Where along an axis the extreme is."""
    shape = draw(shapes(4))
    axis = draw(st.integers(0, len(shape) - 1))
    image = Tensor("image", shape, dtype, quantization=draw(grids(dtype)))
    return one(kind(axis), image, made, None)


@st.composite
def running(draw: Draw, dtype: DType) -> Graph:
    """Running sums along an axis."""
    shape = draw(shapes(4))
    op = CumSum(draw(st.integers(0, len(shape) - 1)), draw(st.booleans()), draw(st.booleans()))
    image = Tensor("image", shape, dtype, quantization=draw(grids(dtype)))
    output = None
    if image.quantization is not None:
        factor = draw(st.floats(0.3, 30.0))
        output = Quantization.per_tensor(image.quant.scale * factor, draw(zero_points))
    return one(op, image, dtype, output)


_FIXED = {
    (INT8, INT8): Quantization.per_tensor(1 / 256, -128),
    (INT8, INT16): Quantization.per_tensor(1 / 65536, -32768),
    (INT16, INT16): Quantization.per_tensor(1 / 32768),
}


@st.composite
def softmaxes(draw: Draw, given: DType, made: DType) -> Graph:
    """A softmax of any depth, input scale and beta."""
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 60)))
    quantization = None
    if not given.is_float:
        factor = 1 / 256 if given is INT16 else 1.0
        zero = 0 if given is INT16 else draw(zero_points)
        quantization = Quantization.per_tensor(draw(scales(1e-4, 10.0)) * factor, zero)
    image = Tensor("image", shape, given, quantization=quantization)
    op = Softmax(draw(st.sampled_from([1.0, 0.5, 2.0])))
    return one(op, image, made, _FIXED.get((given, made)))


@st.composite
def normalized(draw: Draw, dtype: DType, op: Op) -> Graph:
    """A log-softmax or an L2 normalization."""
    shape = (*draw(shapes(2)), draw(st.integers(1, 70)))
    image = Tensor("image", shape, dtype, quantization=draw(grids(dtype)))
    output = None if dtype.is_float else op.fixed_quantization(dtype)
    return one(op, image, dtype, output)


Strategy = Callable[[DType], st.SearchStrategy[Graph]]

ROWS: dict[str, Strategy] = {
    "log_softmax": lambda dtype: normalized(dtype, LogSoftmax()),
    "l2_norm": lambda dtype: normalized(dtype, L2Normalization()),
    "cumsum": running,
}


def inputs(graph: Graph, seed: int) -> list[list[Array]]:
    """Random values, values at the ends of the range, and all alike."""
    random = np.random.default_rng(seed)
    tensor = graph.tensors[graph.inputs[0]]
    if tensor.dtype.is_float:
        return [[random.normal(0, 3, tensor.shape).astype(np.float32)] for _ in range(3)]
    if tensor.dtype is DType.BOOL:
        return [[random.random(tensor.shape) < share] for share in (0.5, 0.95, 0.05)]
    low, high = tensor.dtype.range
    drawn = (
        random.integers(low, high, tensor.shape, endpoint=True),
        random.choice([low, high], tensor.shape),
        np.full(tensor.shape, random.integers(low, high, endpoint=True)),
    )
    return [[values.astype(tensor.dtype.numpy)] for values in drawn]
