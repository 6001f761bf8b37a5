"""Many inferences at once: the reference interpreter on a graph whose batch dimension is set.

Samples are independent of one another, so a graph of batch 1 means the same for many: the leading
dimension of each activation is multiplied by their number. Graphs for which that is not so, such as
those with state, run sample by sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.errors import DataError
from edge_runtime.graph import Array, DType, Graph, Kind, Node, Op, Shape, Tensor
from edge_runtime.interpreter import Interpreter, Observer

ELEMENTS = 1 << 16
"""Samples are run at once until the largest tensor has this many: it should stay in the cache."""
MOST_AT_ONCE = 256


def rebatch(graph: Graph, count: int) -> Graph | None:
    """`graph` for `count` samples at once, one behind the other along each leading dimension.

    None where some node would not keep samples apart, or where there is state.
    """
    if graph.of_kind(Kind.STATE) or any(not graph.tensors[name].shape for name in graph.inputs):
        return None
    tensors = dict(graph.tensors)
    nodes = []
    for name in graph.inputs:
        tensors[name] = _repeated(tensors[name], count)
    for node in graph.nodes:
        batched = _Batched.of(graph, node, count)
        if batched is None:
            return None
        tensors.update(zip(node.outputs, batched.outputs, strict=True))
        nodes.append(replace(node, op=batched.op))
    return Graph(graph.name, tensors, tuple(nodes), graph.inputs, graph.outputs)


@dataclass(frozen=True)
class _Batched:
    """A node for several samples at once."""

    op: Op
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @staticmethod
    def of(graph: Graph, node: Node, count: int) -> _Batched | None:
        """`node` for `count` samples, one behind the other; None where that is something else."""
        if not _keeps_samples_apart(graph, node):
            return None
        op = node.op.repeated(count)
        given = graph.node_inputs(node)
        inputs = tuple(t if t.data is not None else _repeated(t, count) for t in given)
        outputs = tuple(_repeated(tensor, count) for tensor in graph.node_outputs(node))
        if op.node_problems(inputs, outputs):
            return None
        if op.output_shapes(inputs) != tuple(tensor.shape for tensor in outputs):
            return None
        return _Batched(op, inputs, outputs)


def _repeated(tensor: Tensor, count: int) -> Tensor:
    return replace(tensor, shape=(count * tensor.shape[0], *tensor.shape[1:]))


def evaluate_node(graph: Graph, node: Node, values: Mapping[str, Array]) -> tuple[Array, ...]:
    """What `node`, which has no state, makes of many samples: (samples, *shape) for each output.

    `values` has for each activation that it reads (samples, *its shape), of the stored type.
    """
    given = [values[t.name] if t.data is None else None for t in graph.node_inputs(node)]
    samples = next((len(array) for array in given if array is not None), 1)
    largest = max(t.elements for t in (*graph.node_inputs(node), *graph.node_outputs(node)))
    step = min(samples, MOST_AT_ONCE, max(1, ELEMENTS // largest))
    parts = []
    for start in range(0, samples, step):
        count = min(step, samples - start)
        chunk = [None if a is None else a[start : start + count] for a in given]
        parts += _evaluate_chunk(graph, node, chunk, count)
    return tuple(np.concatenate(made) for made in zip(*parts, strict=True))


def _evaluate_chunk(
    graph: Graph, node: Node, arrays: Sequence[Array | None], count: int
) -> list[list[Array]]:
    batched = _Batched.of(graph, node, count) if count > 1 else None
    if batched is None and count > 1:
        singles = ([None if a is None else a[i : i + 1] for a in arrays] for i in range(count))
        return [part for single in singles for part in _evaluate_chunk(graph, node, single, 1)]
    kept = batched or _Batched(node.op, graph.node_inputs(node), graph.node_outputs(node))
    values = [
        tensor.values if array is None else array.reshape(tensor.shape)
        for array, tensor in zip(arrays, kept.inputs, strict=True)
    ]
    made = kept.op.compute(values, kept.inputs, kept.outputs)
    shapes = [tensor.shape for tensor in graph.node_outputs(node)]
    return [[array.reshape(count, *shape) for array, shape in zip(made, shapes, strict=True)]]


def _keeps_samples_apart(graph: Graph, node: Node) -> bool:
    inputs, outputs = graph.node_inputs(node), graph.node_outputs(node)
    activations = [tensor for tensor in inputs if tensor.data is None]
    if not inputs or not all(tensor.shape for tensor in (inputs[0], *activations, *outputs)):
        return False
    return node.op.by_sample(inputs, outputs[0])


def evaluate(
    graph: Graph, inputs: Mapping[str, Array], observe: Observer | None = None
) -> dict[str, Array]:
    """The outputs of many samples: for each name an array (samples, *the output's shape).

    `inputs` has for each input (samples, *its shape), of the stored type; dimensions of size 1 may
    be left out or added. Every result equals that of one inference alone: integers exactly, floats
    but for the order in which sums are added. State, if any, is reset before each sample.

    `observe` is called for each node with arrays whose first axis is the samples'. DataError: see
    `matched`.
    """
    arrays = matched(graph, inputs)
    for name, array in arrays.items():
        if array.dtype != graph.tensors[name].dtype.numpy:
            raise DataError(
                f"array {name} is {array.dtype}; the model takes {graph.tensors[name].dtype.value}",
                hint="quantize real values with the input's scale and zero point first",
            )
    parts: dict[str, list[Array]] = {name: [] for name in graph.outputs}
    for outputs in _run(graph, arrays, observe):
        for name, value in outputs.items():
            parts[name].append(value)
    return {name: np.concatenate(values) for name, values in parts.items()}


def _run(
    graph: Graph, arrays: Mapping[str, Array], observe: Observer | None
) -> Iterator[dict[str, Array]]:
    samples = len(next(iter(arrays.values())))
    interpreters: dict[int, Interpreter] = {}
    step = _at_once(graph)
    for start in range(0, samples, step):
        count = min(step, samples - start)
        if count not in interpreters:
            interpreters[count] = Interpreter(rebatch(graph, count) or graph)
        interpreter = interpreters[count]
        interpreter.reset()
        batch = {
            name: array[start : start + count].reshape(interpreter.graph.tensors[name].shape)
            for name, array in arrays.items()
        }
        outputs = interpreter.run(batch, _by_sample(graph, count, observe))
        yield {
            name: value.reshape(count, *graph.tensors[name].shape)
            for name, value in outputs.items()
        }


def _at_once(graph: Graph) -> int:
    if rebatch(graph, 2) is None:
        return 1
    largest = max(tensor.elements for tensor in graph.of_kind(Kind.ACTIVATION))
    return min(MOST_AT_ONCE, max(1, ELEMENTS // largest))


def _by_sample(graph: Graph, count: int, observe: Observer | None) -> Observer | None:
    """`observe`, told of arrays with the samples along an axis of their own."""
    if observe is None:
        return None
    return lambda node, value: observe(node, value.reshape(count, *graph.node_output(node).shape))


def matched(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays in the order of the graph's inputs, each reshaped to (samples, *its shape).

    DataError: a name is missing or unknown, a shape does not fit, there are no samples, or not as
    many for each input.
    """
    _check_names(graph, inputs)
    arrays = {}
    for name in graph.inputs:
        array, shape = np.asarray(inputs[name]), graph.tensors[name].shape
        if not array.ndim or _without_ones(array.shape[1:]) != _without_ones(shape):
            raise DataError(
                f"array {name} has shape {array.shape}; allowed: (samples, *{shape})",
                hint="the first axis is that of the samples",
            )
        if not len(array):
            raise DataError(f"array {name} of shape {array.shape} holds no samples")
        arrays[name] = array.reshape(len(array), *shape)
    if len({len(array) for array in arrays.values()}) > 1:
        counts = ", ".join(f"{name}: {len(array)}" for name, array in arrays.items())
        raise DataError(f"the arrays differ in their number of samples ({counts})")
    return arrays


def _check_names(graph: Graph, inputs: Mapping[str, Array]) -> None:
    missing = [name for name in graph.inputs if name not in inputs]
    unknown = [name for name in inputs if name not in graph.inputs]
    if missing or unknown:
        raise DataError(
            f"arrays {', '.join(inputs) or '(none)'} are given for the inputs"
            f" {', '.join(graph.inputs)}",
            hint=f"name them like the inputs: {', '.join(graph.inputs)}",
        )


def _without_ones(shape: Shape) -> Shape:
    return tuple(size for size in shape if size != 1)


def stored(tensor: Tensor, real: Array) -> Array:
    """Real values as `tensor` stores them; values that are of its type already stay as they are."""
    if real.dtype == tensor.dtype.numpy:
        return real
    if tensor.quantization is None and not tensor.dtype.is_float:
        return real.astype(tensor.dtype.numpy)
    values = real.astype(np.float32)
    return values if tensor.dtype is DType.FLOAT32 else tensor.quant.quantize(values, tensor.dtype)


def real(tensor: Tensor, values: Array) -> Array:
    """What stored values of `tensor` stand for, as float32; indices for themselves."""
    if tensor.dtype.is_float:
        return values
    if tensor.quantization is None:
        return values.astype(np.float32)
    return tensor.quant.dequantize(values)


def predict(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """`evaluate` on real values, giving real values, whatever the graph's interface stores."""
    arrays = {
        name: stored(graph.tensors[name], array) for name, array in matched(graph, inputs).items()
    }
    return {
        name: real(graph.tensors[name], values) for name, values in evaluate(graph, arrays).items()
    }
