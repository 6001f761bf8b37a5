"""Which values each channel of an integer graph can take, whatever the inputs are.

Interval arithmetic in stored values, channel by channel: the last dimension of a tensor. Bounds are
those of the integer kernels themselves, requantization included, so that they hold bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import DType, Graph, Kind, Node, Op, Tensor
from edge_runtime.numerics import INT32_MAX, INT32_MIN
from edge_runtime.ops import (
    Add,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Linear,
    Pool2D,
    Quantize,
    Reshape,
)
from edge_runtime.ops.linear import weight_zero
from edge_runtime.ops.windowed import quantized_bounds

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Interval:
    """The smallest and the largest value of each channel."""

    low: Int64
    high: Int64

    @staticmethod
    def anything(tensor: Tensor) -> Interval:
        """All values of the tensor's type."""
        channels = tensor.shape[-1] if tensor.shape else 1
        low, high = tensor.dtype.range
        return Interval(np.full(channels, low), np.full(channels, high))

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        """For each channel, whether there is only one value."""
        result: npt.NDArray[np.bool_] = self.low == self.high
        return result

    def tiled(self, count: int) -> Interval:
        """The same channels `count` times over."""
        return Interval(np.tile(self.low, count), np.tile(self.high, count))


def intervals(graph: Graph) -> dict[str, Interval]:
    """The interval of every integer activation and state of `graph`, by name."""
    found = {
        tensor.name: Interval.anything(tensor)
        for tensor in graph.tensors.values()
        if tensor.kind is not Kind.CONSTANT and not tensor.dtype.is_float
    }
    for node in graph.nodes:
        output = graph.node_output(node)
        reads = [name for name in node.inputs if graph.tensors[name].kind is not Kind.CONSTANT]
        known = all(name in found for name in (output.name, *reads))
        if reads and known and output.kind is Kind.ACTIVATION:
            bounds = _of_node(graph, node, [found[name] for name in reads])
            found[output.name] = bounds or found[output.name]
    return found


def _of_node(graph: Graph, node: Node, reads: Sequence[Interval]) -> Interval | None:
    """The interval of what `node` makes; None where nothing is known of the operation."""
    inputs, output = graph.node_inputs(node), graph.node_output(node)
    match node.op:
        case Conv2D() | DepthwiseConv2D() | FullyConnected():
            return _linear(node.op, inputs, output, reads[0])
        case Reshape():
            whole, rest = divmod(output.shape[-1] if output.shape else 1, len(reads[0].low))
            return None if rest else reads[0].tiled(whole)
        case Pool2D(activation=activation):
            bounds = quantized_bounds(activation, output)
            return Interval(np.clip(reads[0].low, *bounds), np.clip(reads[0].high, *bounds))
        case Add() | Quantize():
            return _monotone(node.op, inputs, output, reads)
    return None


def _monotone(
    op: Op, inputs: Sequence[Tensor], output: Tensor, reads: Sequence[Interval]
) -> Interval | None:
    """Both ends through an operation that works element by element and nowhere falls."""
    if len(reads) != len(inputs) or any(not tensor.shape for tensor in inputs):
        return None
    ends = []
    for side in ([read.low for read in reads], [read.high for read in reads]):
        stored = [array.astype(t.dtype.numpy) for array, t in zip(side, inputs, strict=True)]
        ends.append(op.evaluate(stored, inputs, output).astype(np.int64))
    return Interval(*ends)


def _linear(
    op: Linear, inputs: Sequence[Tensor], output: Tensor, image: Interval
) -> Interval | None:
    """Sums of products at their extremes, requantized: that is monotone unless they overflow."""
    weights = inputs[1]
    if {inputs[0].dtype, weights.dtype, output.dtype} != {DType.INT8} or weights.data is None:
        return None
    low, high = (end - inputs[0].quant.zero_point for end in (image.low, image.high))
    if isinstance(op, Conv2D | DepthwiseConv2D) and op.window.pads:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    stored = weights.values.astype(np.int64) - weight_zero(weights)
    rows = np.moveaxis(stored, op.weight_axis, 0)
    if isinstance(op, DepthwiseConv2D):
        if len(low) != len(rows):
            return None
        low, high = (end.reshape(-1, 1, 1, 1) for end in (low, high))
    else:
        count, rest = divmod(rows.shape[-1], len(low))
        if rest:
            return None
        low, high = np.tile(low, count), np.tile(high, count)
    bias = inputs[2].values.reshape(-1).astype(np.int64) if len(inputs) > 2 else np.int64(0)
    positive, negative = np.maximum(rows, 0), np.minimum(rows, 0)
    others = tuple(range(1, rows.ndim))
    least = (positive * low + negative * high).sum(others) + bias
    most = (positive * high + negative * low).sum(others) + bias
    room = 1 << max(0, *(factor.shift for factor in op.multipliers(inputs, output)))
    if least.min() * room < INT32_MIN or most.max() * room > INT32_MAX:
        return None
    ends = (op.requantize(end, inputs, output).astype(np.int64) for end in (least, most))
    return Interval(*ends)
