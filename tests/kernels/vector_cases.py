"""Layers around the sizes at which vectors of 4, 8 and 16 elements, and what is built of them, end.

Strips of 2048 bytes, three pixels, 32 channels, blocks of 4 x 4 taps: see the MVE kernels.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sites import RELU6, Case, Numbers, add, conv, depthwise, linear, pool

from edge_runtime.graph import Activation, Window
from edge_runtime.ops import AveragePool2D, MaxPool2D

_NUMBERS = (
    Numbers(spread=5.0),
    Numbers(spread=5.0, out_zero=-128, activation=Activation.RELU),
    Numbers(zero=-128, gain=2.0, activation=RELU6, out_zero=-100),
    Numbers(gain=3000.0, spread=1000.0),
)


def _convolutions() -> Iterator[Case]:
    random = np.random.default_rng(21)
    for i, (depth, channels) in enumerate(
        ((15, 33), (16, 31), (17, 32), (32, 16), (33, 65), (48, 5), (64, 34), (80, 3))
    ):
        numbers = _NUMBERS[i % 4]
        for pixels in (1, 2, 3, 4, 5, 7):
            image, weights = (1, pixels, depth), (channels, 1, 1, depth)
            yield conv(f"1x1, {pixels}", image, weights, Window(), numbers, random)
        image, weights = (3, 4, depth), (channels, 3, 3, depth)
        window = Window.same((3, 4), (3, 3))
        yield conv(f"3x3, {depth}", image, weights, window, numbers, random)
    for height, width, depth in ((4, 1, 8), (2, 7, 16), (1, 3, 300)):
        below = Window(pad_after=(2, 0))
        image, weights = (height, width, depth), (5, 1, 1, depth)
        yield conv("1x1, padded below", image, weights, below, _NUMBERS[0], random)
    # Strips that take a row in parts, of columns that neighbours share or not.
    for width, depth, kernel, stride, dilation in (
        (40, 32, (3, 3), 1, 1),
        (97, 3, (7, 5), 2, 1),
        (23, 48, (1, 1), 2, 1),
        (31, 16, (3, 2), 1, 3),
        (20, 2, (6, 3), 4, 1),
        (9, 250, (3, 3), 1, 1),
    ):
        size = (kernel[0] + 1, width)
        window = Window.same(size, kernel, (1, stride), (1, dilation))
        image, weights = (*size, depth), (3, *kernel, depth)
        yield conv(f"{width} wide", image, weights, window, _NUMBERS[0], random)
    for depth, height in ((1, 8), (1, 16), (2, 4), (3, 5), (5, 3)):
        size = (height + 3, 6)
        window = Window.same(size, (height, 2), (1, 1))
        image, weights = (*size, depth), (2, height, 2, depth)
        yield conv(f"columns of {height * depth}", image, weights, window, _NUMBERS[1], random)


def _depthwise() -> Iterator[Case]:
    random = np.random.default_rng(22)
    size, same = (3, 5), Window.same((3, 5), (3, 3))
    for i, channels in enumerate((15, 16, 17, 31, 32, 33)):
        weights = (1, 3, 3, channels)
        yield depthwise("channels", (*size, channels), weights, same, _NUMBERS[i % 4], random)
    for channels, multiplier in ((5, 3), (9, 2), (2, 17), (17, 2), (3, 16)):
        weights = (1, 3, 3, channels * multiplier)
        yield depthwise(
            f"{multiplier} times", (*size, channels), weights, same, _NUMBERS[1], random
        )
    for kernel in ((4, 4), (5, 4), (4, 5), (5, 5), (9, 1), (1, 9), (2, 13)):
        for width in (1, 2, 3, 5):
            image, window = (4, width), Window.same((4, width), kernel)
            weights = (1, *kernel, 18)
            yield depthwise(f"{kernel}", (*image, 18), weights, window, _NUMBERS[2], random)
    for width, stride, dilation in ((33, 1, 1), (70, 2, 1), (45, 1, 4), (41, 5, 2)):
        image = (2, width)
        window = Window.same(image, (3, 3), (1, stride), (1, dilation))
        yield depthwise(f"{width} wide", (*image, 7), (1, 3, 3, 7), window, _NUMBERS[3], random)


def _others() -> Iterator[Case]:
    random = np.random.default_rng(23)
    for depth, out in ((16, 33), (31, 36), (64, 65), (80, 7)):
        for numbers in _NUMBERS:
            yield linear(f"{depth} to {out}", 2, depth, out, numbers, random)
    for channels in (7, 8, 9, 15, 16, 17, 33):
        for op in (AveragePool2D, MaxPool2D):
            for act in (Activation.NONE, RELU6):
                yield pool(op((2, 3), Window(), act), (3, 5, channels), -7, random)
    yield pool(AveragePool2D((16, 16), Window()), (17, 16, 9), -128, random)
    for count in (1, 2, 3, 4, 5, 8, 17):
        for act in (Activation.NONE, Activation.RELU, RELU6):
            shapes = ((1, count), (1, count))
            yield add(shapes, (0.1, 0.07, 0.2), (3, -5, -128), act, random)


VECTOR_CASES = [*_convolutions(), *_depthwise(), *_others()]
