"""What a layer with weights multiplies: its inputs, as rows that meet each output channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Array, Graph, Node
from edge_runtime.ops import Conv2D, DepthwiseConv2D, FullyConnected
from edge_runtime.ops.windowed import windows

MOST = 8192
"""Observations that a Hessian is made of; more do not change it much."""

Columns = npt.NDArray[np.float32]


def is_known(graph: Graph, node: Node) -> bool:
    """Whether `columns` knows how `node` lays out its weights: not in groups, not transposed."""
    if isinstance(node.op, Conv2D):
        image, weights = graph.node_inputs(node)[:2]
        return image.shape[3] == weights.shape[3]
    return isinstance(node.op, DepthwiseConv2D | FullyConnected)


def groups_of(graph: Graph, node: Node) -> int:
    """In how many groups the output channels are that read the same inputs."""
    return graph.node_inputs(node)[0].shape[3] if isinstance(node.op, DepthwiseConv2D) else 1


def columns(graph: Graph, node: Node, image: Array, fill: float = 0.0) -> Columns:
    """Up to MOST observations of the inputs of each group: (groups, observations, inputs).

    `image` is (samples, *shape) of what `node` reads, `fill` what stands outside of it. The order
    of inputs is that of `rows_of`.
    """
    random = np.random.default_rng(0)
    weights = graph.node_inputs(node)[1]
    if isinstance(node.op, FullyConnected):
        rows = image.reshape(-1, weights.shape[1])
        return rows[_some(len(rows), random)].astype(np.float32)[None]
    assert isinstance(node.op, Conv2D | DepthwiseConv2D)
    kernel = weights.shape[1], weights.shape[2]
    stacked = image.reshape(-1, *image.shape[2:])
    view = windows(stacked, kernel, node.op.window, fill)
    places = np.unravel_index(_some(int(np.prod(view.shape[:3])), random), view.shape[:3])
    taken = view[places].astype(np.float32)  # (observations, height, width, channels)
    groups = groups_of(graph, node)
    parted = taken.reshape(*taken.shape[:3], groups, -1)
    return np.moveaxis(parted, 3, 0).reshape(groups, len(taken), -1)


def _some(count: int, random: np.random.Generator) -> npt.NDArray[np.intp]:
    if count <= MOST:
        return np.arange(count)
    return np.sort(random.choice(count, MOST, replace=False))
