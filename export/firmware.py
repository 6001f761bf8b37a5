"""Exporting a graph as a firmware folder for a board."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import edge_runtime
from edge_runtime.boards import Board
from edge_runtime.errors import BudgetError, DataError
from edge_runtime.export import c_code
from edge_runtime.export.arithmetic import node_type
from edge_runtime.export.board_support import (
    DEFAULT_STACK_BYTES,
    RUNTIME_RAM_BYTES,
    board_files,
)
from edge_runtime.export.files import write_folder
from edge_runtime.export.manifest import MANIFEST, Layer, Manifest, Port
from edge_runtime.export.mlperf import Protocol, mlperf_header
from edge_runtime.export.model_c import Compiled
from edge_runtime.export.project import ENTRIES, Format, project_files
from edge_runtime.graph import Graph, Kind, Node, Rounding
from edge_runtime.graph.dump import dump
from edge_runtime.graph.names import shorten
from edge_runtime.kernels import Choice, Site, choose
from edge_runtime.kernels import sources as kernel_sources
from edge_runtime.kernels.factors import FORMS, form_of, pack_factors
from edge_runtime.memory import Plan, plan, plan_by_rows, spread
from edge_runtime.memory.planner import EFFORT
from edge_runtime.ops import Linear
from edge_runtime.passes import remove_dead_channels


@dataclass(frozen=True)
class Origin:
    """Where a model came from, for the provenance in generated files.

    `sha256` is that of the model file; a graph made in memory is named by that of its dump.
    """

    command: str
    sha256: str

    @staticmethod
    def of_file(path: Path, command: str) -> Origin:
        """The origin of a model read from `path`."""
        return Origin(command, hashlib.sha256(path.read_bytes()).hexdigest())

    @staticmethod
    def of_graph(graph: Graph, command: str = "edge_runtime.export") -> Origin:
        """The origin of a graph made in memory."""
        return Origin(command, hashlib.sha256(dump(graph).encode()).hexdigest())


@dataclass(frozen=True)
class Options:
    """What the compiler may do with a graph.

    `keep_dead_channels` leaves channels in that make no difference to any output. `ram` is how many
    bytes of RAM the model may take: the fastest plan within it is taken. Without it the plan is the
    smallest of those that are about as fast as can be. `layerwise` lets layers be called one by one
    from outside, so none run row by row, and no channel is removed. With `input_rows` the caller
    gives one row of the input image a call, and only some rows are kept. `optimize` is "speed", or
    "size" for the least flash: portable kernels, and no layer row by row unless RAM demands it.
    `effort` is how long the planner looks for less memory: see `memory.plan`.
    """

    keep_dead_channels: bool = False
    ram: int | None = None
    layerwise: bool = False
    input_rows: bool = False
    optimize: str = "speed"
    effort: int = EFFORT


DEFAULTS = Options()

_ROUNDING = "model/er_rounding.h"
STREAM_SOURCES = ("stream/er_stream.c", "stream/er_stream.h", "include/er_attributes.h")
"""What runs stages, relative to firmware/kernels."""


def compile_graph(graph: Graph, board: Board, options: Options = DEFAULTS) -> Compiled:
    """Choose kernels for the board's core and plan its memory.

    On a board with several memories the arena lies in the fastest if it fits, else over them all;
    `Compiled.plan.parts` and `elsewhere` say how. Raises ModelError where a node has no kernel,
    BudgetError where the model needs more RAM than the board has, or than `options` allow.
    """
    if not (options.keep_dead_channels or options.layerwise):
        graph = remove_dead_channels(graph)
    choices = choose(graph, board.isas[-1:] if options.optimize == "size" else board.isas)
    if options.optimize == "size":
        sites = {node.name: Site.of(graph, node) for node in graph.nodes}
        choices = {name: pack_factors(sites[name], choice) for name, choice in choices.items()}
    if board.is_host:
        return _within(graph, choices, board, (sys.maxsize,), options)
    if len(board.ram_spaces) == 1:
        return _within(graph, choices, board, (board.ram.size,), options)
    first = board.ram.size - DEFAULT_STACK_BYTES - RUNTIME_RAM_BYTES
    others = (space.size for space in board.ram_spaces[1:])
    return _within(graph, choices, board, (first, *others), options)


def _within(
    graph: Graph,
    choices: dict[str, Choice],
    board: Board,
    capacities: tuple[int, ...],
    options: Options,
) -> Compiled:
    """The model in memories of these sizes; state lies in the first of them."""
    found = _plan(graph, choices, sum(capacities), options)
    room = (capacities[0] - found.state_bytes, *capacities[1:])
    arranged = _arrange(found, room, options)
    if arranged is None and len(room) > 1:
        found = _plan(graph, choices, max(room), options)
        arranged = _arrange(found, room, options)
    if arranged is None or found.ram_bytes > (options.ram or sys.maxsize):
        most = min(sum(capacities), options.ram or sys.maxsize)
        hint = _by_rows(graph, choices, most, options) + _LESS
        raise BudgetError(_too_much(graph, found, board, options), hint=hint)
    working = {name: choice for name, choice in choices.items() if name not in found.free}
    return Compiled(graph, working, arranged[0], options.layerwise, arranged[1], options.optimize)


def _arrange(
    found: Plan, room: Sequence[int], options: Options
) -> tuple[Plan, Mapping[str, int]] | None:
    """The arena in the first memory if it fits, else over all, else whole in another one.

    With it, which of its arrays lie elsewhere than in the first. None where it does not fit.
    """
    if found.arena_bytes <= room[0]:
        return found, {}
    if len(room) > 1 and not options.layerwise:  # which asks for one piece
        over = spread(found, room)
        if over is not None:
            return over, {f"model_arena_{i}": i for i, size in enumerate(over.parts) if size and i}
    for space, size in enumerate(room):
        if found.arena_bytes <= size:
            return found, {"model_arena": space}
    return None


def _plan(graph: Graph, choices: Mapping[str, Choice], most: int, options: Options) -> Plan:
    """The plan that `options` ask for; by rows as much as it takes to fit `most` bytes of RAM."""
    if options.layerwise:
        return plan(graph, choices, effort=options.effort)
    fed = options.input_rows
    if options.optimize == "size" and not fed:
        whole = plan(graph, choices, effort=options.effort)
        if whole.ram_bytes <= min(most, options.ram or most):
            return whole
    found = plan_by_rows(graph, choices, ram=options.ram, fed=fed, effort=options.effort)
    if options.ram is None and found.ram_bytes > most:
        return plan_by_rows(graph, choices, ram=most, fed=fed, effort=options.effort)
    return found


_LESS = "allow more RAM, take a board that has more, or make these tensors smaller"
_NAME = 40
"""Characters of a tensor's name in an error: its end, as converters join names to long ones."""


