"""Finding the first layer whose result differs: reference against C on a core, a board or the host.

The model runs layer by layer in poisoned memory, and what each layer made is read back and compared
with the reference interpreter's, or with arrays that were recorded elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.device.build import build
from edge_runtime.device.emulator import emulated
from edge_runtime.device.host import build_host
from edge_runtime.device.layerwise import HostLayers, Layerwise, LinkedLayers
from edge_runtime.device.link import Link
from edge_runtime.device.serial_port import SerialPort
from edge_runtime.errors import DataError, DifferenceError
from edge_runtime.export.manifest import Manifest
from edge_runtime.graph import Array, DType, Graph, Node, Tensor
from edge_runtime.interpreter import Interpreter
from edge_runtime.progress import CountProgress

POISON = 0xA5
TOLERANCE = 1e-4
"""Of the largest magnitude in a float tensor; integers must be equal."""


@dataclass(frozen=True)
class Difference:
    """The first tensor that differs, and the first of its elements that does."""

    case: int
    step: int
    layer: int
    node: str
    op: str
    kernel: str
    tensor: str
    index: tuple[int, ...]
    expected: float
    found: float
    differing: int
    elements: int

    def __str__(self) -> str:
        where = f"case {self.case}" + (f", step {self.step}" if self.step else "")
        return (
            f"layer {self.layer}, {self.op} {self.node} by {self.kernel}, differs in {where}:"
            f" {self.tensor}{list(self.index)} is {self.found:g}, expected {self.expected:g};"
            f" {self.differing:,} of {self.elements:,} elements differ"
        )


@dataclass(frozen=True)
class Compared:
    """What was compared, the first difference if any, and how many arrays were given `against`."""

    board: str
    target: str
    cases: int
    layers: int
    against: int
    difference: Difference | None

    def to_dict(self) -> dict[str, object]:
        """As `diff --json` prints it."""
        return dataclasses.asdict(self)

    def check(self) -> None:
        """DifferenceError where there is a difference."""
        if self.difference is not None:
            raise DifferenceError(
                str(self.difference),
                hint="layers before it are right: run it alone, and look at its inputs and kernel",
            )


def diff(
    graph: Graph,
    folder: Path,
    cases: Cases,
    *,
    against: Mapping[str, Array] | None = None,
    port: str | None = None,
    progress: CountProgress | None = None,
) -> Compared:
    """Compare every layer of `graph`, exported layerwise into `folder`, on all `cases`.

    The firmware runs in emulation, or on the board at `port`, which must have been flashed with the
    very image. `against` holds what is expected instead of the reference: by tensor's name or
    `out0`, …, laid out as the cases are. DataError: an array of `against` fits nothing.
    """
    manifest = Manifest.load(folder)
    expected = _recorded(graph, cases, against or {})
    with _target(folder, manifest, port) as target:
        difference = _first(graph, manifest, target, cases, expected, progress)
    layers = sum(layer.index is not None for layer in manifest.layers)
    where = port or ("host" if load_board(manifest.board).is_host else "emulated")
    return Compared(manifest.board, where, cases.count, layers, len(expected), difference)


@contextmanager
def _target(folder: Path, manifest: Manifest, port: str | None) -> Iterator[Layerwise]:
    board = load_board(manifest.board)
    if board.is_host:
        yield HostLayers(build_host(folder), manifest.plan.arena_bytes)
        return
    if port is None:
        with emulated(build(folder).elf, board) as target:
            yield LinkedLayers(target.link)
        return
    link = Link(SerialPort(port, board.uart.baud if board.uart else 115_200))
    try:
        yield LinkedLayers(link)
    finally:
        link.close()


def _recorded(graph: Graph, cases: Cases, against: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays by tensor, each as (cases, steps, *shape)."""
    names = {f"out{index}": name for index, name in enumerate(graph.outputs)}
    made = {node.output for node in graph.nodes}
    found = {}
    for key, array in against.items():
        name = names.get(key, key)
        if name not in made:
            raise DataError(
                f"array {key} is no output and no tensor of {graph.name}",
                hint=f"name it out0, … or like a tensor: {', '.join(sorted(made)[:8])}, …",
            )
        shape = (cases.count, cases.steps, *graph.tensors[name].shape)
        if array.size != np.prod(shape):
            raise DataError(f"array {key} has shape {array.shape}; allowed: {shape}")
        found[name] = array.reshape(shape)
    return found


def _first(
    graph: Graph,
    manifest: Manifest,
    target: Layerwise,
    cases: Cases,
    expected: Mapping[str, Array],
    progress: CountProgress | None,
) -> Difference | None:
    interpreter = Interpreter(graph)
    for case, steps in enumerate(cases):
        interpreter.reset()
        target.reset()
        for step, arrays in enumerate(steps):
            made = _reference(interpreter, dict(zip(graph.inputs, arrays, strict=True)))
            made |= {name: values[case, step] for name, values in expected.items()}
            target.start([array.tobytes() for array in arrays], POISON)
            found = _first_layer(graph, manifest, target, made)
            if found is not None:
                return dataclasses.replace(found, case=case, step=step)
        if progress is not None:
            progress(case + 1, cases.count)
    return None


def _reference(interpreter: Interpreter, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """What every node makes of `inputs`, by tensor."""
    made: dict[str, Array] = {}

    def keep(node: Node, value: Array) -> None:
        made[node.output] = value

    interpreter.run(inputs, keep)
    return made


def _first_layer(
    graph: Graph, manifest: Manifest, target: Layerwise, made: Mapping[str, Array]
) -> Difference | None:
    """Run one inference, comparing behind each layer."""
    nodes = {node.name: node for node in graph.nodes}
    for layer in manifest.layers:
        if layer.index is None:
            continue
        target.run_layer(layer.index)
        tensor = graph.node_output(nodes[layer.name])
        found = _read(manifest, target, tensor)
        wrong = np.argwhere(_differs(tensor, made[tensor.name], found))
        if len(wrong):
            index = tuple(int(i) for i in wrong[0])
            return Difference(
                *(0, 0, layer.index, layer.name, layer.op, layer.kernel, tensor.name, index),
                expected=float(made[tensor.name][index]),
                found=float(found[index]),
                differing=len(wrong),
                elements=tensor.elements,
            )
    return None


def _read(manifest: Manifest, target: Layerwise, tensor: Tensor) -> Array:
    state = manifest.plan.state.get(tensor.name)
    place = manifest.plan.placements[tensor.name] if state is None else state
    raw = target.peek(int(state is not None), place.offset, tensor.bytes)
    return np.frombuffer(raw, tensor.dtype.numpy).reshape(tensor.shape)


def _differs(tensor: Tensor, expected: Array, found: Array) -> Array:
    if tensor.dtype is not DType.FLOAT32:
        return np.asarray(expected != found)
    largest = float(np.max(np.abs(expected), initial=0.0)) or 1.0
    return ~np.isclose(found, expected, rtol=0, atol=TOLERANCE * largest, equal_nan=True)
