"""The list of kernels, the choice among them, and what they ask for."""

from __future__ import annotations

import numpy as np
import pytest
from axis_cases import one
from cases import CASES
from harness import ISAS
from sites import Case, Numbers, activation, add, conv, depthwise, linear
from struct_layout import prototypes, structs

from edge_runtime.errors import ModelError, Problem
from edge_runtime.graph import Activation, DType, Graph, Node, Quantization, Tensor, Window
from edge_runtime.graph.verify import verify
from edge_runtime.kernels import (
    KERNELS,
    Choice,
    choose,
    choose_one,
    kernel_folder,
    sources,
)
from edge_runtime.kernels.geometry import Sliding
from edge_runtime.ops import AveragePool2D, L2Normalization, Reshape

RANDOM = np.random.default_rng(0)
FAST = ("dsp", "ref")
POINT = Window()


def chosen(found: Case, *isas: str) -> Choice:
    choice = choose_one(found.site, isas)
    assert isinstance(choice, Choice)
    return choice


def test_every_kernel_has_its_file_and_prototype() -> None:
    assert set(prototypes()) == {kernel.name for kernel in KERNELS}
    files = {
        str(path.relative_to(kernel_folder()))
        for isa in ISAS
        for path in (kernel_folder() / isa).glob("*.c")
    }
    assert files == {kernel.source for kernel in KERNELS}
    headers = {f"include/{path.name}" for path in (kernel_folder() / "include").glob("*.h")}
    assert headers == {name for kernel in KERNELS for name in sources(kernel)} - files


def test_sources_start_with_the_kernel_and_name_each_file_once() -> None:
    for kernel in KERNELS:
        found = sources(kernel)
        assert found[0] == kernel.source
        assert len(set(found)) == len(found)
        assert "include/er_kernels.h" in found


def test_parameters_have_exactly_the_fields_of_the_header() -> None:
    for found in CASES:
        struct = chosen(found, *FAST).kernel.parameters(found.site)
        assert [name for name, _ in struct.fields] == [f.name for f in structs()[struct.type_name]]


def test_the_first_isa_that_serves_is_chosen_and_says_why() -> None:
    point = conv("", (2, 2, 4), (3, 1, 1, 4), POINT, Numbers(least=-127), RANDOM)
    assert chosen(point, *FAST).kernel.name == "er_conv_s8_dsp"
    assert chosen(point, "ref").kernel.name == "er_conv_s8_ref"
    assert chosen(point, *FAST).reason.startswith("dsp: ")


def test_a_refusal_is_told() -> None:
    repeated = add(((4,), (2, 4)), (0.1, 0.1, 0.1), (0, 0, 0), Activation.NONE, RANDOM)
    choice = chosen(repeated, *FAST)
    assert choice.kernel.name == "er_add_broadcast_s8_ref"
    assert (
        choice.reason == "ref: portable C, broadcasting; dsp refuses operands of different shapes"
    )


def test_planes_serve_3x3_kernels_and_pixels_all_others() -> None:
    same = Window.same((6, 6), (3, 3))
    plane = depthwise("", (6, 6, 4), (1, 3, 3, 4), same, Numbers(), RANDOM)
    assert chosen(plane, *FAST).kernel.name == "er_depthwise_3x3_s8_dsp"
    doubled = depthwise("", (6, 6, 2), (1, 3, 3, 4), same, Numbers(), RANDOM)
    assert chosen(doubled, *FAST).kernel.name == "er_depthwise_3x3_s8_dsp"
    assert chosen(doubled, *FAST).demand.in_place == ()
    tall = depthwise("", (9, 1, 4), (1, 5, 1, 4), POINT, Numbers(), RANDOM)
    assert chosen(tall, *FAST).kernel.name == "er_depthwise_s8_dsp"


def test_depthwise_of_one_channel_is_a_convolution() -> None:
    single = depthwise("", (5, 5, 1), (1, 5, 5, 8), POINT, Numbers(least=-127), RANDOM)
    assert chosen(single, *FAST).kernel.name == "er_conv_s8_dsp"
    assert chosen(single, "ref").kernel.name == "er_conv_s8_ref"


def test_what_nobody_serves_is_a_problem() -> None:
    norm = Quantization.per_tensor(1 / 128)
    found = choose_one(one(L2Normalization(), (33026,), DType.INT8, RANDOM, fixed=norm).site, FAST)
    assert isinstance(found, Problem)
    assert found.reason == "ref refuses rows of 33026 elements (at most 33025)"


