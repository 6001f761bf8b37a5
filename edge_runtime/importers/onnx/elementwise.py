"""Operations on single elements, in whatever order a value's elements lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import onnx

from edge_runtime import ops
from edge_runtime.graph import DType, Op, Shape
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.indexing import is_whole
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import Known, Placed, Value, axis_in, shape_of
from edge_runtime.importers.unsupported import UnsupportedError

_FLOATS = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
)

CASTS: dict[int, DType] = {
    **dict.fromkeys(_FLOATS, DType.FLOAT32),
    onnx.TensorProto.BOOL: DType.BOOL,
    onnx.TensorProto.INT8: DType.INT8,
    onnx.TensorProto.INT16: DType.INT16,
    onnx.TensorProto.INT32: DType.INT32,
    onnx.TensorProto.INT64: DType.INT32,
    onnx.TensorProto.UINT8: DType.UINT8,
}
"""What a type of ONNX is here: all floats are float32, and int64 is int32."""


def _unary(make: Callable[[FileNode], Op]) -> Converter:
    def convert(build: Builder, node: FileNode) -> Placed:
        value = build.placed(node.input(0))
        made = build.emit(node, make(node), [value.tensor], node.outputs[0])
        return replace(value, tensor=made)

    return convert


def _plain(op: Callable[[], Op]) -> Converter:
    return _unary(lambda node: op())


def clip(build: Builder, node: FileNode) -> Placed | None:
    """Clip: bounds are attributes up to operator set 10, then constant inputs.

    None for whole numbers.
    """
    if is_whole(build, node.input(0)):
        return None
    value = build.placed(node.input(0))
    low = _bound(build, node, "min", 1, -math.inf)
    high = _bound(build, node, "max", 2, math.inf)
    # ONNX has the upper bound win where they cross.
    op = ops.Clamp(min(low, high), high)
    made = build.emit(node, op, [value.tensor], node.outputs[0])
    return replace(value, tensor=made)


def _bound(build: Builder, node: FileNode, attribute: str, index: int, default: float) -> float:
    value = build.number(node.input(index)) if node.input(index) else default
    value = node.number(attribute, value)
    # Exporters write the largest float for no bound at all.
    greatest = float(np.finfo(np.float32).max)
    return math.copysign(math.inf, value) if abs(value) >= greatest else value


def binary(
    build: Builder, node: FileNode, op: Op, inputs: tuple[str, ...], dtype: DType | None = None
) -> Placed:
    """An operation on operands that are broadcast, in the order of the largest activation."""
    values = [build.value(name) for name in inputs]
    shape = _broadcast(values)
    axes = leading(values).widened_axes(len(shape))
    tensors = [
        build.broadcast(name, value, axes) for name, value in zip(inputs, values, strict=True)
    ]
    made = build.emit(node, op, tensors, node.outputs[0], dtype=dtype)
    return Placed(made, shape, axes)


def _broadcast(values: Sequence[Value]) -> Shape:
    """The shape that all of these are broadcast to."""
    try:
        return np.broadcast_shapes(*map(shape_of, values))
    except ValueError as error:
        raise UnsupportedError("its operands cannot be broadcast") from error


def leading(values: Sequence[Value]) -> Placed:
    """The activation whose order the others take: the largest one.

    Of equally large ones, one that is laid out unlike ONNX: an image in NHWC.
    """
    placed = [value for value in values if isinstance(value, Placed)]
    if not placed:
        raise UnsupportedError("all its inputs are constant")
    return max(placed, key=lambda v: (math.prod(v.shape), v.moved() != tuple(sorted(v.moved()))))


def _binary(op: type[Op], dtype: DType | None = None) -> Converter:
    def convert(build: Builder, node: FileNode) -> Placed:
        if node.opset < 7 and (node.has("axis") or op is ops.Prelu):
            _align(build, node, node.integer("axis", 1))
        first, second = node.inputs[:2]
        # A constant comes second where that makes no difference: passes look for it there.
        if op in (ops.Add, ops.Mul) and isinstance(build.value(first), Known):
            first, second = second, first
        return binary(build, node, op(), (first, second), dtype)

    return convert


def _align(build: Builder, node: FileNode, axis: int) -> None:
    """Let a second operand of operator set 6 start at `axis` of the first, and end before others.

    For PRelu these are the channels, of which there may be one for all.
    """
    rank = len(shape_of(build.value(node.input(0))))
    second = build.value(node.input(1))
    if isinstance(second, Known) and second.array.size > 1:
        behind = rank - axis_in(axis, rank) - second.array.ndim
        array = second.array.reshape(*second.array.shape, *(1,) * max(0, behind))
        build.values[node.input(1)] = Known(array)


def _chain(op: type[Op]) -> Converter:
    """Max and Min of any number of operands."""

    def convert(build: Builder, node: FileNode) -> Placed:
        first, *others = node.inputs
        for index, other in enumerate(others):
            name = node.outputs[0] if other is others[-1] else f"{node.outputs[0]}//{index}"
            step = replace(node, outputs=(name,))
            build.values[name] = binary(build, step, op(), (first, other))
            first = name
        return build.placed(first)

    return convert


_POWERS: dict[float, Callable[[], Op]] = {
    2.0: ops.Square,
    0.5: ops.Sqrt,
    -0.5: ops.Rsqrt,
    -1.0: ops.Reciprocal,
}


def power(build: Builder, node: FileNode) -> Placed | None:
    """Pow; squares and roots have operations of their own. None where the types differ."""
    types = {_type(build, name) for name in node.inputs[:2]}
    if len(types) > 1:
        return None
    base, exponent = (build.value(name) for name in node.inputs[:2])
    if isinstance(base, Placed) and isinstance(exponent, Known) and exponent.array.size == 1:
        number = float(exponent.array.reshape(()))
        if number in _POWERS and exponent.array.ndim <= base.rank and types == {DType.FLOAT32}:
            made = build.emit(node, _POWERS[number](), [base.tensor], node.outputs[0])
            return replace(base, tensor=made)
    return binary(build, node, ops.Pow(), node.inputs[:2])


def modulo(build: Builder, node: FileNode) -> Placed:
    """Mod with the sign of the divisor, as Python has it."""
    if node.integer("fmod", 0):
        raise UnsupportedError("fmod is 1; allowed: 0", "use x - y * floor(x / y)")
    return binary(build, node, ops.FloorMod(), node.inputs[:2])


def where(build: Builder, node: FileNode) -> Value:
    """Where; one operand by itself where the condition is the same throughout."""
    condition, first, second = node.inputs[:3]
    values = [build.value(name) for name in node.inputs[:3]]
    if isinstance(values[0], Known) and len(kinds := set(values[0].array.ravel().tolist())) == 1:
        chosen = values[1] if kinds.pop() else values[2]
        if shape_of(chosen) == _broadcast(values):
            return chosen
    dtype = _type(build, first)
    return binary(build, node, ops.Select(), (condition, first, second), dtype)


def _type(build: Builder, name: str) -> DType:
    """The type that a value has here."""
    value = build.value(name)
    if isinstance(value, Placed):
        return build.tensor(value.tensor).dtype
    number = onnx.helper.np_dtype_to_tensor_dtype(value.array.dtype)
    if number not in CASTS:
        raise UnsupportedError(f"input {name} is {value.array.dtype.name}")
    return CASTS[number]


def cast(build: Builder, node: FileNode) -> Placed:
    """Cast between numbers; of floats only float32 is known, and of long integers int32."""
    value = build.placed(node.input(0))
    target = CASTS.get(node.integer("to", 0))
    if target is None:
        raise UnsupportedError("it casts to a type that is not supported", "use float32 or int32")
    if build.tensor(value.tensor).quantization is not None:
        raise UnsupportedError("it casts quantized integers", "use DequantizeLinear")
    if build.tensor(value.tensor).dtype is target:
        return value
    made = build.emit(node, ops.Cast(), [value.tensor], node.outputs[0], dtype=target)
    return replace(value, tensor=made)


CONVERTERS: dict[str, Converter] = {
    "Abs": _plain(ops.Abs),
    "Add": _binary(ops.Add),
    "And": _binary(ops.LogicalAnd),
    "Cast": cast,
    "Ceil": _plain(ops.Ceil),
    "Celu": _unary(lambda node: ops.Celu(node.number("alpha", 1.0))),
    "Clip": clip,
    "Cos": _plain(ops.Cos),
    "Div": _binary(ops.Div),
    "Elu": _unary(lambda node: ops.Elu(node.number("alpha", 1.0))),
    "Equal": _binary(ops.Equal, DType.BOOL),
    "Erf": _plain(ops.Erf),
    "Exp": _plain(ops.Exp),
    "Floor": _plain(ops.Floor),
    "Gelu": _unary(lambda node: ops.Gelu(node.text("approximate", "none") == "tanh")),
    "Greater": _binary(ops.Greater, DType.BOOL),
    "GreaterOrEqual": _binary(ops.GreaterEqual, DType.BOOL),
    "HardSigmoid": _unary(
        lambda node: ops.HardSigmoid(node.number("alpha", 0.2), node.number("beta", 0.5))
    ),
    "HardSwish": _plain(ops.HardSwish),
    "LeakyRelu": _unary(lambda node: ops.LeakyRelu(node.number("alpha", 0.01))),
    "Less": _binary(ops.Less, DType.BOOL),
    "LessOrEqual": _binary(ops.LessEqual, DType.BOOL),
    "Log": _plain(ops.Log),
    "Max": _chain(ops.Maximum),
    "Min": _chain(ops.Minimum),
    "Mish": _plain(ops.Mish),
    "Mod": modulo,
    "Mul": _binary(ops.Mul),
    "Neg": _plain(ops.Neg),
    "Not": _plain(ops.LogicalNot),
    "Or": _binary(ops.LogicalOr),
    "PRelu": _binary(ops.Prelu),
    "Pow": power,
    "Reciprocal": _plain(ops.Reciprocal),
    "Relu": _unary(lambda node: ops.Clamp(0.0, math.inf)),
    "Round": _plain(ops.Round),
    "Selu": _unary(
        lambda node: ops.Selu(
            node.number("alpha", 1.6732632423543772), node.number("gamma", 1.0507009873554805)
        )
    ),
    "Sigmoid": _plain(ops.Logistic),
    "Sign": _plain(ops.Sign),
    "Sin": _plain(ops.Sin),
    "Softplus": _plain(ops.Softplus),
    "Softsign": _plain(ops.Softsign),
    "Sqrt": _plain(ops.Sqrt),
    "Sub": _binary(ops.Sub),
    "Tanh": _plain(ops.Tanh),
    "Where": where,
    "Xor": _binary(ops.NotEqual, DType.BOOL),
}
