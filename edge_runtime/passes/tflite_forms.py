"""What TFLite has no operation for, written in those that it has.

Each rewriting is exact, but for the rounding of numbers that are quantized in between: a graph that
is to be both quantized and written as TFLite is rewritten first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from edge_runtime.graph import Activation, DType, Graph, Node, Op, Shape, Tensor, Window
from edge_runtime.graph.names import UniqueNames
from edge_runtime.graph.verify import verify
from edge_runtime.ops import (
    Add,
    Clamp,
    HardSigmoid,
    Logistic,
    Mul,
    Silu,
    Slice,
    Square,
    TransposeConv2D,
)
from edge_runtime.passes.simplify import drop_unused


def tflite_forms(graph: Graph, *, quantized: bool = False) -> Graph:
    """`graph` in TFLite's operations where it has any.

    SiLU and hard sigmoid of float32; transposed convolutions with a padding that is neither SAME
    nor VALID. With `quantized`, for a float graph that is to be quantized, squares as well, which
    the runtimes have in float32 only.
    """
    work = _Work(graph)
    for node in graph.nodes:
        rewrite = _REWRITES.get(type(node.op))
        if isinstance(node.op, Square) and not quantized:
            rewrite = None
        if rewrite is None or not rewrite(work, node):
            work.nodes.append(node)
    if tuple(work.nodes) == graph.nodes:
        return graph
    return drop_unused(verify(replace(graph, tensors=work.tensors, nodes=tuple(work.nodes))))


def plain_window(op: TransposeConv2D, image: Shape, weights: Shape) -> Window | None:
    """The window of VALID or else SAME padding that does what `op` does; None where none does.

    LiteRT demands that the convolution from the output gives the size of the input.
    """
    kernel, stride = (weights[1], weights[2]), op.window.stride
    for like in (Window(stride), Window.same(op.size, kernel, stride)):
        fits = like.output_size(op.size, kernel) == image[1:3]
        if fits and like.pad_before == op.window.pad_before:
            return like
    return None


class _Work:
    """The nodes and tensors so far."""

    def __init__(self, graph: Graph) -> None:
        self.tensors = dict(graph.tensors)
        self.nodes: list[Node] = []
        self._tensor = UniqueNames(graph.tensors)
        self._node = UniqueNames(node.name for node in graph.nodes)

    def add(self, node: Node, op: Op, *inputs: str, last: bool = False) -> str:
        """Add a step of what replaces `node`; the `last` one makes its output."""
        made = self.tensors[node.output]
        if last:
            self.nodes.append(replace(node, op=op, inputs=inputs))
            return node.output
        shape = op.output_shape([self.tensors[name] for name in inputs])
        name = self._tensor(f"{node.output}/{op.NAME.lower()}")
        self.tensors[name] = replace(made, name=name, shape=shape)
        self.nodes.append(Node(self._node(f"{node.name}/{op.NAME.lower()}"), op, inputs, name))
        return name

    def number(self, node: Node, value: float) -> str:
        """A constant of one element with as many axes as what `node` makes."""
        name = self._tensor(f"{node.output}/number")
        shape = (1,) * len(self.tensors[node.output].shape)
        self.tensors[name] = Tensor.constant(name, np.full(shape, value, np.float32))
        return name

    def is_float(self, node: Node) -> bool:
        """Whether `node` makes float32."""
        return self.tensors[node.output].dtype is DType.FLOAT32


def _silu(work: _Work, node: Node) -> bool:
    if not work.is_float(node):
        return False
    (source,) = node.inputs
    work.add(node, Mul(), source, work.add(node, Logistic(), source), last=True)
    return True


def _hard_sigmoid(work: _Work, node: Node) -> bool:
    """As a sum clamped from 0 to 1 / alpha, which is RELU6 for most, and that times alpha."""
    op = node.op
    if not isinstance(op, HardSigmoid) or not work.is_float(node) or op.alpha <= 0:
        return False
    relu6 = abs(op.alpha * 6 - 1) < 1e-6
    activation = Activation.RELU6 if relu6 else Activation.NONE
    moved = work.number(node, op.beta / op.alpha)
    total = work.add(node, Add(activation), node.inputs[0], moved)
    clamped = total if relu6 else work.add(node, Clamp(0.0, 1 / op.alpha), total)
    work.add(node, Mul(), clamped, work.number(node, op.alpha), last=True)
    return True


def _square(work: _Work, node: Node) -> bool:
    if not work.is_float(node):
        return False
    work.add(node, Mul(), node.inputs[0], node.inputs[0], last=True)
    return True


def _transposed_convolution(work: _Work, node: Node) -> bool:
    """Without padding, and a slice of that: of a larger image where it has to be larger."""
    op, (image, weights) = node.op, (work.tensors[name].shape for name in node.inputs[:2])
    assert isinstance(op, TransposeConv2D)
    if op.groups(image, weights) > 1 or op.window.dilation != (1, 1):
        return False
    if plain_window(op, image, weights) is not None:
        return False
    kernel, stride, before = weights[1:3], op.window.stride, op.window.pad_before
    whole = [(image[1 + i] - 1) * stride[i] + kernel[i] for i in (0, 1)]
    # The last rows that no input reaches may be fewer than a stride.
    ends = [before[i] + op.size[i] for i in (0, 1)]
    if any(ends[i] > whole[i] + stride[i] - 1 for i in (0, 1)):
        return False
    size = (max(whole[0], ends[0]), max(whole[1], ends[1]))
    wide = replace(op, window=Window(stride), size=size)
    made = work.add(node, wide, *node.inputs)
    shape = work.tensors[node.output].shape
    work.add(node, Slice((0, *before, 0), shape, (1,) * 4), made, last=True)
    return True


_REWRITES: dict[type[Op], Callable[[_Work, Node], bool]] = {
    HardSigmoid: _hard_sigmoid,
    Silu: _silu,
    Square: _square,
    TransposeConv2D: _transposed_convolution,
}
