"""The gated recurrent unit, in floating point and in integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import per_tensor_problem
from edge_runtime.graph.tensor import Array, DType, Quantization, Tensor
from edge_runtime.numerics import Int64, Multiplier
from edge_runtime.ops.lstm import GATE_FRACTION_BITS, LARGEST_FACTOR, by_gate, clip16
from edge_runtime.ops.recurrent import (
    Direction,
    Doubles,
    Recurrent,
    gate_scales,
    gate_weight_problems,
    logistic,
)
from edge_runtime.ops.sigmoid16 import sigmoid16, tanh16

HIDDEN = Quantization.per_tensor(2.0**-15)
"""What the integer state is stored by: it never leaves -1 to 1."""
MOST_HIDDEN = 256
"""So many products of int16 and int8 add up within 31 bits."""

_INTEGERS = (DType.INT8, DType.INT8, DType.INT8, DType.INT32, DType.INT16)
"""Types of X, W, R, B and h."""


@dataclass(frozen=True)
class GruScaling:
    """The constants of the integer GRU, by gate where there are three."""

    given: tuple[Multiplier, ...]
    """From sums of inputs to Q3.12."""
    carried: tuple[Multiplier, ...]
    """From sums of the state to Q3.12."""
    output: Multiplier
    """From the state to Y."""

    @staticmethod
    def of(inputs: Sequence[Tensor], output: Tensor) -> GruScaling:
        """The constants for these operands."""
        image, w, r = inputs[:3]
        return GruScaling(
            tuple(Multiplier.of(factor) for factor in _factors(image.quant.scale, w)),
            tuple(Multiplier.of(factor) for factor in _factors(HIDDEN.scale, r)),
            Multiplier.of(HIDDEN.scale / output.quant.scale),
        )


def _factors(scale: float, weights: Tensor) -> list[float]:
    return [scale * each * 2.0**GATE_FRACTION_BITS for each in gate_scales(weights, 3)]


@dataclass(frozen=True)
class Gru(Recurrent):
    """Gated recurrent unit, gates in ONNX's order: update, reset, hidden.

    The hidden gate reads the state times the reset gate; with `linear_before_reset`, the reset gate
    is applied to what R and its bias make of the state.

    Integers are those of docs/operations.md: X and Y of int8, weights of int8 with one scale a
    gate, biases in units of what they are added to, and h of int16 in units of 2**-15; one
    direction.
    """

    NAME = "GRU"
    GATES = 3

    linear_before_reset: bool = False

    def _step(
        self, image: Doubles, weights: list[Doubles], rest: list[Doubles], states: list[Doubles]
    ) -> list[Doubles]:
        w, r, b = weights
        (h,) = states
        size = h.shape[-1]
        given = image @ w.T + b[: 3 * size]
        gates = logistic(given[:, : 2 * size] + h @ r[: 2 * size].T + b[3 * size : 5 * size])
        update, reset = gates[:, :size], gates[:, size:]
        if self.linear_before_reset:
            carried = reset * (h @ r[2 * size :].T + b[5 * size :])
        else:
            carried = (reset * h) @ r[2 * size :].T + b[5 * size :]
        hidden = np.tanh(given[:, 2 * size :] + carried)
        return [(1 - update) * hidden + update * h]

    def _type_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        if inputs[0].dtype is not DType.INT8:
            return super()._type_problems(inputs, outputs)
        kinds = (*_INTEGERS, DType.INT8, DType.INT16)
        return [
            f"tensor {tensor.name} is {tensor.dtype.value}; allowed beside an input of int8:"
            f" {dtype.value}"
            for tensor, dtype in zip((*inputs, *outputs), kinds, strict=True)
            if tensor.dtype is not dtype
        ]

    def node_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        found = super().node_problems(inputs, outputs)
        if found or inputs[0].dtype.is_float:
            return found
        image, w, r, b, hidden = inputs
        found = [p for tensor in (image, outputs[0]) for p in per_tensor_problem(tensor)]
        found += [p for weights in (w, r) for p in gate_weight_problems(weights, 3)]
        found += [
            f"tensor {tensor.name} is computed at run time; it must be a constant"
            for tensor in (w, r, b)
            if tensor.data is None
        ]
        found += [
            f"state {tensor.name} is not in units of 2**-15"
            for tensor in (hidden, outputs[1])
            if tensor.quantization != HIDDEN
        ]
        if self.direction is not Direction.FORWARD:
            found.append(f"direction {self.direction.value}; allowed for integers: forward")
        if r.shape[2] > MOST_HIDDEN:
            found.append(f"{r.shape[2]} hidden values; allowed for integers: {MOST_HIDDEN}")
        if not found and max(_factors(image.quant.scale, w)) >= LARGEST_FACTOR:
            found.append(f"{image.name} and {w.name} have scales whose product is too large")
        return found

    def _integer_direction(
        self,
        values: Sequence[Array],
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        image: Array,
        states: list[Array],
    ) -> tuple[Array, list[Array]]:
        scaling = GruScaling.of(inputs, outputs[0])
        w, r, b = (value[0].astype(np.int64) for value in values[1:4])
        h, rows = states[0].astype(np.int64), len(b) // 2
        grid, made = outputs[0].quant, []
        for step in image.astype(np.int64) - inputs[0].quant.zero_point:
            given = _scaled(step @ w.T + b[:rows], scaling.given)
            h = self._integer_step(given, h, r, b[rows:], scaling)
            stored = numerics.multiply(h, scaling.output.mantissa, scaling.output.shift)
            made.append(np.clip(stored + grid.zero_point, *DType.INT8.range))
        return self._kept(made, False), [h]

    def _integer_step(
        self, given: Int64, h: Int64, r: Int64, bias: Int64, scaling: GruScaling
    ) -> Int64:
        """The state after one step, from what W makes of the input, as Q3.12."""
        size = h.shape[-1]
        carried = _scaled(h @ r[: 2 * size].T + bias[: 2 * size], scaling.carried[:2])
        gates = sigmoid16(3 * clip16(given[:, : 2 * size] + carried))
        update, reset = gates[:, :size], gates[:, size:]
        last, factor = r[2 * size :], scaling.carried[2:]
        if self.linear_before_reset:
            fresh = _halved(reset * _scaled(h @ last.T + bias[2 * size :], factor))
        else:
            fresh = _scaled(_halved(reset * h) @ last.T + bias[2 * size :], factor)
        fresh = tanh16(3 * clip16(given[:, 2 * size :] + fresh))
        return clip16(fresh + _halved(update * (h - fresh)))


def _scaled(sums: Int64, factors: Sequence[Multiplier]) -> Int64:
    rows = by_gate(factors, sums.shape[-1])
    return clip16(numerics.multiply(numerics.wrap32(sums), *rows))


def _halved(x: Int64) -> Int64:
    """A product with Q0.15, rounded."""
    return np.asarray((x + (1 << 14)) >> 15)
