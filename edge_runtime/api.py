"""The Python API: one function for each command.

    graph = load("model.tflite")
    exported = export(graph, "nucleo_l4r5zi", Path("firmware"))
    result = emulate(Path("firmware"), Path("in.npz"))

Everything heavy is imported when it is first used.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edge_runtime.errors import AccuracyError, BoardError, DataError, ModelError, ToolchainError

if TYPE_CHECKING:
    from edge_runtime.calibration import Calibration, Measure
    from edge_runtime.cases import Cases
    from edge_runtime.device.build import Build
    from edge_runtime.device.flash import Flashed
    from edge_runtime.diff import Compared
    from edge_runtime.emulation import Emulation
    from edge_runtime.errors import Problem
    from edge_runtime.export.firmware import Options, Origin
    from edge_runtime.export.manifest import Manifest
    from edge_runtime.fit import Fitted
    from edge_runtime.graph import Graph
    from edge_runtime.profiling import Power, Profiled, Watch
    from edge_runtime.progress import CountProgress
    from edge_runtime.quant import Quantized
    from edge_runtime.report import Accuracy, ReportData, Search
    from edge_runtime.summary import Limits


@dataclass(frozen=True)
class Exported:
    """A firmware folder that was written and built: planned figures, and the linker's.

    `build` is None for the host, where a library is made and flash means nothing.
    """

    folder: Path
    manifest: Manifest
    build: Build | None
    files: tuple[str, ...]

    @property
    def image(self) -> Build:
        """The image and its sizes; BoardError for the host."""
        if self.build is None:
            raise BoardError("the host has no image", hint="name a microcontroller's board")
        return self.build

    def to_json(self) -> str:
        """The object that `export --json` prints."""
        manifest, built = self.manifest, self.build
        plan = manifest.plan
        return json.dumps(
            {
                "board": manifest.board,
                "model": manifest.model,
                "type": manifest.type,
                "ram_bytes": plan.ram_bytes,
                "arena_bytes": plan.arena_bytes,
                "arena_bound_bytes": plan.lower_bound,
                "state_bytes": plan.state_bytes,
                "flash_bytes": built and built.flash_bytes,
                "weights_bytes": manifest.weights_bytes,
                "image_flash_bytes": built and built.image_flash_bytes,
                "image_ram_bytes": built and built.image_ram_bytes,
                "peak": dataclasses.asdict(plan.peak),
                "layers": [dataclasses.asdict(layer) for layer in manifest.layers],
                "compiler": built and built.compiler,
                "files": list(self.files),
            }
        )


def load(path: Path | str) -> Graph:
    """Read a .tflite or .onnx model; ModelError lists all that cannot be compiled."""
    from edge_runtime.importers import load_model

    return load_model(Path(path))


@dataclass(frozen=True)
class Checked:
    """Whether a model can be compiled for a board, and every reason why not."""

    model: str
    board: str
    summary: str
    error: ModelError | None

    def to_json(self) -> str:
        """The object that `check --json` prints."""
        problems = self.error.problems if self.error else ()
        return json.dumps(
            {
                "model": self.model,
                "board": self.board,
                "supported": self.error is None,
                "message": str(self.error) if self.error else self.summary,
                "problems": [dataclasses.asdict(problem) for problem in problems],
            }
        )


def check(path: Path | str, board: str) -> Checked:
    """Read a model and choose its kernels; all nodes that cannot be compiled are in the error.

    Where some nodes cannot be imported, kernels are chosen for the others, so that one call tells
    everything.
    """
    from edge_runtime.boards import load_board
    from edge_runtime.export.arithmetic import arithmetic_of
    from edge_runtime.importers.unsupported import PartlySupportedError
    from edge_runtime.kernels import choose, unserved

    target = load_board(board)
    try:
        graph = load(path)
        choices = choose(graph, target.isas)
    except PartlySupportedError as error:
        problems = (*error.problems, *unserved(error.part, target.isas))
        told = ModelError(
            f"{path} cannot be compiled; {len(problems)} problem(s):",
            hint=error.hint,
            problems=problems,
        )
        return Checked(str(path), board, "", told)
    except ModelError as error:
        return Checked(str(path), board, "", error)
    kind = arithmetic_of(graph, choices)
    summary = f"{path}: all {len(graph.nodes)} nodes compile for {board} ({target.core}), {kind}"
    return Checked(str(path), board, summary, None)


def fit(path: Path | str) -> Fitted:
    """Which boards can hold a model, in how much RAM, flash and time; nothing is compiled.

    ModelError lists every node that cannot be compiled.
    """
    from edge_runtime import fit as fitting

    return fitting.fit(load(path))


def calibrate(
    board: str,
    out: Path | str | None = None,
    *,
    port: str = "emulated",
    progress: CountProgress | None = None,
) -> Calibration:
    """Fit the latency model of a board to measured operations, and keep it.

    It goes to `out`, or to the user's configuration, where `fit` and `search` look for it. `port`
    is as for `profile`; where it is `emulated`, cycles are estimated ones.
    """
    from edge_runtime import calibration
    from edge_runtime.boards import load_board
    from edge_runtime.latency.store import builtin_latency, calibration_path, write_latency

    target = load_board(board)
    measure: Measure | None = None
    source = f"estimated cycles, {target.core} emulated"
    if port != "emulated":
        from edge_runtime import profiling

        source = f"measured cycles, {board} at {port}"
        measure = lambda folder, cases: profiling.layer_cycles(folder, port=port, cases=cases)  # noqa: E731
    found = calibration.calibrate(
        board, measure, source=source, prior=builtin_latency(target.core), progress=progress
    )
    write_latency(found.model, calibration_path(board) if out is None else Path(out))
    return found


def origin(path: Path, command: str) -> Origin:
    """The provenance of a model file, for `export`."""
    from edge_runtime.export.firmware import Origin

    return Origin.of_file(path, command)


def write_model(graph: Graph, path: Path) -> None:
    """Write a graph as .tflite or .onnx, by the path's suffix; DataError for any other."""
    from edge_runtime.export.onnx import write_onnx
    from edge_runtime.export.tflite import write_tflite

    writers = {".tflite": write_tflite, ".onnx": write_onnx}
    if path.suffix not in writers:
        raise DataError(f"{path} ends in neither .tflite nor .onnx", hint="name the output so")
    writers[path.suffix](graph, path)


