"""Making a random operation of a family: its attributes, operands and weights.

A family of operations that takes more than activations of one shape has a maker here; all others
are tried with one, two or three operands of one shape, in every type.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable

from edge_runtime.graph import DType, Graph, Op, Quantization, Window
from edge_runtime.graph.tensor import Shape, Tensor
from edge_runtime.latency.draw import Draw, single, source, weight_grid
from edge_runtime.ops import (
    Add,
    ArgReduce,
    BatchMatMul,
    BatchToSpace,
    BroadcastTo,
    Concat,
    Conv2D,
    CumSum,
    DepthToSpace,
    DepthwiseConv2D,
    FullyConnected,
    Gather,
    Linear,
    MirrorPad,
    Pad,
    Pool2D,
    Quantize,
    Reduce,
    ResizeBilinear,
    ResizeNearest,
    Reverse,
    Slice,
    SpaceToBatch,
    SpaceToDepth,
    Sub,
    Tile,
    Transpose,
    TransposeConv2D,
)

Maker = Callable[[type[Op], Draw], Graph | None]
Form = tuple[DType, DType, DType]
"""Types of input, weights and bias."""

_FLOAT, _INT8, _INT16 = DType.FLOAT32, DType.INT8, DType.INT16
_FORMS: tuple[Form, ...] = (
    (_INT8, _INT8, DType.INT32),
    (_INT8, _INT8, DType.INT32),
    (_INT8, DType.INT4, DType.INT32),
    (_INT16, _INT8, DType.INT64),
    (_FLOAT, _FLOAT, _FLOAT),
    (_FLOAT, _INT8, _FLOAT),
    (_FLOAT, DType.FLOAT16, _FLOAT),
)
_TYPES = (_INT8, _INT16, _FLOAT, DType.UINT8, DType.INT32, DType.INT64, DType.BOOL)
_VECTORS, _BROADCAST, _SIGNS = 0.4, 0.25, 0.2
"""The share of plain operations on vectors, with an operand of one value a channel, and of changes
of sign."""
_TIELESS, _TIELESS_SCALE = 0.6, math.sqrt(2) / 32
"""The share of sums with another scale: it is in no ratio to the usual ones that makes ties."""
_WINDOWS = ((1, 1), (1, 1), (3, 3), (3, 3), (3, 3), (5, 5), (3, 1), (5, 1), (1, 3), (7, 7), (10, 4))


def _layer(
    op: Linear, image: Shape, weights: Shape, form: Form, draw: Draw, zero: int = 0
) -> Graph | None:
    """A layer with weights of typical size: sums fill the output's range, multipliers are small."""
    taken, stored, sums = form
    grid = weight_grid(draw, weights, op.weight_axis, zero)
    bias = draw.array(weights[op.weight_axis : op.weight_axis + 1], sums)
    values, kept = draw.array(weights, stored), None if stored.is_float else grid
    inputs = [
        source("in", image, taken),
        Tensor.constant("weights", values, kept, stored),
        Tensor.constant("bias", bias),
    ]
    result = None if taken.is_float else inputs[0].quantization
    return single(op, inputs, taken, result)


def _sliding(draw: Draw, square: bool = False) -> tuple[Shape, tuple[int, int], Window] | None:
    """An image, a kernel over it, and a window; None where the kernel is larger than the image."""
    kernel = draw.one_of(((3, 3), (3, 3), (3, 3), (5, 5), (3, 1), (7, 7)) if square else _WINDOWS)
    image = draw.image(draw.limits.elements)
    stride = draw.one_of(((1, 1), (1, 1), (2, 2)))
    size = (image[1], image[2])
    if min(size[0] - kernel[0], size[1] - kernel[1]) < 0:
        return None
    same = Window.same(size, kernel, stride)
    return image, kernel, same if draw.random.random() < 0.7 else Window(stride)


