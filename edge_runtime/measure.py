"""A board as the search sees it: costs of operations and networks, emulated once and cached."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.abc import Traversable
from pathlib import Path

import edge_runtime
from edge_runtime import api
from edge_runtime.boards import Board, load_board
from edge_runtime.cache import cache_dir
from edge_runtime.cycles import has_cycle_model
from edge_runtime.device.target import Profile
from edge_runtime.device.unicorn_target import UnicornTarget
from edge_runtime.errors import BoardError
from edge_runtime.export.firmware import compile_graph
from edge_runtime.files import write_file
from edge_runtime.graph import Graph, Kind, Node, Tensor
from edge_runtime.graph.dump import dump
from edge_runtime.kernels import choose
from edge_runtime.latency import Estimate, LatencyModel
from edge_runtime.latency.store import calibration_of, calibration_path
from edge_runtime.memory import plan, plan_by_rows
from edge_runtime.nas import Cost, Measured

MOST_INPUTS = 32
"""Inputs of one image: the firmware names all their sizes in one frame of the link."""


class EmulatedDevice:
    """Implements `edge_runtime.nas.Device` for a board of the boards folder.

    Single operations are measured many to an image; what was measured once is kept in the user's
    cache, under a key of the operation, the core, the kernels and this package's version. Where the
    user has calibrated the board, cycles are those of that latency model instead.
    """

    def __init__(self, board: str) -> None:
        self._board = load_board(board)
        if self._board.clock_hz is None:
            raise BoardError(
                f"{board} has no clock to estimate a latency by", hint="name a microcontroller"
            )
        self._calibration = calibration_of(self._board)
        if self._calibration is None and not has_cycle_model(self._board.core):
            raise BoardError(
                f"{board} ({self._board.core}) has no cycle model to estimate a latency by",
                hint="calibrate it through its port, or name a board of another core",
            )
        self._clock_hz = self._board.clock_hz

    @property
    def latency_source(self) -> str:
        """Where cycles come from, in words."""
        if self._calibration is None:
            return f"estimated cycles, {self._board.core} emulated"
        return f"latency model calibrated for {self._board.name}: {self._calibration.source}"

    @property
    def clock_hz(self) -> int:
        """Cycles per second."""
        return self._clock_hz

    def measure_ops(self, graphs: Sequence[Graph]) -> list[Cost]:
        """The cost of each one-operation graph, in their order."""
        if self._calibration is not None:
            return [self._predict(self._calibration, graph) for graph in graphs]
        keys = [self._key(graph) for graph in graphs]
        known = {key: cost for key in keys if (cost := _cached(key)) is not None}
        missing = {key: graph for key, graph in zip(keys, graphs, strict=True) if key not in known}
        for batch in batches(missing, self._board):
            for key, cost in self._measure_batch(batch).items():
                write_file(_cache_path(key), json.dumps(dataclasses.asdict(cost)))
                known[key] = cost
        return [known[key] for key in keys]

    def plan_memory(self, graph: Graph) -> int:
        """Static RAM in bytes that the exact planner gives `graph`; nothing is built."""
        return plan_by_rows(graph, choose(graph, self._board.isas)).ram_bytes

    def measure(self, graph: Graph) -> Measured:
        """What `graph` takes: its firmware is linked, and that image run once on a zero input."""
        with tempfile.TemporaryDirectory() as temporary:
            exported = api.export(graph, self._board.name, Path(temporary) / "firmware")
            if self._calibration is None:
                cycles: float = _known(self._run(exported).estimated_cycles)
            else:
                compiled = compile_graph(graph, self._board)
                cycles = _all_known(
                    self._calibration.graph(compiled.graph, compiled.choices, compiled.plan),
                    self._board,
                )
            milliseconds = 1000.0 * cycles / self._clock_hz
            return Measured(exported.image.ram_bytes, exported.image.flash_bytes, milliseconds)

    def _predict(self, model: LatencyModel, graph: Graph) -> Cost:
        """The cost of a one-operation graph by a latency model."""
        choices = choose(graph, self._board.isas)
        estimate = model.graph(graph, choices, plan(graph, choices))
        scratch = sum(choice.demand.scratch_bytes for choice in choices.values())
        return Cost(round(_all_known(estimate, self._board)), scratch)

    def _run(self, exported: api.Exported) -> Profile:
        with UnicornTarget(exported.image.elf, self._board) as target:
            target.reset()
            target.run([bytes(port.tensor().bytes) for port in exported.manifest.inputs])
            return target.profile()

    def _key(self, graph: Graph) -> str:
        identity = [self._board.core, _kernels_digest(), edge_runtime.__version__, dump(graph)]
        return hashlib.sha256("\n".join(identity).encode()).hexdigest()

    def _measure_batch(self, graphs: Mapping[str, Graph]) -> dict[str, Cost]:
        merged = merge(list(graphs.values()))
        with tempfile.TemporaryDirectory() as temporary:
            exported = api.export(merged, self._board.name, Path(temporary) / "firmware")
            profile = self._run(exported)
        cycles = {layer.index: _known(layer.estimated_cycles) for layer in profile.layers}
        layers = {layer.name: layer.index for layer in exported.manifest.layers}
        choices = choose(merged, self._board.isas)
        costs = {}
        for number, key in enumerate(graphs):
            index = layers[_name(number)]
            if index is None:  # a Reshape
                costs[key] = Cost(0)
            else:
                costs[key] = Cost(cycles[index], choices[_name(number)].demand.scratch_bytes)
        return costs


def batches(graphs: Mapping[str, Graph], board: Board) -> Iterator[dict[str, Graph]]:
    """Groups that fit a board: half its flash in constants, half its RAM in inputs."""
    batch: dict[str, Graph] = {}
    for key, graph in graphs.items():
        trial = {**batch, key: graph}
        if batch and not _fit(list(trial.values()), board):
            yield batch
            trial = {key: graph}
        batch = trial
    if batch:
        yield batch


def _fit(graphs: Sequence[Graph], board: Board) -> bool:
    merged = merge(graphs)
    constants = sum(tensor.bytes for tensor in merged.of_kind(Kind.CONSTANT))
    inputs = sum(merged.tensors[name].bytes for name in merged.inputs)
    return (
        len(merged.inputs) <= MOST_INPUTS
        and constants <= board.flash.size // 2
        and inputs <= board.ram.size // 2
    )


def merge(graphs: Sequence[Graph]) -> Graph:
    """One graph that runs all these one-operation graphs.

    Operations whose inputs look alike share one input, as all inputs are held at once; only the
    last output is kept.
    """
    tensors: dict[str, Tensor] = {}
    nodes: list[Node] = []
    inputs: dict[str, None] = {}
    for number, graph in enumerate(graphs):
        (node,) = graph.nodes
        names = {}
        for position, tensor in enumerate(graph.node_inputs(node)):
            name = f"{_name(number)}_{position}"
            if tensor.kind is Kind.ACTIVATION:
                name = f"in_{position}_{tensor.dtype.value}_{tensor.shape}_{tensor.quantization}"
                inputs[name] = None
            names[tensor.name] = name
            tensors[name] = dataclasses.replace(tensor, name=name)
        output = f"{_name(number)}_out"
        tensors[output] = dataclasses.replace(graph.node_output(node), name=output)
        reads = tuple(names[name] for name in node.inputs)
        nodes.append(Node(_name(number), node.op, reads, output))
    return Graph("operations", tensors, tuple(nodes), tuple(inputs), (nodes[-1].output,))


def _all_known(estimate: Estimate, board: Board) -> float:
    """The cycles of an estimate that leaves nothing out."""
    if estimate.unknown:
        raise BoardError(
            f"the calibration of {board.name} has no latency model for"
            f" {', '.join(estimate.unknown)}",
            hint=f"calibrate it again, or delete {calibration_path(board.name)}",
        )
    return estimate.cycles


def _known(cycles: int | None) -> int:
    """What is there wherever the core has a cycle model."""
    assert cycles is not None
    return cycles


def _name(number: int) -> str:
    return f"op{number}"


def _cache_path(key: str) -> Path:
    return cache_dir() / "operations" / f"{key}.json"


def _cached(key: str) -> Cost | None:
    try:
        return Cost(**json.loads(_cache_path(key).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@functools.cache
def _kernels_digest() -> str:
    digest = hashlib.sha256()
    for file in _walk(resources.files("edge_runtime.firmware").joinpath("kernels")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _walk(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry)
        elif entry.name.endswith((".c", ".h")):
            yield entry