def quantize(
    graph: Graph,
    calibration: Path | str,
    *,
    recipe: str = "int8",
    observer: str | None = None,
    flash: int | None = None,
    max_drop: float | None = None,
    evaluation: Path | str | None = None,
) -> Quantized:
    """Quantize a float graph, with what is seen on the arrays of an .npz file.

    The archive holds `in0`, …, the inputs' names, or `x` for a single one, first axis the samples;
    that for `evaluation` also `y` or `labels`. For the others see `edge_runtime.quant.quantize`;
    whether `max_drop` was kept to is for `check_drop` to say.
    """
    from edge_runtime.cases import load_arrays
    from edge_runtime.quant import Observer, Recipe, labelled_of, samples_of
    from edge_runtime.quant import quantize as quantize_graph

    scored = None
    if evaluation is not None:
        scored = labelled_of(graph, load_arrays(Path(evaluation)))
    return quantize_graph(
        graph,
        samples_of(graph, load_arrays(Path(calibration))),
        recipe=_named(Recipe, recipe),
        observer=None if observer is None else _named(Observer, observer),
        flash=flash,
        most_drop=max_drop,
        evaluation=scored,
    )


_Named = TypeVar("_Named", bound=enum.Enum)


def _named(kind: type[_Named], value: str) -> _Named:
    allowed = [each.value for each in kind]
    if value not in allowed:
        raise DataError(f"{kind.__name__.lower()} {value!r}; allowed: {', '.join(allowed)}")
    return kind(value)


def check_drop(quantized: Quantized, max_drop: float | None) -> None:
    """AccuracyError where quantizing cost more points than `max_drop`, or what it cost is unknown.

    The drop is that of the score; where there is none, of agreement with float.
    """
    if max_drop is None:
        return
    report = quantized.report
    if report.drop is None:
        raise AccuracyError(
            "there is no drop to compare with --max-drop: the model has a single output value",
            hint="leave --max-drop out, and look at the report's signal to noise",
        )
    if report.drop > max_drop:
        worst = ", ".join(layer.node for layer in report.worst())
        raise AccuracyError(
            f"quantizing by {report.recipe} costs {report.drop:.2f} points; allowed: {max_drop:g}."
            f" The worst layers: {worst}",
            hint="the report says what to do about each; --recipe int8x16 or more --flash may help",
        )


@dataclass(frozen=True)
class Written:
    """A model file: its nodes that are float, and those that tflite-micro refuses, with reasons."""

    float_nodes: tuple[str, ...]
    tflm_refusals: tuple[Problem, ...] = ()


