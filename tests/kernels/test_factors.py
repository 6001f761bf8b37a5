"""Packed factors of channels: the same outputs for every sum, and what is left as it is."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from cases import conv_cases, depthwise_cases, rounded_once
from harness import Call, Core, Host
from sites import Case, Numbers, conv

from edge_runtime import numerics
from edge_runtime.graph import Activation, Array, Quantization, Window
from edge_runtime.kernels import KERNELS, Choice
from edge_runtime.kernels.factors import form_of, pack_factors
from edge_runtime.kernels.sums import sum_bounds
from edge_runtime.ops import Conv2D
from edge_runtime.ops.windowed import quantized_bounds

Constants = Mapping[str, Array]
FACTORS = ("mantissa", "shift")
CONV = next(k for k in KERNELS if k.name == "er_conv_s8_ref" and k.op is Conv2D)


def uneven(case: Case) -> Case:
    """The case with another scale of the output: one by which factors have bits to the last."""
    zero = case.site.output.quant.zero_point
    scaled = Quantization.per_tensor(0.0917, zero)
    output = dataclasses.replace(case.site.output, quantization=scaled)
    return dataclasses.replace(case, site=dataclasses.replace(case.site, output=output))


def plain(case: Case) -> Choice:
    return Choice(CONV, CONV.demand(case.site), "")


def by_word(constants: Constants, channel: int, sums: numerics.Int64) -> numerics.Int64:
    """Scaled sums by a word, taken apart by hand."""
    word = int(constants["mantissa"][channel]) & 0xFFFFFFFF
    return numerics.multiply(sums, (1 << 30) + (word >> 5 << 3), -(word & 31))


def by_bytes(constants: Constants, channel: int, sums: numerics.Int64) -> numerics.Int64:
    """The same by three bytes and the bias, which `sums` do not hold."""
    bits = int(constants["shift"][0])
    three = [int(byte) & 0xFF for byte in constants["shift"][1 + 3 * channel : 4 + 3 * channel]]
    mantissa = (1 << 24) + three[0] + (three[1] << 8) + (three[2] << 16)
    bias = int(constants["bias"][channel])
    wide = numerics.wrap32((sums << bits) + bias)
    return (wide * mantissa + (1 << 30)) >> 31 >> (8 + (bias & 15))


def once(case: Case) -> Case:
    (made,) = rounded_once([case], 1)
    return made


def pairs_of_inputs(case: Case) -> numerics.Int64:
    inputs = np.arange(-128, 128, dtype=np.int64) - case.site.inputs[0].quant.zero_point
    return np.stack(np.meshgrid(inputs, inputs), -1).reshape(-1, 2)


@pytest.mark.parametrize(
    ("zero", "activation", "change", "form"),
    [
        (-128, Activation.NONE, uneven, "BYTES"),
        (-128, Activation.RELU6, uneven, "BYTES"),
        (-3, Activation.RELU6, uneven, "BYTES"),
        (-3, Activation.NONE, uneven, "WORDS"),  # outputs on both sides of the zero point
        (127, Activation.NONE, uneven, "BYTES"),
        (-3, Activation.NONE, lambda case: once(uneven(case)), "BYTES"),
    ],
)
def test_every_sum_becomes_what_it_was(
    zero: int, activation: Activation, change: Callable[[Case], Case], form: str
) -> None:
    random = np.random.default_rng(5)
    numbers = Numbers(out_zero=zero, activation=activation, spread=12.0)
    case = change(conv("", (1, 1, 2), (40, 1, 1, 2), Window(), numbers, random))
    before = plain(case).demand.constants
    choice = pack_factors(case.site, plain(case))
    after = choice.demand.constants
    assert form_of(choice) == form
    weights, bias = case.site.inputs[1].values, case.site.inputs[2].values
    bounds = [bound - zero for bound in quantized_bounds(activation, case.site.output)]
    in_zero = case.site.inputs[0].quant.zero_point
    for channel in range(40):
        row = weights[channel].reshape(2).astype(np.int64)
        products = np.unique(pairs_of_inputs(case) @ row)
        sums = products + int(bias[channel])
        factor = int(before["mantissa"][channel]), int(before["shift"][channel])
        old = numerics.multiply(sums, *factor)
        if form == "BYTES":
            new = by_bytes(after, channel, products + in_zero * int(row.sum()))
        else:
            new = by_word(after, channel, sums)
        np.testing.assert_array_equal(np.clip(new, *bounds), np.clip(old, *bounds))


def size(choice: Choice) -> int:
    return sum(choice.demand.constants.get(name, np.zeros(0)).nbytes for name in FACTORS)


@pytest.mark.parametrize(("zero", "most"), [(-128, 3 * 40 + 1), (-3, 4 * 40)])
def test_they_take_fewer_bytes(zero: int, most: int) -> None:
    numbers = Numbers(out_zero=zero, spread=12.0)
    random = np.random.default_rng(5)
    case = uneven(conv("", (1, 1, 8), (40, 1, 1, 8), Window(), numbers, random))
    assert size(plain(case)) == 5 * 40
    assert size(pack_factors(case.site, plain(case))) == most


@pytest.mark.parametrize("bound", ["low", "high"])
def test_sums_have_as_many_bits_as_fit(bound: str) -> None:
    """At the ends of what sums can be nothing wraps round."""
    numbers = Numbers(out_zero=-128, spread=12.0)
    random = np.random.default_rng(5)
    case = uneven(conv("", (1, 1, 8), (40, 1, 1, 8), Window(), numbers, random))
    after = pack_factors(case.site, plain(case)).demand.constants
    bias = plain(case).demand.constants["bias"].astype(np.int64)
    low, high = sum_bounds(case.site)
    sums, bits = {"low": low, "high": high}[bound], int(after["shift"][0])
    offset = numerics.wrap32(after["bias"].astype(np.int64) - (bias << bits))
    wide = (sums << bits) + offset
    np.testing.assert_array_equal(wide, numerics.wrap32(wide))
    assert np.max(np.abs(wide)) >= 1 << 29


def test_a_factor_of_nothing_keeps_its_output() -> None:
    """Such a channel's sums are 0, whatever its bias is."""
    numbers = Numbers(out_zero=-128, spread=12.0)
    case = uneven(conv("", (1, 1, 2), (4, 1, 1, 2), Window(), numbers, np.random.default_rng(5)))
    image, weights, bias = case.site.inputs
    first, _, *rest = weights.quant.scales
    scales = dataclasses.replace(weights.quant, scales=(first, 1e-30, *rest))
    faint = dataclasses.replace(weights, quantization=scales)
    huge = dataclasses.replace(bias, data=np.full_like(bias.values, 1 << 20))
    site = dataclasses.replace(case.site, inputs=(image, faint, huge))
    choice = pack_factors(site, Choice(CONV, CONV.demand(site), ""))
    assert form_of(choice) == "BYTES"
    at_zero = by_bytes(choice.demand.constants, 1, np.zeros(1, np.int64))
    assert at_zero == 0


