"""Factors of channels in one word: the same outputs for every sum, and what is left as it is."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from cases import conv_cases, depthwise_cases, rounded_once
from harness import Call, Core, Host
from sites import Case, Numbers, conv

from edge_runtime import numerics
from edge_runtime.graph import Activation, Quantization, Window
from edge_runtime.kernels import KERNELS, Choice
from edge_runtime.kernels.factors import pack_factors
from edge_runtime.ops import Conv2D
from edge_runtime.ops.windowed import quantized_bounds

CONV = next(k for k in KERNELS if k.name == "er_conv_s8_ref" and k.op is Conv2D)


def uneven(case: Case) -> Case:
    """The case with another scale of the output: one by which factors have bits to the last."""
    zero = case.site.output.quant.zero_point
    scaled = Quantization.per_tensor(0.0917, zero)
    output = dataclasses.replace(case.site.output, quantization=scaled)
    return dataclasses.replace(case, site=dataclasses.replace(case.site, output=output))


def plain(case: Case) -> Choice:
    return Choice(CONV, CONV.demand(case.site), "")


def unpacked(words: numerics.Int64) -> tuple[numerics.Int64, numerics.Int64]:
    """Mantissas and shifts, by hand."""
    unsigned = words & 0xFFFFFFFF
    return (1 << 30) + (unsigned >> 5 << 3), -(unsigned & 31)


@pytest.mark.parametrize("zero", [-128, -3, 127])
@pytest.mark.parametrize("activation", [Activation.NONE, Activation.RELU6])
def test_every_sum_becomes_what_it_was(zero: int, activation: Activation) -> None:
    random = np.random.default_rng(5)
    numbers = Numbers(out_zero=zero, activation=activation, spread=12.0)
    case = uneven(conv("", (1, 1, 2), (40, 1, 1, 2), Window(), numbers, random))
    before = plain(case).demand.constants
    after = pack_factors(case.site, plain(case)).demand.constants
    assert "shift" not in after and after["mantissa"].nbytes == before["mantissa"].nbytes
    mantissa, shift = unpacked(after["mantissa"].astype(np.int64))
    assert np.any(mantissa != before["mantissa"])
    weights, bias = case.site.inputs[1].values, case.site.inputs[2].values
    inputs = np.arange(-128, 128) - case.site.inputs[0].quant.zero_point
    pairs = np.stack(np.meshgrid(inputs, inputs), -1).reshape(-1, 2).astype(np.int64)
    for channel in range(40):
        sums = np.unique(pairs @ weights[channel].reshape(2).astype(np.int64)) + int(bias[channel])
        old = numerics.multiply(
            sums, int(before["mantissa"][channel]), int(before["shift"][channel])
        )
        new = numerics.multiply(sums, int(mantissa[channel]), int(shift[channel]))
        bounds = [bound - zero for bound in quantized_bounds(activation, case.site.output)]
        np.testing.assert_array_equal(np.clip(new, *bounds), np.clip(old, *bounds))


def once(case: Case) -> Case:
    (made,) = rounded_once([case], 1)
    return made


@pytest.mark.parametrize(
    ("depth", "numbers", "change"),
    [
        (60_000, Numbers(spread=12.0), uneven),  # sums so large that steps are far apart
        (4, Numbers(gain=30_000.0), uneven),  # shifts to the left
        (4096, Numbers(bias="huge", spread=12.0), uneven),  # sums that wrap round
        (4, Numbers(), once),  # marked shifts
    ],
)
def test_what_no_word_holds_stays_as_it_is(
    depth: int, numbers: Numbers, change: Callable[[Case], Case]
) -> None:
    random = np.random.default_rng(6)
    case = change(conv("", (1, 1, depth), (64, 1, 1, depth), Window(), numbers, random))
    choice = plain(case)
    assert pack_factors(case.site, choice) is choice


def packed_calls() -> list[tuple[Case, Call]]:
    """Hostile cases of the kernels that read words, in words."""
    found = []
    for case in map(uneven, itertools.islice((*conv_cases(), *depthwise_cases()), 0, None, 5)):
        for kernel in KERNELS:
            named = kernel.name in {"er_conv_s8_ref", "er_depthwise_s8_ref"}
            if not named or kernel.op is not type(case.site.node.op) or kernel.refuses(case.site):
                continue
            choice = Choice(kernel, kernel.demand(case.site), "")
            packed = pack_factors(case.site, choice)
            if packed is not choice:
                found.append((case, Call.of(case.site, packed, case.values)))
    return found


def test_kernels_read_words() -> None:
    calls = packed_calls()
    assert {call.kernel.name for _, call in calls} == {"er_conv_s8_ref", "er_depthwise_s8_ref"}
    for (case, _), output in zip(calls, Host().run([call for _, call in calls]), strict=True):
        assert case.matches(output), case.name
    core = Core("rpi_pico")
    for case, call in calls:
        assert case.matches(core.run(call).output), case.name
