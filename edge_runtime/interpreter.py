"""The reference interpreter: what a graph means, bit for bit, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edge_runtime.errors import DataError
from edge_runtime.graph import Array, Graph, Kind, Node, Tensor

Observer = Callable[[Node, Array], None]


class Interpreter:
    """Runs a graph one inference at a time; state tensors live on between calls of `run`."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._state: dict[str, Array] = {}
        self.reset()

    def reset(self) -> None:
        """Put every state tensor back to its start."""
        self._state = {tensor.name: tensor.start for tensor in self.graph.of_kind(Kind.STATE)}

    def run(self, inputs: Mapping[str, Array], observe: Observer | None = None) -> dict[str, Array]:
        """The outputs by name, for one array an input by name, of exactly its shape and type.

        `observe` is called after each node with its (first) output. DataError: inputs do not fit.
        """
        values = dict(self._state)
        for name in self.graph.inputs:
            values[name] = check_input(self.graph.tensors[name], inputs)
        for tensor in self.graph.of_kind(Kind.CONSTANT):
            values[tensor.name] = tensor.values
        for node in self.graph.nodes:
            made = node.op.compute(
                [values[name] for name in node.inputs],
                self.graph.node_inputs(node),
                self.graph.node_outputs(node),
            )
            for name, result in zip(node.outputs, made, strict=True):
                values[name] = result
                if name in self._state:
                    self._state[name] = result
            if observe is not None:
                observe(node, made[0])
        return {name: values[name] for name in self.graph.outputs}


def check_input(tensor: Tensor, arrays: Mapping[str, Array]) -> Array:
    """The array for `tensor` out of `arrays`; DataError if missing, or of another shape or type."""
    if tensor.name not in arrays:
        raise DataError(
            f"no array for input {tensor.name}; given: {', '.join(arrays) or 'none'}",
            hint=f"give an array named {tensor.name}",
        )
    array = arrays[tensor.name]
    if array.shape != tensor.shape or array.dtype != tensor.dtype.numpy:
        raise DataError(
            f"input {tensor.name} is {array.dtype}{array.shape}; the model takes"
            f" {tensor.dtype.value}{tensor.shape}"
        )
    return array