@pytest.mark.parametrize(
    ("depth", "numbers", "change"),
    [
        (60_000, Numbers(spread=12.0), uneven),  # sums so large that steps are far apart
        (4, Numbers(gain=30_000.0), uneven),  # shifts to the left
        (4096, Numbers(bias="huge", spread=12.0), uneven),  # sums that wrap round
    ],
)
def test_what_is_not_proved_stays_as_it_is(
    depth: int, numbers: Numbers, change: Callable[[Case], Case]
) -> None:
    random = np.random.default_rng(6)
    case = change(conv("", (1, 1, depth), (64, 1, 1, depth), Window(), numbers, random))
    choice = plain(case)
    assert pack_factors(case.site, choice) is choice
    assert form_of(choice) == "PAIRS"


def packed_calls() -> list[tuple[Case, str | None, Call]]:
    """Hostile cases of the kernels that read packed factors, in either form."""
    found = []
    for case in map(uneven, itertools.islice((*conv_cases(), *depthwise_cases()), 0, None, 5)):
        for kernel in KERNELS:
            named = kernel.name in {"er_conv_s8_ref", "er_depthwise_s8_ref"}
            if not named or kernel.op is not type(case.site.node.op) or kernel.refuses(case.site):
                continue
            choice = Choice(kernel, kernel.demand(case.site), "")
            packed = pack_factors(case.site, choice)
            if packed is not choice:
                call = Call.of(case.site, packed, case.values)
                found.append((case, form_of(packed), call))
    return found


def test_kernels_read_both_forms() -> None:
    calls = packed_calls()
    kernels, forms = {"er_conv_s8_ref", "er_depthwise_s8_ref"}, {"BYTES", "WORDS"}
    found = {(call.kernel.name, form) for _, form, call in calls}
    assert found == set(itertools.product(kernels, forms))
    outputs = Host().run([call for _, _, call in calls])
    for (case, _, _), output in zip(calls, outputs, strict=True):
        assert case.matches(output), case.name
    for board in ("rpi_pico", "nucleo_l4r5zi", "esp32c3"):
        core = Core(board)
        for case, _, call in calls:
            assert case.matches(core.run(call).output), (board, case.name)
