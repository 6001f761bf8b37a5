"""Running an exported model: in emulation on a board's core, or as a native library on the host."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edge_runtime.boards import Board, load_board
from edge_runtime.cases import Cases
from edge_runtime.device.build import Build, build
from edge_runtime.device.emulator import emulated
from edge_runtime.device.host import HostModel, build_host
from edge_runtime.device.target import Profile
from edge_runtime.device.toolchain import find_toolchain
from edge_runtime.errors import DataError, DifferenceError
from edge_runtime.export.manifest import Manifest
from edge_runtime.graph import Array, Graph
from edge_runtime.interpreter import Interpreter
from edge_runtime.measurement import Layer, Measurement
from edge_runtime.progress import CountProgress

MOST_ERROR = 1e-4
"""Of floats, as a share of the largest value: sums are not rounded alike everywhere."""


@dataclass(frozen=True, eq=False)
class Emulation:
    """Outputs of all cases, and what the first case's first inference cost.

    `exact` is how many output values equal the reference interpreter's, of `compared`, and
    `error` the largest difference as a share of the largest value of its output; all None where
    nothing was compared. On the host nothing is counted.
    """

    outputs: dict[str, Array]
    measurement: Measurement
    exact: int | None = None
    compared: int | None = None
    error: float | None = None

    @property
    def cases(self) -> int:
        """How many cases were run."""
        return len(next(iter(self.outputs.values())))

    def to_dict(self) -> dict[str, Any]:
        """All but the outputs, as `emulate --json` prints it."""
        compared = {"exact": self.exact, "compared": self.compared, "error": self.error}
        return {**self.measurement.to_dict(), **compared}


def emulate(folder: Path, cases: Cases, *, progress: CountProgress | None = None) -> Emulation:
    """Build an exported folder and run its firmware on every case.

    On a board the very image is run that would be flashed; on `host`, the model as a native
    library. State is reset before every case. Raises EmulationError where the firmware fails.
    """
    manifest = Manifest.load(folder)
    board = load_board(manifest.board)
    if board.is_host:
        return _on_host(manifest, build_host(folder), cases, progress)
    return _on_core(manifest, board, build(folder), cases, progress)


def random_case(manifest: Manifest) -> Cases:
    """One case of one step, the same at every call, for a model that is given none."""
    return Cases.random([port.tensor() for port in manifest.inputs], manifest.streaming)


def check(expected: Mapping[str, Array], made: Mapping[str, Array], where: str) -> None:
    """DifferenceError where outputs are not those expected, DataError where some have none.

    Integers must be equal, floats within MOST_ERROR of the largest value.
    """
    for name, values in made.items():
        if name not in expected or expected[name].shape != values.shape:
            found = expected[name].shape if name in expected else "none"
            raise DataError(f"{where} must have the array {name} of shape {values.shape}; {found}")
        largest = np.abs(expected[name].astype(np.float64)).max()
        allowed = MOST_ERROR * largest if values.dtype.kind == "f" else 0.0
        apart = ~(np.abs(values.astype(np.float64) - expected[name]) <= allowed)
        if apart.any():
            first = tuple(int(axis[0]) for axis in np.nonzero(apart))
            raise DifferenceError(
                f"{apart.sum():,} of {values.size:,} values of {name} are not those of {where}; the"
                f" first is {values[first]}, not {expected[name][first]}, at {first}",
                hint="edge-runtime diff finds the first layer that differs from the reference",
            )


def compare(graph: Graph, cases: Cases, emulation: Emulation) -> Emulation:
    """`emulation` with its outputs compared to the reference interpreter's."""
    expected = reference(graph, cases)
    exact = sum(int(np.sum(expected[k] == emulation.outputs[k])) for k in expected)
    total = sum(array.size for array in expected.values())
    error = max(_relative_error(expected[k], emulation.outputs[k]) for k in expected)
    return dataclasses.replace(emulation, exact=exact, compared=total, error=error)


def _relative_error(expected: Array, made: Array) -> float:
    """The largest difference as a share of the largest expected value."""
    difference = np.abs(made.astype(np.float64) - expected.astype(np.float64)).max()
    largest = np.abs(expected.astype(np.float64)).max()
    return float(difference / (largest or 1.0))


