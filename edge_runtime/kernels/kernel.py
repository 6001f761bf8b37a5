"""What a kernel is: a C function, where it may be used, and what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge_runtime.graph import Array, Graph, Node, Op, Tensor
from edge_runtime.kernels.struct import Struct


@dataclass(frozen=True)
class Site:
    """One node with the tensors around it: all that a kernel's predicate may look at."""

    node: Node
    inputs: tuple[Tensor, ...]
    output: Tensor
    also: tuple[Tensor, ...] = ()
    """What the node makes besides `output`."""

    @staticmethod
    def of(graph: Graph, node: Node) -> Site:
        """The site of `node` in `graph`."""
        output, *also = graph.node_outputs(node)
        return Site(node, graph.node_inputs(node), output, tuple(also))


@dataclass(frozen=True)
class RowWindow:
    """Which rows of its inputs a kernel reads for which rows of its output: a window sliding down.

    All lengths in rows. What treats each row by itself has the window of one row.
    """

    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    pad: int = 0
    """Above the first row."""

    def start(self, row: int) -> int:
        """The first input row that is read for output rows from `row` on."""
        return max(0, row * self.stride - self.pad)

    def end(self, row: int, rows: int) -> int:
        """The input rows that must be there before output rows up to `row`, excluded, are made.

        `rows` are all that there are; what lies below is padding.
        """
        last = (row - 1) * self.stride - self.pad + (self.kernel - 1) * self.dilation
        return max(0, min(last + 1, rows))


@dataclass(frozen=True)
class Demand:
    """What a kernel asks for at one site, and how it wants its constants.

    `scratch_bytes` are needed while it runs. `in_place` holds the indices of the inputs over whose
    buffer, from its start, the output may be written: any one of them. `constants` are the arrays
    it reads, by the field of its parameter struct. `operands` are the indices of the inputs to
    which it is given pointers, in this order; others are packed into the constants. `updates` are
    those of state that it may read and write at one place. `rows` is set where the kernel can make
    a few rows of its output by themselves, from the rows of all operands that the window reads;
    `row_cost` is about how many instructions each such call costs more than its share of one call
    for all rows. A kernel
    that serves one image is called `images` times, each operand and the output going on by an equal
    share.
    """

    scratch_bytes: int = 0
    in_place: tuple[int, ...] = ()
    constants: dict[str, Array] = field(default_factory=dict)
    operands: tuple[int, ...] = (0,)
    updates: tuple[int, ...] = ()
    rows: RowWindow | None = None
    row_cost: int = 0
    images: int = 1


def nothing(site: Site) -> Demand:
    """A kernel that asks for nothing."""
    return Demand()


def over_input(site: Site) -> Demand:
    """A kernel that may write over its input."""
    return Demand(in_place=(0,))


@dataclass(frozen=True)
class Kernel:
    """One C function, and the operation that it serves.

    `source` is its file, relative to firmware/kernels. `reason` says in a few words how it works.
    `refuses` tells what it cannot do at a site ("a channel multiplier of 8"), or None where it can
    serve it; only then are `demand` and `parameters` called. With `by_table` it is given one table
    of pointers to its operands, of which there may be any number. `terms` are counts that its time
    depends on, where those of its operation (latency/terms.py) do not do.
    """

    name: str
    isa: str
    op: type[Op]
    source: str
    reason: str
    refuses: Callable[[Site], str | None]
    demand: Callable[[Site], Demand]
    parameters: Callable[[Site], Struct]
    by_table: bool = False
    terms: Callable[[Site], Mapping[str, float]] | None = None


def declare(
    name: str,
    op: type[Op],
    reason: str,
    refuses: Callable[[Site], str | None],
    demand: Callable[[Site], Demand],
    parameters: Callable[[Site], Struct],
    *,
    by_table: bool = False,
    terms: Callable[[Site], Mapping[str, float]] | None = None,
    beside: str = "",
) -> Kernel:
    """The kernel `name`, which is er_<op>_<type>_<isa>.

    Its file in <isa>/ is named so too, or by the kernel `beside` which it stands there.
    """
    isa = name.rpartition("_")[2]
    source = f"{isa}/{beside or name}.c"
    return Kernel(name, isa, op, source, reason, refuses, demand, parameters, by_table, terms)


@dataclass(frozen=True)
class Choice:
    """The kernel that serves a node, with its demand and the reason, in words for a report."""

    kernel: Kernel
    demand: Demand
    reason: str

    def parameters(self, site: Site) -> Struct:
        """The parameters at `site`; what points to a constant that is not demanded is null."""
        struct = self.kernel.parameters(site)
        missing = {field for field in ("mantissa", "shift") if field not in self.demand.constants}
        fields = ((name, 0 if value in missing else value) for name, value in struct.fields)
        return Struct(struct.type_name, tuple(fields))

    def operands(self, node: Node) -> tuple[str, ...]:
        """The tensors of `node`, which it serves, to which the kernel is given pointers."""
        return tuple(node.inputs[index] for index in self.demand.operands)
