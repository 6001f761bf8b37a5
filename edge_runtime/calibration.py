"""Measuring many operations on a board, and fitting the latency model to them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from edge_runtime import api
from edge_runtime.boards import Board, load_board
from edge_runtime.cases import Cases
from edge_runtime.cycles import cycle_model
from edge_runtime.device.unicorn_target import UnicornTarget
from edge_runtime.emulation import random_case
from edge_runtime.errors import BoardError
from edge_runtime.export.firmware import Options
from edge_runtime.graph import Graph, Kind, Node, Tensor
from edge_runtime.kernels import Choice, Site, choose
from edge_runtime.latency import LatencyModel, Sample, fit_model
from edge_runtime.latency.draw import Limits
from edge_runtime.latency.samples import operations
from edge_runtime.latency.terms import terms_of
from edge_runtime.measure import merge
from edge_runtime.ops import Reshape, Slice
from edge_runtime.progress import CountProgress

FLASHES = 3
MOST_OPERATIONS = 100
"""Of one flash."""

_EFFORT = 20_000
"""Of the planner: operations that have nothing to do with each other need no order."""

Measure = Callable[[Path, Cases], Sequence[int]]
"""Runs an exported folder's firmware on a case; cycles of each layer, by its index."""


@dataclass(frozen=True)
class Calibration:
    """A fitted model, and what it was fitted to."""

    board: str
    model: LatencyModel
    samples: tuple[Sample, ...]
    flashes: int

    @property
    def error(self) -> float:
        """Mean absolute relative error over all operations, by cross-validation."""
        kernels = self.model.kernels.values()
        total = sum(kernel.samples for kernel in kernels)
        return sum(kernel.samples * kernel.error for kernel in kernels) / total

    def to_json(self, path: Path) -> str:
        """The object that `calibrate --json` prints."""
        kernels = {
            name: {"operations": kernel.samples, "error": kernel.error}
            for name, kernel in self.model.kernels.items()
        }
        return json.dumps(
            {
                "board": self.board,
                "source": self.model.source,
                "flashes": self.flashes,
                "operations": len(self.samples),
                "error": self.error,
                "kernels": kernels,
                "file": str(path),
            }
        )


def calibrate(
    board: str,
    measure: Measure | None = None,
    *,
    source: str = "",
    prior: LatencyModel | None = None,
    seed: int = 0,
    progress: CountProgress | None = None,
) -> Calibration:
    """Measure at most MOST_OPERATIONS operations in each of some images, and fit the model.

    Without `measure` the board is emulated, and cycles are estimated ones; `source` says what they
    are. Parameters are held near those of `prior`, which makes up for what 300 operations leave
    open. BoardError: nothing counts cycles there.
    """
    target = load_board(board)
    if target.is_host:
        raise BoardError("the host has no cycles to count", hint="name a microcontroller's board")
    measured = measure or emulated(target)
    found = operations(target.isas, seed, limits_of(target))
    samples: list[Sample] = []
    batches = in_batches(target, [graph for _, graph in found], FLASHES)
    for number, graphs in enumerate(batches):
        with built(target, graphs) as batch:
            samples += measure_batch(batch, measured)
        if progress is not None:
            progress(number + 1, len(batches))
    told = source or f"estimated cycles, {target.core} emulated"
    model = fit_model(target.core, told, samples, prior)
    return Calibration(board, model, tuple(samples), len(batches))


def limits_of(board: Board) -> Limits:
    """Sizes of which MOST_OPERATIONS fit the board's flash, and one its RAM many times over."""
    elements = min(Limits().elements, board.ram.size // 16)
    weights = min(Limits().weights, board.flash.size // (2 * MOST_OPERATIONS))
    return replace(Limits(), elements=elements, weights=weights)


def emulated(board: Board) -> Measure:
    """Estimated cycles of the image, emulated; BoardError: the core has no cycle model."""
    cycle_model(board.core)

    def measure(folder: Path, cases: Cases) -> Sequence[int]:
        inputs = [array.tobytes() for array in next(iter(cases))[0]]
        with UnicornTarget(folder / "build" / "firmware.elf", board) as target:
            target.reset()
            target.run(inputs)
            return [layer.estimated_cycles or 0 for layer in target.profile().layers]

    return measure


@dataclass(frozen=True)
class Batch:
    """Many operations in one image."""

    graph: Graph
    exported: api.Exported
    choices: Mapping[str, Choice]


@contextmanager
def built(board: Board, graphs: Sequence[Graph]) -> Iterator[Batch]:
    """The image of these one-operation graphs, while the context lasts."""
    merged = share_inputs(merge(graphs))
    with tempfile.TemporaryDirectory() as temporary:
        options = Options(keep_dead_channels=True, effort=_EFFORT)
        exported = api.export(merged, board.name, Path(temporary) / "firmware", options=options)
        yield Batch(merged, exported, choose(merged, board.isas))


def measure_batch(batch: Batch, measure: Measure) -> list[Sample]:
    """What each of the operations takes; nothing is learnt of those that cost nothing."""
    graph, manifest = batch.graph, batch.exported.manifest
    cycles = measure(batch.exported.folder, random_case(manifest))
    indices = {layer.name: layer.index for layer in manifest.layers}
    samples = []
    for node in graph.nodes:
        index = indices[node.name]
        if index is not None and cycles[index]:
            choice = batch.choices[node.name]
            terms = terms_of(Site.of(graph, node), choice)
            samples.append(Sample(choice.kernel.name, terms, float(cycles[index])))
    return samples


def share_inputs(graph: Graph) -> Graph:
    """The same with one input a type and quantization, whose start all others are.

    So many small inputs would take more RAM than a board has, and more room than a frame of the
    link.
    """
    groups: dict[tuple[object, ...], list[Tensor]] = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        groups.setdefault((tensor.dtype, tensor.quantization), []).append(tensor)
    tensors = dict(graph.tensors)
    nodes: list[Node] = []
    inputs = []
    for number, group in enumerate(groups.values()):
        whole = replace(
            group[0], name=f"in{number}", shape=(max(tensor.elements for tensor in group),)
        )
        tensors[whole.name] = whole
        inputs.append(whole.name)
        for tensor in group:
            part = replace(tensor, name=f"{tensor.name}_flat", shape=(tensor.elements,))
            tensors[part.name] = part
            cut = Slice((0,), (tensor.elements,), (1,))
            nodes.append(Node(f"cut_{tensor.name}", cut, (whole.name,), part.name))
            shape = Reshape(tensor.shape)
            nodes.append(Node(f"shape_{tensor.name}", shape, (part.name,), tensor.name))
    return Graph.build(graph.name, tensors.values(), [*nodes, *graph.nodes], inputs, graph.outputs)


def in_batches(board: Board, graphs: Sequence[Graph], most: int) -> list[list[Graph]]:
    """At most `most` images' worth, in turn, each within half of the flash."""
    batches: list[list[Graph]] = [[] for _ in range(most)]
    room = [board.flash.size // 2] * most
    for graph in graphs:
        size = sum(tensor.bytes for tensor in graph.of_kind(Kind.CONSTANT))
        fitting = [
            number
            for number, batch in enumerate(batches)
            if len(batch) < MOST_OPERATIONS and room[number] >= size
        ]
        if fitting:
            number = min(fitting, key=lambda number: len(batches[number]))
            batches[number].append(graph)
            room[number] -= size
    return [batch for batch in batches if batch]
