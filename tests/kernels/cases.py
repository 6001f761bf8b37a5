"""The fixed hostile cases that every kernel has to get right on every machine."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from axis_cases import axis_cases
from elementwise_cases import ELEMENTWISE_CASES
from harness import Call
from linear_cases import LINEAR_CASES
from move_sites import bilinear_cases, move_cases
from narrow_cases import narrowed
from sites import (
    HOSTILE_NUMBERS,
    Case,
    Numbers,
    add,
    conv,
    depthwise,
    dequantize,
    linear,
    mean,
    pool,
    quantize,
    random_int8,
    requantize,
    softmax,
    windows,
)
from vector_cases import VECTOR_CASES

from edge_runtime.graph import Activation, Rounding, Window
from edge_runtime.kernels import KERNELS, Choice
from edge_runtime.ops import AveragePool2D, MaxPool2D


def conv_cases() -> Iterator[Case]:
    random = np.random.default_rng(1)
    for shape, (image, kernel, window) in windows().items():
        for in_c, out_c in ((1, 1), (3, 5), (4, 2), (5, 4), (8, 3)):
            yield conv(
                f"{shape}, {in_c} to {out_c}",
                (*image, in_c),
                (out_c, *kernel, in_c),
                window,
                Numbers(spread=5.0, least=-127),
                random,
            )
    for in_c in (*range(1, 10), 15, 16, 17):
        for out_c in (1, 2, 3):
            image, kernel, window = windows()["3x3 stride 2, asymmetric"]
            yield conv(
                f"{in_c} to {out_c}",
                (*image, in_c),
                (out_c, *kernel, in_c),
                window,
                Numbers(),
                random,
            )
    for name, numbers in HOSTILE_NUMBERS.items():
        for in_c, out_c in ((3, 9), (16, 8)):
            image, kernel, window = windows()["3x3 same"]
            yield conv(name, (*image, in_c), (out_c, *kernel, in_c), window, numbers, random)


def row_cases() -> Iterator[Case]:
    """For er_conv_rows_s8_dsp: rows in one part or several, weights copied once, by part, never."""
    random = np.random.default_rng(11)
    for image, in_c, out_c, kernel, stride in (
        ((3, 40), 4, 5, (3, 3), (1, 1)),
        ((4, 70), 8, 4, (3, 3), (1, 2)),
        ((5, 16), 16, 7, (3, 3), (1, 1)),
        ((4, 16), 16, 40, (3, 3), (2, 1)),
        ((9, 15), 8, 33, (5, 3), (2, 2)),
        ((2, 8), 32, 9, (3, 3), (1, 1)),
        ((1, 7), 32, 3, (1, 5), (1, 1)),
    ):
        window = Window.same(image, kernel, stride)
        relu = Numbers(activation=Activation.RELU, out_zero=-128, spread=4.0, least=-127)
        partial = Numbers(activation=Activation.RELU6, out_zero=-90, least=-127)
        for numbers in (Numbers(least=-127, spread=5.0), relu, partial):
            name = f"{image} by rows, {in_c} to {out_c}"
            yield conv(name, (*image, in_c), (out_c, *kernel, in_c), window, numbers, random)


def depthwise_cases() -> Iterator[Case]:
    random = np.random.default_rng(2)
    for shape, (image, kernel, window) in windows().items():
        for in_c, out_c in ((1, 1), (3, 3), (4, 4), (1, 8), (2, 6)):
            yield depthwise(
                f"{shape}, {in_c} to {out_c}",
                (*image, in_c),
                (1, *kernel, out_c),
                window,
                Numbers(spread=5.0),
                random,
            )
    for name, numbers in HOSTILE_NUMBERS.items():
        for shape in ("3x3 same", "3x3 stride 2, asymmetric", "5x1"):
            image, kernel, window = windows()[shape]
            yield depthwise(
                f"{shape}, {name}", (*image, 9), (1, *kernel, 9), window, numbers, random
            )


def linear_cases() -> Iterator[Case]:
    random = np.random.default_rng(3)
    for depth in (*range(1, 10), 15, 16, 17, 507, 508, 509, 1017):
        for out in (*range(1, 10), 15, 16, 17) if depth < 20 else (1, 2, 5):
            yield linear(f"{depth} to {out}", 1, depth, out, Numbers(spread=5.0), random)
    for name, numbers in HOSTILE_NUMBERS.items():
        yield linear(name, 3, 21, 11, numbers, random)
    for zero, gain in ((0, 0.01), (127, 0.005)):
        yield linear("lowest", 1, 1021, 7, Numbers(zero=zero, gain=gain, lowest=True), random)


def pool_cases() -> Iterator[Case]:
    random = np.random.default_rng(4)
    for image, kernel, window in windows().values():
        pads = (*window.pad_before, *window.pad_after)
        if window.dilation != (1, 1) or any(pad >= kernel[i % 2] for i, pad in enumerate(pads)):
            continue
        for op in (AveragePool2D, MaxPool2D):
            for channels, act in ((1, Activation.NONE), (5, Activation.RELU6)):
                shape = (*image, channels)
                yield pool(op(kernel, window, act), shape, int(random.integers(-128, 128)), random)


def add_cases() -> Iterator[Case]:
    random = np.random.default_rng(5)
    same = ((1, 3, 5, 7), (1, 3, 5, 7))
    scales = (
        *((0.1, 0.1, 0.2), (0.1, 0.03, 0.1), (0.003, 0.1, 0.07), (1e-9, 1.0, 1.0)),
        *((1.0, 1e-12, 0.5), (0.1, 0.2, 1e-5), (0.1, 0.2, 1e-7), (0.1, 0.0999999, 300.0)),
    )
    zeros = ((0, 0, 0), (-128, 127, -128), (127, -128, 127), (-128, -128, -1), (5, -7, 100))
    for scale, zero, act in itertools.product(scales, zeros, Activation):
        yield add(same, scale, zero, act, random)
    for left, right in (
        ((4,), (4,)),
        ((1, 2, 3, 4), (4,)),
        ((1,), (3, 4)),
        ((2, 1, 3, 1), (1, 5, 1, 4)),
        ((3, 1), (2, 3, 5)),
    ):
        yield add((left, right), (0.1, 0.07, 0.2), (3, -5, 7), Activation.RELU, random)


def mean_cases() -> Iterator[Case]:
    random = np.random.default_rng(6)
    for shape in ((5,), (3, 4), (2, 3, 4), (2, 3, 4, 5), (1, 7, 1, 9)):
        rank = len(shape)
        for count in range(1, rank + 1):
            for axes in itertools.combinations(range(rank), count):
                for scale, zeros in ((0.05, (3, 3)), (0.011, (-128, 127)), (7.0, (127, -128))):
                    yield mean(shape, axes, scale, zeros, random)


def softmax_cases() -> Iterator[Case]:
    random = np.random.default_rng(7)
    for depth in (1, 2, 12, 1000):
        for scale, beta in ((0.1, 1.0), (1.0, 1.0), (0.003, 1.0), (30.0, 2.0), (1e-5, 0.5)):
            values = random_int8(random, (3, depth))
            values[2] = random.integers(-128, 128)
            yield softmax((3, depth), scale, beta, values)
    # All alike: the sum of exponentials is as large as it gets.
    yield softmax((4095,), 0.1, 1.0, np.full(4095, 9, np.int8))


def scaling_cases() -> Iterator[Case]:
    random = np.random.default_rng(8)
    halves = (np.arange(-300, 301) / 2).astype(np.float32)
    around = np.nextafter(halves, np.float32(1e9)), np.nextafter(halves, np.float32(-1e9))
    ends = np.array([0.0, -0.0, 1e30, -1e30, 2.0**30, -(2.0**31), 8388609.0, 1e-40], np.float32)
    for scale, zero in ((1.0, 0), (1.0, 127), (0.1, -128), (3e-5, 5), (1e-30, 3)):
        for values in (halves, *around, ends, random.normal(0, 40, 300).astype(np.float32)):
            with np.errstate(over="ignore"):
                yield quantize(values * np.float32(scale), scale, zero)
    for scales in ((0.1, 0.1), (0.1, 0.03), (0.03, 0.1), (1.0, 1e-6), (1e-6, 1.0), (0.1, 0.2)):
        for zeros in ((0, 0), (-128, 127), (127, -128), (-3, 90)):
            yield requantize(scales, zeros)
            yield dequantize(scales[0], zeros[0])


def rounded_once(cases: Iterable[Case], every: int) -> Iterator[Case]:
    """One in so many cases, with results that are rounded once."""
    for case in itertools.islice(cases, 0, None, every):
        op = dataclasses.replace(case.site.node.op, rounding=Rounding.ONCE)  # type: ignore[call-arg]
        node = dataclasses.replace(case.site.node, op=op)
        site = dataclasses.replace(case.site, node=node)
        yield dataclasses.replace(case, name=f"{case.name}, rounded once", site=site)


CASES = [
    *conv_cases(),
    *row_cases(),
    *depthwise_cases(),
    *linear_cases(),
    *narrowed((*conv_cases(), *depthwise_cases(), *linear_cases())),
    *pool_cases(),
    *rounded_once((*conv_cases(), *row_cases(), *depthwise_cases(), *linear_cases()), 3),
    *rounded_once(
        (case for case in pool_cases() if isinstance(case.site.node.op, AveragePool2D)), 2
    ),
    *add_cases(),
    *mean_cases(),
    *softmax_cases(),
    *scaling_cases(),
    *move_cases(),
    *bilinear_cases(),
    *LINEAR_CASES,
    *axis_cases(),
    *ELEMENTWISE_CASES,
    *VECTOR_CASES,
    *rounded_once(VECTOR_CASES[:60], 4),
]


def every_call(cases: Iterable[Case], isas: Sequence[str]) -> Iterator[tuple[Case, Call]]:
    """Every kernel of `isas` at every case it does not refuse, apart from and over its inputs."""
    for case in cases:
        for kernel in KERNELS:
            fits = kernel.isa in isas and kernel.op is type(case.site.node.op)
            if not fits or kernel.refuses(case.site) is not None:
                continue
            demand = kernel.demand(case.site)
            for over in (None, *demand.in_place):
                yield case, Call.of(case.site, Choice(kernel, demand, ""), case.values, over)
