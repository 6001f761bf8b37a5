"""TFLite's names, options and versions for operations on single elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from edge_runtime import ops
from edge_runtime.graph import Activation, DType, Op, Tensor

ACTIVATIONS = {
    Activation.NONE: schema.ActivationFunctionType.NONE,
    Activation.RELU: schema.ActivationFunctionType.RELU,
    Activation.RELU6: schema.ActivationFunctionType.RELU6,
}

_CLAMPS = {
    (0.0, math.inf): "RELU",
    (0.0, 6.0): "RELU6",
    (0.0, 1.0): "RELU_0_TO_1",
    (-1.0, 1.0): "RELU_N1_TO_1",
}

VERSIONS = {
    "ABS": 2,
    "ADD": 2,
    "CAST": 1,
    "CEIL": 1,
    "COS": 1,
    "DEQUANTIZE": 2,
    "DIV": 2,
    "ELU": 1,
    "EQUAL": 2,
    "EXP": 2,
    "FLOOR": 1,
    "FLOOR_DIV": 2,
    "FLOOR_MOD": 1,
    "GELU": 2,
    "GREATER": 2,
    "GREATER_EQUAL": 2,
    "HARD_SWISH": 1,
    "LEAKY_RELU": 2,
    "LESS": 2,
    "LESS_EQUAL": 2,
    "LOG": 2,
    "LOGICAL_AND": 1,
    "LOGICAL_NOT": 1,
    "LOGICAL_OR": 1,
    "LOGISTIC": 2,
    "MAXIMUM": 2,
    "MINIMUM": 2,
    "MUL": 2,
    "NEG": 1,
    "NOT_EQUAL": 2,
    "POW": 1,
    "PRELU": 1,
    "QUANTIZE": 2,
    "RELU": 2,
    "RELU6": 2,
    "RELU_0_TO_1": 1,
    "RELU_N1_TO_1": 1,
    "ROUND": 1,
    "RSQRT": 2,
    "SELECT_V2": 1,
    "SIGN": 1,
    "SIN": 1,
    "SQRT": 1,
    "SQUARE": 1,
    "SQUARED_DIFFERENCE": 2,
    "SUB": 2,
    "TANH": 2,
}
"""The first version of each operator that takes int8, or what there is."""
INT16_VERSIONS = {
    "ABS": 3,
    "ADD": 3,
    "DEQUANTIZE": 3,
    "EXP": 2,
    "LOGISTIC": 3,
    "MAXIMUM": 4,
    "MINIMUM": 4,
    "MUL": 4,
    "RELU": 3,
    "RELU6": 3,
    "SUB": 5,
    "TANH": 3,
}

_EMPTY: dict[type[Op], Any] = {
    ops.Abs: schema.AbsOptionsT,
    ops.Cos: schema.CosOptionsT,
    ops.Dequantize: schema.DequantizeOptionsT,
    ops.Equal: schema.EqualOptionsT,
    ops.Exp: schema.ExpOptionsT,
    ops.FloorDiv: schema.FloorDivOptionsT,
    ops.FloorMod: schema.FloorModOptionsT,
    ops.Greater: schema.GreaterOptionsT,
    ops.GreaterEqual: schema.GreaterEqualOptionsT,
    ops.HardSwish: schema.HardSwishOptionsT,
    ops.Less: schema.LessOptionsT,
    ops.LessEqual: schema.LessEqualOptionsT,
    ops.LogicalAnd: schema.LogicalAndOptionsT,
    ops.LogicalNot: schema.LogicalNotOptionsT,
    ops.LogicalOr: schema.LogicalOrOptionsT,
    ops.Maximum: schema.MaximumMinimumOptionsT,
    ops.Minimum: schema.MaximumMinimumOptionsT,
    ops.Neg: schema.NegOptionsT,
    ops.NotEqual: schema.NotEqualOptionsT,
    ops.Pow: schema.PowOptionsT,
    ops.Quantize: schema.QuantizeOptionsT,
    ops.Select: schema.SelectV2OptionsT,
    ops.Sign: schema.SignOptionsT,
    ops.Square: schema.SquareOptionsT,
    ops.SquaredDifference: schema.SquaredDifferenceOptionsT,
}
"""Tables without fields; operations that are in none of these have no table at all."""


def name_of(op: Op) -> str:
    """TFLite's name for `op`."""
    return _CLAMPS[op.low, op.high] if isinstance(op, ops.Clamp) and is_relu(op) else op.NAME


def is_relu(op: ops.Clamp) -> bool:
    """Whether TFLite has a name for the bounds; others are a MAXIMUM and a MINIMUM."""
    return (op.low, op.high) in _CLAMPS


def version_of(name: str, inputs: Sequence[Tensor]) -> int:
    """The version of the operator `name` on these inputs."""
    wide = inputs[0].dtype is DType.INT16 and name in INT16_VERSIONS
    return (INT16_VERSIONS if wide else VERSIONS)[name]


def refused(op: Op, inputs: Sequence[Tensor], output: Tensor) -> str | None:
    """Why TFLite has no form for `op`; None where it has, or another family knows."""
    if isinstance(op, ops.Elu) and op.alpha != 1:
        return f"alpha {op.alpha:g}; TFLite allows: 1"
    if isinstance(op, ops.Clamp) and not is_relu(op) and op.low == -math.inf == -op.high:
        return "bounds that are both infinite"
    if isinstance(op, ops.Clamp) and op.low != 0 and inputs[0].quantization != output.quantization:
        return "bounds other than those of ReLU between different scales"
    if isinstance(op, ops.Unary) and op.NAME not in VERSIONS and not isinstance(op, ops.Clamp):
        return "TFLite has no such operation"
    return None


def options(op: Op, inputs: Sequence[Tensor], output: Tensor) -> Any:
    """The options table for `op`, None where it has none."""
    made = _EMPTY[type(op)]() if type(op) in _EMPTY else None
    if isinstance(op, ops.Activated):
        made = _ACTIVATED[type(op)](fusedActivationFunction=ACTIVATIONS[op.activation])
    elif isinstance(op, ops.Cast):
        types = _CODES[inputs[0].dtype], _CODES[output.dtype]
        made = schema.CastOptionsT(inDataType=types[0], outDataType=types[1])
    elif isinstance(op, ops.Gelu):
        made = schema.GeluOptionsT(approximate=op.approximate)
    elif isinstance(op, ops.LeakyRelu):
        made = schema.LeakyReluOptionsT(alpha=op.alpha)
    return made


_ACTIVATED: dict[type[Op], Any] = {
    ops.Add: schema.AddOptionsT,
    ops.Div: schema.DivOptionsT,
    ops.Mul: schema.MulOptionsT,
    ops.Sub: schema.SubOptionsT,
}
_CODES = {dtype: getattr(schema.TensorType, dtype.name) for dtype in DType}
