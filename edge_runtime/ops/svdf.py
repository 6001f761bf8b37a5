"""The filters of rank one that keyword spotters are made of (TFLite's SVDF)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph.op import Activation, per_tensor_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor
from edge_runtime.numerics import Multiplier
from edge_runtime.ops.recurrent import SeveralOutputs
from edge_runtime.ops.windowed import float_clamp

_TYPES = (
    (DType.FLOAT32, DType.FLOAT32, DType.FLOAT32, DType.FLOAT32, DType.FLOAT32),
    (DType.INT8, DType.INT8, DType.INT16, DType.INT16, DType.INT32),
    (DType.INT8, DType.INT8, DType.INT8, DType.INT8, DType.INT32),
)
"""Types of input, feature weights, time weights, state and bias that go together."""


@dataclass(frozen=True)
class SvdfScaling:
    """The two factors of the integer form."""

    feature: Multiplier
    """From sums over the input to the state."""
    time: Multiplier
    """From sums over time to the output."""

    @staticmethod
    def of(inputs: Sequence[Tensor], output: Tensor) -> SvdfScaling:
        """The factors for these tensors; scales are multiplied in single precision, as in TFLM."""
        image, features, times, state = (np.float32(t.quant.scale) for t in inputs[:4])
        return SvdfScaling(
            Multiplier.of(float(image * features / state)),
            Multiplier.of(float(state * times / np.float32(output.quant.scale))),
        )


@dataclass(frozen=True)
class Svdf(SeveralOutputs):
    """Singular value decomposition filter over time (Nakkiran et al., 2015).

    Inputs: the image (batch, inputs), feature weights (filters, inputs), time weights (filters,
    memory), the state (batch, memory * filters) and, optionally, a bias (units). Outputs: (batch,
    units) and the new state, whose newest values are the last of each filter's. A unit adds up
    `rank` filters. Integers ignore the activation, as TensorFlow Lite Micro does: their output's
    range is the clamp.
    """

    NAME = "SVDF"
    INPUTS = (4, 5)
    OUTPUTS = 2

    rank: int = 1
    activation: Activation = Activation.NONE

    def node_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        found = self._type_problems(inputs, outputs)
        for tensor in inputs[:4]:
            if len(tensor.shape) != 2:
                found.append(f"tensor {tensor.name} has shape {tensor.shape}, not 2 dimensions")
        if found:
            return found
        found = self._shape_problems(inputs)
        if outputs[1].quantization != inputs[3].quantization:
            found.append(f"{outputs[1].name} and {inputs[3].name} differ in quantization")
        for tensor in (*inputs[:4], outputs[0]):
            found += per_tensor_problem(tensor)
        if not found and not inputs[0].dtype.is_float:
            found = self._scale_problems(inputs, outputs[0])
        for weights in inputs[1:3]:
            if weights.data is None:
                found.append(f"weights {weights.name} are computed at run time")
            if weights.quantization is not None and any(weights.quantization.zero_points):
                found.append(f"weights {weights.name} have a zero point other than 0")
        return found

    def _scale_problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        """A factor between scales that single precision cannot hold."""
        image, features, times, state = (tensor.quant.scale for tensor in inputs[:4])
        largest = max(image * features / state, state * times / output.quant.scale)
        if largest < 2.0**30:
            return []
        return [f"the scales give a factor of {largest}; allowed: below 2**30"]

    def _type_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        given = tuple(tensor.dtype for tensor in inputs)
        if not any(given == types[: len(given)] for types in _TYPES):
            names = ", ".join(dtype.value for dtype in given)
            allowed = "; ".join(", ".join(d.value for d in types) for types in _TYPES)
            return [f"input, weights, state and bias are {names}; allowed: {allowed}"]
        made = (outputs[0].dtype, outputs[1].dtype)
        if made != (inputs[0].dtype, inputs[3].dtype):
            return [f"{outputs[0].name} and {outputs[1].name} differ in type from input and state"]
        return []

    def _shape_problems(self, inputs: Sequence[Tensor]) -> list[str]:
        (batch, depth), (filters, memory) = inputs[0].shape, inputs[2].shape
        if self.rank < 1 or filters % self.rank:
            return [f"rank {self.rank} does not divide the {filters} filters"]
        expected = [
            (inputs[1], (filters, depth)),
            (inputs[3], (batch, memory * filters)),
            *((bias, (filters // self.rank,)) for bias in inputs[4:]),
        ]
        return [
            f"tensor {tensor.name} has shape {tensor.shape}; allowed: {shape}"
            for tensor, shape in expected
            if tensor.shape != shape
        ]

    def output_shapes(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        units = inputs[1].shape[0] // self.rank
        return (inputs[0].shape[0], units), inputs[3].shape

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        return inputs[0].shape[0] * (inputs[1].elements + inputs[2].elements)

    def compute(
        self, values: Sequence[Array], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[Array, ...]:
        wide = np.float64 if outputs[0].dtype.is_float else np.int64
        image, features, times, state, *bias = (value.astype(wide) for value in values)
        filters, memory = times.shape
        state = state.reshape(-1, filters, memory)
        if wide is np.int64:
            newest = self._newest(image, features, inputs, outputs)
            zero = inputs[3].quant.zero_point
        else:
            newest, zero = image @ features.T, 0
        state = np.concatenate([state[..., 1:], newest[..., None]], -1)
        total = ((state - zero) * times).sum(-1)
        total = total.reshape(len(image), -1, self.rank).sum(-1)
        total = total + bias[0] if bias else total
        return (
            self._result(total, inputs, outputs[0]),
            state.reshape(outputs[1].shape).astype(outputs[1].dtype.numpy),
        )

    def _newest(
        self, image: Array, features: Array, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> Array:
        """What each filter makes of the input, as the state stores it."""
        factor = SvdfScaling.of(inputs, outputs[0]).feature
        sums = numerics.wrap32((image - inputs[0].quant.zero_point) @ features.T)
        scaled = numerics.multiply(sums, factor.mantissa, factor.shift)
        return np.clip(scaled + inputs[3].quant.zero_point, *inputs[3].dtype.range)

    def _result(self, total: Array, inputs: Sequence[Tensor], output: Tensor) -> Array:
        if output.dtype.is_float:
            return float_clamp(total, self.activation)
        factor = SvdfScaling.of(inputs, output).time
        scaled = numerics.multiply(numerics.wrap32(total), factor.mantissa, factor.shift)
        stored = np.clip(scaled + output.quant.zero_point, *output.dtype.range)
        return stored.astype(output.dtype.numpy)
