"""A graph that a pass may change, with its readers and makers kept up to date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edge_runtime.graph import Graph, Kind, Node, Tensor
from edge_runtime.graph.names import UniqueNames


class Draft:
    """Nodes by name in executable order, and tensors; `finish` gives the graph back.

    A changed node keeps its place, so it must read only what was made before the node it replaces.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.tensors = dict(graph.tensors)
        self._nodes = {node.name: node for node in graph.nodes}
        self._places = tuple(self._nodes)
        self._before: dict[str, tuple[str, ...]] = {}
        self._node_name = UniqueNames(self._nodes)
        self._tensor_name = UniqueNames(self.tensors)
        self._makers: dict[str, str] = {}
        self._readers: dict[str, dict[str, None]] = {}
        for node in graph.nodes:
            self._link(node)

    def nodes(self) -> tuple[Node, ...]:
        """All nodes as they are now, in order."""
        return tuple(node for place in self._places for node in self._at(place))

    def _at(self, place: str) -> Iterator[Node]:
        for name in self._before.get(place, ()):
            yield from self._at(name)
        if place in self._nodes:
            yield self._nodes[place]

    def current(self, node: Node) -> Node | None:
        """What the node of this name has become; None if it was removed."""
        return self._nodes.get(node.name)

    def maker(self, tensor: str) -> Node | None:
        """The node that writes `tensor`."""
        name = self._makers.get(tensor)
        return None if name is None else self._nodes[name]

    def readers(self, tensor: str) -> tuple[Node, ...]:
        """The nodes that read `tensor`."""
        return tuple(self._nodes[name] for name in self._readers.get(tensor, ()))

    def is_output(self, tensor: str) -> bool:
        """Whether `tensor` is an output of the graph."""
        return tensor in self._graph.outputs

    def is_private(self, tensor: str) -> bool:
        """Whether `tensor` is made by a node and read by exactly one, and by nobody outside."""
        return (
            tensor in self._makers
            and len(self._readers.get(tensor, ())) == 1
            and not self.is_output(tensor)
            and self.tensors[tensor].kind is Kind.ACTIVATION
        )

    def replace(self, old: Node, new: Node) -> None:
        """Put `new`, of the same name, where `old` stands."""
        self._unlink(self._nodes[old.name])
        self._nodes[old.name] = new
        self._link(new)

    def replace_by(self, old: Node, *new: Node) -> None:
        """Put several nodes where `old` stands; the last takes its name and output."""
        *first, last = new
        self.replace(old, last)
        earlier = self._before.get(old.name, ())
        self._before[old.name] = (*earlier, *(node.name for node in first))
        for node in first:
            self._nodes[node.name] = node
            self._link(node)

    def remove(self, node: Node) -> None:
        """Take `node` out."""
        self._unlink(node)
        del self._nodes[node.name]

    def bypass(self, node: Node) -> None:
        """Take a node out: what made its only input now makes its output."""
        self.remove(node)
        maker = self.maker(node.inputs[0])
        if maker is None:
            raise ValueError(f"{node.inputs[0]} is made by no node")
        made = [node.output if name == node.inputs[0] else name for name in maker.outputs]
        self.replace(maker, replace(maker, output=made[0], also=tuple(made[1:])))

    def redirect(self, tensor: str, instead: str) -> None:
        """Let every reader of `tensor` read another one."""
        for node in self.readers(tensor):
            inputs = tuple(instead if name == tensor else name for name in node.inputs)
            self.replace(node, replace(node, inputs=inputs))

    def new_name(self, wanted: str) -> str:
        """A name for a node that no other node has."""
        return self._node_name(wanted)

    def add_tensor(self, tensor: Tensor) -> str:
        """Add `tensor`, under another name if its own is taken; returns the name."""
        name = self._tensor_name(tensor.name)
        self.tensors[name] = replace(tensor, name=name)
        return name

    def finish(self) -> Graph:
        """The graph, without nodes and tensors that no output needs."""
        graph = self._graph
        needed = set(graph.outputs)
        kept = []
        for node in reversed(self.nodes()):
            if any(n in needed or self.tensors[n].kind is Kind.STATE for n in node.outputs):
                needed.update(node.inputs, node.outputs)
                kept.append(node)
        needed.update(graph.inputs)
        tensors = [t for t in self.tensors.values() if t.name in needed]
        return Graph.build(graph.name, tensors, reversed(kept), graph.inputs, graph.outputs)

    def _link(self, node: Node) -> None:
        for name in node.outputs:
            self._makers[name] = node.name
        for name in node.inputs:
            self._readers.setdefault(name, {})[node.name] = None

    def _unlink(self, node: Node) -> None:
        for name in node.inputs:
            self._readers[name].pop(node.name, None)
        for name in node.outputs:
            self._makers.pop(name, None)
