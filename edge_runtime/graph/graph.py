"""The graph: nodes in an order that can be executed, and the tensors between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from edge_runtime.graph.op import Op
from edge_runtime.graph.tensor import Kind, Tensor


@dataclass(frozen=True)
class Node:
    """One operation applied to named tensors.

    Nearly every operation makes exactly one tensor, `output`. `also` names what a recurrent one
    makes besides: its state, or its last hidden and cell values.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    output: str
    also: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """All tensors that it makes, `output` first."""
        return (self.output, *self.also)


@dataclass(frozen=True, eq=False)
class Graph:
    """A network: immutable, changed only by passes that return a new one.

    `nodes` are in an order in which each finds its inputs made. `tensors` holds every tensor by
    name. `inputs` and `outputs` are names of activations, in the order of the model's interface.
    """

    name: str
    tensors: Mapping[str, Tensor]
    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    _producers: Mapping[str, Node] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        producers = {name: node for node in self.nodes for name in node.outputs}
        object.__setattr__(self, "_producers", MappingProxyType(producers))

    @staticmethod
    def build(
        name: str,
        tensors: Iterable[Tensor],
        nodes: Iterable[Node],
        inputs: Iterable[str],
        outputs: Iterable[str],
    ) -> Graph:
        """A graph of these parts; two tensors of one name are refused with ValueError."""
        by_name: dict[str, Tensor] = {}
        for tensor in tensors:
            if tensor.name in by_name:
                raise ValueError(f"two tensors are named {tensor.name}")
            by_name[tensor.name] = tensor
        return Graph(name, by_name, tuple(nodes), tuple(inputs), tuple(outputs))

    def node_inputs(self, node: Node) -> tuple[Tensor, ...]:
        """The tensors that `node` reads, in order."""
        return tuple(self.tensors[name] for name in node.inputs)

    def node_output(self, node: Node) -> Tensor:
        """The tensor that `node` writes; the first, if there are several."""
        return self.tensors[node.output]

    def node_outputs(self, node: Node) -> tuple[Tensor, ...]:
        """All tensors that `node` writes."""
        return tuple(self.tensors[name] for name in node.outputs)

    def producer(self, tensor: str) -> Node | None:
        """The node that writes `tensor`; None for inputs, constants and state."""
        return self._producers.get(tensor)

    def consumers(self, tensor: str) -> tuple[Node, ...]:
        """The nodes that read `tensor`, in order."""
        return tuple(node for node in self.nodes if tensor in node.inputs)

    def of_kind(self, kind: Kind) -> tuple[Tensor, ...]:
        """All tensors of one kind, in the graph's order."""
        return tuple(tensor for tensor in self.tensors.values() if tensor.kind is kind)

    def macs(self, node: Node) -> int:
        """Multiply-accumulates of `node` in one inference."""
        return node.op.macs(self.node_inputs(node), self.node_output(node))

    @property
    def total_macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(self.macs(node) for node in self.nodes)
