"""Running an exported model: in emulation on a board's core, or as a native library on the host."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from edge_runtime.boards import Board, load_board
from edge_runtime.cases import Cases
from edge_runtime.device.build import Build, build
from edge_runtime.device.host import HostModel, build_host
from edge_runtime.device.toolchain import find_toolchain
from edge_runtime.device.unicorn_target import UnicornTarget
from edge_runtime.export.manifest import Layer, Manifest
from edge_runtime.graph import Array, Graph, Shape
from edge_runtime.interpreter import Interpreter


@dataclass(frozen=True)
class LayerCost:
    """What one layer cost in one inference; None where nothing counted it."""

    name: str
    op: str
    kernel: str
    reason: str
    shape: Shape
    macs: int
    instructions: int | None
    estimated_cycles: int | None


@dataclass(frozen=True, eq=False)
class Emulation:
    """Outputs of all cases, and the cost of the first case's first inference.

    `instructions` were counted; `estimated_cycles` come from the cycle model of the core, without
    the memory's wait states; both include what model_invoke itself adds to its layers.
    `stack_bytes` is the high-water mark. On the host all four are None. `exact` is how many output
    values equal the reference interpreter's, of `compared`; both None where nothing was compared.
    `image_sha256` names the file that ran.
    """

    board: str
    core: str
    clock_hz: int | None
    compiler: str
    image_sha256: str
    instructions: int | None
    estimated_cycles: int | None
    stack_bytes: int | None
    layers: tuple[LayerCost, ...]
    outputs: dict[str, Array]
    exact: int | None = None
    compared: int | None = None

    @property
    def estimated_ms(self) -> float | None:
        """Estimated cycles at the board's clock, in milliseconds."""
        if self.estimated_cycles is None or self.clock_hz is None:
            return None
        return 1000.0 * self.estimated_cycles / self.clock_hz

    def to_json(self) -> str:
        """All but the outputs, as one JSON object."""
        shown = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in {"outputs", "layers"}
        }
        layers = [dataclasses.asdict(layer) for layer in self.layers]
        return json.dumps({**shown, "estimated_ms": self.estimated_ms, "layers": layers})


class Progress(Protocol):
    """Called with how many cases are done, and how many there are."""

    def __call__(self, done: int, total: int) -> None:
        """Show it."""


def emulate(
    folder: Path,
    cases: Cases,
    *,
    progress: Progress | None = None,
) -> Emulation:
    """Build an exported folder and run its firmware on every case.

    On a board the very image is run that would be flashed; on `host`, the model as a native
    library. State is reset before every case. Raises EmulationError where the firmware fails.
    """
    manifest = Manifest.load(folder)
    board = load_board(manifest.board)
    if board.is_host:
        return _on_host(manifest, board, build_host(folder), cases, progress)
    return _on_core(manifest, board, build(folder), cases, progress)


def compare(graph: Graph, cases: Cases, emulation: Emulation) -> Emulation:
    """`emulation` with its outputs compared to the reference interpreter's."""
    expected = reference(graph, cases)
    exact = sum(int(np.sum(expected[k] == emulation.outputs[k])) for k in expected)
    total = sum(array.size for array in expected.values())
    return dataclasses.replace(emulation, exact=exact, compared=total)


def reference(graph: Graph, cases: Cases) -> dict[str, Array]:
    """The interpreter's outputs for all cases, laid out as an emulation's."""
    interpreter = Interpreter(graph)
    results = []
    for steps in cases:
        interpreter.reset()
        results.append(
            [
                list(interpreter.run(dict(zip(graph.inputs, arrays, strict=True))).values())
                for arrays in steps
            ]
        )
    return cases.collect([graph.tensors[name] for name in graph.outputs], results)


class _Runner(Protocol):
    def reset(self) -> None: ...
    def run(self, inputs: list[bytes], /) -> list[bytes]: ...


def _run_all(
    runner: _Runner, manifest: Manifest, cases: Cases, progress: Progress | None
) -> dict[str, Array]:
    outputs = [port.tensor() for port in manifest.outputs]
    results = []
    for number, steps in enumerate(cases):
        runner.reset()
        results.append(
            [
                [
                    np.frombuffer(raw, tensor.dtype.numpy).reshape(tensor.shape)
                    for raw, tensor in zip(
                        runner.run([array.tobytes() for array in arrays]), outputs, strict=True
                    )
                ]
                for arrays in steps
            ]
        )
        if progress is not None:
            progress(number + 1, cases.count)
    return cases.collect(outputs, results)


def _on_host(
    manifest: Manifest, board: Board, library: Path, cases: Cases, progress: Progress | None
) -> Emulation:
    outputs = _run_all(HostModel(library), manifest, cases, progress)
    return Emulation(
        board=board.name,
        core=board.core,
        clock_hz=None,
        compiler=find_toolchain("zig").version,
        image_sha256=_sha256(library),
        instructions=None,
        estimated_cycles=None,
        stack_bytes=None,
        layers=tuple(_cost(layer, None, None) for layer in manifest.layers),
        outputs=outputs,
    )


def _on_core(
    manifest: Manifest, board: Board, built: Build, cases: Cases, progress: Progress | None
) -> Emulation:
    with UnicornTarget(built.elf, board) as target:
        target.reset()
        target.run([array.tobytes() for array in next(iter(cases))[0]])
        profile = target.profile()
        stack = target.stack_bytes()
        outputs = _run_all(target, manifest, cases, progress)
        stack = max(stack, target.stack_bytes())
    counts = {layer.index: (layer.instructions, layer.estimated_cycles) for layer in profile.layers}
    free = (0, 0)
    return Emulation(
        board=board.name,
        core=board.core,
        clock_hz=board.clock_hz,
        compiler=built.compiler,
        image_sha256=_sha256(built.elf),
        instructions=profile.instructions,
        estimated_cycles=profile.estimated_cycles,
        stack_bytes=stack,
        layers=tuple(
            _cost(layer, *(free if layer.index is None else counts[layer.index]))
            for layer in manifest.layers
        ),
        outputs=outputs,
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _cost(layer: Layer, instructions: int | None, estimated_cycles: int | None) -> LayerCost:
    return LayerCost(
        layer.name,
        layer.op,
        layer.kernel,
        layer.reason,
        layer.shape,
        layer.macs,
        instructions,
        estimated_cycles,
    )
