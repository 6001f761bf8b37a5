"""The graph that a .tflite file becomes, as far as it has been built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_runtime.errors import ModelError, Problem
from edge_runtime.graph import DType, Graph, Kind, Node, Op, Quantization, Tensor
from edge_runtime.graph.names import UniqueNames
from edge_runtime.importers.tflite.file import File, FileTensor
from edge_runtime.importers.tflite.tensors import graph_tensor
from edge_runtime.importers.unsupported import UnsupportedError


class Build:
    """Takes tensors, nodes and problems in."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.nodes: list[Node] = []
        self.made: list[Tensor] = []
        """Tensors that are not the file's own."""
        self.unique = UniqueNames()
        self.names = [self.unique(t.name or f"tensor_{i}") for i, t in enumerate(file.tensors)]
        self._tensors: dict[int, Tensor] = {}
        self._refused: set[int] = set()

    def file_tensor(self, index: int) -> FileTensor:
        """A tensor of the file; ModelError where it names one that is not there."""
        if not 0 <= index < len(self.file.tensors):
            raise ModelError(f"the file is malformed: it names tensor {index}, which is not there")
        return self.file.tensors[index]

    def tensor(self, index: int) -> Tensor | None:
        """The graph's tensor for one of the file's; None, and a problem, if there can be none."""
        tensor = self.file_tensor(index)
        if index not in self._tensors and index not in self._refused:
            try:
                self._tensors[index] = graph_tensor(self.names[index], tensor)
            except UnsupportedError as error:
                self._refused.add(index)
                self.problems.append(
                    Problem(self.names[index], "tensor", error.reason, error.rewrite)
                )
        return self._tensors.get(index)

    def interface(self, indices: Sequence[int], what: str) -> list[str]:
        """The names of the graph's inputs or outputs."""
        if not indices:
            raise ModelError(f"the model has no {what}")
        return [tensor.name for index in indices if (tensor := self.tensor(index)) is not None]

    def add_tensor(self, tensor: Tensor) -> Tensor:
        """Add a tensor that is not the file's, under a name that is still free."""
        self.made.append(replace(tensor, name=self.unique(tensor.name)))
        return self.made[-1]

    def emit(
        self,
        op: Op,
        inputs: Sequence[Tensor],
        wanted: str,
        *,
        dtype: DType | None = None,
        quantization: Quantization | None = None,
    ) -> Tensor:
        """Add a node between those of the file; the tensor it makes.

        Its type is that of the first input unless `dtype` says otherwise.
        """
        made = Tensor(wanted, (), dtype or inputs[0].dtype, Kind.ACTIVATION, quantization)
        reasons = op.problems(inputs, made)
        if reasons:
            raise UnsupportedError("; ".join(reasons))
        made = self.add_tensor(replace(made, shape=op.output_shape(inputs)))
        self.nodes.append(Node(made.name, op, tuple(t.name for t in inputs), made.name))
        return made

    def graph(self, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """The graph of all that was taken in."""
        tensors = [*self._tensors.values(), *self.made]
        return Graph.build(name, tensors, self.nodes, inputs, outputs)
