"""Convolutions: of all channels, in groups, depthwise, transposed."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.graph.op import Window
from edge_runtime.graph.tensor import Shape, Tensor
from edge_runtime.ops.linear import Doubles, Linear
from edge_runtime.ops.windowed import rank_problem, window_problems, windows


@dataclass(frozen=True)
class SlidingConv2D(Linear):
    """Base of convolutions that slide a window of constant weights over an NHWC image."""

    window: Window = Window()

    @abstractmethod
    def _channel_problems(self, image: Tensor, weights: Tensor) -> list[str]:
        """What is wrong with the numbers of channels."""

    def _geometry_problems(self, inputs: Sequence[Tensor]) -> list[str]:
        image, weights = inputs[0], inputs[1]
        found = rank_problem(image, 4) + rank_problem(weights, 4)
        if found:
            return found
        found = self._window_problems(image, weights)
        return found + self._channel_problems(image, weights)

    def _window_problems(self, image: Tensor, weights: Tensor) -> list[str]:
        return window_problems(image, (weights.shape[1], weights.shape[2]), self.window)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        image, weights = inputs[0].shape, inputs[1].shape
        height, width = self.window.output_size((image[1], image[2]), (weights[1], weights[2]))
        return (image[0], height, width, self.output_channels(inputs[1]))


@dataclass(frozen=True)
class GroupedConv2D(SlidingConv2D):
    """Base of convolutions with OHWI weights.

    Where the input has more channels than I, as many groups of I of them are convolved apart, each
    with its share of the output channels.
    """

    @property
    def weight_axis(self) -> int:
        return 0

    def _channel_problems(self, image: Tensor, weights: Tensor) -> list[str]:
        depth, each, out = image.shape[3], weights.shape[3], weights.shape[0]
        if each > 0 and depth % each == 0 and depth > 0 and out % (depth // each) == 0:
            return []
        return [
            f"weights {weights.name} have {out} output channels of {each} input channels, the"
            f" input has {depth}; allowed: {depth}, or a part of it that divides both into groups"
        ]

    @staticmethod
    def groups(image: Shape, weights: Shape) -> int:
        """How many groups of channels there are, for these shapes."""
        return int(image[3] // weights[3])


@dataclass(frozen=True)
class Conv2D(GroupedConv2D):
    """Two-dimensional convolution: NHWC input, OHWI weights; I divides the input's channels."""

    NAME = "CONV_2D"
    INPUTS = (2, 3)

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        return output.elements * math.prod(inputs[1].shape[1:])

    def _accumulate(self, image: Doubles, weights: Doubles) -> Doubles:
        groups = self.groups(image.shape, weights.shape)
        parts = [
            self._one_group(part, kernels)
            for part, kernels in zip(
                np.split(image, groups, 3), np.split(weights, groups), strict=True
            )
        ]
        return parts[0] if groups == 1 else np.concatenate(parts, 3)

    def _one_group(self, image: Doubles, weights: Doubles) -> Doubles:
        out, height, width, depth = weights.shape
        patches = windows(image, (height, width), self.window, 0.0)
        columns = patches.reshape(*patches.shape[:3], height * width * depth)
        result: Doubles = columns @ weights.reshape(out, -1).T
        return result


@dataclass(frozen=True)
class TransposeConv2D(GroupedConv2D):
    """The transpose of a convolution: NHWC input, OHWI weights as of a convolution from O to I.

    `window` is that convolution's, over an image of `size` (height, width), which comes out here:
    row y of the input is spread by the weights over the output from y * stride - pad_before on,
    columns likewise. What falls outside is dropped; `pad_after` does not matter.
    """

    NAME = "TRANSPOSE_CONV"
    INPUTS = (2, 3)
    NARROW_BIAS = False

    size: tuple[int, int] = (1, 1)

    def _window_problems(self, image: Tensor, weights: Tensor) -> list[str]:
        found = self.window.problems((weights.shape[1], weights.shape[2]))
        if min(self.size) < 1:
            found.append(f"output size {self.size} is not positive")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return (inputs[0].shape[0], *self.size, self.output_channels(inputs[1]))

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        return inputs[0].elements * math.prod(inputs[1].shape) // inputs[1].shape[3]

    def _accumulate(self, image: Doubles, weights: Doubles) -> Doubles:
        groups = self.groups(image.shape, weights.shape)
        batch, height, width, _ = image.shape
        out, kernel_h, kernel_w, _ = weights.shape
        (down, right), (step_h, step_w) = self.window.stride, self.window.dilation
        reach = (kernel_h - 1) * step_h + 1, (kernel_w - 1) * step_w + 1
        top, left = self.window.pad_before
        whole = np.zeros(
            (
                batch,
                max((height - 1) * down + reach[0], top + self.size[0]),
                max((width - 1) * right + reach[1], left + self.size[1]),
                out,
            )
        )
        split = image.reshape(batch, height, width, groups, -1)
        kernels = weights.reshape(groups, out // groups, kernel_h, kernel_w, -1)
        for row in range(kernel_h):
            for column in range(kernel_w):
                spread = np.einsum("nhwgi,goi->nhwgo", split, kernels[:, :, row, column])
                y, x = row * step_h, column * step_w
                whole[
                    :,
                    y : y + (height - 1) * down + 1 : down,
                    x : x + (width - 1) * right + 1 : right,
                ] += spread.reshape(batch, height, width, out)
        return whole[:, top : top + self.size[0], left : left + self.size[1]]


@dataclass(frozen=True)
class DepthwiseConv2D(SlidingConv2D):
    """Depthwise convolution: NHWC input, 1HWO weights, O a multiple of the input's channels."""

    NAME = "DEPTHWISE_CONV_2D"
    INPUTS = (2, 3)
    NARROW_BIAS = False

    @property
    def weight_axis(self) -> int:
        return 3

    def _channel_problems(self, image: Tensor, weights: Tensor) -> list[str]:
        if weights.shape[0] == 1 and image.shape[3] > 0 and weights.shape[3] % image.shape[3] == 0:
            return []
        return [
            f"weights {weights.name} have shape {weights.shape}; allowed: (1, height, width,"
            f" a multiple of {image.shape[3]})"
        ]

    def macs(self, inputs: Sequence[Tensor], output: Tensor) -> int:
        return output.elements * inputs[1].shape[1] * inputs[1].shape[2]

    def _accumulate(self, image: Doubles, weights: Doubles) -> Doubles:
        _, height, width, out = weights.shape
        multiplier = out // image.shape[3]
        total = np.zeros((), np.float64)
        patches = windows(image, (height, width), self.window, 0.0)
        for row in range(height):
            for column in range(width):
                taps = patches[:, :, :, row, column]
                if multiplier > 1:
                    taps = np.repeat(taps, multiplier, axis=-1)
                total = total + taps * weights[0, row, column]
        return np.asarray(total)
