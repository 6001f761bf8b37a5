"""Removing channels that make no difference, whatever the inputs are. No output changes by a bit.

Training with ReLU leaves channels that never rise above zero, or whose weights are all zero. What
reads them gets the same value every time: nothing, where that is the zero point, and otherwise a
summand of its bias, provided that no padding sees it. Other channels are read by weights of zero
only. Both can go, with the weights that made them and those that read them. In a depthwise chain
all tensors must let a channel go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import DType, Graph, Kind, Node, Quantization, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Pool2D, Reshape
from edge_runtime.ops.linear import weight_zero
from edge_runtime.passes.draft import Draft
from edge_runtime.passes.intervals import Interval, intervals

Mask = npt.NDArray[np.bool_]


def remove_dead_channels(graph: Graph) -> Graph:
    """`graph` without the channels that all readers can do without.

    At least one channel of each tensor stays. Biases take in what the removed channels added.
    """
    while True:
        bounds = intervals(graph)
        dead: dict[str, Mask] = {}
        for names in _Groups(graph).members():
            mask = _removable(graph, bounds, names)
            if mask is not None and mask.any():
                dead.update(dict.fromkeys(names, mask))
        if not dead:
            return graph
        graph = verify(_Removal(graph, bounds, dead).run())


class _Groups:
    """Tensors whose channels stand for each other, as depthwise convolutions and sums tie them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        variable = [t.name for t in graph.tensors.values() if t.kind is not Kind.CONSTANT]
        self._root = {name: name for name in variable}
        for node in graph.nodes:
            if _ties(graph, node):
                reads = [name for name in node.inputs if name in self._root]
                for name in reads:
                    self._root[self._find(name)] = self._find(node.output)

    def members(self) -> Iterable[list[str]]:
        """The groups, each as names of tensors."""
        found: dict[str, list[str]] = {}
        for name in self._root:
            found.setdefault(self._find(name), []).append(name)
        return found.values()

    def _find(self, name: str) -> str:
        while self._root[name] != name:
            name = self._root[name]
        return name


def _ties(graph: Graph, node: Node) -> bool:
    """Whether channel c of the output comes from channel c of each activation, and no other."""
    inputs, output = graph.node_inputs(node), graph.node_output(node)
    match node.op:
        case DepthwiseConv2D():
            return inputs[0].shape[-1] == output.shape[-1]
        case Pool2D():
            return True
        case Add():
            return all(t.shape == output.shape and t.data is None for t in inputs)
        case Mean(axes=axes):
            return len(inputs[0].shape) - 1 not in axes
        case Reshape():
            return inputs[0].shape[-1:] == output.shape[-1:] != ()
    return False


_MAKERS = (Conv2D, FullyConnected)


def _makes(graph: Graph, node: Node) -> bool:
    """Whether each channel of the output is made by weights of its own, of all input channels."""
    if not isinstance(node.op, _MAKERS):
        return False
    image, weights = graph.node_inputs(node)[:2]
    if isinstance(node.op, Conv2D) and node.op.groups(image.shape, weights.shape) > 1:
        return False
    return weights.data is not None and not weight_zero(weights)


def _removable(graph: Graph, bounds: Mapping[str, Interval], names: list[str]) -> Mask | None:
    """The channels that a group can do without; None where it needs all."""
    if any(name not in bounds or graph.tensors[name].dtype is not DType.INT8 for name in names):
        return None
    mask = np.ones(len(bounds[names[0]].low), np.bool_)
    read = False
    for name in names:
        if name in graph.inputs or name in graph.outputs:
            return None
        tensor, maker = graph.tensors[name], graph.producer(name)
        if (
            tensor.kind is Kind.STATE
            or maker is None
            or not (_ties(graph, maker) or _makes(graph, maker))
        ):
            return None
        for reader in graph.consumers(name):
            if not _ties(graph, reader):
                read = True
                mask &= _dispensable(graph, reader, tensor, bounds[name])
    if mask.all():
        mask[0] = False
    return mask if read else None


