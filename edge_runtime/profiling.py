"""Profiling an exported folder on its board: over a serial port, or emulated.

The image is the folder's profiling build (`device.build`): the shipped kernels, and marks around
each layer. What a counter of the board says is measured; what an emulator makes of the shipped
image is estimated; neither ever stands for the other.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.boards import Board, load_board
from edge_runtime.cases import Cases
from edge_runtime.device.build import PROFILE, Build, build, build_id
from edge_runtime.device.emulator import emulated
from edge_runtime.device.flash import flash
from edge_runtime.device.link import Fault, Gather, Link, NoAnswer, Patience, WrongAnswer
from edge_runtime.device.profiler import (
    EMULATED,
    LinkedModel,
    measure_clock,
    why_no_cycles,
)
from edge_runtime.device.serial_port import SerialPort
from edge_runtime.device.symbols import load_image
from edge_runtime.device.target import Profile
from edge_runtime.emulation import image_sha256, random_case, run_all
from edge_runtime.errors import BoardError, DataError, DifferenceError, EdgeRuntimeError, LinkError
from edge_runtime.export.manifest import Manifest
from edge_runtime.graph import Array
from edge_runtime.measurement import Measurement
from edge_runtime.power import Trace, energy
from edge_runtime.power_monitors import Monitor, record_while
from edge_runtime.profile_record import Cycles, Energy, ProfiledLayer, ProfileRecord

RUNS = 10
_PATIENCE = Patience(attempts=6, answer=1.5)
_COMES_BACK = 15.0  # seconds that a board may take to start after it was flashed

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Profiled:
    """The record, the outputs of all cases, and the image that ran."""

    record: ProfileRecord
    outputs: dict[str, Array]
    build: Build

    def measurement(self) -> Measurement:
        """The medians, as measurements.jsonl has them."""
        return self.record.measurement(self.build.compiler, image_sha256(self.build.elf))


@dataclass(frozen=True)
class Power:
    """Where the energy comes from: a recording, or a monitor that makes one of so many seconds.

    Inferences are found by `pin`, or one by the `marker`: see `edge_runtime.power`.
    """

    source: Trace | Monitor
    pin: str = "D0"
    marker: float | None = None
    seconds: float = 2.0


Watch = Callable[[ProfileRecord], None]
"""Told what is known after each run."""


def profile(
    folder: Path,
    *,
    port: str,
    cases: Cases | None = None,
    runs: int = RUNS,
    power: Power | None = None,
    watch: Watch = lambda record: None,
    say: Say = lambda text: None,
) -> Profiled:
    """Profile an exported folder on the board at `port`, or `emulated`.

    The first step of the first case is measured, each time after a reset of the model's state;
    without cases, one is drawn at random. The board is flashed where it runs another image, `say`
    told so. On an emulated board nothing is measured, and it is said why.

    Raises:
        LinkError: there is no answer, or not the one expected; its kind says which.
        FlashError, ToolchainError: the board cannot be flashed.
        DifferenceError: the outputs change from run to run.
        DataError: the folder or the cases are not what they should be.
    """
    if runs < 1:
        raise DataError(f"{runs} runs measure nothing", hint="make one or more")
    manifest = Manifest.load(folder)
    board = load_board(manifest.board)
    if board.is_host:
        raise BoardError("the host is no board to profile", hint="export it for a board")
    cases = random_case(manifest) if cases is None else cases
    built = build(folder, profile=True)
    estimate, expected = _emulate(folder, board, manifest, cases)
    with _connected(folder, board, built, port, say) as link, _explained(built):
        session = _Session(manifest, board, port, link, cases, estimate)
        record = session.measure(runs, watch)
        outputs = run_all(session.model, manifest, cases, None)
        if power is not None:
            record = dataclasses.replace(record, energy=session.energy(record, power))
    if expected is not None:
        record = dataclasses.replace(record, agrees=session.outputs == expected)
    return Profiled(record, outputs, built)


def layer_cycles(
    folder: Path, *, port: str, cases: Cases | None = None, runs: int = RUNS
) -> tuple[int, ...]:
    """Measured cycles of each layer of an exported folder, by its index: the median of the runs.

    Raises:
        BoardError: nothing there measures cycles; the message says why.
        LinkError and others: as `profile`.
    """
    record = profile(folder, port=port, cases=cases, runs=runs).record
    if record.not_measured:
        raise BoardError(f"no cycles of {record.board} at {port}: {record.not_measured}")
    by_index = {layer.index: layer.cycles for layer in record.layers if layer.index is not None}
    return tuple(cycles.median for _, cycles in sorted(by_index.items()) if cycles is not None)


def _first(cases: Cases) -> list[bytes]:
    return [array.tobytes() for array in next(iter(cases))[0]]


def _emulate(
    folder: Path, board: Board, manifest: Manifest, cases: Cases
) -> tuple[Profile | None, list[bytes] | None]:
    """What the emulator makes of the shipped image; nothing where there is no emulator."""
    built = build(folder)
    try:
        target = emulated(built.elf, board)
    except EdgeRuntimeError:
        return None, None
    with target:
        target.reset()
        outputs = target.run(_first(cases), manifest.input_rows or 1)
        return target.profile(), outputs


class _Session:
    """One board, and what is known of it so far."""

    def __init__(
        self,
        manifest: Manifest,
        board: Board,
        port: str,
        link: Link,
        cases: Cases,
        estimate: Profile | None,
    ) -> None:
        self.model = LinkedModel(link, manifest.input_rows or 1)
        self.outputs: list[bytes] | None = None
        self._manifest = manifest
        self._inputs = _first(cases)
        self._totals: list[int] = []
        self._layers: list[tuple[int, ...]] = []
        self._checksums: tuple[int, ...] = ()
        self._record = self._begin(board, port, estimate)

    def measure(self, runs: int, watch: Watch) -> ProfileRecord:
        """Checksums once, then so many runs for the whole and for the layers."""
        self._checksums = self._gather(Gather.CHECKSUMS)
        stack = self.model.link.stack_bytes()
        self._record = dataclasses.replace(self._record, stack_bytes=stack)
        if self._record.not_measured:
            self._record = self._known()
            watch(self._record)
            return self._record
        for _ in range(runs):
            self._totals.append(self._gather(Gather.TOTAL)[-1])
            self._layers.append(self._gather(Gather.LAYERS)[:-1])
            self._record = self._known()
            watch(self._record)
        return self._record

    def energy(self, record: ProfileRecord, power: Power) -> Energy:
        """The energy of inferences: of the recording, or of those that are made for the monitor."""
        trace = power.source
        if not isinstance(trace, Trace):
            trace = record_while(trace, power.seconds, lambda: self._gather(Gather.NOTHING))
        return energy(trace, record, pin=power.pin, marker=power.marker)

    def _gather(self, what: Gather) -> tuple[int, ...]:
        figures, outputs = self.model.gather(self._inputs, what)
        if self.outputs not in (None, outputs):
            raise DifferenceError(
                "the same input gave other outputs than the run before",
                hint="the board's power or clock may be at fault; `edge-runtime diff --port` finds"
                " the layer",
            )
        self.outputs = outputs
        return figures

    def _begin(self, board: Board, port: str, estimate: Profile | None) -> ProfileRecord:
        link = self.model.link
        identity = link.identify()
        counter, _ = link.counter(start=True)
        reason = why_no_cycles(board, port, counter)
        costs = {part.index: part.estimated_cycles for part in estimate.layers} if estimate else {}
        stages = {
            name: number
            for number, stage in enumerate(self._manifest.plan.stages)
            for name in stage.nodes
        }
        return ProfileRecord(
            board=board.name,
            core=board.core,
            model=identity.model,
            port=port,
            image=identity.build_id.hex(),
            runs=0,
            clock_hz=identity.clock_hz,
            measured_clock=None if reason else measure_clock(link),
            not_measured=reason,
            cycles=None,
            estimated_cycles=estimate.estimated_cycles if estimate else None,
            stack_bytes=0,
            memory=dataclasses.asdict(link.memory_map()),
            agrees=None,
            layers=tuple(
                ProfiledLayer(
                    *(layer.name, layer.op, layer.kernel, layer.shape, layer.macs, layer.index),
                    stage=stages.get(layer.name),
                    cycles=None,
                    estimated_cycles=None if layer.index is None else costs.get(layer.index),
                    checksum=None,
                )
                for layer in self._manifest.layers
            ),
        )

    def _known(self) -> ProfileRecord:
        def filled(layer: ProfiledLayer) -> ProfiledLayer:
            if layer.index is None:
                return layer
            runs = [run[layer.index] for run in self._layers]
            cycles = Cycles.of(runs) if runs else None
            checksum = self._checksums[layer.index]
            return dataclasses.replace(layer, cycles=cycles, checksum=checksum)

        return dataclasses.replace(
            self._record,
            runs=len(self._totals),
            cycles=Cycles.of(self._totals) if self._totals else None,
            layers=tuple(filled(layer) for layer in self._record.layers),
        )


@contextmanager
def _explained(built: Build) -> Iterator[None]:
    """A fault, with the function's name and the registers."""
    try:
        yield
    except Fault as fault:
        image, r = load_image(built.elf), fault.registers
        raise LinkError(
            f"{image.where(r.pc)} took a fault: {r.reason} (pc 0x{r.pc:08x}, called from"
            f" {image.where(r.lr & ~1)}, CFSR 0x{r.cfsr:08x}, HFSR 0x{r.hfsr:08x},"
            f" MMFAR 0x{r.mmfar:08x}, BFAR 0x{r.bfar:08x})",
            hint=fault.hint,
        ) from fault


