"""Operations that carry a state along a sequence: LSTM, GRU and the simple recurrent layer.

They have ONNX's form. X is (steps, batch, inputs), W (directions, gates * hidden, inputs), R
(directions, gates * hidden, hidden) and B (directions, 2 * gates * hidden), the biases of W before
those of R. The first states h0 (and c0), of directions * batch * hidden elements, are (directions,
batch, hidden); the last ones have the same shape. Y is (steps, directions, batch, hidden). With
`batch_first`, X is (batch, steps, inputs), Y (batch, steps, directions, hidden) and states are
(batch, directions, hidden).

A streaming model gives the same state tensors as first and last states.
"""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from edge_runtime.graph.op import Op, type_problem
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor

Doubles = npt.NDArray[np.float64]


class Direction(enum.Enum):
    """Which way a sequence is read."""

    FORWARD = "forward"
    REVERSE = "reverse"
    BIDIRECTIONAL = "bidirectional"

    @property
    def backward(self) -> tuple[bool, ...]:
        """For each direction, whether it starts at the end."""
        return {
            Direction.FORWARD: (False,),
            Direction.REVERSE: (True,),
            Direction.BIDIRECTIONAL: (False, True),
        }[self]


@dataclass(frozen=True)
class Sizes:
    """The lengths of a recurrent operation."""

    steps: int
    batch: int
    inputs: int
    hidden: int
    directions: int


class SeveralOutputs(Op):
    """Base of operations with several outputs, whose one-output forms show the first."""

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return self.output_shapes(inputs)[0]

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        raise NotImplementedError(f"{self.NAME} has {self.OUTPUTS} outputs: see node_problems")

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        raise NotImplementedError(f"{self.NAME} has {self.OUTPUTS} outputs: see compute")


