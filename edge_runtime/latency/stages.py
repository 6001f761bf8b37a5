"""Nodes that run row by row: how often each is called, and for which part of its image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edge_runtime.graph import Graph, Kind, Tensor
from edge_runtime.kernels import Choice, Site
from edge_runtime.kernels.kernel import RowWindow
from edge_runtime.memory import PlacedStage, Plan
from edge_runtime.memory.rows import RowOp, RowTensor, run_rows
from edge_runtime.memory.stages import CALL, MOVED
from edge_runtime.ops import Pool2D, SlidingConv2D


@dataclass(frozen=True)
class RowCalls:
    """How a node is called row by row.

    `part` is the site of one call amid the image, of which there are `count`. Calls at the top and
    the bottom have padding to do with: `whole` is the node at once, `tall` the same amid an image.
    """

    part: Site
    count: float
    whole: Site
    tall: Site


Calls = dict[str, RowCalls]


def stage_calls(graph: Graph, choices: Mapping[str, Choice], plan: Plan) -> tuple[Calls, float]:
    """How the nodes of stages are called; and what stages add.

    That is the planner's own figure, in instructions, taken as cycles: of the order of a percent.
    """
    calls: Calls = {}
    extra = 0.0
    nodes = {node.name: node for node in graph.nodes}
    for stage in plan.stages:
        found, moved = _run(graph, choices, stage)
        extra += MOVED * moved
        for name in stage.nodes:
            site = Site.of(graph, nodes[name])
            window = choices[name].demand.rows
            assert window is not None
            part = _rows(site, window, stage.step)
            share = site.output.shape[1] / part.output.shape[1]
            tall = _rows(site, window, site.output.shape[1])
            calls[name] = RowCalls(part, share, site, tall)
            extra += CALL * found[name]
    return calls, extra


def _run(
    graph: Graph, choices: Mapping[str, Choice], stage: PlacedStage
) -> tuple[Mapping[str, int], int]:
    """Calls by node, and bytes moved."""
    nodes = {node.name: node for node in graph.nodes}
    ops = [RowOp("", (), stage.fed, RowWindow())] if stage.fed else []
    for name in stage.nodes:
        choice = choices[name]
        assert choice.demand.rows is not None
        operands = choice.operands(nodes[name])
        ops.append(RowOp(name, operands, nodes[name].output, choice.demand.rows))
    names = dict.fromkeys(name for op in ops for name in (*op.reads, op.writes))
    tensors = {}
    for name in names:
        tensor = graph.tensors[name]
        row = tensor.bytes // tensor.shape[1]
        tensors[name] = RowTensor(tensor.shape[1], row, name not in stage.rows)
    result = run_rows(ops, tensors, stage.step)
    return result.calls, result.moved_bytes


def _rows(site: Site, window: RowWindow, rows: int) -> Site:
    """The site of a call for `rows` rows amid the image, where no padding is above or below."""
    height = site.output.shape[1]
    rows = min(rows, height)
    needed = (rows - 1) * window.stride + (window.kernel - 1) * window.dilation + 1
    inputs = tuple(
        _cut(tensor, needed) if tensor.kind is Kind.ACTIVATION else tensor for tensor in site.inputs
    )
    op = site.node.op
    if isinstance(op, SlidingConv2D | Pool2D):
        before, after = op.window.pad_before[1], op.window.pad_after[1]
        inner = replace(op.window, pad_before=(0, before), pad_after=(0, after))
        op = replace(op, window=inner)
    return Site(replace(site.node, op=op), inputs, _cut(site.output, rows))


def _cut(tensor: Tensor, rows: int) -> Tensor:
    batch, _, *rest = tensor.shape
    return replace(tensor, shape=(batch, rows, *rest))