def _dispensable(graph: Graph, node: Node, tensor: Tensor, bounds: Interval) -> Mask:
    """The channels of `tensor` that `node`, which reads it, can do without."""
    none = np.zeros(len(bounds.low), np.bool_)
    if not _makes(graph, node) or node.inputs.count(tensor.name) != 1:
        return none
    weights = graph.node_inputs(node)[1]
    count, rest = divmod(weights.shape[-1], len(none))
    if rest or graph.node_output(node).dtype is not DType.INT8:
        return none
    columns = weights.values.reshape(-1, count, len(none))
    unread = np.asarray(~columns.any((0, 1)))
    same = bounds.constant
    if isinstance(node.op, Conv2D) and node.op.window.pads:
        same = same & (bounds.low == tensor.quant.zero_point)
    return unread | same


@dataclass(frozen=True)
class _Removal:
    """Takes the channels out of the tensors and of the weights around them."""

    graph: Graph
    bounds: Mapping[str, Interval]
    dead: Mapping[str, Mask]
    """By tensor, the channels to remove."""

    def run(self) -> Graph:
        """The smaller graph."""
        draft = Draft(self.graph)
        for name, mask in self.dead.items():
            tensor = draft.tensors[name]
            shape = (*tensor.shape[:-1], int(np.count_nonzero(~mask)))
            draft.tensors[name] = replace(tensor, shape=shape)
        for node in self.graph.nodes:
            changed = self._node(draft, node)
            if changed is not node:
                draft.replace(node, changed)
        return draft.finish()

    def _node(self, draft: Draft, node: Node) -> Node:
        read, made = self.dead.get(node.inputs[0]), self.dead.get(node.output)
        if isinstance(node.op, Reshape) and made is not None:
            return replace(node, op=Reshape(draft.tensors[node.output].shape))
        if isinstance(node.op, DepthwiseConv2D) and made is not None:
            return _with_constants(draft, node, _kept(draft, node, ~made))
        if not isinstance(node.op, _MAKERS) or (read is None and made is None):
            return node
        constants = _kept(draft, node, None if made is None else ~made)
        if read is not None:
            constants = self._without_columns(draft, node, constants, read)
        return _with_constants(draft, node, constants)

    def _without_columns(
        self, draft: Draft, node: Node, constants: list[Tensor], read: Mask
    ) -> list[Tensor]:
        """Weights without the removed input channels, whose constants go into the bias."""
        image = draft.tensors[node.inputs[0]]
        weights, *bias = constants
        count = weights.shape[-1] // len(read)
        gone = np.tile(read, count)
        value = np.tile(self.bounds[image.name].low - image.quant.zero_point, count)
        values = weights.values
        lost = (values[..., gone].astype(np.int64) * value[gone]).reshape(len(values), -1).sum(1)
        kept = np.ascontiguousarray(values[..., ~gone])
        made = [replace(weights, shape=kept.shape, data=kept)]
        if lost.any() or bias:
            old = bias[0].values.reshape(-1) if bias else np.zeros(len(values), np.int32)
            total = (old.astype(np.int64) + lost).astype(np.int32)
            name = bias[0].name if bias else f"{node.name}_bias"
            made.append(Tensor.constant(name, total, bias[0].quantization if bias else None))
        return made


def _kept(draft: Draft, node: Node, kept: Mask | None) -> list[Tensor]:
    """Weights and bias of the output channels that stay; all for None."""
    weights, *bias = (draft.tensors[name] for name in node.inputs[1:])
    if kept is None:
        return [weights, *bias]
    axis = len(weights.shape) - 1 if isinstance(node.op, DepthwiseConv2D) else 0
    found = [_sliced(weights, kept, axis)]
    if bias:
        flat = replace(bias[0], shape=(bias[0].elements,), data=bias[0].values.reshape(-1))
        found.append(_sliced(flat, kept, 0))
    return found


def _sliced(tensor: Tensor, kept: Mask, axis: int) -> Tensor:
    data = np.ascontiguousarray(np.compress(kept, tensor.values, axis))
    grid = tensor.quantization
    if grid is not None and len(grid.scales) == len(kept):
        chosen = np.flatnonzero(kept)
        grid = Quantization(
            tuple(grid.scales[i] for i in chosen),
            tuple(grid.zero_points[i] for i in chosen),
            grid.axis,
        )
    return replace(tensor, shape=data.shape, data=data, quantization=grid)


def _with_constants(draft: Draft, node: Node, constants: list[Tensor]) -> Node:
    """`node` with new constants, under names of their own as others may share the old ones."""
    names = tuple(draft.add_tensor(tensor) for tensor in constants)
    return replace(node, inputs=(node.inputs[0], *names))