@dataclass(frozen=True)
class Recurrent(SeveralOutputs):
    """Base of LSTM, GRU and the simple recurrent layer; see the head of this file.

    Without `sequence`, Y has one step only: the last that was computed.
    """

    INPUTS = (5, 5)
    OUTPUTS = 2
    GATES: ClassVar[int]
    STATES: ClassVar[int] = 1

    direction: Direction = Direction.FORWARD
    batch_first: bool = False
    sequence: bool = True

    def sizes(self, inputs: Sequence[Tensor]) -> Sizes:
        """The lengths, from X and R."""
        first, second, depth = inputs[0].shape
        steps, batch = (second, first) if self.batch_first else (first, second)
        return Sizes(steps, batch, depth, inputs[2].shape[2], len(self.direction.backward))

    def node_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        found = self._type_problems(inputs, outputs)
        for tensor in inputs[:3]:
            if len(tensor.shape) != 3:
                found.append(f"tensor {tensor.name} has shape {tensor.shape}, not 3 dimensions")
        if found:
            return found
        sizes = self.sizes(inputs)
        rows = self.GATES * sizes.hidden
        expected: list[tuple[Tensor, Shape]] = [
            (inputs[1], (sizes.directions, rows, sizes.inputs)),
            (inputs[2], (sizes.directions, rows, sizes.hidden)),
            (inputs[3], (sizes.directions, self._biases(inputs[0]) * rows)),
        ]
        found = [
            f"tensor {tensor.name} has shape {tensor.shape}; allowed: {shape}"
            for tensor, shape in expected
            if tensor.shape != shape
        ]
        length = sizes.directions * sizes.batch * sizes.hidden
        for state in inputs[4 : 4 + self.STATES]:
            if state.elements != length:
                found.append(
                    f"state {state.name} has {state.elements} elements; allowed: {length}, which is"
                    " directions * batch * hidden"
                )
        return found

    def _type_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        return [
            problem
            for tensor in (*inputs, *outputs)
            for problem in type_problem(tensor, DType.FLOAT32)
        ]

    def _biases(self, image: Tensor) -> int:
        """How many biases each row of weights has."""
        return 2

    def output_shapes(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        sizes = self.sizes(inputs)
        steps = sizes.steps if self.sequence else 1
        if self.batch_first:
            shape = (sizes.batch, steps, sizes.directions, sizes.hidden)
        else:
            shape = (steps, sizes.directions, sizes.batch, sizes.hidden)
        return (shape, *(state.shape for state in inputs[4 : 4 + self.STATES]))

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        sizes = self.sizes(inputs)
        rows = sizes.directions * self.GATES * sizes.hidden
        return sizes.steps * sizes.batch * rows * (sizes.inputs + sizes.hidden)

    def compute(
        self, values: Sequence[Array], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[Array, ...]:
        sizes = self.sizes(inputs)
        image = values[0].swapaxes(0, 1) if self.batch_first else values[0]
        shape = (sizes.directions, sizes.batch, sizes.hidden)
        states = [self._by_direction(value, shape) for value in values[4 : 4 + self.STATES]]
        made = [
            self._direction(index, backward, values, image, [state[index] for state in states])
            if outputs[0].dtype.is_float
            else self._integer_direction(values, inputs, outputs, image, [s[index] for s in states])
            for index, backward in enumerate(self.direction.backward)
        ]
        # (steps, directions, batch, hidden)
        sequence = np.stack([steps for steps, _ in made], 1)
        results = [sequence.transpose(2, 0, 1, 3) if self.batch_first else sequence]
        for place in range(self.STATES):
            last = np.stack([states[place] for _, states in made])
            results.append(last.swapaxes(0, 1) if self.batch_first else last)
        return tuple(
            np.ascontiguousarray(result, tensor.dtype.numpy).reshape(tensor.shape)
            for result, tensor in zip(results, outputs, strict=True)
        )

    def trajectory(self, values: Sequence[Array], inputs: Sequence[Tensor]) -> list[Doubles]:
        """Each state after every step, (steps, batch, hidden): of the first direction, in floats.

        `values` are of `inputs`, but that the batch of X may be any multiple of theirs.
        """
        sizes = self.sizes(inputs)
        image = values[0].swapaxes(0, 1) if self.batch_first else values[0]
        shape = (sizes.directions, sizes.batch, sizes.hidden)
        repeats = image.shape[1] // sizes.batch
        states = [
            np.tile(self._by_direction(value, shape)[0], (repeats, 1)).astype(np.float64)
            for value in values[4 : 4 + self.STATES]
        ]
        weights = [value[0].astype(np.float64) for value in values[1:4]]
        rest = [value[0].astype(np.float64) for value in values[4 + self.STATES :]]
        made = []
        for step in image[::-1] if self.direction.backward[0] else image:
            states = self._step(step.astype(np.float64), weights, rest, states)
            made.append(states)
        return [np.stack(each) for each in zip(*made, strict=True)]

    def _by_direction(self, value: Array, shape: Shape) -> Array:
        """A state as (directions, batch, hidden)."""
        directions, batch, hidden = shape
        if self.batch_first:
            return value.reshape(batch, directions, hidden).swapaxes(0, 1)
        return value.reshape(shape)

    def _direction(
        self,
        index: int,
        backward: bool,
        values: Sequence[Array],
        image: Array,
        states: list[Array],
    ) -> tuple[Array, list[Array]]:
        """The (steps, batch, hidden) that one direction makes, in double precision, and its end."""
        weights = [value[index].astype(np.float64) for value in values[1:4]]
        rest = [value[index].astype(np.float64) for value in values[4 + self.STATES :]]
        states = [state.astype(np.float64) for state in states]
        made = []
        for step in image[::-1] if backward else image:
            states = self._step(step.astype(np.float64), weights, rest, states)
            made.append(states[0])
        return self._kept(made, backward), states

    def _kept(self, made: list[Array], backward: bool) -> Array:
        """The steps that Y holds."""
        if not self.sequence:
            return np.stack(made[-1:])
        return np.stack(made[::-1] if backward else made)

    @abstractmethod
    def _step(
        self, image: Doubles, weights: list[Doubles], rest: list[Doubles], states: list[Doubles]
    ) -> list[Doubles]:
        """The states after one step; `weights` are W, R and B, `rest` what comes after states."""

    def _integer_direction(
        self,
        values: Sequence[Array],
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        image: Array,
        states: list[Array],
    ) -> tuple[Array, list[Array]]:
        """What `_direction` gives, in integers; the only direction there is."""
        raise NotImplementedError(f"{self.NAME} has no integer form")


def logistic(x: Doubles) -> Doubles:
    """1 / (1 + exp(-x)), which no x overflows."""
    half = 0.5 * np.tanh(0.5 * x)
    return np.asarray(0.5 + half)


@dataclass(frozen=True)
class Rnn(Recurrent):
    """Simple recurrent layer: the hyperbolic tangent, or ReLU, of one gate."""

    NAME = "RNN"
    GATES = 1

    relu: bool = False

    def _step(
        self, image: Doubles, weights: list[Doubles], rest: list[Doubles], states: list[Doubles]
    ) -> list[Doubles]:
        w, r, b = weights
        (h,) = states
        size = h.shape[-1]
        total = image @ w.T + b[:size] + h @ r.T + b[size:]
        return [np.maximum(total, 0) if self.relu else np.tanh(total)]


def gate_scales(weights: Tensor, gates: int) -> tuple[float, ...]:
    """The scale of each gate's integer weights."""
    scales = weights.quant.scales
    return scales * gates if len(scales) == 1 else scales[:: len(scales) // gates]


def gate_weight_problems(weights: Tensor, gates: int) -> list[str]:
    """Why integer weights do not have one scale for each gate, or zero points; empty if they do."""
    quantization = weights.quantization
    if quantization is None:
        return [f"weights {weights.name} are {weights.dtype.value} without a scale"]
    if any(quantization.zero_points):
        return [f"weights {weights.name} have a zero point other than 0"]
    scales, rows = quantization.scales, weights.shape[1]
    if len(scales) == 1:
        return []
    each = rows // gates
    by_gate = len(scales) == rows and all(
        len(set(scales[i * each : (i + 1) * each])) == 1 for i in range(gates)
    )
    if quantization.axis == 1 and by_gate:
        return []
    return [f"weights {weights.name} have {len(set(scales))} scales; allowed: one for each gate"]
