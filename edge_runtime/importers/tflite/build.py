"""The graph that a .tflite file becomes, as far as it has been built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edge_runtime.errors import ModelError, Problem
from edge_runtime.graph import Array, DType, Graph, Kind, Node, Op, Quantization, Tensor
from edge_runtime.graph.names import UniqueNames
from edge_runtime.graph.verify import tensor_problems
from edge_runtime.importers.tflite.file import File, FileTensor
from edge_runtime.importers.tflite.tensors import graph_tensor, is_dynamic, refuse_dynamic
from edge_runtime.importers.tflite.variables import Variables
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.passes.constants import folded


class Build:
    """Takes tensors, nodes and problems in."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.nodes: list[Node] = []
        self.made: list[Tensor] = []
        """Tensors that are not the file's own."""
        self.unique = UniqueNames()
        self.variables = Variables()
        self.names = [self.unique(t.name or f"tensor_{i}") for i, t in enumerate(file.tensors)]
        self._file_tensors = list(file.tensors)
        self._tensors: dict[int, Tensor] = {}
        self._refused: set[int] = set()

    def file_tensor(self, index: int) -> FileTensor:
        """A tensor of the file; ModelError where it names one that is not there."""
        if not 0 <= index < len(self._file_tensors):
            raise ModelError(f"the file is malformed: it names tensor {index}, which is not there")
        return self._file_tensors[index]

    def tensor(self, index: int) -> Tensor | None:
        """The graph's tensor for one of the file's; None, and a problem, if there can be none."""
        tensor = self.file_tensor(index)
        if index not in self._tensors and index not in self._refused:
            try:
                if index in self.file.inputs:
                    refuse_dynamic(tensor)
                self._tensors[index] = graph_tensor(self.names[index], tensor)
            except UnsupportedError as error:
                self._refused.add(index)
                self.problems.append(
                    Problem(self.names[index], "tensor", error.reason, error.rewrite)
                )
        return self._tensors.get(index)

    def define(self, index: int, tensor: Tensor) -> None:
        """Let `tensor`, a constant, stand for one of the file's that an operator makes."""
        self._tensors[index] = tensor

    def constant(self, index: int, data: Array) -> None:
        """Let a tensor of the file be a constant; UnsupportedError where it is an output."""
        tensor = self.tensor(index)
        if tensor is None:
            return
        if index in self.file.outputs:
            raise UnsupportedError("it makes an output of the model that is always the same")
        self._tensors[index] = Tensor.constant(
            tensor.name, data.astype(tensor.dtype.numpy), tensor.quantization
        )

    def make(self, name: str, op: Op, inputs: Sequence[Tensor], index: int, made: Tensor) -> None:
        """Let `op` make the tensor `index` of the file: by a node, or here if that can be."""
        if made.kind is Kind.STATE:
            raise UnsupportedError(
                f"it writes the variable tensor {made.name}", "keep state by ASSIGN_VARIABLE"
            )
        if is_dynamic(self._file_tensors[index]) and _is_legal(op, inputs, made):
            made = replace(made, shape=op.output_shape(inputs))
            self._tensors[index] = made
            self._file_tensors[index] = replace(
                self._file_tensors[index], shape=made.shape, signature=made.shape
            )
        data = None if index in self.file.outputs else folded(op, inputs, made)
        if data is None:
            self.nodes.append(Node(name, op, tuple(t.name for t in inputs), made.name))
        else:
            self._tensors[index] = Tensor.constant(made.name, data, made.quantization)

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
        like: Tensor | None = None,
    ) -> Tensor:
        """Add a node between those of the file; the tensor it makes, a constant if that can be.

        Its type is that of the first input unless `dtype` says otherwise; or type and quantization
        are those of the tensor `like`.
        """
        if like is not None:
            dtype, quantization = like.dtype, like.quantization
        made = Tensor(wanted, (), dtype or inputs[0].dtype, Kind.ACTIVATION, quantization)
        reasons = op.problems(inputs, made)
        if reasons:
            raise UnsupportedError("; ".join(reasons))
        made = replace(made, shape=op.output_shape(inputs))
        data = folded(op, inputs, made)
        if data is not None:
            return self.add_tensor(Tensor.constant(wanted, data, quantization))
        made = self.add_tensor(made)
        self.nodes.append(Node(made.name, op, tuple(t.name for t in inputs), made.name))
        return made

    def graph(self, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """The graph of all that was taken in."""
        tensors = {tensor.name: tensor for tensor in self._tensors.values()}
        others = [*self.made, *self.variables.tensors()]
        return Graph.build(name, [*tensors.values(), *others], self.nodes, inputs, outputs)


def _is_legal(op: Op, inputs: Sequence[Tensor], made: Tensor) -> bool:
    """Whether `op` may make `made`, whose shape is not known yet."""
    tensors = (*inputs, replace(made, shape=()))
    return not any(map(tensor_problems, tensors)) and not op.problems(inputs, made)