def _by_rows(graph: Graph, choices: Mapping[str, Choice], most: int, options: Options) -> str:
    """A hint, where the model would fit if it were given its input row by row."""
    if options.input_rows or options.layerwise:
        return ""
    try:
        needed = _plan(graph, choices, most, replace(options, input_rows=True)).ram_bytes
    except DataError:
        return ""
    if needed > most:
        return ""
    return f"feed the image row by row with --input-rows, which takes {needed:,} bytes; or "


def _too_much(graph: Graph, plan: Plan, board: Board, options: Options) -> str:
    peak = plan.peak
    limit = f"{options.ram:,} are allowed" if options.ram is not None else ""
    spaces = () if board.is_host else board.ram_spaces
    if spaces and (options.ram is None or plan.ram_bytes > board.ram_bytes):
        has = " and ".join(f"{space.size:,} in {space.name}" for space in spaces)
        limit = f"{board.name} has {has}"
    return (
        f"{graph.name} needs {plan.ram_bytes:,} bytes of RAM; {limit}. The peak is at"
        f" {f'{shorten(peak.node, _NAME)} ({peak.op})' if peak.node else 'the inputs'}: "
        + ", ".join(f"{shorten(live.name, _NAME)} {live.bytes:,}" for live in peak.tensors)
    )


@dataclass(frozen=True)
class Firmware:
    """An exported folder before it is written: its manifest, and its files by relative path."""

    manifest: Manifest
    files: dict[str, str | bytes]

    def write(self, folder: Path) -> None:
        """Write all files; DataError where `folder` holds something that no export made.

        What an earlier export left there of another format is removed.
        """
        write_folder(folder, self.files, MANIFEST, stale=ENTRIES)


