"""Outputs on a line: the same as those of the factors, for every sum that can be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import Case, Numbers, conv, linear

from edge_runtime import numerics
from edge_runtime.graph import Activation, Rounding, Window
from edge_runtime.kernels.packing import channels_first, linear_constants
from edge_runtime.kernels.straight import (
    BITS,
    FEWER_BITS,
    SUM_BITS,
    Factors,
    Line,
    find_line,
    straighten,
)
from edge_runtime.kernels.sums import sum_bounds
from edge_runtime.ops.windowed import quantized_bounds

RELU = Numbers(activation=Activation.RELU, out_zero=-128, spread=5.0)


def layer(depth: int, numbers: Numbers, seed: int, *, once: bool = False, out: int = 16) -> Case:
    random = np.random.default_rng(seed)
    made = conv("", (1, 1, depth), (out, 1, 1, depth), Window(), numbers, random)
    if not once:
        return made
    op = dataclasses.replace(made.site.node.op, rounding=Rounding.ONCE)  # type: ignore[call-arg]
    node = dataclasses.replace(made.site.node, op=op)
    return dataclasses.replace(made, site=dataclasses.replace(made.site, node=node))


def factors(case: Case) -> Factors:
    constants = linear_constants(case.site, channels_first)
    return Factors(*(constants[name].astype(np.int64) for name in ("mantissa", "shift")))


def assert_same(case: Case, line: Line) -> None:
    """At random sums, at the ends, and around each sum where an output steps up."""
    given, site = factors(case), case.site
    low, high = sum_bounds(site)
    zero = site.output.quant.zero_point
    random = np.random.default_rng(0)
    outputs = np.arange(-256, 257)
    unit = 2.0 ** (31 - given.exponent) / given.mantissa
    steps = np.floor((outputs + 0.5) * unit[:, None]).astype(np.int64)
    within = random.integers(low[:, None], high[:, None] + 1, (len(low), 99))
    sums = [low[:, None], high[:, None], within]
    sums += [steps + around for around in range(-3, 4)]
    tried = np.clip(np.concatenate(sums, 1), low[:, None], high[:, None])
    expected = numerics.multiply(tried, given.mantissa[:, None], given.shift[:, None])
    bounds = [bound - zero for bound in quantized_bounds(site.node.op.activation, site.output)]  # type: ignore[attr-defined]
    np.testing.assert_array_equal(np.clip(line.outputs(tried), *bounds), np.clip(expected, *bounds))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 700),
    st.floats(1e-4, 20.0),
    st.sampled_from([1.0, 5.0, 300.0]),
    st.integers(-128, 127),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_a_line_gives_the_same(
    depth: int, gain: float, spread: float, zero: int, once: bool, within: bool, seed: int
) -> None:
    activation = Activation.NONE if once else Activation.RELU
    numbers = Numbers(out_zero=zero, activation=activation, gain=gain, spread=spread)
    case = layer(depth, numbers, seed, once=once)
    line = find_line(case.site, factors(case), zero_within=within)
    if line is not None:
        assert_same(case, line)
        assert np.all((line.mantissa > 0) & (line.mantissa <= numerics.INT32_MAX))
        for sums in sum_bounds(case.site):
            wide = (sums << line.sum_bits) + line.offset
            assert np.abs(wide).max() <= numerics.INT32_MAX


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("depth", [9, 25, 64])
def test_there_nearly_always_is_one(depth: int, once: bool) -> None:
    numbers = RELU if not once else Numbers(out_zero=3, spread=5.0)
    found = [layer(depth, numbers, seed, once=once) for seed in range(20)]
    lines = [find_line(case.site, factors(case)) for case in found]
    assert sum(line is not None for line in lines) >= 19


@pytest.mark.parametrize(
    "numbers",
    [
        Numbers(out_zero=-100),  # outputs on both sides of the zero point
        Numbers(activation=Activation.RELU, out_zero=-128, gain=3000.0),  # factors too large
        Numbers(activation=Activation.RELU, out_zero=-128, bias="huge"),  # sums too large
    ],
)
def test_what_no_line_goes_through(numbers: Numbers) -> None:
    case = layer(64, numbers, 5)
    constants = linear_constants(case.site, channels_first)
    assert straighten(case.site, constants) is constants


def test_small_factors_have_fewer_bits_of_sums_beside_the_zero_point() -> None:
    case = layer(9, dataclasses.replace(RELU, gain=1e-3), 2)
    line = find_line(case.site, factors(case), zero_within=True)
    assert line is not None and np.all(line.sum_bits == FEWER_BITS)
    assert_same(case, line)
    made = straighten(case.site, linear_constants(case.site, channels_first), zero_within=True)
    np.testing.assert_array_equal(made["mantissa"], -line.mantissa)


def test_a_shared_mantissa() -> None:
    case = linear("", 1, 128, 64, dataclasses.replace(RELU, spread=1.0), np.random.default_rng(3))
    line = find_line(case.site, factors(case), shared=True)
    assert line is not None and len(set(line.mantissa.tolist())) == 1
    assert_same(case, line)


def test_bias_and_offset_are_of_256_sums() -> None:
    case = layer(20, RELU, 2)
    constants = linear_constants(case.site, channels_first)
    line, made = find_line(case.site, factors(case)), straighten(case.site, constants)
    assert line is not None and "shift" not in made
    bias = constants["bias"].astype(np.int64) * 256 + line.offset
    np.testing.assert_array_equal(made["bias"], bias)
    np.testing.assert_array_equal(made["mantissa"], line.mantissa)
    assert (1 << BITS, 1 << SUM_BITS) == (4096, 256)  # as er_dsp.h has them