@contextmanager
def _connected(folder: Path, board: Board, built: Build, port: str, say: Say) -> Iterator[Link]:
    """A link to firmware of this very image."""
    if port == EMULATED:
        with emulated(built.elf, board) as target:
            target.identify()
            yield target.link
        return
    link = _open(port, board)
    try:
        found = _running(link)
        wanted = build_id(built.elf)
        if found != wanted:
            link.close()
            _flash(folder, board, built, port, found, say)
            link = _reopen(port, board, wanted)
        yield link
    finally:
        link.close()


def _open(port: str, board: Board) -> Link:
    return Link(SerialPort(port, board.uart.baud if board.uart else 115_200), _PATIENCE)


def _running(link: Link) -> bytes | None:
    """The build id of what runs there; None where nothing of this version answers."""
    try:
        return link.identify().build_id
    except (NoAnswer, WrongAnswer):
        return None


def _flash(
    folder: Path, board: Board, built: Build, port: str, found: bytes | None, say: Say
) -> None:
    what = "no firmware of this version answers" if found is None else "another image runs"
    if "://" in port or not board.flashing.methods:
        raise LinkError(
            f"{what} at {port}",
            hint=f"it cannot be flashed from here: let it run {built.elf} (build it with"
            f" `edge-runtime build --profile {folder}`), then profile again",
        )
    say(f"{what} at {port}")
    place = None if board.flashing.uf2_family is not None else port
    flash(folder, board, port=place, image=PROFILE, say=say)


def _reopen(port: str, board: Board, wanted: bytes) -> Link:
    """The link after flashing: the board starts, and its port may be gone for a while."""
    end = time.monotonic() + _COMES_BACK
    while True:
        with suppress(LinkError):
            link = _open(port, board)
            if _running(link) == wanted:
                return link
            link.close()
        if time.monotonic() > end:
            raise LinkError(
                f"the board at {port} was flashed, but does not run that image",
                hint="reset it by hand, check that its boot pins select the flash, and that this is"
                " the board's port",
            )
        time.sleep(0.5)