def write_quantized(quantized: Quantized, path: Path) -> Written:
    """Write the model, whole or not at all, and read it back.

    ModelError: the file computes other nodes in float than the report says.
    """
    from edge_runtime.export.tflm_limits import tflm_refusals
    from edge_runtime.quant import float_nodes

    told = {each.node for each in quantized.report.floats}
    with tempfile.TemporaryDirectory(prefix=".quantize-", dir=_parent(path)) as folder:
        trial = Path(folder) / path.name
        write_model(quantized.graph, trial)
        floats = float_nodes(load(trial))
        if len(floats) > len(told):
            raise ModelError(
                f"{path} would compute {len(floats)} nodes in float32 ({', '.join(floats[:3])}, …),"
                f" but {len(told)} were to be: edge-runtime has a defect",
                hint="write .tflite instead of .onnx, or the reverse, and report it",
            )
        trial.replace(path)
    refused = tflm_refusals(quantized.graph) if path.suffix == ".tflite" else ()
    return Written(floats, refused)


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent


def export(
    graph: Graph,
    board: str,
    folder: Path | str,
    *,
    origin: Origin | None = None,
    compiler: str = "zig",
    options: Options | None = None,
    form: str = "plain",
    protocol: str = "link",
) -> Exported:
    """Write and build the firmware of a graph for a board, in the types that the graph has.

    `form` names the project that is written around it: plain (none), cmake, platformio or arduino.
    With the `protocol` mlperf-tiny the firmware speaks that benchmark's protocol besides ours.
    The folder appears whole or not at all. Raises ModelError for a node without a kernel,
    BudgetError where RAM or flash do not hold it, ToolchainError without a compiler, BoardError
    where the project cannot be made for the board.
    """
    from edge_runtime.boards import load_board
    from edge_runtime.export.firmware import Options, Origin, compile_graph, generate
    from edge_runtime.export.mlperf import parse_protocol
    from edge_runtime.export.project import parse_format

    target, out, project = load_board(board), Path(folder), parse_format(form)
    spoken = parse_protocol(protocol)
    compiled = compile_graph(graph, target, options or Options())
    firmware = generate(compiled, target, origin or Origin.of_graph(graph), project, spoken)
    with tempfile.TemporaryDirectory() as temporary:
        trial = Path(temporary) / "firmware"
        firmware.write(trial)
        _, built = build(trial, compiler=compiler)
        for path in sorted((trial / "build").iterdir()):
            firmware.files[f"build/{path.name}"] = path.read_bytes()
    firmware.write(out)
    if built is not None:
        built = dataclasses.replace(built, elf=out / "build" / built.elf.name)
    return Exported(out, firmware.manifest, built, tuple(sorted(firmware.files)))


def build(
    folder: Path | str, *, compiler: str = "zig", profile: bool = False
) -> tuple[Manifest, Build | None]:
    """Compile and link an exported folder; its manifest, and what the linker made of it.

    For the host a library is built, and there are no figures of the linker's. With `profile` the
    image is the one that `profile` runs.
    """
    from edge_runtime.boards import load_board
    from edge_runtime.device.build import build as build_firmware
    from edge_runtime.device.host import build_host
    from edge_runtime.export.manifest import Manifest

    where = Path(folder)
    manifest = Manifest.load(where)
    if load_board(manifest.board).is_host:
        build_host(where)
        return manifest, None
    built = build_firmware(where, compiler=compiler, profile=profile)
    if built.ram_bytes != manifest.ram_bytes:
        raise ToolchainError(
            f"the planner gives the model {manifest.ram_bytes} bytes of RAM, the linker"
            f" {built.ram_bytes}: model.c was changed by hand, or edge-runtime has a defect",
            hint="export the model again",
        )
    return manifest, built


def emulate(
    folder: Path | str,
    cases: Cases | Path | str | None = None,
    *,
    board: str | None = None,
    graph: Graph | None = None,
    progress: CountProgress | None = None,
) -> Emulation:
    """Run an exported folder's firmware on every case, or one at random; see `emulation`.

    The measurement is added to the folder's measurements.jsonl. Outputs are compared with the
    reference where the `graph` that was exported is given. `board` may be named to be sure of it:
    DataError where the folder was exported for another.
    """
    from edge_runtime import emulation
    from edge_runtime.cases import Cases
    from edge_runtime.measurement import record

    where = Path(folder)
    manifest = _exported_for(where, board)
    if cases is None:
        cases = emulation.random_case(manifest)
    elif not isinstance(cases, Cases):
        cases = _cases_of(manifest, Path(cases))
    result = emulation.emulate(where, cases, progress=progress)
    record(where, result.measurement)
    return result if graph is None else emulation.compare(graph, cases, result)


