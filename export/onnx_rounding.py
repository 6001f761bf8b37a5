"""What makes QuantizeLinear give what the integer kernels give.

TensorFlow Lite Micro scales an integer sum in two steps: a multiplication by a 31-bit mantissa,
rounded, and a right shift, rounded again. QuantizeLinear rounds a float32 once. That moves up to
1 % of a convolution's outputs by a step. No float32 put before it helps in all cases: at 102.499996
steps its spacing is 0.000008, which does not tell that from a half, and the layers behind make
several steps of one. So the model brings two functions with it:

- `Requantize` takes the real result back to the integer sum it stands for (float32 sums of 640
  products were seen 0.03 off it at most, and half of 1 is what is allowed), scales that in int64 as
  the kernels do, and returns the real number of as many steps, which QuantizeLinear cannot but
  store right.
- `AwayFromZero` moves an average a little away from zero, so that halves go where kernels put them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import FunctionProto, parser

from edge_runtime.graph import Array, Op, Tensor
from edge_runtime.numerics import Multiplier
from edge_runtime.ops import AveragePool2D, BatchMatMul, FullyConnected, Linear, Quantize, Sum
from edge_runtime.ops.linear import product_multiplier

DOMAIN = "edge_runtime"
REQUANTIZE, AWAY_FROM_ZERO = "Requantize", "AwayFromZero"

_FLOAT, _INT64, _DOUBLE = 1, 7, 11

# Division of integers truncates: it is a floor where the dividend is positive, which 2**62 sees to.
_BODIES = {
    REQUANTIZE: f"""
        (x, unit, factor, divisor, scale) => (y) {{
            real = Cast <to = {_DOUBLE}> (x)
            units = Div (real, unit)
            whole = Round (units)
            sum = Cast <to = {_INT64}> (whole)
            product = Mul (sum, factor)
            nudge = Constant <value = int64 {{{(1 << 62) + (1 << 30)}}}> ()
            positive = Add (product, nudge)
            fraction = Constant <value = int64 {{{1 << 31}}}> ()
            floor = Div (positive, fraction)
            high = Sub (floor, fraction)
            size = Abs (high)
            two = Constant <value = int64 {{2}}> ()
            half = Div (divisor, two)
            raised = Add (size, half)
            shifted = Div (raised, divisor)
            sign = Sign (high)
            steps = Mul (sign, shifted)
            exact = Cast <to = {_DOUBLE}> (steps)
            scaled = Mul (exact, scale)
            y = Cast <to = {_FLOAT}> (scaled)
        }}""",
    AWAY_FROM_ZERO: """
        (x, origin, nudge) => (y) {
            centred = Sub (x, origin)
            sign = Sign (centred)
            signed = Mul (sign, nudge)
            y = Add (x, signed)
        }""",
}


def function(name: str, opset: int) -> FunctionProto:
    """One of the two, to be added to a model of this opset."""
    heading = f'<domain: "{DOMAIN}", opset_import: ["": {opset}]> {name}'
    return parser.parse_function(heading + _BODIES[name])


def correction(
    op: Op, inputs: Sequence[Tensor], output: Tensor, planar: bool
) -> tuple[str, Mapping[str, Array]] | None:
    """The function that follows `op`, and its arguments after x by name; None where none does.

    Additions round at 2**-20 of a step first, and softmax and float results not at all.
    """
    if output.dtype.is_float or inputs[0].dtype.is_float:
        return None
    match op:
        case Linear():
            scales = inputs[0].quant.scale * np.array(inputs[1].quant.scales)
            behind = (1, 1) if planar and not isinstance(op, FullyConnected) else ()
            return _requantize(scales, op.multipliers(inputs, output), output, behind)
        case BatchMatMul():
            unit = inputs[0].quant.scale * inputs[1].quant.scale
            return _requantize(unit, [product_multiplier(inputs[0], inputs[1], output)], output)
        case Sum() | Quantize():
            unit = inputs[0].quant.scale / (op.divisor(inputs) if isinstance(op, Sum) else 1)
            return _requantize(unit, [op.multiplier(inputs, output)], output)
        case AveragePool2D():
            # No average that is not a half is nearer to one than this.
            nudge = output.quant.scale / (4 * op.kernel[0] * op.kernel[1])
            origin = -output.quant.zero_point * output.quant.scale
            arguments = {"origin": np.float32(origin), "nudge": np.float32(nudge)}
            return AWAY_FROM_ZERO, {name: np.array(value) for name, value in arguments.items()}
    return None


def _requantize(
    unit: Array | float, factors: Sequence[Multiplier], output: Tensor, behind: tuple[int, ...] = ()
) -> tuple[str, Mapping[str, Array]]:
    """`unit` is what a sum of 1 stands for; both it and `factors` are one, or one a channel.

    `behind` are the axes, of size 1, that come after the channels.
    """
    arguments = {
        "unit": np.atleast_1d(unit),
        "factor": np.array([factor.mantissa << max(factor.shift, 0) for factor in factors]),
        "divisor": np.array([1 << max(-factor.shift, 0) for factor in factors]),
    }
    shaped = {name: _shaped(values, behind) for name, values in arguments.items()}
    return REQUANTIZE, {**shaped, "scale": np.array(output.quant.scale, np.float64)}


def _shaped(values: Array, behind: tuple[int, ...]) -> Array:
    """A scalar where all values are the same."""
    same = bool(np.all(values == values[0]))
    return values[:1].reshape(()) if same else values.reshape(-1, *behind)
