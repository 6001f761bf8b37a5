"""Batch normalization and late biases as a part of the linear operation before them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Activation, DType, Graph, Node, Quantization, Tensor, Window
from edge_runtime.graph.verify import verify
from edge_runtime.ops import Add, DepthwiseConv2D, Div, Linear, Mul, Reshape, Sub
from edge_runtime.passes.draft import Draft

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Affine:
    """y = activation(scale * x + shift), each channel of the last dimension by itself."""

    scale: Doubles
    shift: Doubles
    activation: Activation


def fold_affine(graph: Graph) -> Graph:
    """Multiply float weights by the factors, and add the summands to the bias, of what follows.

    Matches a linear operation without activation, any reshapes that keep the last dimension, then
    a depthwise convolution of single pixels, or arithmetic with one constant a channel.
    """
    draft = Draft(graph)
    for node in draft.nodes():
        current = draft.current(node)
        affine = None if current is None else _affine(draft, current)
        if current is not None and affine is not None:
            _fold(draft, current, affine)
    return verify(draft.finish())


def _affine(draft: Draft, node: Node) -> _Affine | None:
    op = node.op
    tensors = [draft.tensors[name] for name in node.inputs]
    channels = tensors[0].shape[-1] if tensors[0].shape else 0
    if not draft.tensors[node.output].dtype.is_float:
        return None
    if isinstance(op, DepthwiseConv2D):
        if tensors[1].shape != (1, 1, 1, channels) or op.window != Window():
            return None
        scale = tensors[1].values.reshape(-1).astype(np.float64)
        shift = tensors[2].values.reshape(-1) if len(tensors) > 2 else np.zeros(channels)
        return _Affine(scale, shift.astype(np.float64), op.activation)
    if not isinstance(op, (Add, Div, Mul, Sub)) or tensors[1].data is None:
        return None
    operand = tensors[1]
    each = operand.elements == 1 or (operand.elements,) == (channels,) == operand.shape[-1:]
    if not each or len(operand.shape) > len(tensors[0].shape):
        return None
    values = np.broadcast_to(operand.values.reshape(-1), (channels,)).astype(np.float64)
    return _arithmetic(op, values)


def _arithmetic(op: Add | Div | Mul | Sub, values: Doubles) -> _Affine | None:
    """An operation on a tensor and a constant a channel."""
    activation = getattr(op, "activation", Activation.NONE)
    if isinstance(op, (Add, Sub)):
        shift = values if isinstance(op, Add) else -values
        return _Affine(np.ones(len(values)), shift, activation)
    if isinstance(op, Div) and not values.all():
        return None
    scale = values if isinstance(op, Mul) else 1 / values
    return _Affine(scale, np.zeros(len(values)), activation)


def _fold(draft: Draft, node: Node, affine: _Affine) -> None:
    target = _linear_before(draft, node)
    if target is None or not isinstance(target.op, Linear):
        return
    if draft.tensors[target.inputs[1]].dtype is not DType.FLOAT32:
        return
    if draft.tensors[target.inputs[1]].quantization is not None and affine.scale.min() <= 0:
        return
    weights, *bias = (draft.tensors[name] for name in target.inputs[1:])
    scaled = _scaled(weights, affine.scale, target.op.weight_axis)
    old = bias[0].values.reshape(-1) if bias else np.zeros(len(affine.shift))
    name = bias[0].name if bias else f"{target.name}_bias"
    shifted = Tensor.constant(name, (old * affine.scale + affine.shift).astype(np.float32))
    inputs = (target.inputs[0], draft.add_tensor(scaled), draft.add_tensor(shifted))
    op = replace(target.op, activation=affine.activation)
    draft.replace(target, replace(target, op=op, inputs=inputs))
    draft.bypass(node)


def _scaled(weights: Tensor, scale: Doubles, axis: int) -> Tensor:
    """Weights multiplied along `axis`; integers that they stand for stay, their scales change."""
    shape = [1] * len(weights.shape)
    shape[axis] = -1
    values = (weights.values * scale.reshape(shape)).astype(np.float32)
    grid = weights.quantization
    if grid is None or (scale == 1).all():
        return Tensor.constant(weights.name, values, grid)
    if any(grid.zero_points) and len(set(scale.tolist())) > 1:
        # Integers of channels that are stretched differently cannot share a zero point.
        return Tensor.constant(weights.name, values)
    scales = np.asarray(grid.scales) * scale
    stretched = tuple(float(np.float32(s)) for s in scales)
    if any(grid.zero_points):
        return Tensor.constant(weights.name, values, Quantization(stretched[:1], grid.zero_points))
    return Tensor.constant(
        weights.name, values, Quantization(stretched, (0,) * len(stretched), axis)
    )


def _linear_before(draft: Draft, node: Node) -> Node | None:
    """The float operation without activation that `node` can be folded into."""
    tensor = node.inputs[0]
    channels = draft.tensors[tensor].shape[-1:]
    while draft.is_private(tensor) and draft.tensors[tensor].shape[-1:] == channels:
        maker = draft.maker(tensor)
        if maker is None or not isinstance(maker.op, Reshape):
            break
        tensor = maker.inputs[0]
    maker = draft.maker(tensor)
    if maker is None or not isinstance(maker.op, Linear) or not draft.is_private(tensor):
        return None
    if draft.tensors[maker.inputs[1]].data is None:
        return None
    last_dimension_kept = draft.tensors[tensor].shape[-1:] == channels
    return maker if maker.op.activation is Activation.NONE and last_dimension_kept else None
