"""Small graphs through the whole chain: state between inferences, constant operands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builder import Builder

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.emulation import reference
from edge_runtime.graph import Activation, DType, Graph, Kind, Node, Quantization, Tensor
from edge_runtime.ops import Add, Concat, Quantize, Reshape, Slice

INPUT = Quantization.per_tensor(0.5, 3)
SUM = Quantization.per_tensor(0.5, -7)
OUTPUT = Quantization.per_tensor(0.25, 1)


def running_sum() -> Graph:
    """sum += x; y = sum, of another scale."""
    return Graph.build(
        "running_sum",
        [
            Tensor("x", (1, 5), DType.INT8, quantization=INPUT),
            Tensor("sum", (1, 5), DType.INT8, Kind.STATE, SUM),
            Tensor("y", (1, 5), DType.INT8, quantization=OUTPUT),
        ],
        [Node("add", Add(), ("x", "sum"), "sum"), Node("scale", Quantize(), ("sum",), "y")],
        ["x"],
        ["y"],
    )


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico", "host"])
def test_state_lives_through_the_steps_of_a_case(tmp_path: Path, board: str) -> None:
    graph = running_sum()
    exported = api.export(graph, board, tmp_path / "firmware")
    assert exported.manifest.streaming and exported.manifest.plan.state_bytes >= 5
    x = np.random.default_rng(5).integers(-9, 9, (3, 4, 1, 5)).astype(np.int8)
    cases = Cases.of([graph.tensors["x"]], {"in0": x}, streaming=True)
    result = api.emulate(exported.folder, cases)
    assert result.outputs["out0"].shape == (3, 4, 1, 5)
    np.testing.assert_array_equal(result.outputs["out0"], reference(graph, cases)["out0"])
    real = np.cumsum(INPUT.dequantize(x), axis=1)
    np.testing.assert_allclose(OUTPUT.dequantize(result.outputs["out0"]), real, atol=0.26)


def test_an_operand_may_be_a_reshaped_constant(tmp_path: Path) -> None:
    constant = Tensor.constant("c", np.arange(5, dtype=np.int8), SUM)
    graph = Graph.build(
        "offset",
        [
            Tensor("x", (1, 5), DType.INT8, quantization=INPUT),
            constant,
            Tensor("row", (1, 5), DType.INT8, quantization=SUM),
            Tensor("y", (1, 5), DType.INT8, quantization=OUTPUT),
        ],
        [Node("view", Reshape((1, 5)), ("c",), "row"), Node("add", Add(), ("x", "row"), "y")],
        ["x"],
        ["y"],
    )
    exported = api.export(graph, "nucleo_l4r5zi", tmp_path / "firmware")
    x = np.random.default_rng(5).integers(-99, 99, (3, 1, 5)).astype(np.int8)
    cases = Cases.of([graph.tensors["x"]], {"in0": x}, streaming=False)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.exact == result.compared == 15


def branches() -> Graph:
    """Two halves of the input, each convolved, joined again along the height."""
    build = Builder(DType.INT8, 3)
    image = build.input(1, 8, 6, 2)
    grid = build.tensors[image].quantization
    made = []
    for number in (0, 1):
        half = Slice((0, 4 * number, 0, 0), (1, 4, 6, 2), (1, 1, 1, 1))
        part = build.node(half, [image], grid, DType.INT8)
        made.append(build.conv(part, 16, activation=Activation.RELU))
    scale = build.tensors[made[0]].quantization
    build.tensors[made[1]] = replace(build.tensors[made[1]], quantization=scale)
    joined = build.node(Concat(1), made, scale, DType.INT8)
    return build.graph(build.conv(joined, 3, (1, 1)))


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "host"])
def test_halves_and_what_is_joined_cost_nothing(tmp_path: Path, board: str) -> None:
    graph = branches()
    exported = api.export(graph, board, tmp_path / "firmware")
    kernels = {layer.op: layer.kernel for layer in exported.manifest.layers}
    assert kernels["STRIDED_SLICE"] == kernels["CONCATENATION"] == "none"
    x = np.random.default_rng(5).integers(-128, 128, (2, 1, 8, 6, 2)).astype(np.int8)
    cases = Cases.of([graph.tensors[graph.inputs[0]]], {"in0": x}, streaming=False)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.exact == result.compared == 2 * 8 * 6 * 3
