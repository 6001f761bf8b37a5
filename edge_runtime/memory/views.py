"""Tensors that lie within others and share their bytes: nothing is done to make them.

A reshape shows all of its input, a slice of one piece a part of it. What a concatenation joins is
made where it belongs in the result, if all of it is made for that alone. Whoever shares bytes keeps
all of them alive, so that sharing is not always less: the planner tries both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_runtime.errors import GraphError
from edge_runtime.graph import Graph, Kind, Node
from edge_runtime.kernels.strided import StridedCopy, blank
from edge_runtime.ops import Concat, Reshape, Slice


@dataclass(frozen=True)
class Views:
    """Each tensor's root, which is itself or what it lies in, and its offset there in bytes."""

    roots: Mapping[str, str]
    offsets: Mapping[str, int]
    free: frozenset[str]
    """Nodes by name that have nothing to do."""


def roots_of(graph: Graph) -> Mapping[str, str]:
    """The root of each tensor where only reshapes share.

    GraphError: a Reshape writes state, which would need a copy.
    """
    return views_of(graph).roots


def views_of(graph: Graph, alignment: int = 4, *, parts: bool = False) -> Views:
    """What shares bytes; only with `parts`, slices and concatenations do.

    Their offsets are multiples of `alignment`. GraphError: as `roots_of`.
    """
    finder = _Finder(graph, alignment)
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            finder.reshape(node)
        elif parts and isinstance(node.op, Slice):
            finder.slice(node)
    if parts:
        for node in graph.nodes:
            if isinstance(node.op, Concat):
                finder.join(node, node.op)
    places = {name: finder.place(name) for name in graph.tensors}
    return Views(
        {name: root for name, (root, _) in places.items()},
        {name: offset for name, (_, offset) in places.items()},
        frozenset(finder.free),
    )


@dataclass
class _Finder:
    graph: Graph
    alignment: int
    within: dict[str, tuple[str, int]] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)

    def place(self, name: str) -> tuple[str, int]:
        """The root of a tensor, and its offset there."""
        offset = 0
        while name in self.within:
            name, more = self.within[name]
            offset += more
        return name, offset

    def reshape(self, node: Node) -> None:
        """All of the input."""
        if self.graph.node_output(node).kind is Kind.STATE:
            raise GraphError(f"{node.name} reshapes into state {node.output}: a copy is needed")
        self._share(node, 0)

    def slice(self, node: Node) -> None:
        """A part of the input, if it is one piece."""
        op, (image, output) = node.op, (*self.graph.node_inputs(node), self.graph.node_output(node))
        root = self.graph.tensors[self.place(image.name)[0]]
        if not isinstance(op, Slice) or {root.kind, output.kind} != {Kind.ACTIVATION}:
            return
        array, made = blank(image), blank(output)
        copy = StridedCopy.of((array, op.view(array)), (made, made))
        whole = all(axis[1:] == (copy.size, copy.size) for axis in copy.axes)
        if len(copy.axes) <= 1 and whole and copy.in_start % self.alignment == 0:
            self._share(node, copy.in_start)

    def _share(self, node: Node, offset: int) -> None:
        self.within[node.output] = (node.inputs[0], offset)
        self.free.add(node.name)

    def join(self, node: Node, op: Concat) -> None:
        """All inputs lie in the result, if that is one row and each was made for it alone."""
        output = self.graph.node_output(node)
        if output.kind is not Kind.ACTIVATION or math.prod(output.shape[: op.axis]) > 1:
            return
        offset, places = 0, {}
        for name in node.inputs:
            made = self._made_alone(node, name)
            if made is None or offset % self.alignment:
                return
            places[made] = (node.output, offset)
            offset += self.graph.tensors[name].bytes
        self.within.update(places)
        self.free.add(node.name)

    def _made_alone(self, node: Node, name: str) -> str | None:
        """What a kernel writes to make the operand `name`; None where that may not be moved."""
        root, start = self.place(name)
        maker, tensor = self.graph.producer(root), self.graph.tensors[root]
        others = [self.place(each)[0] for each in node.inputs].count(root)
        alone = maker is not None and others == 1 and start == 0
        whole = tensor.kind is Kind.ACTIVATION and tensor.bytes == self.graph.tensors[name].bytes
        return root if alone and whole else None
