"""Convolution, depthwise and fully connected kernels against the reference operations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from harness import Call, Core, Host
from sites import HOSTILE_NUMBERS, Case, Numbers, conv, depthwise, linear, windows

from edge_runtime.kernels import KERNELS


def conv_cases() -> Iterator[Case]:
    random = np.random.default_rng(1)
    for shape, (image, kernel, window) in windows().items():
        for in_c, out_c in ((1, 1), (3, 5), (4, 2), (5, 4), (8, 3)):
            yield conv(
                f"{shape}, {in_c} to {out_c}",
                (*image, in_c),
                (out_c, *kernel, in_c),
                window,
                Numbers(spread=5.0),
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


CASES = [*conv_cases(), *depthwise_cases(), *linear_cases()]


def calls(isas: tuple[str, ...], op: str = "") -> Iterator[tuple[Case, Call]]:
    """Every kernel of `isas` at every case it does not refuse, apart from and over its input."""
    from edge_runtime.kernels import Choice

    for case in CASES:
        for kernel in KERNELS:
            fits = kernel.isa in isas and kernel.op is type(case.site.node.op)
            if not fits or kernel.refuses(case.site) is not None:
                continue
            demand = kernel.demand(case.site)
            for over in (None, *demand.in_place):
                yield case, Call.of(case.site, Choice(kernel, demand, ""), case.operands, over)


def test_host() -> None:
    pairs = list(calls(("ref", "dsp")))
    for (case, call), output in zip(pairs, Host().run([c for _, c in pairs]), strict=True):
        assert output == case.expected, f"{case.site.node.op.NAME} {case.name}: {call.kernel.name}"


@pytest.mark.parametrize("board", ["rpi_pico", "nucleo_l4r5zi", "nucleo_l552ze_q"])
def test_core(board: str) -> None:
    core = Core(board)
    for case, call in calls(core.isas):
        output = core.run(call).output
        assert output == case.expected, f"{case.site.node.op.NAME} {case.name}: {call.kernel.name}"
