"""Choosing which runs of nodes are executed row by row, for less memory or for less work.

A stage is a run of consecutive nodes. Between its outer inputs and outputs, which lie in the arena
whole, it keeps a few rows of each tensor. Every way to cut the graph's order into stages and single
nodes is weighed by the bytes alive at its peak and by the instructions that working row by row
costs extra; the ways of which neither is better in both are found by dynamic programming.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from edge_runtime.errors import DataError
from edge_runtime.graph import Graph, Kind, Node
from edge_runtime.kernels.kernel import Choice, RowWindow
from edge_runtime.memory.rows import RowOp, RowTensor, run_rows
from edge_runtime.memory.views import roots_of
from edge_runtime.ops import DepthwiseConv2D

STEPS = (1, 2, 4, 8)
"""Rows that the nodes of a stage make at a time."""
LONGEST = 32
"""Most nodes of a stage."""
STATE_BYTES = 6
"""What the stage keeps of each node while it runs: er_stream_state."""
MOVED = 0.5
"""Instructions to move a byte to the front of its buffer."""
CALL = 300
"""Instructions that each call for some rows takes, before what the kernel says of itself."""


@dataclass(frozen=True)
class Stage:
    """Nodes that run row by row, and what they need in one block of memory meanwhile."""

    ops: tuple[RowOp, ...]
    tensors: Mapping[str, RowTensor]
    step: int
    """Rows at a time."""
    held: Mapping[str, int]
    """Inner tensors, and how many of their rows the block holds."""
    offsets: Mapping[str, int]
    """Where in the block each inner tensor is."""
    scratch: int
    """Where in the block the kernels' scratch is."""
    state: int
    """Where in the block what the stage itself keeps is; behind it where the input is fed, as that
    must outlive the block."""
    state_bytes: int
    bytes: int
    """Size of the block."""
    over: frozenset[tuple[str, str]]
    """Outputs and the inputs that they may overwrite from the start."""
    extra: int
    """Instructions that working by rows costs, roughly."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes by name, in order."""
        return tuple(op.node for op in self.ops if op.node)


def work(graph: Graph) -> float:
    """About how many instructions an inference takes, to weigh what a stage costs extra.

    Convolutions take 1.1 to 1.3 instructions a product, depthwise ones 4 to 5.
    """
    return sum(
        graph.macs(node) * (4.5 if isinstance(node.op, DepthwiseConv2D) else 1.2)
        + 8 * graph.node_output(node).elements
        for node in graph.nodes
    )


@dataclass(frozen=True)
class Cut:
    """One way to cut the graph into stages: bytes at its peak, and extra instructions."""

    peak: int
    extra: int
    stages: tuple[Stage, ...]


def cuts(
    graph: Graph, choices: Mapping[str, Choice], alignment: int, *, fed: bool = False
) -> tuple[list[Cut], int]:
    """The ways worth considering, the smallest peak first, and a bound that no way goes below.

    Each is better than all before it in extra instructions; the last has no stages. Peaks are those
    of the graph's own order of nodes; the bound holds for any order. With `fed` the only input
    comes row by row: the first stage keeps some of them, and there is no way without one.
    DataError: no stage can take the input so.
    """
    if fed:
        _check_fed(graph)
    found, bound = _Cutter(graph, choices, alignment, fed).run()
    if not found:
        raise DataError(
            f"{graph.name} cannot take its input row by row: what reads it needs all of it at once",
            hint="export it without --input-rows",
        )
    return found, bound


def _check_fed(graph: Graph) -> None:
    shape = graph.tensors[graph.inputs[0]].shape
    if len(graph.inputs) != 1 or len(shape) != 4 or shape[0] != 1 or graph.of_kind(Kind.STATE):
        raise DataError(
            f"{graph.name} cannot take its input row by row: it must have one input, an image, and"
            " no state",
            hint="export it without --input-rows",
        )


