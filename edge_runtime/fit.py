"""Which boards can hold a model: RAM by the planner, flash and time by what was measured once."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from edge_runtime.boards import Board, board_names, load_board
from edge_runtime.errors import BudgetError
from edge_runtime.export.arithmetic import arithmetic_of
from edge_runtime.export.firmware import Options, compile_graph
from edge_runtime.export.model_c import Compiled
from edge_runtime.graph import Graph
from edge_runtime.latency.store import builtin_footprint, latency_of


@dataclass(frozen=True)
class BoardFit:
    """A model on one board. Bytes are of the image: start-up, link and stack are in them.

    None is what nothing is known of; `notes` say why. `limit` names what the model takes the
    largest share of, or lacks. `fits` is None where RAM does and flash is not known.
    """

    board: str
    core: str
    fits: bool | None
    ram_bytes: int | None
    ram_limit: int
    flash_bytes: int | None
    flash_limit: int
    estimated_cycles: int | None
    estimated_ms: float | None
    limit: str
    latency: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Fitted:
    """A model on all boards."""

    model: str
    type: str
    boards: tuple[BoardFit, ...]

    def to_json(self) -> str:
        """The object that `fit --json` prints."""
        rows = [dataclasses.asdict(row) for row in self.boards]
        return json.dumps({"model": self.model, "type": self.type, "boards": rows})


def fit(graph: Graph) -> Fitted:
    """Plan `graph` for every board, compiling nothing. ModelError: nodes without a kernel."""
    boards = [board for board in map(load_board, board_names()) if not board.is_host]
    compiler = _Compiler(graph)
    # From the largest RAM on: the plan for it serves all that have room for it.
    found = {b.name: _fit(compiler, b) for b in sorted(boards, key=lambda b: -b.ram_bytes)}
    compiled = next(iter(compiler.shared.values()), None)
    kind = "" if compiled is None else arithmetic_of(compiled.graph, compiled.choices)
    return Fitted(graph.name, kind, tuple(found[board.name] for board in boards))


class _Compiler:
    """Kernels and plans of one graph, shared by boards of the same instruction sets."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.shared: dict[tuple[str, ...], Compiled] = {}

    def compile(self, board: Board, ram: int) -> Compiled:
        """The graph in at most `ram` bytes; BudgetError: there is no such plan."""
        found = self.shared.get(board.isas)
        if found is None:
            found = self.shared[board.isas] = compile_graph(self.graph, board)
        if found.plan.ram_bytes <= ram:
            return found
        return compile_graph(self.graph, board, Options(ram=ram))


def _fit(compiler: _Compiler, board: Board) -> BoardFit:
    sizes = builtin_footprint(board.core)
    ram_extra = 0 if sizes is None else sizes.image_ram
    try:
        compiled = compiler.compile(board, max(1, board.ram_bytes - ram_extra))
    except BudgetError as error:
        return _without_plan(board, str(error))
    notes = [] if sizes else [f"no sizes of kernels on {board.core}"]
    flash = None
    if sizes is not None:
        model, unknown = sizes.flash(compiled.graph, compiled.choices, compiled.plan)
        flash = None if unknown else model + sizes.image_flash
        notes += [f"no size of {name}" for name in unknown]
    cycles, source, lacking = _cycles(compiled, board)
    notes += lacking
    ram = compiled.plan.ram_bytes + ram_extra
    shares = {"RAM": ram / board.ram_bytes, "flash": (flash or 0) / board.flash.size}
    limit = max(shares, key=lambda name: shares[name])
    fits = max(shares.values()) <= 1
    return BoardFit(
        board.name,
        board.core,
        None if fits and flash is None else fits,
        ram,
        board.ram_bytes,
        flash,
        board.flash.size,
        cycles,
        None if cycles is None or board.clock_hz is None else 1e3 * cycles / board.clock_hz,
        f"{limit}, {shares[limit]:.0%} of it",
        source,
        tuple(notes),
    )


def _cycles(compiled: Compiled, board: Board) -> tuple[int | None, str, list[str]]:
    """Cycles of an inference, what they are, and what is not known of them."""
    model = latency_of(board)
    if model is None:
        return None, "", [f"no latency model of {board.core}"]
    estimate = model.graph(compiled.graph, compiled.choices, compiled.plan)
    if estimate.unknown:
        return None, model.source, [f"no latency model for {name}" for name in estimate.unknown]
    return round(estimate.cycles), model.source, []


def _without_plan(board: Board, reason: str) -> BoardFit:
    return BoardFit(
        *(board.name, board.core, False, None, board.ram_bytes, None, board.flash.size),
        *(None, None, "RAM, too small", "", (reason,)),
    )
