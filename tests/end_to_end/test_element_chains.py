"""Operations on single elements as firmware: every element type, truth values, broadcasting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builder import Builder

from edge_runtime import api, ops
from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.emulation import reference
from edge_runtime.export.firmware import Options
from edge_runtime.graph import DType, Graph, Node, Op, Quantization, Tensor, Window
from edge_runtime.graph.verify import verify
from edge_runtime.kernels import choose
from edge_runtime.memory import plan_by_rows

FLOAT, INT8, INT16, BOOL = DType.FLOAT32, DType.INT8, DType.INT16, DType.BOOL


class Chain:
    """Adds one node at a time; tensors are named by their number."""

    def __init__(self, *inputs: Tensor) -> None:
        self.tensors = list(inputs)
        self.nodes: list[Node] = []
        self.inputs = [tensor.name for tensor in inputs]

    def add(
        self, op: Op, *inputs: Tensor, dtype: DType | None = None, scale: float = 0, zero: int = 0
    ) -> Tensor:
        grid = Quantization.per_tensor(scale, zero) if scale else None
        kind = dtype or inputs[0].dtype
        made = Tensor(f"t{len(self.nodes)}", op.output_shape(inputs), kind, quantization=grid)
        self.tensors += [made, *(t for t in inputs if t not in self.tensors)]
        self.nodes.append(Node(made.name, op, tuple(t.name for t in inputs), made.name))
        return made

    def graph(self, output: Tensor) -> Graph:
        return verify(Graph.build("chain", self.tensors, self.nodes, self.inputs, [output.name]))


def floats() -> Graph:
    x = Tensor("x", (1, 3, 4), FLOAT)
    row = Tensor.constant("row", np.linspace(-2, 2, 4).astype(np.float32))
    chain = Chain(x)
    gate = chain.add(ops.Mul(), x, row)
    gate = chain.add(ops.Silu(), gate)
    is_large = chain.add(ops.Greater(), gate, row, dtype=BOOL)
    is_small = chain.add(ops.LogicalNot(), is_large, dtype=BOOL)
    bent = chain.add(ops.Clamp(-0.5, float("inf")), chain.add(ops.Sin(), x))
    picked = chain.add(ops.Select(), is_small, gate, bent, dtype=FLOAT)
    counted = chain.add(ops.Cast(), is_small, dtype=FLOAT)
    return chain.graph(chain.add(ops.Sub(), picked, counted))


def int8() -> Graph:
    x = Tensor("x", (1, 5, 4), INT8, quantization=Quantization.per_tensor(0.05, 3))
    chain = Chain(x)
    gate = chain.add(ops.Logistic(), x, scale=1 / 256, zero=-128)
    gated = chain.add(ops.Mul(), x, gate, scale=0.04, zero=-7)
    bent = chain.add(ops.HardSwish(), gated, scale=0.03, zero=-100)
    clamped = chain.add(ops.Clamp(0.0, 1.5), bent, scale=0.03, zero=-100)
    less = chain.add(ops.Sub(), clamped, x, scale=0.1, zero=2)
    return chain.graph(chain.add(ops.Dequantize(), less, dtype=FLOAT))


def int16() -> Graph:
    x = Tensor("x", (1, 5, 4), INT16, quantization=Quantization.per_tensor(2e-4))
    row = Tensor.constant("row", np.array([-9000, 30000], np.int16), Quantization.per_tensor(1e-4))
    chain = Chain(x)
    tanh = chain.add(ops.Tanh(), x, scale=1 / 32768)
    power = chain.add(ops.Exp(), tanh, scale=1e-4)
    total = chain.add(ops.Add(), power, tanh, scale=2e-4)
    rectified = chain.add(ops.LeakyRelu(0.2), total, scale=1.5e-4)
    halves = chain.add(ops.Reshape((1, 10, 2)), rectified, scale=1.5e-4)
    made = chain.add(ops.Mul(), halves, row, scale=3e-4)
    return chain.graph(chain.add(ops.Quantize(), made, dtype=INT8, scale=0.08))


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "rpi_pico", "host"])
@pytest.mark.parametrize("make", [floats, int8, int16])
def test_chain(tmp_path: Path, board: str, make: object) -> None:
    assert callable(make)
    graph: Graph = make()
    x = graph.tensors["x"]
    random = np.random.default_rng(0)
    data = random.normal(0, 2, (4, *x.shape)).astype(np.float32)
    if not x.dtype.is_float:
        data = random.integers(*x.dtype.range, (4, *x.shape), endpoint=True).astype(x.dtype.numpy)
    cases = Cases.of([x], {"in0": data}, streaming=False)
    result = api.emulate(api.export(graph, board, tmp_path / "firmware").folder, cases)
    expected = reference(graph, cases)["out0"]
    np.testing.assert_allclose(result.outputs["out0"], expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("board", ["host", "nucleo_l4r5zi", "rpi_pico"])
def test_functions_run_row_by_row(tmp_path: Path, board: str) -> None:
    build = Builder()
    wide = build.conv(build.input(1, 20, 8, 4), 8)
    grid = Quantization.per_tensor(0.02, -90)
    bent = build.node(ops.HardSwish(), [wide], grid, INT8)
    clamped = build.node(ops.Clamp(0.0, 1.0), [bent], grid, INT8)
    graph = build.graph(build.conv(clamped, 4, (3, 3), Window((2, 2))))
    choices = choose(graph, load_board(board).isas)
    ram = plan_by_rows(graph, choices, ram=1).ram_bytes
    exported = api.export(graph, board, tmp_path / "firmware", options=Options(ram=ram))
    (stage,) = exported.manifest.plan.stages
    assert len(stage.nodes) == 4
    cases = Cases.of([graph.tensors["in0"]], {"in0": build.values("in0")[None]}, streaming=False)
    result = api.emulate(exported.folder, cases, graph=graph)
    assert result.exact == result.compared > 0