def diff(
    graph: Graph,
    board: str,
    cases: Cases | Path | str,
    *,
    against: Path | str | None = None,
    port: str | None = None,
    progress: CountProgress | None = None,
) -> Compared:
    """Compare every layer of `graph` on `board` with the reference; see `edge_runtime.diff`.

    `against` is an .npz of expected arrays. With `port` the board there is asked instead of the
    emulator; it must have been flashed with what `export` makes with `Options(layerwise=True)`.
    """
    from edge_runtime import diff as layers
    from edge_runtime.cases import Cases, load_arrays
    from edge_runtime.export.firmware import Options
    from edge_runtime.graph import Kind

    if not isinstance(cases, Cases):
        inputs = [graph.tensors[name] for name in graph.inputs]
        cases = Cases.of(inputs, load_arrays(Path(cases)), bool(graph.of_kind(Kind.STATE)))
    expected = None if against is None else load_arrays(Path(against))
    with tempfile.TemporaryDirectory() as temporary:
        options = Options(layerwise=True)
        folder = export(graph, board, Path(temporary) / "firmware", options=options).folder
        return layers.diff(graph, folder, cases, against=expected, port=port, progress=progress)


def flash(
    folder: Path | str,
    *,
    board: str | None = None,
    port: str | None = None,
    method: str | None = None,
    profile: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Flashed:
    """Write the image of an exported folder to its board; see `edge_runtime.device.flash`.

    `board` may be named to be sure of it: DataError where the folder was exported for another.
    With `profile` it is the profiling build, which is made first.
    """
    from edge_runtime.boards import load_board
    from edge_runtime.device.build import FIRMWARE, PROFILE
    from edge_runtime.device.build import build as build_firmware
    from edge_runtime.device.flash import flash as flash_image

    where = Path(folder)
    target = load_board(_exported_for(where, board).board)
    if profile:
        build_firmware(where, profile=True)
    image = PROFILE if profile else FIRMWARE
    return flash_image(where, target, port=port, method=method, image=image, say=say)


def profile(
    folder: Path | str,
    port: str,
    cases: Cases | Path | str | None = None,
    *,
    board: str | None = None,
    runs: int = 10,
    power: Power | None = None,
    watch: Watch = lambda record: None,
    say: Callable[[str], None] = lambda text: None,
) -> Profiled:
    """Measure an exported folder on its board, layer by layer; see `edge_runtime.profiling`.

    `port` is a device, a URL such as socket://host:port, or `emulated`, where nothing is measured.
    The medians are added to the folder's measurements.jsonl. `board` is as for `emulate`. `power`
    says where the energy is to come from.
    """
    from edge_runtime import profiling
    from edge_runtime.cases import Cases
    from edge_runtime.measurement import record

    where = Path(folder)
    manifest = _exported_for(where, board)
    if cases is not None and not isinstance(cases, Cases):
        cases = _cases_of(manifest, Path(cases))
    done = profiling.profile(
        where, port=port, cases=cases, runs=runs, power=power, watch=watch, say=say
    )
    record(where, done.measurement())
    return done


def _cases_of(manifest: Manifest, path: Path) -> Cases:
    from edge_runtime.cases import Cases, load_arrays

    inputs = [port.tensor() for port in manifest.inputs]
    return Cases.of(inputs, load_arrays(path), manifest.streaming)


def _exported_for(folder: Path, board: str | None) -> Manifest:
    """The manifest of an exported folder; DataError where it is for another board."""
    from edge_runtime.export.manifest import Manifest

    manifest = Manifest.load(folder)
    if board not in {None, manifest.board}:
        raise DataError(
            f"{folder} was exported for {manifest.board}, not for {board}",
            hint=f"export the model with --board {board}",
        )
    return manifest


def summary(
    folder: Path | str,
    *,
    limits: Limits | None = None,
    accuracy: Accuracy | None = None,
    search: Search | None = None,
) -> ReportData:
    """All that is known of an exported folder: its plan, its build, its newest measurement.

    DataError: its present image was not emulated yet.
    """
    from edge_runtime.emulation import image_sha256
    from edge_runtime.measurement import latest
    from edge_runtime.summary import summarize

    where = Path(folder)
    manifest, built = build(where)
    image = where / "build" / "model.so" if built is None else built.elf
    measurement = latest(where, image_sha256(image))
    return summarize(manifest, built, measurement, limits=limits, accuracy=accuracy, search=search)


def report(folder: Path | str, out: Path | str) -> None:
    """Write a page about an exported folder that was emulated: sizes, arena, cost per layer."""
    from edge_runtime.report.page import write_report

    write_report(summary(folder), Path(out))