def test_all_unserved_nodes_are_listed() -> None:
    image = Tensor("in", (1, 1, 70000, 1), DType.FLOAT32)
    nodes = [
        Node(f"pool{i}", AveragePool2D((1, 1)), ("in" if i == 0 else f"t{i - 1}",), f"t{i}")
        for i in range(2)
    ]
    made = [Tensor(f"t{i}", image.shape, DType.FLOAT32) for i in range(2)]
    graph = verify(Graph.build("net", [image, *made], nodes, ["in"], ["t1"]))
    with pytest.raises(ModelError) as caught:
        choose(graph, FAST)
    assert [problem.node for problem in caught.value.problems] == ["pool0", "pool1"]
    assert "ref refuses a window with the number 70000" in str(caught.value)


def test_reshape_has_no_kernel() -> None:
    image = activation((2, 6), 0.1, 0)
    made = Tensor("out", (12,), DType.INT8, quantization=image.quantization)
    node = Node("flat", Reshape((12,)), ("in",), "out")
    graph = verify(Graph.build("net", [image, made], [node], ["in"], ["out"]))
    assert choose(graph, FAST) == {}


def test_operands_are_those_that_are_not_packed() -> None:
    for found in CASES:
        names = chosen(found, *FAST).operands(found.site.node)
        assert names
        assert set(names) <= set(found.site.node.inputs)
    point = conv("", (2, 2, 4), (3, 1, 1, 4), POINT, Numbers(), RANDOM)
    assert chosen(point, *FAST).operands(point.site.node) == ("in",)


def test_packed_weights_take_no_more_room_than_rounding_up() -> None:
    for depth in (1, 2, 3, 4, 5, 7, 8):
        for out in (1, 2, 3, 4, 5, 8):
            found = conv("", (1, 1, depth), (out, 1, 1, depth), POINT, Numbers(), RANDOM)
            packed = chosen(found, *FAST).demand.constants["weights"]
            assert out * depth <= packed.size <= out * (depth + 1) + 1
            found = linear("", 1, depth, out, Numbers(), RANDOM)
            packed = chosen(found, *FAST).demand.constants["weights"]
            assert out * depth <= packed.size <= out * (depth + 3)


@pytest.mark.parametrize(
    ("image", "kernel", "window", "expected"),
    [
        ((4, 4, 8), (1, 1, 8), POINT, True),
        ((4, 4, 8), (1, 1, 9), POINT, False),
        ((4, 4, 8), (1, 1, 16), Window((2, 2)), True),
        ((4, 4, 8), (3, 3, 8), Window.same((4, 4), (3, 3)), False),
        ((4, 4, 8), (3, 3, 8), POINT, True),
    ],
)
def test_convolution_in_place(
    image: tuple[int, int, int], kernel: tuple[int, int, int], window: Window, expected: bool
) -> None:
    weights = (kernel[2], kernel[0], kernel[1], image[2])
    found = conv("", image, weights, window, Numbers(), RANDOM)
    assert Sliding.of(found.site).pixels_trail() is expected
    for isa in FAST:
        assert chosen(found, isa).demand.in_place == ((0,) if expected else ())


def test_scratch_of_the_published_layers() -> None:
    """Four columns of int16 for a convolution, two strips of padded rows for a depthwise one."""
    point = conv("", (25, 5, 64), (64, 1, 1, 64), POINT, Numbers(), RANDOM)
    assert chosen(point, *FAST).demand.scratch_bytes == 4 * 64 * 2
    window = Window.same((48, 48), (3, 3))
    plane = depthwise("", (48, 48, 8), (1, 3, 3, 8), window, Numbers(), RANDOM)
    assert chosen(plane, *FAST).demand.scratch_bytes == 2 * 4 * 50 * 2 + 12
    assert chosen(linear("", 1, 640, 128, Numbers(), RANDOM), *FAST).demand.scratch_bytes == 0


def test_a_factor_of_nothing_gives_the_zero_point() -> None:
    none = linear("", 1, 4, 3, Numbers(gain=1e-30, bias="none"), RANDOM)
    assert set(none.expected) == {3}
    constants = chosen(none, *FAST).demand.constants
    assert not constants["bias"].any()
    assert (constants["mantissa"] == 1 << 27).all()  # an ordinary factor, 2^-9, as that of a line


def test_cases_are_legal() -> None:
    """A case that no kernel serves tests nothing."""
    for found in CASES:
        assert isinstance(choose_one(found.site, FAST), Choice), found.name
