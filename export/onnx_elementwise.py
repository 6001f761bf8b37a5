"""ONNX's form of functions of single elements: chains of nodes for those it has no name for.

What stands here is of opset 13: HardSwish, Mish and Gelu, which are younger, are written out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from edge_runtime import ops
from edge_runtime.export.onnx_values import Attribute, Step
from edge_runtime.graph import Array, DType, Op, Tensor

Constant = Callable[[str, Array], str]
"""Adds a constant; the name it got."""

UNARY: dict[type[Op], str] = {
    ops.Abs: "Abs",
    ops.Ceil: "Ceil",
    ops.Celu: "Celu",
    ops.Cos: "Cos",
    ops.Elu: "Elu",
    ops.Erf: "Erf",
    ops.Exp: "Exp",
    ops.Floor: "Floor",
    ops.HardSigmoid: "HardSigmoid",
    ops.LeakyRelu: "LeakyRelu",
    ops.Log: "Log",
    ops.LogicalNot: "Not",
    ops.Logistic: "Sigmoid",
    ops.Neg: "Neg",
    ops.Reciprocal: "Reciprocal",
    ops.Round: "Round",
    ops.Selu: "Selu",
    ops.Sign: "Sign",
    ops.Sin: "Sin",
    ops.Softplus: "Softplus",
    ops.Softsign: "Softsign",
    ops.Sqrt: "Sqrt",
    ops.Tanh: "Tanh",
}

BINARY: dict[type[Op], tuple[str, ...]] = {
    ops.Add: ("Add",),
    ops.Div: ("Div",),
    ops.Equal: ("Equal",),
    ops.Greater: ("Greater",),
    ops.GreaterEqual: ("GreaterOrEqual",),
    ops.Less: ("Less",),
    ops.LessEqual: ("LessOrEqual",),
    ops.LogicalAnd: ("And",),
    ops.LogicalOr: ("Or",),
    ops.Maximum: ("Max",),
    ops.Minimum: ("Min",),
    ops.Mul: ("Mul",),
    ops.NotEqual: ("Equal", "Not"),
    ops.Pow: ("Pow",),
    ops.Prelu: ("PRelu",),
    ops.Sub: ("Sub",),
}
"""What is done with both operands, and then with the result."""


def element_problems(op: Op, inputs: Sequence[Tensor]) -> list[str]:
    """Why an operation on single elements has no form."""
    if isinstance(op, ops.FloorDiv | ops.FloorMod) and not inputs[0].dtype.is_float:
        return [f"{inputs[0].dtype.value}, whose division truncates in ONNX; allowed: float32"]
    if isinstance(op, ops.Round | ops.Sign | ops.Abs | ops.Neg) or not isinstance(op, ops.Unary):
        return []
    wrong = inputs[0].dtype in (DType.INT32, DType.INT64)
    return [f"{inputs[0].dtype.value}; allowed: float32, or int8"] if wrong else []


def unary_steps(op: Op, x: str, constant: Constant) -> list[Step] | None:
    """The chain for a function of `x`; None for an operation of another family."""

    def with_(kind: str, value: float) -> Step:
        return Step(kind, [constant(kind.lower(), np.array(value, np.float32))])

    if type(op) in UNARY:
        return [Step(UNARY[type(op)], (), _attributes(op))]
    steps: list[Step] | None = None
    match op:
        case ops.Clamp():
            steps = _clamped(op, constant)
        case ops.Square():
            steps = [with_("Pow", 2)]
        case ops.Rsqrt():
            steps = [Step("Sqrt"), Step("Reciprocal")]
        case ops.Silu():
            steps = [Step("Sigmoid"), Step("Mul", [x])]
        case ops.Mish():
            steps = [Step("Softplus"), Step("Tanh"), Step("Mul", [x])]
        case ops.HardSwish():
            ramp = Step("HardSigmoid", (), {"alpha": 1 / 6, "beta": 0.5})
            steps = [ramp, Step("Mul", [x])]
        case ops.Gelu(approximate=False):
            erf = [with_("Div", math.sqrt(2)), Step("Erf"), with_("Add", 1)]
            steps = [*erf, Step("Mul", [x]), with_("Mul", 0.5)]
        case ops.Gelu():
            cubic = [Step("Mul", [x]), with_("Mul", 0.044715), with_("Add", 1), Step("Mul", [x])]
            inner = [*cubic, with_("Mul", math.sqrt(2 / math.pi)), Step("Tanh"), with_("Add", 1)]
            steps = [*inner, Step("Mul", [x]), with_("Mul", 0.5)]
    return steps


def _attributes(op: Op) -> dict[str, Attribute]:
    match op:
        case ops.HardSigmoid():
            return {"alpha": op.alpha, "beta": op.beta}
        case ops.Selu():
            return {"alpha": op.alpha, "gamma": op.gamma}
        case ops.LeakyRelu() | ops.Elu() | ops.Celu():
            return {"alpha": op.alpha}
    return {}


def _clamped(op: ops.Clamp, constant: Constant) -> list[Step]:
    if (op.low, op.high) == (0, math.inf):
        return [Step("Relu")]
    bounds = [(name, bound) for name, bound in (("low", op.low), ("high", op.high))]
    return [Step("Clip", [constant(n, np.array(bound, np.float32)) for n, bound in bounds])]


def binary_steps(op: Op, second: str, constant: Constant) -> list[Step] | None:
    """The chain for the first operand, with `second`; None for an operation of another family."""
    if type(op) in BINARY:
        kind, *behind = BINARY[type(op)]
        return [Step(kind, [second]), *map(Step, behind)]
    match op:
        case ops.SquaredDifference():
            square = constant("power", np.array(2, np.float32))
            return [Step("Sub", [second]), Step("Pow", [square])]
        case ops.FloorDiv():
            return [Step("Div", [second]), Step("Floor")]
    return None
