"""Float operations between dequantize and quantize as integer operations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_runtime.graph import DType, Graph, Kind, Node, Quantization, Tensor
from edge_runtime.graph.verify import verify
from edge_runtime.ops import (
    Add,
    Dequantize,
    Linear,
    Mean,
    Pad,
    Pool2D,
    Quantize,
    Reshape,
    Softmax,
    Transpose,
)
from edge_runtime.passes.draft import Draft


def fuse_quantization(graph: Graph) -> Graph:
    """Turn dequantize, float operation, quantize into the operation on integers.

    A node is turned if all activations it reads come out of a dequantize, all that read it are
    quantize nodes of one scale, and its weights, if any, carry the scales of the integers they
    stand for, or are integers times one scale a channel. Others stay float. Results may differ by
    rounding, as they do between any two integer runtimes.
    """
    draft = Draft(graph)
    for node in draft.nodes():
        current = draft.current(node)
        if current is None:
            continue
        if isinstance(current.op, Quantize):
            _requantize(draft, current)
        else:
            _turn(draft, current)
    return verify(draft.finish())


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


def _turn(draft: Draft, node: Node) -> None:
    result = _result(draft, node)
    operands = node.inputs[:1] if isinstance(node.op, Linear) else node.inputs
    stored = [_stored(draft, name) for name in operands]
    integers = [tensor for tensor in stored if tensor is not None]
    if not integers or len(integers) < len(stored):
        return
    if isinstance(node.op, (Pad, Reshape, Transpose)):
        _move(draft, node, integers[0])
        return
    if result is None:
        return
    names = tuple(tensor.name for tensor in integers)
    if isinstance(node.op, (Add, Mean)):
        _commit(draft, node, names, result, result.quant)
    elif isinstance(node.op, Pool2D):
        _commit(draft, node, names, result, integers[0].quant)
    elif isinstance(node.op, Softmax):
        _commit(draft, node, names, result, node.op.fixed_quantization(DType.INT8))
    elif isinstance(node.op, Linear):
        constants = _integer_constants(draft, node, integers[0])
        if constants:
            _commit(draft, node, (*names, *constants), result, result.quant)


def _move(draft: Draft, node: Node, stored: Tensor) -> None:
    """Move integers instead of what they were dequantized to, and dequantize behind."""
    op = node.op
    if isinstance(op, Pad):
        # What it fills with, a real zero but for odd models, is rounded to the integers' grid.
        real = np.asarray(op.value, np.float32)
        op = replace(op, value=int(stored.quant.quantize(real, stored.dtype)))
    made = draft.tensors[node.output]
    moved = draft.add_tensor(
        Tensor(f"{made.name}_int8", made.shape, stored.dtype, quantization=stored.quantization)
    )
    draft.replace_by(
        node,
        Node(draft.new_name(moved), op, (stored.name,), moved),
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
    draft: Draft, node: Node, inputs: tuple[str, ...], result: Tensor, made: Quantization
) -> None:
    """Let `node` make integers of the quantization `made`, and from these `result`."""
    first, *others = draft.readers(node.output)
    for other in others:
        if not draft.is_output(other.output):
            draft.redirect(other.output, first.output)
            draft.remove(other)
    if made == result.quantization and len(draft.readers(node.output)) == 1:
        draft.remove(first)
        draft.replace(node, replace(node, inputs=inputs, output=first.output))
        return
    integer = Tensor(f"{node.output}_int8", draft.tensors[node.output].shape, DType.INT8)
    name = draft.add_tensor(replace(integer, quantization=made))
    readers = draft.readers(node.output)
    draft.replace(node, replace(node, inputs=inputs, output=name))
    for reader in readers:
        draft.replace(reader, replace(reader, inputs=(name,)))


def _integer_constants(draft: Draft, node: Node, image: Tensor) -> tuple[str, ...]:
    """Names of new integer weights and bias; none where the weights have no scales."""
    weights, *bias = (draft.tensors[name] for name in node.inputs[1:])
    if weights.data is None:
        return ()
    if weights.quantization is None and isinstance(node.op, Linear):
        weights = _exact(weights, node.op.weight_axis)
    if weights.quantization is None:
        return ()
    stored = weights.quant.quantize(weights.values, DType.INT8)
    names = [draft.add_tensor(Tensor.constant(weights.name, stored, weights.quantization))]
    if bias:
        names.append(draft.add_tensor(integer_bias(bias[0], image, weights)))
    return tuple(names)


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
    """A float bias in units of the input's scale times that of each weight channel, as int32."""
    scales = tuple(float(np.float32(image.quant.scale * s)) for s in weights.quant.scales)
    axis = None if len(scales) == 1 else 0
    grid = Quantization(scales, (0,) * len(scales), axis)
    real = bias.values.reshape(-1).astype(np.float64)
    stored = np.clip(np.rint(real / np.asarray(scales)), *DType.INT32.range).astype(np.int32)
    return Tensor(bias.name, stored.shape, DType.INT32, Kind.CONSTANT, grid, stored)
