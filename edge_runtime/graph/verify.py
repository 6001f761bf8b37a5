"""The rules every graph obeys, checked after each import and each pass."""

from __future__ import annotations

import math

from edge_runtime.errors import GraphError, ModelError, Problem
from edge_runtime.graph.graph import Graph, Node
from edge_runtime.graph.tensor import Array, DType, Kind, Tensor

MOST_ELEMENTS = 1 << 28
"""Of one tensor: more than the memory of any microcontroller, and of offsets in 32 bits."""


def verify(graph: Graph) -> Graph:
    """Return `graph` unchanged, or raise GraphError or ModelError naming all that is wrong.

    GraphError: the structure is broken (a bug of a pass). ModelError: nodes that are well formed
    but not legal, as a user's model may have them; all of them are listed.
    """
    broken = _structure(graph)
    if broken:
        raise GraphError("\n".join([f"graph {graph.name} is malformed:", *broken]))
    problems = problems_of(graph)
    if problems:
        raise ModelError(
            f"model {graph.name} cannot be compiled; {len(problems)} problem(s):",
            hint="change these nodes in the model, then export it again",
            problems=problems,
        )
    return graph


def problems_of(graph: Graph) -> list[Problem]:
    """Why tensors and nodes of a graph of sound structure are not legal; empty if all are."""
    found = [
        Problem(tensor.name, "tensor", text)
        for tensor in graph.tensors.values()
        for text in tensor_problems(tensor)
    ]
    wrong = {problem.node for problem in found}
    for node in graph.nodes:
        # Nodes count on scales that are numbers and shapes that are sizes.
        if wrong.isdisjoint((*node.inputs, *node.outputs)):
            found += node_problems(graph, node)
    return found


def node_problems(graph: Graph, node: Node) -> list[Problem]:
    """Why `node` is not legal; empty if it is."""
    inputs, outputs = graph.node_inputs(node), graph.node_outputs(node)
    fewest, most = node.op.INPUTS
    attributes = vars(node.op).items()
    undefined = [
        name for name, value in attributes if isinstance(value, float) and math.isnan(value)
    ]
    if undefined:
        reasons = [f"{name} is no number" for name in undefined]
    elif not fewest <= len(inputs) <= most:
        reasons = [f"{len(inputs)} inputs; allowed: {fewest} to {most}"]
    elif len(outputs) != node.op.OUTPUTS:
        reasons = [f"{len(outputs)} outputs; allowed: {node.op.OUTPUTS}"]
    else:
        reasons = node.op.node_problems(inputs, outputs)
        if not reasons:
            reasons = [
                f"output {output.name} has shape {output.shape}, not {expected}"
                for output, expected in zip(outputs, node.op.output_shapes(inputs), strict=True)
                if expected != output.shape
            ]
    return [Problem(node.name, node.op.NAME, reason) for reason in reasons]


def _structure(graph: Graph) -> list[str]:
    found = []
    made = {t.name for t in graph.tensors.values() if t.kind is not Kind.ACTIVATION}
    made.update(graph.inputs)
    names: set[str] = set()
    for name in (*graph.inputs, *graph.outputs):
        if name not in graph.tensors:
            found.append(f"  {name} is an input or output, but no tensor")
        elif graph.tensors[name].kind is not Kind.ACTIVATION:
            found.append(f"  {name} is an input or output, but of kind {graph.tensors[name].kind}")
    for node in graph.nodes:
        if node.name in names:
            found.append(f"  two nodes are named {node.name}")
        names.add(node.name)
        for name in (*node.inputs, *node.outputs):
            if name not in graph.tensors:
                found.append(f"  node {node.name} names {name}, which is no tensor")
        found += [
            f"  node {node.name} reads {name} before anything has made it"
            for name in node.inputs
            if name in graph.tensors and name not in made
        ]
        for name in node.outputs:
            output = graph.tensors.get(name)
            if output is not None and output.kind is not Kind.STATE and name in made:
                found.append(f"  node {node.name} writes {name}, which is made elsewhere")
            made.add(name)
    found += [f"  output {name} is never made" for name in graph.outputs if name not in made]
    return found


def _within(data: Array, bounds: tuple[int, int]) -> bool:
    return not data.size or bool(bounds[0] <= data.min() and data.max() <= bounds[1])


def tensor_problems(tensor: Tensor) -> list[str]:
    """Why `tensor` is not legal, whatever reads it; empty if it is."""
    found = []
    if any(size < 1 for size in tensor.shape):
        found.append(f"shape {tensor.shape} has a dimension that is dynamic or empty")
    elif tensor.elements > MOST_ELEMENTS:
        found.append(f"shape {tensor.shape} has {tensor.elements} elements: too many for any board")
    if (tensor.kind is Kind.CONSTANT) != (tensor.data is not None):
        found.append(f"kind is {tensor.kind.value}, but data is {tensor.data is not None}")
    if tensor.initial is not None and tensor.kind is not Kind.STATE:
        found.append(f"kind is {tensor.kind.value}, but it has initial values")
    data = tensor.data if tensor.initial is None else tensor.initial
    if data is not None and (data.shape, data.dtype) != (tensor.shape, tensor.dtype.numpy):
        found.append(f"data are {data.dtype}{data.shape}, not {tensor.dtype.value}{tensor.shape}")
    elif data is not None and tensor.dtype is DType.INT4 and not _within(data, tensor.dtype.range):
        found.append("data do not fit into int4")
    quantization = tensor.quantization
    if quantization is not None:
        if not all(math.isfinite(scale) and scale > 0 for scale in quantization.scales):
            bad = next(s for s in quantization.scales if not (math.isfinite(s) and s > 0))
            found.append(f"scale {bad} is not a positive finite number")
        if len(quantization.scales) != len(quantization.zero_points):
            found.append("there are not as many zero points as scales")
        # Floats may tell which 8-bit integers they stand for, as weights do until they are stored.
        low, high = (DType.INT8 if tensor.dtype.is_float else tensor.dtype).range
        if not all(low <= point <= high for point in quantization.zero_points):
            found.append(f"a zero point is outside {low} ... {high}")
    return found
