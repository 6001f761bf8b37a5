"""A stable text form of a graph, for golden tests and for people."""

from __future__ import annotations

import dataclasses
import enum
import hashlib

from edge_runtime.graph.graph import Graph
from edge_runtime.graph.tensor import Kind, Tensor


def dump(graph: Graph) -> str:
    """One line a tensor that nodes do not make, then one line a node; equal graphs, equal text."""
    lines = [f"graph {graph.name}"]
    for tensor in graph.tensors.values():
        if graph.producer(tensor.name) is None or tensor.kind is Kind.STATE:
            role = "input" if tensor.name in graph.inputs else tensor.kind.value
            lines.append(f"  {role} {_tensor(tensor)}")
    for node in graph.nodes:
        attributes = ", ".join(
            f"{field.name}={_value(getattr(node.op, field.name))}"
            for field in dataclasses.fields(node.op)  # type: ignore[arg-type]
        )
        made = ", ".join(map(_tensor, graph.node_outputs(node)))
        lines.append(f"  {made} = {node.op.NAME}({', '.join(node.inputs)}) {{{attributes}}}")
    lines.append(f"  return {', '.join(graph.outputs)}")
    return "\n".join(lines) + "\n"


def _tensor(tensor: Tensor) -> str:
    text = f"{tensor.name}: {tensor.dtype.value}{list(tensor.shape)}"
    if tensor.quantization is not None:
        quantization = tensor.quantization
        if len(quantization.scales) == 1:
            text += f" scale {quantization.scale:.9g} zero {quantization.zero_point}"
        else:
            text += f" {len(quantization.scales)} scales on axis {quantization.axis}"
    data = tensor.data if tensor.initial is None else tensor.initial
    if data is not None:
        text += f" sha256 {hashlib.sha256(data.tobytes()).hexdigest()[:12]}"
    return text


def _value(value: object) -> str:
    if isinstance(value, enum.Enum):
        return str(value.value)
    return str(value)
