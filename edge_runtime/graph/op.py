"""What every operation says of itself: one frozen dataclass an operation, one place to look.

A subclass holds the attributes and answers for shape, legality, work and meaning. `evaluate` is the
reference: for integers it equals TensorFlow Lite Micro bit for bit, or defines the operation where
TFLite has none.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from edge_runtime.graph.tensor import Array, DType, Quantization, Shape, Tensor


class Activation(enum.Enum):
    """A clamp fused into the operation before it."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest real value let through."""
        low = float("-inf") if self is Activation.NONE else 0.0
        high = 6.0 if self is Activation.RELU6 else float("inf")
        return low, high


class Rounding(enum.Enum):
    """How often an integer result is rounded on its way from the sum to the output's scale."""

    TWICE = "twice"
    """As TensorFlow Lite Micro does it: after the multiplication, and after the shift."""
    ONCE = "once"
    """To the nearest, as ONNX means QuantizeLinear."""


class Scaling(enum.Enum):
    """Where the quantization of an integer result comes from."""

    OWN = "own"
    """It is free: calibration chooses it."""
    KEPT = "kept"
    """It is that of the first input, whose values are moved or picked."""
    SHARED = "shared"
    """All inputs and the result have the same one, whose values are moved or picked."""
    FIXED = "fixed"
    """The operation prescribes it: see `Op.fixed_quantization`."""


@dataclass(frozen=True)
class Window:
    """How a kernel slides over height and width. All lengths in elements, (height, width).

    Padding is explicit, as TFLite's SAME may pad one more below and to the right than above and to
    the left.
    """

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pad_before: tuple[int, int] = (0, 0)
    pad_after: tuple[int, int] = (0, 0)

    @staticmethod
    def same(
        size: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
    ) -> Window:
        """TFLite's SAME: outputs of ceil(size / stride), the odd element padded after."""
        before, after = [0, 0], [0, 0]
        for axis in (0, 1):
            out = -(-size[axis] // stride[axis])
            reach = (kernel[axis] - 1) * dilation[axis] + 1
            total = max(0, (out - 1) * stride[axis] + reach - size[axis])
            before[axis], after[axis] = total // 2, total - total // 2
        return Window(stride, dilation, (before[0], before[1]), (after[0], after[1]))

    @property
    def pads(self) -> bool:
        """Whether anything is padded."""
        return any((*self.pad_before, *self.pad_after))

    def output_size(self, size: tuple[int, int], kernel: tuple[int, int]) -> tuple[int, int]:
        """Height and width that come out of an input of `size`; below 1 where it does not fit."""
        height, width = (
            (
                size[i]
                + self.pad_before[i]
                + self.pad_after[i]
                - self.dilation[i] * (kernel[i] - 1)
                - 1
            )
            // self.stride[i]
            + 1
            for i in (0, 1)
        )
        return height, width

    def problems(self, kernel: tuple[int, int]) -> list[str]:
        """What is wrong with the numbers themselves."""
        found = []
        if min(self.stride) < 1:
            found.append(f"stride {self.stride} is not positive")
        if min(self.dilation) < 1:
            found.append(f"dilation {self.dilation} is not positive")
        if min(*self.pad_before, *self.pad_after) < 0:
            found.append(f"padding {self.pad_before}, {self.pad_after} is negative")
        if min(kernel) < 1:
            found.append(f"kernel {kernel} is not positive")
        return found


class Op(ABC):
    """One operation with its attributes. Subclasses are frozen dataclasses."""

    NAME: ClassVar[str]
    """TFLite's name where it has one; used in dumps, reports and messages."""
    INPUTS: ClassVar[tuple[int, int]]
    """Fewest and most inputs."""
    OUTPUTS: ClassVar[int] = 1
    """How many tensors it makes. Where there are several, `output_shapes`, `node_problems` and
    `compute` are overridden, and their one-output forms are not called."""
    SCALING: ClassVar[Scaling] = Scaling.OWN

    @abstractmethod
    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        """Shape of the output for these inputs. Call only where `problems` is empty."""

    @abstractmethod
    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        """Why this node is not legal: one sentence each, empty if it is."""

    @abstractmethod
    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        """The reference result for `values`, one array an input, of `output`'s shape and type."""

    def output_shapes(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        """`output_shape` of every output."""
        return (self.output_shape(inputs),)

    def node_problems(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
        """`problems`, given every output."""
        return self.problems(inputs, outputs[0])

    def compute(
        self, values: Sequence[Array], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[Array, ...]:
        """`evaluate` for every output."""
        return (self.evaluate(values, inputs, outputs[0]),)

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        """Multiply-accumulates of one inference; 0 where the operation has none."""
        return 0

    def fixed_quantization(self, dtype: DType) -> Quantization:
        """What the result of this type is quantized by, where SCALING is FIXED."""
        raise ValueError(f"{self.NAME} prescribes no quantization for {dtype.value}")

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        """Whether it does to each part of the leading dimension what it does to one.

        Inputs and output have at least one dimension. Where it does, many samples may be laid
        one behind the other along that dimension.
        """
        return False

    def repeated(self, count: int) -> Op:
        """The operation for a leading dimension `count` times as long, where `by_sample` holds."""
        return self


def type_problem(tensor: Tensor, *allowed: DType) -> list[str]:
    """A sentence when `tensor` has none of the `allowed` types, else nothing."""
    if tensor.dtype in allowed:
        return []
    names = ", ".join(dtype.value for dtype in allowed)
    return [f"tensor {tensor.name} is {tensor.dtype.value}; allowed: {names}"]


def per_tensor_problem(tensor: Tensor) -> list[str]:
    """A sentence when an integer tensor lacks a usable per-tensor quantization, else nothing."""
    if tensor.dtype.is_float:
        return []
    if tensor.quantization is None:
        return [f"tensor {tensor.name} is {tensor.dtype.value} without a scale"]
    if len(tensor.quantization.scales) != 1:
        return [f"tensor {tensor.name} has per-channel scales, which only weights may have"]
    return []
