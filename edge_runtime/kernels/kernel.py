"""What a kernel is: a C function, where it may be used, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_runtime.graph import Array, Graph, Node, Op, Tensor


@dataclass(frozen=True)
class Site:
    """One node with the tensors around it: all that a kernel's predicate may look at."""

    node: Node
    inputs: tuple[Tensor, ...]
    output: Tensor

    @staticmethod
    def of(graph: Graph, node: Node) -> Site:
        """The site of `node` in `graph`."""
        return Site(node, graph.node_inputs(node), graph.node_output(node))


@dataclass(frozen=True)
class Demand:
    """What a kernel asks for at one site, and how it wants its constants.

    `scratch_bytes` are needed while it runs. `in_place` holds the indices of the inputs over whose
    buffer, from its start, the output may be written: any one of them. `constants` are the arrays
    it reads, by the field of its parameter struct.
    """

    scratch_bytes: int = 0
    in_place: tuple[int, ...] = ()
    constants: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Kernel:
    """One C function, and the operation that it serves.

    `source` is its file, relative to firmware/kernels. `reason` says in a few words how it works.
    `refuses` tells what it cannot do at a site ("a channel multiplier of 8"), or None where it can
    serve it; only then is `demand` called.
    """

    name: str
    isa: str
    op: type[Op]
    source: str
    reason: str
    refuses: Callable[[Site], str | None]
    demand: Callable[[Site], Demand]


@dataclass(frozen=True)
class Choice:
    """The kernel that serves a node, with its demand and the reason, in words for a report."""

    kernel: Kernel
    demand: Demand
    reason: str