def _conv(kind: type[Op], draw: Draw) -> Graph | None:
    found = _sliding(draw)
    if found is None:
        return None
    image, kernel, window = found
    groups = draw.one_of((1, 1, 1, 1, 1, 2, 4))
    depth = image[3] // groups
    taps = kernel[0] * kernel[1] * depth
    if image[3] % groups or taps > draw.limits.weights:
        return None
    pixels = max(1, image[1] * image[2] // (window.stride[0] * window.stride[1]))
    most = min(
        draw.limits.weights // taps,
        draw.limits.products // taps // pixels,
        draw.limits.elements // pixels,
        256,
    )
    if most < groups:
        return None
    out = draw.channels(most // groups) * groups
    zero = 9 if draw.random.random() < 0.1 else 0
    form = draw.one_of(_FORMS)
    zero = zero if form[0] is _INT8 else 0
    op = Conv2D(draw.activation(), window)
    return _layer(op, image, (out, *kernel, depth), form, draw, zero)


def _depthwise(kind: type[Op], draw: Draw) -> Graph | None:
    found = _sliding(draw, square=True)
    if found is None:
        return None
    image, kernel, window = found
    times = draw.one_of((1, 1, 1, 1, 2, 8))
    if draw.random.random() < 0.1:
        image = (*image[:3], 1)
        times = 8
    out = image[3] * times
    taps = kernel[0] * kernel[1]
    if out * taps > draw.limits.weights or image[1] * image[2] * out > draw.limits.elements:
        return None
    op = DepthwiseConv2D(draw.activation(), window)
    form = draw.one_of(_FORMS)
    zero = 9 if form[0] is _INT8 and draw.random.random() < 0.1 else 0
    return _layer(op, image, (1, *kernel, out), form, draw, zero)


def _transposed(kind: type[Op], draw: Draw) -> Graph | None:
    image = draw.image(draw.limits.elements // 8, 32)
    kernel, stride = draw.one_of((((2, 2), (2, 2)), ((3, 3), (2, 2)), ((4, 4), (2, 2))))
    size = (image[1] * stride[0], image[2] * stride[1])
    taps = kernel[0] * kernel[1] * image[3]
    most = min(
        draw.limits.weights // taps,
        draw.limits.products // taps // (image[1] * image[2]),
        draw.limits.elements // (size[0] * size[1]),
    )
    if most < 1:
        return None
    out = draw.channels(most)
    op = TransposeConv2D(draw.activation(), Window.same(size, kernel, stride), size)
    return _layer(op, image, (out, *kernel, image[3]), draw.one_of(_FORMS), draw)


def _connected(kind: type[Op], draw: Draw) -> Graph | None:
    depth = draw.channels(min(1024, draw.limits.weights))
    out = draw.channels(min(256, draw.limits.weights // depth))
    rows = draw.one_of((1, 1, 1, draw.size(2, 24)))
    form = draw.one_of(_FORMS)
    op = FullyConnected(draw.activation())
    if draw.random.random() < 0.2 and form[0] is form[1]:
        return _at_run_time(op, rows, depth, out, form[0])
    zero = 9 if form[0] is _INT8 and draw.random.random() < 0.1 else 0
    return _layer(op, (rows, depth), (out, depth), form, draw, zero)


def _at_run_time(op: Op, rows: int, depth: int, out: int, dtype: DType) -> Graph | None:
    inputs = [source("in", (rows, depth), dtype), source("weights", (out, depth), dtype, 1)]
    return single(op, inputs, dtype)


def _matmul(kind: type[Op], draw: Draw) -> Graph | None:
    rows, depth, out = (draw.size(2, 48) for _ in range(3))
    batch = draw.one_of(((), (1,), (4,)))
    left, right = bool(draw.random.integers(2)), bool(draw.random.integers(2))
    dtype = draw.one_of((_INT8, _INT16, _FLOAT))
    first = (*batch, depth, rows) if left else (*batch, rows, depth)
    second = (*batch, out, depth) if right else (*batch, depth, out)
    inputs = [source("in", first, dtype), source("other", second, dtype, 1)]
    grid = None if dtype.is_float else Quantization.per_tensor(1 / 2 if dtype is _INT8 else 1e-3)
    return single(BatchMatMul(left, right), inputs, dtype, grid)


def _pool(kind: type[Op], draw: Draw) -> Graph | None:
    image = draw.image(draw.limits.elements)
    size = (image[1], image[2])
    kernel = draw.one_of(((2, 2), (3, 3), (2, 1), (4, 4), size))
    if kernel[0] > image[1] or kernel[1] > image[2]:
        return None
    stride = (1, 1) if kernel == size else draw.one_of((kernel, (1, 1), (2, 2)))
    window = Window(stride)
    if draw.random.random() < 0.3:
        window = Window.same(size, kernel, stride)
    assert issubclass(kind, Pool2D)
    dtype = draw.one_of((_INT8, _INT8, _INT16, _FLOAT))
    inputs = [source("in", image, dtype)]
    return single(kind(kernel, window, draw.activation()), inputs, dtype, inputs[0].quantization)


def _along_axes(kind: type[Op], draw: Draw) -> Graph | None:
    image = draw.image(draw.limits.elements)
    axes = draw.one_of(((1, 2), (1, 2), (1, 2), (3,), (1,), (1, 2, 3)))
    dtype = draw.one_of(_TYPES)
    given = [source("in", image, dtype)]
    return single(kind(axes, bool(draw.random.integers(2))), given, dtype)  # type: ignore[call-arg]


def _along_axis(kind: type[Op], draw: Draw) -> Graph | None:
    image = draw.image(draw.limits.elements // 4)
    axis = draw.one_of((3, 3, 1))
    dtype = draw.one_of(_TYPES)
    made = draw.one_of((DType.INT32, DType.INT64)) if issubclass(kind, ArgReduce) else dtype
    return single(kind(axis), [source("in", image, dtype)], made)  # type: ignore[call-arg]


def _moves(kind: type[Op], draw: Draw) -> Graph | None:
    """What moves elements: attributes by the operation, of a shape that suits."""
    _, height, width, depth = draw.image(draw.limits.elements // 4, 64)
    height, width = -(-height // 2) * 2, -(-width // 2) * 2
    shape: Shape = (1, height, width, depth)
    inner = (1, height // 2, width // 2, depth)
    size = (height * 2, width * 2)
    edges = ((0, 1, 1, 0), (0, 1, 1, 0))
    makers: dict[type[Op], Callable[[], Op]] = {
        BroadcastTo: lambda: BroadcastTo((1, height, width, depth)),
        DepthToSpace: lambda: DepthToSpace(2),
        MirrorPad: lambda: MirrorPad(*edges),
        Pad: lambda: Pad(*edges),
        ResizeBilinear: lambda: ResizeBilinear(size),
        ResizeNearest: lambda: ResizeNearest(size),
        Reverse: lambda: Reverse(draw.one_of(((1,), (2,), (3,)))),
        Slice: lambda: Slice((0, 0, 1, 0), inner, draw.one_of(((1, 1, 1, 1), (1, 2, 1, 1)))),
        SpaceToBatch: lambda: SpaceToBatch((2, 2)),
        SpaceToDepth: lambda: SpaceToDepth(2),
        Tile: lambda: Tile(draw.one_of(((1, 2, 1, 1), (1, 1, 2, 1)))),
        Transpose: lambda: Transpose(draw.one_of(((0, 2, 1, 3), (0, 3, 1, 2), (0, 2, 3, 1)))),
        BatchToSpace: lambda: BatchToSpace((2, 2)),
    }
    if kind is BroadcastTo:
        shape = draw.one_of(((1, 1, 1, depth), (1, height, width, 1)))
    elif kind is DepthToSpace:
        shape = (1, height // 2, width // 2, -(-depth // 4) * 4)
    elif kind is BatchToSpace:
        shape = (4, height // 2, width // 2, depth)
    dtype = draw.one_of((_INT8, _INT8, _INT16, _FLOAT))
    image = source("in", shape, dtype)
    if issubclass(kind, ResizeBilinear) and dtype is _INT8:
        image = dataclasses.replace(image, quantization=Quantization.per_tensor(1 / 32))
    return single(makers[kind](), [image], dtype, image.quantization)


def _concat(kind: type[Op], draw: Draw) -> Graph | None:
    shape = draw.image(draw.limits.elements // 4, 64)
    axis = draw.one_of((3, 3, 1))
    dtype = draw.one_of((_INT8, _INT8, _FLOAT))
    other = tuple(draw.size(1, 32) if i == axis else size for i, size in enumerate(shape))
    inputs = [source("in", shape, dtype), source("other", other, dtype)]
    return single(Concat(axis), inputs, dtype, inputs[0].quantization)


def _gather(kind: type[Op], draw: Draw) -> Graph | None:
    dtype = draw.one_of((_INT8, _FLOAT))
    table = source("in", (draw.size(8, 64), draw.channels(64)), dtype)
    indices = source("indices", (draw.size(1, 64),), DType.INT32)
    return single(Gather(0), [table, indices], dtype, table.quantization)


def _requantized(kind: type[Op], draw: Draw) -> Graph | None:
    """A change of type or scale; that between int8 and uint8 is often of the zero point alone."""
    if draw.random.random() < _SIGNS:
        taken, made = draw.one_of(((_INT8, DType.UINT8), (DType.UINT8, _INT8)))
        image = source("in", draw.image(draw.limits.elements), taken)
        zero = image.quant.zero_point + (128 if made is DType.UINT8 else -128)
        return single(kind(), [image], made, Quantization.per_tensor(image.quant.scale, zero))
    return _plain(kind, draw)


def _summed(kind: type[Op], draw: Draw) -> Graph | None:
    """A sum or difference; an affine function does for many in int8, where there are no ties."""
    graph = _plain(kind, draw)
    if graph is None or draw.random.random() >= _TIELESS:
        return graph
    (node,) = graph.nodes
    inputs = graph.node_inputs(node)
    if inputs[0].dtype is not _INT8:
        return graph
    return single(node.op, inputs, _INT8, Quantization.per_tensor(_TIELESS_SCALE))


_MAKERS: tuple[tuple[type[object], Maker], ...] = (
    (Conv2D, _conv),
    (DepthwiseConv2D, _depthwise),
    (TransposeConv2D, _transposed),
    (FullyConnected, _connected),
    (BatchMatMul, _matmul),
    (Pool2D, _pool),
    (Reduce, _along_axes),
    (ArgReduce, _along_axis),
    (CumSum, _along_axis),
    (Concat, _concat),
    (Quantize, _requantized),
    (Add, _summed),
    (Sub, _summed),
    (Gather, _gather),
    *(
        (kind, _moves)
        for kind in (
            *(BatchToSpace, BroadcastTo, DepthToSpace, MirrorPad, Pad, ResizeBilinear),
            *(ResizeNearest, Reverse, Slice, SpaceToBatch, SpaceToDepth, Tile, Transpose),
        )
    ),
)


@functools.cache
def _legal(kind: type[Op]) -> tuple[tuple[int, DType, DType], ...]:
    """How many operands an operation takes, and their type with that of its result."""
    low, high = kind.INPUTS
    combinations = itertools.product(range(low, min(high, 3) + 1), _TYPES, _TYPES)
    return tuple(found for found in combinations if _of_types(kind, (1, 2, 2, 4), *found))


def _of_types(kind: type[Op], shape: Shape, count: int, taken: DType, made: DType) -> Graph | None:
    """Operands of one shape; of three, the first is a condition."""
    types = [DType.BOOL, taken, taken] if count == 3 else [taken] * count
    inputs = [source(f"in{place}", shape, dtype, place) for place, dtype in enumerate(types)]
    try:
        op = kind()
    except TypeError:  # it has attributes without a default
        return None
    return single(op, inputs, made)


def _plain(kind: type[Op], draw: Draw) -> Graph | None:
    """Operands of one shape, or the second one's a channel's; in types that the operation takes."""
    shape = draw.image(draw.limits.elements)
    if draw.random.random() < _VECTORS:
        shape = (1, draw.size(1, 256))
    count, taken, made = draw.one_of(_legal(kind))
    graph = _of_types(kind, shape, count, taken, made)
    if graph is None:
        return None
    (node,) = graph.nodes
    op, inputs = node.op, graph.node_inputs(node)
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if "activation" in names:
        op = dataclasses.replace(op, activation=draw.activation())  # type: ignore[type-var]
    if "approximate" in names:
        op = dataclasses.replace(op, approximate=draw.one_of((True, False)))  # type: ignore[type-var]
    if count == 2 and draw.random.random() < _BROADCAST:
        inputs = (inputs[0], dataclasses.replace(inputs[1], shape=shape[-1:]))
    return single(op, inputs, made)


def maker_of(kind: type[Op]) -> Maker | None:
    """What makes operations of this kind; None where nothing does."""
    plain = _plain if kind.OUTPUTS == 1 and _legal(kind) else None
    return next((maker for base, maker in _MAKERS if issubclass(kind, base)), plain)
