"""Float operations between dequantize and quantize as integer operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_runtime.graph import (
    Activation,
    DType,
    Graph,
    Kind,
    Node,
    Op,
    Quantization,
    Rounding,
    Scaling,
    Tensor,
)
from edge_runtime.graph.verify import verify
from edge_runtime.ops import (
    AveragePool2D,
    Dequantize,
    Linear,
    MaxPool2D,
    Pad,
    Quantize,
    ReduceMax,
    ReduceMin,
    Reshape,
)
from edge_runtime.ops.move import Move
from edge_runtime.passes.draft import Draft


def fuse_quantization(graph: Graph, rounding: Rounding = Rounding.TWICE) -> Graph:
    """Turn dequantize, float operation, quantize into the operation on integers.

    A node is turned if all activations it reads come out of a dequantize, all that read it are
    quantize nodes of one scale, and its weights, if any, carry the scales of the integers they
    stand for, or are integers times one scale a channel. Others stay float, with integer weights
    where there are any. `rounding` is that of operations with weights and of averages; results of
    others may differ by a step from what the float operation would give.
    """
    draft = Draft(graph)
    for node in draft.nodes():
        current = draft.current(node)
        if current is None:
            continue
        if isinstance(current.op, Quantize):
            _requantize(draft, current)
        else:
            _turn(draft, current, rounding)
    for node in draft.nodes():
        _store_weights(draft, node)
    return verify(draft.finish())


def _store_weights(draft: Draft, node: Node) -> None:
    """Let a float operation read the integers that its weights stand for, and their scales."""
    if not isinstance(node.op, Linear) or not draft.tensors[node.output].dtype.is_float:
        return
    weights = draft.tensors[node.inputs[1]]
    if weights.data is None or weights.quantization is None or not weights.dtype.is_float:
        return
    stored = weights.quant.quantize(weights.values, DType.INT8)
    integers = Tensor.constant(f"{weights.name}_int8", stored, weights.quantization)
    inputs = [draft.tensors[name] for name in node.inputs]
    if node.op.problems([inputs[0], integers, *inputs[2:]], draft.tensors[node.output]):
        return
    name = draft.add_tensor(integers)
    draft.replace(node, replace(node, inputs=(node.inputs[0], name, *node.inputs[2:])))


def _requantize(draft: Draft, node: Node) -> None:
    """A quantize node of what was dequantized reads the integers themselves."""
    source = _stored(draft, node.inputs[0])
    if source is None:
        return
    same = source.quantization == draft.tensors[node.output].quantization
    if same and not draft.is_output(node.output):
        draft.redirect(node.output, source.name)
        draft.remove(node)
    else:
        draft.replace(node, replace(node, inputs=(source.name,)))


def _stored(draft: Draft, tensor: str) -> Tensor | None:
    """The integers that a float tensor was dequantized from."""
    maker = draft.maker(tensor)
    if maker is None or not isinstance(maker.op, Dequantize):
        return None
    return draft.tensors[maker.inputs[0]]


def _turn(draft: Draft, node: Node, rounding: Rounding) -> None:
    stored = [_stored(draft, name) for name in _operands(draft, node)]
    integers = [tensor for tensor in stored if tensor is not None]
    if not integers or len(integers) < len(stored):
        return
    if isinstance(node.op, _PICKS) and _is_plain(node.op):
        _move(draft, node, integers[0])
        return
    result = _result(draft, node)
    if result is None:
        return
    made = _made(node.op, integers, result)
    inputs = _integer_inputs(draft, node, integers, result)
    output = replace(draft.tensors[node.output], dtype=result.dtype, quantization=made)
    if inputs and not node.op.problems(inputs, output):
        if isinstance(node.op, AveragePool2D | Linear):
            node = replace(node, op=replace(node.op, rounding=rounding))
        _commit(draft, node, inputs, result, made)


_PICKS = (MaxPool2D, Move, ReduceMax, ReduceMin, Reshape)
"""Operations whose results are values of their input, whatever these stand for."""


def _is_plain(op: Op) -> bool:
    return not isinstance(op, MaxPool2D) or op.activation is Activation.NONE


def _operands(draft: Draft, node: Node) -> tuple[str, ...]:
    """The inputs that must come out of a dequantize."""
    if isinstance(node.op, Linear) and draft.tensors[node.inputs[1]].data is not None:
        return node.inputs[:1]
    return tuple(name for name in node.inputs if draft.tensors[name].dtype.is_float)


def _made(op: Op, integers: Sequence[Tensor], result: Tensor) -> Quantization:
    """How the operation's own result is quantized."""
    if op.SCALING is Scaling.KEPT:
        return integers[0].quant
    if op.SCALING is Scaling.FIXED:
        return op.fixed_quantization(result.dtype)
    return result.quant


def _integer_inputs(
    draft: Draft, node: Node, integers: Sequence[Tensor], result: Tensor
) -> tuple[Tensor, ...]:
    """What the operation reads as an integer one; nothing where there is no such thing."""
    if isinstance(node.op, Linear) and len(integers) == 1 < len(node.inputs):
        constants = _integer_constants(draft, node, integers[0])
        return (integers[0], *constants) if constants else ()
    remaining = iter(integers)
    found = []
    for name in node.inputs:
        tensor = draft.tensors[name]
        if tensor.dtype.is_float:
            tensor = next(remaining)
            if node.op.SCALING is Scaling.SHARED:
                tensor = _rescaled(draft, node, tensor, result)
        found.append(tensor)
    return tuple(found)


