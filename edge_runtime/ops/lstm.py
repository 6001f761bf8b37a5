"""The LSTM, in floating point and in the integers of TensorFlow Lite Micro."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import per_tensor_problem
from edge_runtime.graph.tensor import Array, DType, Tensor
from edge_runtime.numerics import Int64, Multiplier
from edge_runtime.ops.recurrent import (
    Doubles,
    Recurrent,
    gate_scales,
    gate_weight_problems,
    logistic,
)
from edge_runtime.ops.sigmoid16 import sigmoid16, tanh16

GATE_FRACTION_BITS = 12
"""Gates before their activation are Q3.12; after it, Q0.15."""

LARGEST_FACTOR = 128
"""From sums to gates: wide sums are shifted by fewer than 8 bits."""

_TYPES = {
    DType.FLOAT32: (DType.FLOAT32,) * 6,
    DType.INT8: (DType.INT8, DType.INT8, DType.INT8, DType.INT32, DType.INT8, DType.INT16),
    DType.INT16: (DType.INT16, DType.INT8, DType.INT8, DType.INT64, DType.INT16, DType.INT16),
}
"""Types of X, W, R, B, h and c, by that of X."""


@dataclass(frozen=True)
class LstmScaling:
    """The constants of the integer LSTM, by gate where there are four."""

    given: tuple[Multiplier, ...]
    """From sums of inputs to Q3.12."""
    carried: tuple[Multiplier, ...]
    """From sums of the hidden state to Q3.12."""
    forget: Multiplier
    """From forget gate times cell to cell."""
    update: Multiplier
    """From input gate times cell gate to cell."""
    hidden: Multiplier
    """From output gate times tanh(cell) to the hidden state."""
    power: int
    """The cell's scale is 2**power."""
    clip: int
    """The largest stored cell; 0: none."""

    @staticmethod
    def of(op: Lstm, inputs: Sequence[Tensor]) -> LstmScaling:
        """The constants for these inputs, scales multiplied in the precision that TFLM has."""
        image, w, r, _, hidden, cell = inputs[:6]
        scale = cell.quant.scale
        unit = 2.0**-15
        return LstmScaling(
            _gates(image, w),
            _gates(hidden, r),
            Multiplier.of(unit * scale / scale),
            Multiplier.of(unit * unit / scale),
            Multiplier.of(unit * unit / hidden.quant.scale),
            round(math.log2(scale)),
            int(min(op.cell_clip / scale, 32767.0)),
        )


def _gates(values: Tensor, weights: Tensor) -> tuple[Multiplier, ...]:
    gate_scale = 2.0**-GATE_FRACTION_BITS
    products = (
        float(np.float32(values.quant.scale) * np.float32(s)) for s in gate_scales(weights, 4)
    )
    return tuple(Multiplier.of(product / gate_scale) for product in products)


