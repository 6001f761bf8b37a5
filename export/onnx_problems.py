"""What ONNX of opset 13 has no form for."""

from __future__ import annotations

from edge_runtime.errors import Problem
from edge_runtime.export.onnx_elementwise import element_problems
from edge_runtime.export.onnx_recurrent import recurrent_problems
from edge_runtime.graph import DType, Graph, Kind, Node
from edge_runtime.ops import (
    AveragePool2D,
    BatchMatMul,
    Linear,
    Recurrent,
    ReduceProd,
    Svdf,
    TransposeConv2D,
)
from edge_runtime.ops.linear import weight_zero


def problems_of(graph: Graph) -> list[Problem]:
    """All that cannot be written, node by node."""
    found = [
        Problem(tensor.name, "tensor", "state kept between calls cannot be written yet")
        for tensor in graph.of_kind(Kind.STATE)
    ]
    for node in graph.nodes:
        reasons = _types(graph, node) or [*_forms(graph, node), *_unwritten(graph, node)]
        found += [Problem(node.name, node.op.NAME, reason) for reason in reasons]
        if isinstance(node.op, AveragePool2D) and node.op.window.dilation != (1, 1):
            reason = f"dilation {node.op.window.dilation} of an average pool; allowed: (1, 1)"
            found.append(Problem(node.name, node.op.NAME, reason))
    return found


def _unwritten(graph: Graph, node: Node) -> list[str]:
    """What is wrong with a node that multiplies nothing."""
    op, inputs = node.op, graph.node_inputs(node)
    if isinstance(op, Svdf):
        return ["ONNX has no such operation"]
    if isinstance(op, Recurrent):
        return recurrent_problems(op, inputs)
    if isinstance(op, ReduceProd) and not graph.node_output(node).dtype.is_float:
        return ["int8 products, which round after each factor; allowed: float32"]
    return element_problems(op, inputs)


def _types(graph: Graph, node: Node) -> list[str]:
    """Types that opset 13 stores in no quantized form."""
    tensors = (*graph.node_inputs(node), *graph.node_outputs(node))
    kinds = {t.dtype for t in tensors if t.quantization is not None and t.data is None}
    wide = [kind.value for kind in kinds if kind not in (DType.INT8, DType.UINT8)]
    return [f"{', '.join(sorted(wide))} with a scale; allowed: float32, or int8"] if wide else []


def _forms(graph: Graph, node: Node) -> list[str]:
    """What is wrong with the types and groups of an operation that multiplies."""
    op, inputs = node.op, graph.node_inputs(node)
    if not isinstance(op, Linear | BatchMatMul):
        return []
    types = {tensor.dtype for tensor in inputs[:2]}
    found = []
    if types not in ({DType.FLOAT32}, {DType.INT8}):
        told = " and ".join(tensor.dtype.value for tensor in inputs[:2])
        found.append(f"{told}; allowed: float32, or int8")
    if isinstance(op, Linear) and inputs[1].data is None:
        found.append(f"weights {inputs[1].name} are computed at run time")
    elif isinstance(op, Linear) and inputs[1].dtype is DType.INT8 and weight_zero(inputs[1]):
        found.append(f"weights {inputs[1].name} have a zero point other than 0")
    if isinstance(op, TransposeConv2D) and op.groups(inputs[0].shape, inputs[1].shape) > 1:
        found.append("a transposed convolution in groups cannot be written yet")
    return found
