"""What treats each element by itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from edge_runtime import ops
from edge_runtime.graph import Op
from edge_runtime.importers.tflite.site import Converter, Site, activation, plain


def _unary(make: Callable[[], Op]) -> Converter:
    return plain(1, lambda site: make())


def _binary(make: Callable[[], Op]) -> Converter:
    return plain(2, lambda site: make())


def _activated(make: Callable[[Any], Op], options: str) -> Converter:
    return plain(2, lambda site: make(activation(site.options(options))))


def _gelu(site: Site) -> Op:
    return ops.Gelu(bool(site.options("GeluOptions").Approximate()))


def _leaky_relu(site: Site) -> Op:
    return ops.LeakyRelu(site.options("LeakyReluOptions").Alpha())


def _select(site: Site) -> None:
    """SELECT and SELECT_V2; the former may give one truth value a row of the leading dimension."""
    condition, first, second = (site.read(index) for index in range(3))
    if site.operator.operation == "SELECT" and len(condition.shape) == 1 < len(first.shape):
        shape = (*condition.shape, *(1,) * (len(first.shape) - 1))
        condition = site.build.emit(ops.Reshape(shape), [condition], f"{site.name}/condition")
    site.emit(ops.Select(), [condition, first, second])


OPERATIONS: dict[str, Converter] = {
    "ABS": _unary(ops.Abs),
    "ADD": _activated(ops.Add, "AddOptions"),
    "CAST": _unary(ops.Cast),
    "CEIL": _unary(ops.Ceil),
    "COS": _unary(ops.Cos),
    "DEQUANTIZE": _unary(ops.Dequantize),
    "DIV": _activated(ops.Div, "DivOptions"),
    "ELU": _unary(ops.Elu),
    "EQUAL": _binary(ops.Equal),
    "EXP": _unary(ops.Exp),
    "FLOOR": _unary(ops.Floor),
    "FLOOR_DIV": _binary(ops.FloorDiv),
    "FLOOR_MOD": _binary(ops.FloorMod),
    "GELU": plain(1, _gelu),
    "GREATER": _binary(ops.Greater),
    "GREATER_EQUAL": _binary(ops.GreaterEqual),
    "HARD_SWISH": _unary(ops.HardSwish),
    "LEAKY_RELU": plain(1, _leaky_relu),
    "LESS": _binary(ops.Less),
    "LESS_EQUAL": _binary(ops.LessEqual),
    "LOG": _unary(ops.Log),
    "LOGICAL_AND": _binary(ops.LogicalAnd),
    "LOGICAL_NOT": _unary(ops.LogicalNot),
    "LOGICAL_OR": _binary(ops.LogicalOr),
    "LOGISTIC": _unary(ops.Logistic),
    "MAXIMUM": _binary(ops.Maximum),
    "MINIMUM": _binary(ops.Minimum),
    "MUL": _activated(ops.Mul, "MulOptions"),
    "NEG": _unary(ops.Neg),
    "NOT_EQUAL": _binary(ops.NotEqual),
    "POW": _binary(ops.Pow),
    "PRELU": _binary(ops.Prelu),
    "QUANTIZE": _unary(ops.Quantize),
    "RELU": plain(1, lambda site: ops.Clamp(0.0, math.inf)),
    "RELU6": plain(1, lambda site: ops.Clamp(0.0, 6.0)),
    "RELU_0_TO_1": plain(1, lambda site: ops.Clamp(0.0, 1.0)),
    "RELU_N1_TO_1": plain(1, lambda site: ops.Clamp(-1.0, 1.0)),
    "ROUND": _unary(ops.Round),
    "RSQRT": _unary(ops.Rsqrt),
    "SELECT": _select,
    "SELECT_V2": _select,
    "SIGN": _unary(ops.Sign),
    "SIN": _unary(ops.Sin),
    "SQRT": _unary(ops.Sqrt),
    "SQUARE": _unary(ops.Square),
    "SQUARED_DIFFERENCE": _binary(ops.SquaredDifference),
    "SUB": _activated(ops.Sub, "SubOptions"),
    "TANH": _unary(ops.Tanh),
}