@dataclass(frozen=True)
class Lstm(Recurrent):
    """Long short-term memory, gates in ONNX's order: input, output, forget, cell.

    An optional seventh input P, (directions, 3 * hidden), holds the peepholes of the input, output
    and forget gates. `cell_clip` limits the cell's magnitude after each step; 0: not at all.

    Integers are those of TensorFlow Lite Micro's UNIDIRECTIONAL_SEQUENCE_LSTM: X, Y and h of int8
    or int16, weights of int8 with one scale a gate, one bias a row, (1, 4 * hidden), in units of
    the scales of X and W, and an int16 cell whose scale is a power of two; one direction, no P.
    """

    NAME = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    INPUTS = (6, 7)
    OUTPUTS = 3
    GATES = 4
    STATES = 2

    cell_clip: float = 0.0

    def _biases(self, image: Tensor) -> int:
        return 2 if image.dtype.is_float else 1

    def _type_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        expected = _TYPES.get(inputs[0].dtype)
        if expected is None:
            allowed = ", ".join(dtype.value for dtype in _TYPES)
            return [f"input {inputs[0].name} is {inputs[0].dtype.value}; allowed: {allowed}"]
        pairs = [
            *zip(inputs, (*expected, DType.FLOAT32), strict=False),
            *zip(outputs, (expected[0], expected[4], expected[5]), strict=True),
        ]
        found = [
            f"tensor {tensor.name} is {tensor.dtype.value}; allowed beside an input of"
            f" {inputs[0].dtype.value}: {dtype.value}"
            for tensor, dtype in pairs
            if tensor.dtype is not dtype
        ]
        if not math.isfinite(self.cell_clip) or self.cell_clip < 0:
            found.append(f"cell_clip {self.cell_clip} is negative or infinite")
        return found

    def node_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        found = super().node_problems(inputs, outputs)
        if found:
            return found
        if inputs[0].dtype.is_float:
            return self._peephole_problems(inputs)
        return self._integer_problems(inputs, outputs)

    def _peephole_problems(self, inputs: Sequence[Tensor]) -> list[str]:
        sizes = self.sizes(inputs)
        shape = (sizes.directions, 3 * sizes.hidden)
        return [
            f"peepholes {tensor.name} have shape {tensor.shape}; allowed: {shape}"
            for tensor in inputs[6:]
            if tensor.shape != shape
        ]

    def _integer_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        image, w, r, b, hidden, cell = inputs[:6]
        found = [p for t in (image, hidden, cell) for p in per_tensor_problem(t)]
        if self.direction.backward != (False,):
            found.append(f"direction {self.direction.value}; allowed for integers: forward")
        if len(inputs) > 6:
            found.append("it has peepholes, which only float32 may have")
        for weights in (w, r):
            found += gate_weight_problems(weights, 4)
        found += [
            f"tensor {tensor.name} is computed at run time; it must be a constant"
            for tensor in (w, r, b)
            if tensor.data is None
        ]
        if found:
            return found
        if cell.quant.zero_point or math.frexp(cell.quant.scale)[0] != 0.5:
            found.append(
                f"cell {cell.name} has scale {cell.quant.scale} and zero point"
                f" {cell.quant.zero_point}; allowed: a power of two and 0"
            )
        elif not 2.0**-15 <= cell.quant.scale <= 1:
            found.append(f"cell {cell.name} has scale {cell.quant.scale}; allowed: 2**-15 to 1")
        if image.dtype is DType.INT16 and (image.quant.zero_point or hidden.quant.zero_point):
            found.append("zero points of int16 tensors must be 0")
        for values, weights in ((image, w), (hidden, r)):
            largest = max(values.quant.scale * scale for scale in gate_scales(weights, 4))
            if largest * 2**GATE_FRACTION_BITS >= LARGEST_FACTOR:
                found.append(
                    f"{values.name} and {weights.name} have scales whose product is {largest};"
                    f" allowed: below {LARGEST_FACTOR / 2**GATE_FRACTION_BITS}"
                )
        for made, like in zip(outputs, (hidden, hidden, cell), strict=True):
            if made.quantization != like.quantization:
                found.append(f"{made.name} and {like.name} differ in quantization")
        return found

    def _step(
        self, image: Doubles, weights: list[Doubles], rest: list[Doubles], states: list[Doubles]
    ) -> list[Doubles]:
        w, r, b = weights
        h, c = states
        size = h.shape[-1]
        total = image @ w.T + h @ r.T + b[: 4 * size] + b[4 * size :]
        peepholes = rest[0] if rest else np.zeros(3 * size)
        into, out, forget, cell = (total[:, i * size : (i + 1) * size] for i in range(4))
        p_in, p_out, p_forget = peepholes.reshape(3, size)
        kept = logistic(forget + p_forget * c) * c
        c = kept + logistic(into + p_in * c) * np.tanh(cell)
        if self.cell_clip:
            c = np.clip(c, -self.cell_clip, self.cell_clip)
        return [logistic(out + p_out * c) * np.tanh(c), c]

    def _integer_direction(
        self,
        values: Sequence[Array],
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        image: Array,
        states: list[Array],
    ) -> tuple[Array, list[Array]]:
        scaling = LstmScaling.of(self, inputs)
        h, c = (state.astype(np.int64) for state in states)
        w, r, b = (value[0].astype(np.int64) for value in values[1:4])
        zero, hidden_zero = inputs[0].quant.zero_point, inputs[4].quant.zero_point
        scale = _scale_sums if inputs[0].dtype is DType.INT8 else _scale_wide_sums
        made = []
        for step in image.astype(np.int64):
            given = scale((step - zero) @ w.T + b, scaling.given)
            carried = scale((h - hidden_zero) @ r.T, scaling.carried)
            c, h = _integer_step(clip16(given + carried), c, scaling)
            h = np.clip(h + hidden_zero, *outputs[0].dtype.range)
            made.append(h)
        return self._kept(made, False), [h, c]


def clip16(x: Int64) -> Int64:
    """Saturated to int16."""
    return np.clip(x, -32768, 32767)


def by_gate(factors: Sequence[Multiplier], rows: int) -> tuple[Int64, Int64]:
    """Mantissas and shifts of all rows of the gates."""
    return (
        np.repeat([factor.mantissa for factor in factors], rows // len(factors)).astype(np.int64),
        np.repeat([factor.shift for factor in factors], rows // len(factors)).astype(np.int64),
    )


def _scale_sums(sums: Int64, factors: Sequence[Multiplier]) -> Int64:
    rows = by_gate(factors, sums.shape[-1])
    return clip16(numerics.multiply(numerics.wrap32(sums), *rows))


def _scale_wide_sums(sums: Int64, factors: Sequence[Multiplier]) -> Int64:
    return clip16(numerics.multiply_wide(sums, *by_gate(factors, sums.shape[-1])))


def _integer_step(gates: Int64, cell: Int64, scaling: LstmScaling) -> tuple[Int64, Int64]:
    """The cell, and the hidden state less its zero point, after one step of (batch, hidden)."""
    into, out, forget, fresh = np.split(gates, 4, -1)
    kept = _product(sigmoid16(3 * forget), cell, scaling.forget)
    added = _product(sigmoid16(3 * into), tanh16(3 * fresh), scaling.update)
    cell = clip16(clip16(kept) + clip16(added))
    if scaling.clip:
        cell = np.clip(cell, -scaling.clip, scaling.clip)
    squashed = tanh16(_scaled_cell(cell, scaling.power))
    return cell, _product(squashed, sigmoid16(3 * out), scaling.hidden)


def _product(a: Int64, b: Int64, factor: Multiplier) -> Int64:
    return numerics.multiply(a * b, factor.mantissa, factor.shift)


def _scaled_cell(cell: Int64, power: int) -> Int64:
    """Three times the cell as Q3.12: the tables have steps of 1/24, and the rest 9 or 8 bits."""
    left = GATE_FRACTION_BITS + power
    if left >= 0:
        return (3 << left) * cell
    return (3 * cell + (1 << (-left - 1))) >> -left