def reference(graph: Graph, cases: Cases) -> dict[str, Array]:
    """The interpreter's outputs for all cases, laid out as an emulation's."""
    interpreter = Interpreter(graph)

    def step(arrays: list[Array]) -> list[Array]:
        made = interpreter.run(dict(zip(graph.inputs, arrays, strict=True)))
        return [made[name] for name in graph.outputs]

    results = []
    for steps in cases:
        interpreter.reset()
        results.append([step(arrays) for arrays in steps])
    return cases.collect([graph.tensors[name] for name in graph.outputs], results)


class Runner(Protocol):
    """A model that runs somewhere."""

    def reset(self) -> None:
        """Put the state back to its start."""

    def run(self, inputs: list[bytes], calls: int, /) -> list[bytes]:
        """One inference, its input in so many rows or as a whole: the bytes of every output."""


def run_all(
    runner: Runner, manifest: Manifest, cases: Cases, progress: CountProgress | None
) -> dict[str, Array]:
    """The outputs of all cases; the state is reset before each."""
    outputs = [port.tensor() for port in manifest.outputs]

    def step(arrays: list[Array]) -> list[Array]:
        made = runner.run([array.tobytes() for array in arrays], manifest.input_rows or 1)
        return [
            np.frombuffer(raw, tensor.dtype.numpy).reshape(tensor.shape)
            for raw, tensor in zip(made, outputs, strict=True)
        ]

    results = []
    for number, steps in enumerate(cases):
        runner.reset()
        results.append([step(arrays) for arrays in steps])
        if progress is not None:
            progress(number + 1, cases.count)
    return cases.collect(outputs, results)


def _on_host(
    manifest: Manifest, library: Path, cases: Cases, progress: CountProgress | None
) -> Emulation:
    outputs = run_all(HostModel(library), manifest, cases, progress)
    measurement = Measurement(
        board="host",
        core="host",
        clock_hz=None,
        compiler=find_toolchain("zig").version,
        image_sha256=image_sha256(library),
        layers=_layers(manifest, None),
    )
    return Emulation(outputs, measurement)


def _on_core(
    manifest: Manifest, board: Board, built: Build, cases: Cases, progress: CountProgress | None
) -> Emulation:
    with emulated(built.elf, board) as target:
        target.reset()
        first = [array.tobytes() for array in next(iter(cases))[0]]
        target.run(first, manifest.input_rows or 1, count_reads=True)
        profile, stack = target.profile(), target.stack_bytes()
        outputs = run_all(target, manifest, cases, progress)
        stack = max(stack, target.stack_bytes())
    measurement = Measurement(
        board=board.name,
        core=board.core,
        clock_hz=board.clock_hz,
        compiler=built.compiler,
        image_sha256=image_sha256(built.elf),
        layers=_layers(manifest, profile),
        instructions=profile.instructions,
        estimated_cycles=profile.estimated_cycles,
        estimated_cycles_with_waits=profile.estimated_cycles_with_waits,
        stack_bytes=stack,
    )
    return Emulation(outputs, measurement)


def _layers(manifest: Manifest, profile: Profile | None) -> tuple[Layer, ...]:
    found = []
    for planned in manifest.layers:
        found.append(
            Layer(
                name=planned.name,
                op=planned.op,
                shape=planned.shape,
                kernel=planned.kernel,
                reason=planned.reason,
                macs=planned.macs,
                **_costs(planned.index, profile),
            )
        )
    return tuple(found)


_COSTS = ("instructions", "estimated_cycles", "estimated_cycles_with_waits")


def _costs(index: int | None, profile: Profile | None) -> dict[str, int | None]:
    """What a layer costs: 0 where it has no code, None where nothing was counted."""
    for part in profile.layers if profile else ():
        if part.index == index:
            return {name: getattr(part, name) for name in _COSTS}
    return {name: None if getattr(profile, name, None) is None else 0 for name in _COSTS}


def image_sha256(path: Path) -> str:
    """The hash by which measurements name an image."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