def _rescaled(draft: Draft, node: Node, tensor: Tensor, result: Tensor) -> Tensor:
    """The tensor on the grid of the result."""
    if tensor.quantization == result.quantization and tensor.dtype is result.dtype:
        return tensor
    made = Tensor(
        f"{tensor.name}_rescaled", tensor.shape, result.dtype, quantization=result.quantization
    )
    name = draft.add_tensor(made)
    rescale = Node(draft.new_name(name), Quantize(), (tensor.name,), name)
    draft.replace_by(node, rescale, node)
    return draft.tensors[name]


def _move(draft: Draft, node: Node, stored: Tensor) -> None:
    """Move integers instead of what they were dequantized to, and dequantize behind."""
    op = node.op
    if isinstance(op, Pad):
        # What it fills with, a real zero but for odd models, is rounded to the integers' grid.
        real = np.asarray(op.value, np.float32)
        op = replace(op, value=int(stored.quant.quantize(real, stored.dtype)))
    made = draft.tensors[node.output]
    moved = draft.add_tensor(
        Tensor(
            f"{made.name}_{stored.dtype.value}",
            made.shape,
            stored.dtype,
            quantization=stored.quantization,
        )
    )
    draft.replace_by(
        node,
        Node(draft.new_name(moved), op, (stored.name, *node.inputs[1:]), moved),
        replace(node, op=Dequantize(), inputs=(moved,)),
    )


def _result(draft: Draft, node: Node) -> Tensor | None:
    """The integers that all readers of a node's output quantize it to."""
    readers = draft.readers(node.output)
    if not readers or draft.is_output(node.output):
        return None
    results = [draft.tensors[reader.output] for reader in readers]
    if not all(isinstance(reader.op, Quantize) for reader in readers):
        return None
    return results[0] if len({tensor.quantization for tensor in results}) == 1 else None


def _commit(
    draft: Draft, node: Node, sources: Sequence[Tensor], result: Tensor, made: Quantization
) -> None:
    """Let `node` make integers of the quantization `made`, and from these `result`."""
    inputs = tuple(
        source.name if draft.tensors.get(source.name) is source else draft.add_tensor(source)
        for source in sources
    )
    first, *others = draft.readers(node.output)
    for other in others:
        if not draft.is_output(other.output):
            draft.redirect(other.output, first.output)
            draft.remove(other)
    if made == result.quantization and len(draft.readers(node.output)) == 1:
        draft.remove(first)
        draft.replace(node, replace(node, inputs=inputs, output=first.output))
        return
    stored = f"{node.output}_{result.dtype.value}"
    integer = Tensor(stored, draft.tensors[node.output].shape, result.dtype)
    name = draft.add_tensor(replace(integer, quantization=made))
    readers = draft.readers(node.output)
    draft.replace(node, replace(node, inputs=inputs, output=name))
    for reader in readers:
        draft.replace(reader, replace(reader, inputs=(name,)))


def _integer_constants(draft: Draft, node: Node, image: Tensor) -> tuple[Tensor, ...]:
    """Integer weights and bias, not yet in the graph; none where the weights have no scales."""
    weights, *bias = (draft.tensors[name] for name in node.inputs[1:])
    if weights.data is None:
        return ()
    if weights.quantization is None and isinstance(node.op, Linear):
        weights = _exact(weights, node.op.weight_axis)
    if weights.quantization is None:
        return ()
    stored = weights.quant.quantize(weights.values, DType.INT8)
    found = [Tensor.constant(f"{weights.name}_int8", stored, weights.quantization)]
    if bias:
        made = integer_bias(bias[0], image, weights)
        found.append(replace(made, name=f"{made.name}_{made.dtype.value}"))
    return tuple(found)


def _exact(weights: Tensor, axis: int) -> Tensor:
    """Weights with a scale for each channel if they then equal integers, as single ones do."""
    others = tuple(i for i in range(len(weights.shape)) if i != axis)
    greatest = np.abs(weights.values).max(others)
    scales = np.where(greatest > 0, greatest, 1).astype(np.float32) / np.float32(127)
    grid = Quantization(tuple(scales.tolist()), (0,) * len(scales), axis)
    again = grid.dequantize(grid.quantize(weights.values, DType.INT8))
    exact = np.allclose(again, weights.values, rtol=1e-6, atol=0)
    return replace(weights, quantization=grid) if exact else weights


def integer_bias(bias: Tensor, image: Tensor, weights: Tensor) -> Tensor:
    """A float bias in units of the input's scale times that of each weight channel.

    It is int32, or int64 beside int16 activations, whose sums are as wide.
    """
    scales = tuple(float(np.float32(image.quant.scale * s)) for s in weights.quant.scales)
    axis = None if len(scales) == 1 else 0
    grid = Quantization(scales, (0,) * len(scales), axis)
    real = bias.values.reshape(-1).astype(np.float64)
    dtype = DType.INT64 if image.dtype is DType.INT16 else DType.INT32
    # 64 bits hold more than doubles are exact to: real values that large are beyond all scales.
    most = min(dtype.range[1], 1 << 52)
    stored = np.clip(np.rint(real / np.asarray(scales)), -most - 1, most).astype(dtype.numpy)
    return Tensor(bias.name, stored.shape, dtype, Kind.CONSTANT, grid, stored)