class _Cutter:
    def __init__(
        self, graph: Graph, choices: Mapping[str, Choice], alignment: int, fed: bool
    ) -> None:
        self.graph, self.choices, self.alignment = graph, choices, alignment
        self.fed = frozenset(graph.inputs if fed else ())
        self.roots = roots_of(graph)
        self.nodes = graph.nodes
        self.bytes = {
            tensor.name: self.aligned(tensor.bytes)
            for tensor in graph.of_kind(Kind.ACTIVATION)
            if self.roots[tensor.name] == tensor.name and tensor.name not in self.fed
        }
        self.held = {self.roots[name] for name in graph.outputs}
        self.last = self._last_reads()
        self.rowwise = [self._by_rows(node) for node in self.nodes]

    def aligned(self, size: int) -> int:
        return -(-size // self.alignment) * self.alignment

    def run(self) -> tuple[list[Cut], int]:
        """The front of cuts, and the bound."""
        plain = self._plain()
        fronts = [[Cut(self._inputs(), 0, ())]]
        floors = [0]
        for end in range(1, len(self.nodes) + 1):
            options: list[Cut] = []
            floor = plain
            for start, cost, least, stage in self._steps(end, plain):
                floor = min(floor, max(floors[start], least))
                if stage is None and start < end - 1:
                    continue
                options += [_with(cut, cost, stage) for cut in fronts[start]]
            fronts.append(_front(options))
            floors.append(floor)
        return fronts[-1], floors[-1]

    def _plain(self) -> int:
        """The peak without stages; a rough one where the input is fed, as there must be one."""
        single = (self._single(index)[0] for index in range(len(self.nodes)))
        return max([self._inputs(), *single])

    def _steps(self, end: int, plain: int) -> Iterator[tuple[int, int, int, Stage | None]]:
        """What may come last: its first node, its peak, its least bytes in any order, its stage.

        Of stages that cannot lower the peak only the least bytes are given.
        """
        if self.fed.isdisjoint(self.nodes[end - 1].inputs):
            yield (end - 1, *self._single(end - 1), None)
        shortest = 1 if self.fed and end == 1 else 2
        for start in range(end - shortest, max(-1, end - 1 - LONGEST), -1):
            if not self.rowwise[start] or not self.rowwise[end - 1]:
                return
            outer = self._outer(start, end)
            if outer is None:
                continue
            reads, writes = outer
            if start and not all(self.fed.isdisjoint(n.inputs) for n in self.nodes[start:end]):
                continue
            passing = sum(self.bytes[name] for name in self._alive(start) - set(reads))
            touched = sum(self.bytes[name] for name in (*reads, *writes))
            most = max((self.bytes[name] for name in reads), default=0)
            least = touched - min(most, self.bytes[writes[0]])
            if passing + least >= plain and not (self.fed and start == 0):
                yield start, plain, least, None
                continue
            for step in STEPS:
                stage = self._stage(start, end, writes, step)
                saved = max((self._saved(stage, writes[0], name, end) for name in reads), default=0)
                whole = touched + stage.bytes - saved
                yield start, passing + whole, whole, stage

    def _single(self, index: int) -> tuple[int, int]:
        """Bytes alive while one node runs, and those that it touches itself."""
        node = self.nodes[index]
        choice = self.choices.get(node.name)
        alive = sum(self.bytes[name] for name in self._alive(index))
        if choice is None:
            return alive, 0
        writes = [name for name in node.outputs if name in self.bytes]
        written = sum(self.bytes[name] for name in writes)
        operands = [self.roots[name] for name in node.inputs]
        over = [operands[i] for i in choice.demand.in_place if operands.count(operands[i]) == 1]
        free = [name for name in over if writes and self._free(name, index + 1)]
        saved = max((min(self.bytes[writes[0]], self.bytes[name]) for name in free), default=0)
        needs = written + self.aligned(choice.demand.scratch_bytes) - saved
        read = sum(self.bytes[name] for name in dict.fromkeys(operands) if name in self.bytes)
        return alive + needs, read + needs

    def _inputs(self) -> int:
        return sum(self.bytes[name] for name in self.graph.inputs if name in self.bytes)

    def _last_reads(self) -> dict[str, int]:
        """The index behind the last reader of each root in the arena; outputs' is past the end."""
        last = dict.fromkeys(self.bytes, 0)
        for index, node in enumerate(self.nodes):
            for name in (*node.inputs, *node.outputs):
                root = self.roots[name]
                if root in last:
                    last[root] = index + 1
        last.update(dict.fromkeys(self.held & set(last), len(self.nodes) + 1))
        return last

    def _alive(self, index: int) -> set[str]:
        """Roots in the arena that are there before the node at `index`, and read from then on."""
        made = {*self.graph.inputs}
        for node in self.nodes[:index]:
            made.update(node.outputs)
        return {name for name in made if name in self.bytes and self.last[name] > index}

    def _free(self, name: str, end: int) -> bool:
        """Whether nothing reads a root any more from `end` on."""
        return name in self.bytes and self.last[name] <= end

    def _saved(self, stage: Stage, output: str, name: str, end: int) -> int:
        shown = {read for op in stage.ops for read in op.reads if self.roots[read] == name}
        fits = len(shown) == 1 and (output, next(iter(shown))) in stage.over
        return min(self.bytes[output], self.bytes[name]) if fits and self._free(name, end) else 0

    def _by_rows(self, node: Node) -> bool:
        """Whether a node can be in a stage, as far as it alone is concerned."""
        choice = self.choices.get(node.name)
        if choice is None or choice.demand.rows is None or len(node.outputs) > 1:
            return False
        tensors = [self.graph.tensors[name] for name in (*choice.operands(node), node.output)]
        return all(
            tensor.kind is Kind.ACTIVATION
            and len(tensor.shape) == 4
            and tensor.shape[0] == 1
            and tensor.bytes // tensor.shape[1] % self.alignment == 0
            for tensor in tensors
        )

    def _outer(self, start: int, end: int) -> tuple[list[str], list[str]] | None:
        """Roots that a run of nodes reads and writes whole, the last output first.

        None where the run is no stage: a node in it reads nothing that the run made.
        """
        if not all(self.rowwise[start:end]):
            return None
        run = self.nodes[start:end]
        made = {node.output for node in run}
        reads: dict[str, None] = {}
        for position, node in enumerate(run):
            operands = self.choices[node.name].operands(node)
            if position and made.isdisjoint(operands):
                return None
            outside = (n for n in operands if n not in made and n not in self.fed)
            reads |= {self.roots[name]: None for name in outside}
        inside = dict.fromkeys(made, 0)
        for index, node in enumerate(self.nodes):
            for name in node.inputs:
                if name in inside and not start <= index < end:
                    inside[name] = 1
        whole = [n.output for n in run if inside[n.output] or n.output in self.held]
        last = run[-1].output
        return list(reads), [last, *(name for name in whole if name != last)]

    def _stage(self, start: int, end: int, writes: Sequence[str], step: int) -> Stage:
        run = self.nodes[start:end]
        fed = sorted(self.fed) if start == 0 else []
        ops = (
            *(RowOp("", (), name, RowWindow()) for name in fed),
            *(self._op(node) for node in run),
        )
        made = {op.writes for op in ops}
        names = dict.fromkeys(name for op in ops for name in (*op.reads, op.writes))
        tensors = {}
        for name in names:
            shape = self.graph.tensors[name].shape
            row_bytes = self.graph.tensors[name].bytes // shape[1]
            tensors[name] = RowTensor(shape[1], row_bytes, name in writes or name not in made)
        result = run_rows(ops, tensors, step)
        offsets, place = {}, 0
        for name, rows in result.held.items():
            offsets[name] = place
            place += self.aligned(rows * tensors[name].row_bytes)
        demands = [self.choices[node.name].demand for node in run]
        scratch = place + self.aligned(max(demand.scratch_bytes for demand in demands))
        state_bytes = self.aligned(STATE_BYTES * len(ops))
        extra = sum(
            result.calls[node.name] * (CALL + demand.row_cost)
            for node, demand in zip(run, demands, strict=True)
        )
        return Stage(
            ops,
            tensors,
            step,
            result.held,
            offsets,
            scratch=place,
            state=scratch,
            state_bytes=state_bytes,
            bytes=scratch if fed else scratch + state_bytes,
            over=frozenset(pair for pair, behind in result.behind.items() if behind),
            extra=extra + int(MOVED * result.moved_bytes),
        )

    def _op(self, node: Node) -> RowOp:
        choice = self.choices[node.name]
        assert choice.demand.rows is not None
        return RowOp(node.name, choice.operands(node), node.output, choice.demand.rows)


def _with(cut: Cut, peak: int, stage: Stage | None) -> Cut:
    """`cut` with one step more."""
    if stage is None:
        return replace(cut, peak=max(cut.peak, peak))
    return Cut(max(cut.peak, peak), cut.extra + stage.extra, (*cut.stages, stage))


def _front(options: Sequence[Cut]) -> list[Cut]:
    """Those that no other beats in both peak and extra instructions, the smallest peak first."""
    front: list[Cut] = []
    for cut in sorted(options, key=lambda cut: (cut.peak, cut.extra, len(cut.stages))):
        if not front or cut.extra < front[-1].extra:
            front.append(cut)
    return front
