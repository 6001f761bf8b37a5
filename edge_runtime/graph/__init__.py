"""The intermediate representation: tensors, operations, nodes, and the rules they obey."""

from edge_runtime.graph.graph import Graph, Node
from edge_runtime.graph.op import Activation, Op, Rounding, Scaling, Window
from edge_runtime.graph.tensor import Array, DType, Kind, Quantization, Shape, Tensor

__all__ = [
    "Activation",
    "Array",
    "DType",
    "Graph",
    "Kind",
    "Node",
    "Op",
    "Quantization",
    "Rounding",
    "Scaling",
    "Shape",
    "Tensor",
    "Window",
]
