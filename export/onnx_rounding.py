"""What makes QuantizeLinear round as the integer kernels do.

TensorFlow Lite Micro rounds a scaled sum twice: to multiples of 2**-s of an output step, s being
the right shift of its multiplier, and then to whole steps, halves away from zero each time. So it
comes to a step sooner than one rounding would, by 2**-s / 2. QuantizeLinear rounds once, halves to
even. The function `AwayFromZero`, which the model brings with it, pushes the real result by that
much before it is quantized. Without it up to 1 % of a convolution's outputs are one step off, and a
softmax behind it makes more of that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from edge_runtime.graph import Array, Op, Tensor
from edge_runtime.numerics import Multiplier
from edge_runtime.ops import AveragePool2D, BatchMatMul, FullyConnected, Linear, Quantize, Sum
from edge_runtime.ops.linear import product_multiplier

DOMAIN = "edge_runtime"
NAME = "AwayFromZero"


def function(opset: int) -> onnx.FunctionProto:
    """AwayFromZero(x, origin, nudge) = x + sign(x - origin) * nudge."""
    return helper.make_function(
        DOMAIN,
        NAME,
        ["x", "origin", "nudge"],
        ["y"],
        [
            helper.make_node("Sub", ["x", "origin"], ["centred"]),
            helper.make_node("Sign", ["centred"], ["sign"]),
            helper.make_node("Mul", ["sign", "nudge"], ["signed"]),
            helper.make_node("Add", ["x", "signed"], ["y"]),
        ],
        [helper.make_opsetid("", opset)],
    )


def origin_and_nudge(
    op: Op, inputs: Sequence[Tensor], output: Tensor, planar: bool
) -> tuple[Array, Array] | None:
    """The arguments of AwayFromZero behind `op`, or None where rounding once is as good.

    Additions round at 2**-20 of a step first, and softmax and float results not at all.
    """
    if output.dtype.is_float or inputs[0].dtype.is_float:
        return None
    scale = output.quant.scale
    match op:
        case Linear():
            nudges = _double_rounding(op.multipliers(inputs, output)) * scale
            shape = (-1, 1, 1) if planar and not isinstance(op, FullyConnected) else (-1,)
            uniform = np.all(nudges == nudges[0])
            return _arguments(0.0, nudges[0] if uniform else nudges.reshape(shape))
        case BatchMatMul():
            factor = product_multiplier(inputs[0], inputs[1], output)
            return _arguments(0.0, _double_rounding([factor])[0] * scale)
        case Sum() | Quantize():
            nudge = _double_rounding([op.multiplier(inputs, output)])[0] * scale
            return _arguments(0.0, nudge)
        case AveragePool2D():
            # Its halves go away from the stored zero. No average is nearer to a half than this.
            nudge = scale / (4 * op.kernel[0] * op.kernel[1])
            return _arguments(-output.quant.zero_point * scale, np.asarray(nudge))
    return None


def _double_rounding(factors: Sequence[Multiplier]) -> Array:
    """By how much of an output step each factor's first rounding brings the second forward."""
    return np.array([2.0**factor.shift / 2 if factor.shift < 0 else 0.0 for factor in factors])


def _arguments(origin: float, nudge: Array) -> tuple[Array, Array] | None:
    if not np.any(nudge):
        return None
    return np.array(origin, np.float32), np.array(nudge, np.float32)
