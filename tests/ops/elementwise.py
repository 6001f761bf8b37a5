"""Hypothesis strategies: graphs of one operation on single elements, as TFLM has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st
from one_op import activations, one_op, scales, zero_points

from edge_runtime import ops
from edge_runtime.graph import Array, DType, Graph, Op, Quantization, Scaling, Shape, Tensor

Draw = st.DrawFn
FLOAT, INT8, INT16, INT32 = DType.FLOAT32, DType.INT8, DType.INT16, DType.INT32

SHAPES: tuple[tuple[Shape, Shape], ...] = (
    ((2, 3, 5), (2, 3, 5)),
    ((2, 3, 4, 5), (5,)),
    ((2, 1, 4, 1), (3, 1, 5)),
    ((1,), (3, 4)),
)
"""The first two serve PRELU, whose slope is broadcast to its input."""

RELU = ops.Clamp()
UNARY: dict[str, tuple[Op, tuple[DType, ...]]] = {
    "abs": (ops.Abs(), (FLOAT, INT8, INT16)),
    "ceil": (ops.Ceil(), (FLOAT,)),
    "cos": (ops.Cos(), (FLOAT,)),
    "elu": (ops.Elu(), (FLOAT, INT8)),
    "exp": (ops.Exp(), (FLOAT,)),
    "floor": (ops.Floor(), (FLOAT,)),
    "hard_swish": (ops.HardSwish(), (FLOAT, INT8)),
    "leaky_relu": (ops.LeakyRelu(0.3), (FLOAT, INT8, INT16)),
    "leaky_relu_falling": (ops.LeakyRelu(-0.7), (FLOAT, INT8, INT16)),
    "log": (ops.Log(), (FLOAT,)),
    "logistic": (ops.Logistic(), (FLOAT, INT8, INT16)),
    "neg": (ops.Neg(), (FLOAT,)),
    "not": (ops.LogicalNot(), (DType.BOOL,)),
    "relu": (RELU, (FLOAT, INT8, INT16)),
    "relu6": (ops.Clamp(0.0, 6.0), (FLOAT, INT8, INT16)),
    "between": (ops.Clamp(-2.0, 3.0), (FLOAT, INT8, INT16)),
    "round": (ops.Round(), (FLOAT,)),
    "rsqrt": (ops.Rsqrt(), (FLOAT, INT8)),
    "sin": (ops.Sin(), (FLOAT,)),
    "sqrt": (ops.Sqrt(), (FLOAT,)),
    "square": (ops.Square(), (FLOAT,)),
    "tanh": (ops.Tanh(), (FLOAT, INT8, INT16)),
}
BINARY: dict[str, tuple[type[ops.Binary], tuple[DType, ...]]] = {
    "add": (ops.Add, (FLOAT, INT8, INT16, INT32)),
    "sub": (ops.Sub, (FLOAT, INT8, INT16, INT32)),
    "mul": (ops.Mul, (FLOAT, INT8, INT16, INT32)),
    "div": (ops.Div, (FLOAT, INT8, INT32)),
    "minimum": (ops.Minimum, (FLOAT, INT8, INT16, INT32)),
    "maximum": (ops.Maximum, (FLOAT, INT8, INT16, INT32)),
    "squared_difference": (ops.SquaredDifference, (FLOAT, INT8, INT16, INT32)),
    "floor_div": (ops.FloorDiv, (FLOAT,)),
    "floor_mod": (ops.FloorMod, (FLOAT,)),
    "prelu": (ops.Prelu, (FLOAT, INT8)),
}
TRUTH: dict[str, tuple[type[ops.Truth], tuple[DType, ...]]] = {
    "equal": (ops.Equal, (FLOAT, INT8, INT32, DType.BOOL)),
    "not_equal": (ops.NotEqual, (FLOAT, INT8, INT32, DType.BOOL)),
    "less": (ops.Less, (FLOAT, INT8, INT32)),
    "less_equal": (ops.LessEqual, (FLOAT, INT8, INT32)),
    "greater": (ops.Greater, (FLOAT, INT8, INT32)),
    "greater_equal": (ops.GreaterEqual, (FLOAT, INT8, INT32)),
    "and": (ops.LogicalAnd, (DType.BOOL,)),
    "or": (ops.LogicalOr, (DType.BOOL,)),
}


def grid(draw: Draw, dtype: DType) -> Quantization | None:
    """A quantization for tensors of quantized types; int16 has finer scales, and zero point 0."""
    if dtype is INT8:
        return Quantization.per_tensor(draw(scales(1e-3, 0.5)), draw(zero_points))
    return Quantization.per_tensor(draw(scales(1e-5, 2e-3))) if dtype is INT16 else None


def scaled(draw: Draw, dtype: DType, size: float) -> Quantization | None:
    """One whose scale is around `size`."""
    if dtype not in (INT8, INT16):
        return None
    zero = draw(zero_points) if dtype is INT8 else 0
    return Quantization.per_tensor(size * draw(st.floats(0.3, 10)), zero)


@st.composite
def unary(draw: Draw, name: str) -> Graph:
    """A function of one tensor."""
    op, types = UNARY[name]
    dtype = draw(st.sampled_from(types))
    image = Tensor("a", (4, 64), dtype, quantization=grid(draw, dtype))
    made = image.quantization
    if made is not None and op.SCALING is Scaling.FIXED:
        made = op.fixed_quantization(dtype)
    elif made is not None and (op.SCALING is Scaling.OWN or op is RELU):
        made = scaled(draw, dtype, made.scale)
    return one_op(op, [image], made, dtype)


@st.composite
def binary(draw: Draw, name: str) -> Graph:
    """Arithmetic on two tensors, one of which may be a constant."""
    kind, types = BINARY[name]
    dtype = draw(st.sampled_from(types))
    shapes = draw(st.sampled_from(SHAPES[:2] if kind is ops.Prelu else SHAPES))
    clamped = issubclass(kind, ops.Activated) and dtype is not INT32
    op = kind(draw(activations)) if clamped else kind()
    first = Tensor("a", shapes[0], dtype, quantization=grid(draw, dtype))
    shared = op.SCALING is Scaling.SHARED
    second = Tensor(
        "b", shapes[1], dtype, quantization=first.quantization if shared else grid(draw, dtype)
    )
    made = first.quantization
    if made is not None and second.quantization is not None and not shared:
        one, two = made.scale, second.quantization.scale
        steps = 100 if dtype is INT8 else 25000
        size = {
            ops.Mul: one * two * steps,
            ops.Div: one / two / 80,
            ops.SquaredDifference: max(one, two) ** 2 * steps,
        }.get(kind, max(one, two))
        made = scaled(draw, dtype, size)
        if kind is ops.Div:
            made = Quantization.per_tensor(size * draw(st.floats(0.8, 2)), draw(zero_points))
    if draw(st.booleans()):
        random = np.random.default_rng(draw(st.integers(0, 99)))
        data = values(second, op, random)
        second = Tensor.constant("b", data, second.quantization)
    return one_op(op, [first, second], made, dtype)


@st.composite
def truth(draw: Draw, name: str) -> Graph:
    """A comparison, or logic."""
    kind, types = TRUTH[name]
    dtype = draw(st.sampled_from(types))
    shapes = draw(st.sampled_from(SHAPES))
    tensors = [
        Tensor(name, shape, dtype, quantization=grid(draw, dtype))
        for name, shape in zip("ab", shapes, strict=True)
    ]
    return one_op(kind(), tensors, None, DType.BOOL)


@st.composite
def selections(draw: Draw) -> Graph:
    """A choice between two tensors."""
    dtype = draw(st.sampled_from((FLOAT, INT8, INT16)))
    shapes, condition = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(((1,), None)))
    kept = grid(draw, dtype)
    whole = np.broadcast_shapes(*shapes)
    tensors = [
        Tensor("which", condition or whole, DType.BOOL),
        Tensor("a", shapes[0], dtype, quantization=kept),
        Tensor("b", shapes[1], dtype, quantization=kept),
    ]
    return one_op(ops.Select(), tensors, kept, dtype)


@st.composite
def conversions(draw: Draw) -> Graph:
    """Quantize, dequantize or cast between types that TFLM has."""
    kind = draw(st.sampled_from(["quantize", "requantize", "dequantize", "cast"]))
    if kind == "cast":
        source, made = draw(st.sampled_from(CASTS))
        return one_op(ops.Cast(), [Tensor("a", (4, 64), source)], None, made)
    if kind == "dequantize":
        source = draw(st.sampled_from((INT8, DType.UINT8, INT16)))
        image = Tensor("a", (4, 64), source, quantization=any_grid(draw, source))
        return one_op(ops.Dequantize(), [image], None, FLOAT)
    pairs = REQUANTIZED if kind == "requantize" else ((FLOAT, INT8), (FLOAT, INT16))
    source, made = draw(st.sampled_from(pairs))
    incoming = None if source is FLOAT else any_grid(draw, source)
    out = any_grid(draw, made)
    if incoming is not None:
        ratio = 10.0 ** draw(st.floats(-1.5, 1)) * 2.0 ** (8 * (made.bytes - source.bytes))
        out = Quantization.per_tensor(incoming.scale / ratio, out.zero_point)
    return one_op(ops.Quantize(), [Tensor("a", (4, 64), source, quantization=incoming)], out, made)


def any_grid(draw: Draw, dtype: DType) -> Quantization:
    """A quantization for any integer type."""
    zero = {INT8: draw(zero_points), DType.UINT8: draw(st.integers(0, 255))}.get(dtype, 0)
    return Quantization.per_tensor(draw(scales(1e-4, 1.0)), zero)


REQUANTIZED = (
    *((INT8, made) for made in (INT8, DType.UINT8, INT16, INT32)),
    *((INT16, made) for made in (INT8, INT16, INT32)),
    *((INT32, made) for made in (INT8, INT16)),
    (DType.UINT8, INT8),
)
CASTS = (
    *((INT8, made) for made in (FLOAT, INT16, INT32)),
    *((INT16, made) for made in (FLOAT, INT8, INT32)),
    *((INT32, made) for made in (FLOAT, INT8, INT16)),
    *((FLOAT, made) for made in (INT8, INT16, INT32)),
    (DType.BOOL, FLOAT),
)


def cases(graph: Graph, seed: int) -> list[list[Array]]:
    """Inputs: random ones with a share at the ends of their types."""
    random = np.random.default_rng(seed)
    op = graph.nodes[0].op
    return [[values(graph.tensors[name], op, random) for name in graph.inputs] for _ in range(3)]


def values(tensor: Tensor, op: Op, random: np.random.Generator) -> Array:
    """Values that TFLM defines the operation for."""
    if tensor.dtype is DType.BOOL:
        return random.integers(0, 2, tensor.shape).astype(np.bool_)
    if tensor.dtype.is_float:
        real = random.normal(0, 3, tensor.shape).astype(np.float32)
        return np.abs(real) if isinstance(op, ops.Log | ops.Sqrt | ops.Rsqrt) else real
    low, high = tensor.dtype.range
    if tensor.dtype is INT32:
        low, high = (-1000, 1000) if not isinstance(op, ops.Quantize) else (-(1 << 24), 1 << 24)
    inner = random.integers(low, high, tensor.shape, endpoint=True)
    stored = np.where(
        random.random(tensor.shape) < 0.1, random.choice([low, high], tensor.shape), inner
    )
    zero = tensor.quantization.zero_point if tensor.quantization else 0
    if isinstance(op, ops.Rsqrt):
        stored = np.maximum(stored, zero)
    if isinstance(op, ops.Div):
        # Shifting by more than 31 bits, which a zero takes, is undefined there.
        stored = np.where(stored == zero, zero + (1 if zero < high else -1), stored)
    if isinstance(op, ops.Cast):
        stored = np.clip(stored, -100, 100)
    return stored.astype(tensor.dtype.numpy)


GRAPHS: dict[str, st.SearchStrategy[Graph]] = {
    **{name: unary(name) for name in UNARY},
    **{name: binary(name) for name in BINARY},
    **{name: truth(name) for name in TRUTH},
    "conversion": conversions(),
    "select": selections(),
}


def same(mine: Sequence[Array], oracle: Sequence[Array], kind: str) -> None:
    """Integers must be equal; floats may differ by rounding."""
    for one, two in zip(mine, oracle, strict=True):
        if one.dtype.kind == "f":
            np.testing.assert_allclose(one, two, rtol=2e-6, atol=1e-6, err_msg=kind)
        else:
            np.testing.assert_array_equal(one, two, err_msg=kind)
