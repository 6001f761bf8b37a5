"""Sums as affine functions: the same output for every pair of operands, and where none is found."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from harness import Call, Core
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import RELU6, Case, add, case

from edge_runtime.graph import Activation, Array, DType, Quantization, Tensor
from edge_runtime.kernels import Choice, Site, choose_one
from edge_runtime.kernels.affine import Affine, affine
from edge_runtime.ops import Add, Sub
from edge_runtime.ops.windowed import quantized_bounds

EVERY = np.arange(-128, 128, dtype=np.int8)
FIRST, SECOND = (each.reshape(1, -1) for each in np.meshgrid(EVERY, EVERY))


def every_pair(op: Add | Sub, grids: list[tuple[float, int]]) -> Case:
    """All 65,536 pairs of operands; grids are those of both, and of the output."""
    one, two, made = (
        Tensor(name, shape, DType.INT8, quantization=Quantization.per_tensor(*grid))
        for name, shape, grid in zip(
            ("in0", "in1", ""), (FIRST.shape, SECOND.shape, ()), grids, strict=True
        )
    )
    return case(f"{op} {grids}", op, [one, two], [FIRST, SECOND], made)


def outputs(found: Affine, site: Site) -> Array:
    """What the kernel computes, and that nothing of it leaves 32 bits."""
    sums = np.full(FIRST.shape, found.offset, np.int64)
    for slope, operand in ((found.first, FIRST), (found.second, SECOND)):
        assert abs(slope) < 1 << 31
        sums = sums + (slope * (operand.astype(np.int64) << 8) >> 16)
        assert sums.min() >= -(1 << 31)
        assert sums.max() < 1 << 31
    op = site.node.op
    assert isinstance(op, Add | Sub)
    bounds = quantized_bounds(op.activation, site.output)
    return np.clip((sums >> 16) - 128, *bounds).astype(np.int8)


SCALES = st.floats(2**-13, 8.0, width=32)
GRIDS = st.tuples(SCALES, st.sampled_from([-128, 0, 127]) | st.integers(-128, 127))
OPS = st.builds(Add, st.sampled_from(Activation)) | st.builds(Sub, st.sampled_from(Activation))


@given(OPS, GRIDS, GRIDS, GRIDS, st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_is_found_gives_every_output(
    op: Add | Sub,
    one: tuple[float, int],
    two: tuple[float, int],
    made: tuple[float, int],
    equal: bool,
    kept: bool,
) -> None:
    two = (one[0], two[1]) if equal else two
    made = (one[0], made[1]) if kept else made
    whole = every_pair(op, [one, two, made])
    found = affine(whole.site)
    if found is not None:
        assert outputs(found, whole.site).tobytes() == whole.expected


@pytest.mark.parametrize("seed", range(4))
def test_one_is_found_for_scales_as_networks_have_them(seed: int) -> None:
    """Sums that fill the output's range, or are clamped; equal scales make ties of all kinds."""
    random = np.random.default_rng(seed)
    for number in range(20):
        scale = random.uniform(0.01, 0.2)
        other = scale * (1, random.uniform(0.3, 3))[number % 2]
        result = (scale + other) * (random.uniform(0.4, 1.1), 0.25, 0.5, 1)[number % 4]
        zeros = [int(random.choice([-128, random.integers(-128, 128)])) for _ in range(3)]
        grids = list(zip((scale, other, result), zeros, strict=True))
        whole = every_pair((Add(), Sub())[number // 2 % 2], grids)
        found = affine(whole.site)
        assert found is not None, whole.name
        assert outputs(found, whole.site).tobytes() == whole.expected, whole.name


@pytest.mark.parametrize(
    ("scales", "zeros", "op", "most"),
    [
        ((0.1, 0.07, 0.12), (3, -5, -128), Add(), 5.51),
        ((0.1, 0.1, 0.2), (-128, -128, -128), Add(Activation.RELU), 5.51),
        ((0.1, 0.1, 0.2), (0, 1, 0), Sub(), 5.51),
        ((0.1, 0.07, 0.12), (3, -5, -100), Add(RELU6), 7.01),
    ],
)
@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "nucleo_l552ze_q"])
def test_every_pair_on_a_core(
    board: str,
    scales: tuple[float, ...],
    zeros: tuple[int, ...],
    op: Add | Sub,
    most: float,
) -> None:
    whole = every_pair(op, list(zip(scales, zeros, strict=True)))
    choice = choose_one(whole.site, ["dsp"])
    assert isinstance(choice, Choice)
    assert choice.kernel.name == "er_affine_s8_dsp"
    run = Core(board).run(Call.of(whole.site, choice, whole.values), count=True)
    assert whole.matches(run.output)
    assert run.instructions is not None
    assert run.instructions <= most * FIRST.size + 100


@pytest.mark.parametrize(
    "scales",
    [
        (0.1, 0.2, 1e-5),  # slopes of more than 32 bits
        (0.03, 0.07, 0.02),  # ties that rounding to the common scale breaks either way
    ],
)
def test_other_scales_leave_the_kernel_that_rounds_thrice(
    scales: tuple[float, float, float],
) -> None:
    random = np.random.default_rng(0)
    shapes = ((1, 8), (1, 8))
    found = add(shapes, scales, (3, 122, -30), Activation.NONE, random)
    assert affine(found.site) is None
    choice = choose_one(found.site, ["dsp", "ref"])
    assert isinstance(choice, Choice)
    assert choice.kernel.name in {"er_add_s8_dsp", "er_add_s8_ref"}


def test_operands_that_are_broadcast_are_refused() -> None:
    random = np.random.default_rng(0)
    wide = add(((1, 8), (8,)), (0.1, 0.1, 0.1), (0, 0, 0), Activation.NONE, random)
    site = dataclasses.replace(wide.site, node=dataclasses.replace(wide.site.node, op=Sub()))
    for each in (wide.site, site):
        choice = choose_one(each, ["dsp", "ref"])
        assert isinstance(choice, Choice)
        assert choice.kernel.isa == "ref"