def generate(
    compiled: Compiled,
    board: Board,
    origin: Origin,
    form: Format = "plain",
    protocol: Protocol = "link",
) -> Firmware:
    """The firmware folder of a compiled graph; the same inputs give the same bytes.

    BoardError: the format has no place for the board. DataError: the protocol has none for the
    model.
    """
    manifest = _manifest(compiled, board, origin)
    provenance = _provenance(manifest)
    files: dict[str, str | bytes] = {
        MANIFEST: manifest.to_json(),
        "model/model.h": compiled.header(provenance),
        "model/model.c": compiled.source(provenance),
    }
    for choice in compiled.choices.values():
        for name in kernel_sources(choice.kernel):
            files[f"model/{Path(name).name}"] = _kernel_text(name)
    if compiled.plan.stages:
        for name in STREAM_SOURCES:
            files[f"model/{Path(name).name}"] = _kernel_text(name)
    if _ROUNDING in files:
        files[_ROUNDING] = _rounding_header(compiled)
    sources = sorted(Path(name).name for name in files if name.endswith(".c"))
    header = mlperf_header(manifest) if protocol == "mlperf-tiny" else ""
    support = board_files(board, elsewhere=compiled.elsewhere, protocol_header=header)
    files.update({f"board/{name}": content for name, content in support.items()})
    files.update(project_files(form, board, manifest, sources))
    return Firmware(manifest, files)


def _rounding_header(compiled: Compiled) -> str:
    """What says how the layers of the model scale their sums."""
    nodes = [node for node in compiled.graph.nodes if node.name in compiled.choices]
    straight = {node.name for node in nodes if _is_straight(node, compiled.choices[node.name])}
    ops = [node.op for node in nodes if node.name not in straight]
    used = {
        "ER_ROUNDS_ONCE": any(getattr(op, "rounding", None) is Rounding.ONCE for op in ops),
        "ER_ROUNDS_TWICE": any(
            isinstance(op, Linear) and op.rounding is Rounding.TWICE for op in ops
        ),
    }
    for kind in ("conv", "depthwise", "linear"):
        of_kind = {
            name
            for name, choice in compiled.choices.items()
            if choice.kernel.isa == "dsp" and choice.kernel.name.startswith(f"er_{kind}_")
        }
        used[f"ER_{kind.upper()}_STRAIGHT"] = bool(of_kind & straight)
        used[f"ER_{kind.upper()}_OTHER"] = bool(of_kind - straight)
    forms = {form_of(choice) for choice in compiled.choices.values()}
    used |= {f"ER_FACTOR_{form}": form in forms for form in FORMS}
    text = _kernel_text("include/er_rounding.h")
    for name, is_used in used.items():
        text = text.replace(f"#define {name} 1", f"#define {name} {int(is_used)}")
    return text


def _is_straight(node: Node, choice: Choice) -> bool:
    """Whether its outputs are scaled along a line."""
    if choice.kernel.isa != "dsp":
        return form_of(choice) == "BYTES"
    constants = choice.demand.constants
    return isinstance(node.op, Linear) and "mantissa" in constants and "shift" not in constants


def _kernel_text(name: str) -> str:
    return resources.files("edge_runtime.firmware").joinpath("kernels", name).read_text("utf-8")


def _manifest(compiled: Compiled, board: Board, origin: Origin) -> Manifest:
    graph = compiled.graph
    return Manifest(
        board=board.name,
        model=graph.name,
        model_sha256=origin.sha256,
        version=edge_runtime.__version__,
        command=origin.command,
        streaming=bool(graph.of_kind(Kind.STATE)),
        inputs=tuple(Port.of(graph.tensors[name]) for name in graph.inputs),
        outputs=tuple(Port.of(graph.tensors[name]) for name in graph.outputs),
        layers=tuple(_layers(compiled)),
        weights_bytes=compiled.weights_bytes,
        input_rows=compiled.input_rows,
        plan=compiled.plan,
        optimize=compiled.optimize,
    )


def _layers(compiled: Compiled) -> Iterable[Layer]:
    graph = compiled.graph
    nodes = {node.name: node for node in graph.nodes}
    indices = {node.name: index for index, node in enumerate(compiled.working)}
    for name in compiled.plan.order:
        node, choice = nodes[name], compiled.choices.get(name)
        yield Layer(
            name=name,
            op=node.op.NAME,
            index=indices.get(name),
            kernel="none" if choice is None else choice.kernel.name,
            reason="shares its input's buffer" if choice is None else choice.reason,
            macs=graph.macs(node),
            shape=graph.node_output(node).shape,
            type="" if choice is None else node_type(graph, node),
        )


def _provenance(manifest: Manifest) -> str:
    return c_code.comment(
        f"Made by edge-runtime {manifest.version} for {manifest.board}: {manifest.command}. Model"
        f" {manifest.model}, sha256 {manifest.model_sha256}. Arithmetic:"
        f" {manifest.type}. Planned RAM {manifest.ram_bytes} bytes"
        f" (arena {manifest.plan.arena_bytes}, state {manifest.plan.state_bytes})."
        " Generated; do not edit."
    )
