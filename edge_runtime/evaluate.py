"""Many inferences at once: the reference interpreter on a graph whose batch dimension is set.

Samples are independent of one another, so a graph of batch 1 means the same for many: the leading
dimension of each activation is multiplied by their number. Graphs for which that is not so, such as
those with state, run sample by sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from edge_runtime.errors import DataError
from edge_runtime.graph import Array, DType, Graph, Kind, Node, Shape, Tensor
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
        if not _keeps_samples_apart(graph, node):
            return None
        op = node.op.repeated(count)
        made = [_repeated(tensors[name], count) for name in node.outputs]
        tensors.update(zip(node.outputs, made, strict=True))
        inputs = [tensors[name] for name in node.inputs]
        if op.node_problems(inputs, made):
            return None
        if op.output_shapes(inputs) != tuple(tensor.shape for tensor in made):
            return None
        nodes.append(replace(node, op=op))
    return Graph(graph.name, tensors, tuple(nodes), graph.inputs, graph.outputs)


def _repeated(tensor: Tensor, count: int) -> Tensor:
    return replace(tensor, shape=(count * tensor.shape[0], *tensor.shape[1:]))


def _keeps_samples_apart(graph: Graph, node: Node) -> bool:
    inputs, outputs = graph.node_inputs(node), graph.node_outputs(node)
    if not inputs or not all(tensor.shape for tensor in (inputs[0], *outputs)):
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
    values = real.astype(np.float32)
    return values if tensor.dtype is DType.FLOAT32 else tensor.quant.quantize(values, tensor.dtype)


def real(tensor: Tensor, values: Array) -> Array:
    """What stored values of `tensor` stand for, as float32."""
    return values if tensor.dtype.is_float else tensor.quant.dequantize(values)


def predict(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """`evaluate` on real values, giving real values, whatever the graph's interface stores."""
    arrays = {
        name: stored(graph.tensors[name], array) for name, array in matched(graph, inputs).items()
    }
    return {
        name: real(graph.tensors[name], values) for name, values in evaluate(graph, arrays).items()
    }
