"""Whose scale each activation has: its own, that of what it was moved from, or a prescribed one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_runtime.graph import DType, Graph, Node, Quantization, Scaling, Tensor
from edge_runtime.quant.precision import Forms
from edge_runtime.quant.ranges import Range, Ranges


@dataclass(frozen=True)
class Origin:
    """Where the quantization of an activation comes from: exactly one of these."""

    own: str | None = None
    """The tensor whose range it is stored by."""
    fixed: Node | None = None
    """The node that prescribes it."""
    constant: Tensor | None = None
    """The constant whose values it holds."""

    def quantization(self, ranges: Ranges, dtype: DType) -> Quantization:
        """The quantization, for this type."""
        if self.fixed is not None:
            return self.fixed.op.fixed_quantization(dtype)
        if self.constant is not None:
            return range_of(self.constant).stored_as(dtype)
        assert self.own is not None
        return ranges[self.own].stored_as(dtype)


def range_of(constant: Tensor) -> Range:
    """All values of a constant fit."""
    return Range(float(constant.values.min()), float(constant.values.max()))


def origins(graph: Graph, forms: Forms) -> dict[str, Origin]:
    """The origin of every float activation of `graph`, by name.

    Inputs of an operation that needs one scale for all (`Scaling.SHARED`) take that of its result,
    if nothing else reads them; a range that holds all operands is wider than need be for other
    readers, and those operands are requantized instead.
    """
    found = {name: Origin(own=name) for name in graph.inputs if graph.tensors[name].dtype.is_float}
    for node in graph.nodes:
        for tensor in graph.node_outputs(node):
            if tensor.dtype.is_float:
                found[tensor.name] = _made(graph, forms, node, tensor.name, found)
    return _joined(graph, forms, found)


def own_tensors(graph: Graph, forms: Forms | None = None) -> tuple[str, ...]:
    """The activations that are stored by a range of their own, in the graph's order."""
    found = origins(graph, forms or Forms.of(graph)).values()
    return tuple(dict.fromkeys(origin.own for origin in found if origin.own is not None))


def _made(
    graph: Graph, forms: Forms, node: Node, output: str, found: Mapping[str, Origin]
) -> Origin:
    scaling = node.op.SCALING if node.name in forms.precisions else Scaling.OWN
    if scaling is Scaling.FIXED:
        return Origin(fixed=node)
    if scaling is Scaling.KEPT:
        source = graph.tensors[node.inputs[0]]
        return Origin(constant=source) if source.data is not None else found[source.name]
    return Origin(own=output)


def _joined(graph: Graph, forms: Forms, found: Mapping[str, Origin]) -> dict[str, Origin]:
    """`found`, with operands of one scale stored by the range of the result."""
    joined = dict(found)
    for node in reversed(graph.nodes):
        if node.op.SCALING is not Scaling.SHARED or node.name not in forms.precisions:
            continue
        for name in node.inputs:
            origin = joined.get(name)
            if origin is None or origin.own is None or origin == joined[node.output]:
                continue
            members = [each for each, other in joined.items() if other == origin]
            if _only_read_by(graph, forms, node, members):
                joined.update(dict.fromkeys(members, joined[node.output]))
    return joined


def _only_read_by(graph: Graph, forms: Forms, node: Node, members: list[str]) -> bool:
    """Whether what stands in `members` is read by `node` alone, but to be moved among them."""
    for name in members:
        if name in graph.outputs:
            return False
        for reader in graph.consumers(name):
            moved = (
                reader.op.SCALING is Scaling.KEPT
                and reader.name in forms.precisions
                and reader.output in members
            )
            if reader is not node and not moved:
                return False
    return True
