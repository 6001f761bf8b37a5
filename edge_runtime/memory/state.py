"""What state tensors ask of the order: no write may overtake a read of what was there before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_runtime.errors import GraphError
from edge_runtime.graph import Graph, Kind, Node
from edge_runtime.ops import Reshape


@dataclass
class StateOrder:
    """Keeps each write of a state tensor after all jobs that came before it and touched the state.

    That a read comes after the write before it needs no more than the order of maker and reader.
    """

    graph: Graph
    roots: Mapping[str, str]
    touched: dict[str, int] = field(default_factory=dict)
    views: dict[str, set[str]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    """Views of a state that was written after they were made."""

    def visit(self, index: int, node: Node, allowed: tuple[int, ...]) -> int:
        """The jobs before `node`, the job of this index, that its write must not overtake."""
        after = 0
        for position, tensor in enumerate(node.inputs):
            root = self.roots[tensor]
            if self.graph.tensors[root].kind is not Kind.STATE:
                continue
            if tensor in self.stale:
                raise GraphError(f"{node.name} reads {tensor} after its state {root} was written")
            if root in node.outputs and position not in allowed:
                raise GraphError(f"{node.name} updates {root}, but its kernel cannot in place")
            self.touched[root] = self.touched.get(root, 0) | 1 << index
            if isinstance(node.op, Reshape):
                self.views.setdefault(root, set()).add(node.output)
        for made in self.graph.node_outputs(node):
            if made.kind is Kind.STATE:
                after |= self.touched.get(made.name, 0)
                self.touched[made.name] = 1 << index
                self.stale |= self.views.pop(made.name, set())
        return after & ~(1 << index)

    def check_outputs(self) -> None:
        """GraphError if a model output is a view of what is no longer there."""
        for name in self.graph.outputs:
            if name in self.stale:
                raise GraphError(f"output {name} shows state {self.roots[name]}, written later")
