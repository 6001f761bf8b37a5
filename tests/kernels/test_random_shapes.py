"""Layers of random shapes, by every kernel that serves them: sanitized, and on a core."""

from __future__ import annotations

import numpy as np
import pytest
from cases import every_call
from harness import Core, Host
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from linear_cases import FLOATS, INTEGERS, layer
from qemu import QemuCore
from sites import HOSTILE_NUMBERS, Case, conv, depthwise, linear

from edge_runtime.graph import Activation, Window
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv2D

small = st.integers(1, 6)
pairs = st.tuples(small, small)
paddings = st.tuples(st.integers(0, 3), st.integers(0, 3))
seeds = st.integers(0, 2**32 - 1)
channels = st.one_of(st.integers(1, 9), st.integers(10, 40))
numbers = st.sampled_from(list(HOSTILE_NUMBERS.values()))


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    kernel = draw(pairs)
    window = Window(
        draw(st.tuples(st.integers(1, 4), st.integers(1, 4))),
        draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        draw(paddings),
        draw(paddings),
    )
    reach = [(kernel[i] - 1) * window.dilation[i] + 1 for i in (0, 1)]
    least = [max(1, reach[i] - window.pad_before[i] - window.pad_after[i]) for i in (0, 1)]
    size = tuple(least[i] + draw(st.integers(0, 7)) for i in (0, 1))
    random = np.random.default_rng(draw(seeds))
    in_c, other = draw(channels), draw(channels)
    if draw(st.booleans()):
        return conv("", (*size, in_c), (other, *kernel, in_c), window, draw(numbers), random)
    out_c = in_c * draw(st.sampled_from([1, 1, 2, 3]))
    return depthwise("", (*size, in_c), (1, *kernel, out_c), window, draw(numbers), random)


@st.composite
def products(draw: st.DrawFn) -> Case:
    rows, depth, out = draw(small), draw(st.integers(1, 40)), draw(st.integers(1, 20))
    return linear("", rows, depth, out, draw(numbers), np.random.default_rng(draw(seeds)))


@st.composite
def forms(draw: st.DrawFn) -> Case:
    """Groups, transposes and products of every type."""
    random = np.random.default_rng(draw(seeds))
    form = draw(st.sampled_from((*FLOATS, *INTEGERS)))
    kernel, stride = draw(pairs), draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    size = tuple(kernel[i] + draw(st.integers(0, 5)) for i in (0, 1))
    groups, each, made = draw(st.integers(1, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 5))
    weights = (groups * made, *kernel, each)
    window = Window(stride, (1, 1), draw(paddings), draw(paddings))
    op = draw(
        st.sampled_from(
            (
                Conv2D(Activation.RELU6, window),
                TransposeConv2D(Activation.RELU, window, (size[0] + 3, size[1] + 2)),
                DepthwiseConv2D(Activation.NONE, window),
                FullyConnected(),
            )
        )
    )
    image: tuple[int, ...] = (1, *size, groups * each)
    if isinstance(op, DepthwiseConv2D):
        weights = (1, *kernel, groups * each * draw(st.sampled_from([1, 1, 2])))
    if isinstance(op, FullyConnected):
        depth = draw(st.integers(1, 40))
        image, weights = (draw(small), depth), (draw(st.integers(1, 12)), depth)
    return layer(op, image, weights, form, random, each=draw(st.booleans()))


@pytest.fixture(scope="module")
def machines() -> tuple[Host, dict[str, Core]]:
    m0, m4 = Core("rpi_pico"), Core("nucleo_l4r5zi")
    return Host(), {"m0": m0, "ref": m4, "dsp": m4}


@pytest.fixture(scope="module")
def qemu() -> QemuCore:
    return QemuCore("mps3_an547")


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(found=st.lists(st.one_of(convolutions(), products(), forms()), min_size=1, max_size=20))
def test_random_shapes(machines: tuple[Host, dict[str, Core]], found: list[Case]) -> None:
    host, cores = machines
    pairs = list(every_call(found, tuple(cores)))
    for (case, call), output in zip(pairs, host.run([c for _, c in pairs]), strict=True):
        assert case.matches(output), (call.kernel.name, call.over, call.struct)
        core = cores[call.kernel.isa]
        assert case.matches(core.run(call).output), (call.kernel.name, call.over, call.struct)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(found=st.lists(st.one_of(convolutions(), products()), min_size=1, max_size=20))
def test_random_shapes_in_qemu(qemu: QemuCore, found: list[Case]) -> None:
    pairs = list(every_call(found, ["mve"]))
    for (case, call), output in zip(pairs, qemu.run([c for _, c in pairs]), strict=True):
        assert case.matches(output), (call.kernel.name, call.over, call.struct)
