"""The command line: a skin over `edge_runtime.api`.

Results go to standard output, as text or with --json as one object; progress and errors go to
standard error. Exit codes: 0 done, 2 wrong usage, and those of `edge_runtime.errors`.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

import edge_runtime
from edge_runtime.errors import AccuracyError, DataError, EdgeRuntimeError, ToolchainError

app = typer.Typer(
    name="edge-runtime",
    help="Search, quantize, compile and measure neural networks for microcontrollers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Model = Annotated[Path, typer.Argument(help="a .tflite or .onnx file", show_default=False)]
BoardOption = Annotated[
    str, typer.Option("--board", "-b", help="a name that `edge-runtime boards` lists")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Calibration = Annotated[
    Path | None,
    typer.Option(help=".npz with in0, … (first axis: samples), to quantize a float model"),
]

KeepDeadChannels = Annotated[
    bool,
    typer.Option("--keep-dead-channels", help="keep channels that change no output"),
]

Ram = Annotated[
    str | None,
    typer.Option(help="RAM for the model, such as 40K: the fastest plan within it is taken"),
]

ProfilingBuild = Annotated[
    bool, typer.Option("--profile", help="the image that `profile` runs: build/profile.elf")
]

InputRows = Annotated[
    bool, typer.Option("--input-rows", help="the model takes one row of its input image a call")
]


Optimize = Annotated[
    str, typer.Option(help="speed, or size: the least flash, by smaller and slower kernels")
]


def main() -> None:
    """Entry point: run a command, and turn errors into a message and an exit code."""
    try:
        app()
    except EdgeRuntimeError as error:
        typer.echo(f"error: {error}", err=True)
        if error.hint:
            typer.echo(f"  → {error.hint}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"edge-runtime {edge_runtime.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    pass


@app.command()
def boards(as_json: Json = False) -> None:
    """List the boards: core, clock, flash and RAM."""
    from edge_runtime.boards import board_names, load_board
    from edge_runtime.tables import boards_table, show

    known = [load_board(name) for name in board_names()]
    if as_json:
        rows = [
            {
                "name": board.name,
                "title": board.title,
                "core": board.core,
                "clock_hz": board.clock_hz,
                "flash_bytes": None if board.is_host else board.flash.size,
                "ram_bytes": None if board.is_host else board.ram_bytes,
                "isas": board.isas,
            }
            for board in known
        ]
        typer.echo(json.dumps({"boards": rows}))
    else:
        show(boards_table(known))


@app.command()
def check(
    model: Model,
    board: Annotated[str, typer.Option("--board", "-b", help="the board to check for")] = "host",
    as_json: Json = False,
) -> None:
    """Say whether a model can be compiled, and list every node that cannot."""
    from edge_runtime import api

    result = api.check(model, board)
    if as_json:
        typer.echo(result.to_json())
    elif result.error is None:
        typer.echo(result.summary)
    if result.error is not None:
        raise result.error


@app.command()
def fit(model: Model, as_json: Json = False) -> None:
    """Say which boards can hold a model: RAM, flash, estimated time, and what limits it."""
    from edge_runtime import api
    from edge_runtime.tables import fit_table, show

    result = api.fit(model)
    if as_json:
        typer.echo(result.to_json())
    else:
        show(fit_table(result))


@app.command()
def calibrate(
    board: BoardOption,
    port: Annotated[
        str, typer.Option(help="a device, socket://host:port, rfc2217://host:port, or emulated")
    ] = "emulated",
    out: Annotated[
        Path | None, typer.Option(help="the file to write, instead of the user's configuration")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure many operations on a board, and fit the latency model that the search uses."""
    from edge_runtime import api
    from edge_runtime.latency.store import calibration_path
    from edge_runtime.tables import calibration_table, show

    with _bar("calibrate", as_json) as bar:
        result = api.calibrate(board, out, port=port, progress=bar)
    path = out or calibration_path(board)
    if as_json:
        typer.echo(result.to_json(path))
    else:
        show(calibration_table(result))
        typer.echo(f"wrote {path}")


@app.command()
def quantize(
    model: Model,
    calibration: Annotated[
        Path,
        typer.Option(help=".npz with typical inputs: in0, … or x (first axis: samples)"),
    ],
    out: Annotated[Path, typer.Option(help="the quantized model to write: .tflite or .onnx")],
    recipe: Annotated[str, typer.Option(help="int8, int8x16, w4a8 or auto")] = "int8",
    observer: Annotated[
        str | None,
        typer.Option(help="min-max, percentile, mse or entropy; else the best for each tensor"),
    ] = None,
    flash: Annotated[
        str | None,
        typer.Option(help="for auto: what the constants may take, without code, such as 64K"),
    ] = None,
    max_drop: Annotated[
        float | None, typer.Option(help="points that may be lost; past them nothing is written")
    ] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option("--eval", help=".npz to score on: as --calibration, and y or labels"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Quantize a float model: per-channel weights, per-tensor activations."""
    from edge_runtime import api, units
    from edge_runtime.report.quantization import quantization_tables
    from edge_runtime.tables import show

    result = api.quantize(
        api.load(model),
        calibration,
        recipe=recipe,
        observer=observer,
        flash=None if flash is None else units.parse_size(flash),
        max_drop=max_drop,
        evaluation=evaluation,
    )
    refused: AccuracyError | None = None
    file: api.Written | None = None
    try:
        api.check_drop(result, max_drop)
        file = api.write_quantized(result, out)
    except AccuracyError as error:
        refused = error
    if as_json:
        told = dataclasses.asdict(result.report)
        about_file = {
            "written": file and str(out),
            "float_nodes_of_file": file and file.float_nodes,
            "tflite_micro_refuses": file and [str(problem) for problem in file.tflm_refusals],
        }
        typer.echo(json.dumps({**told, **about_file}))
    else:
        show(*quantization_tables(result.report))
    if refused is not None:
        raise refused
    if file is not None and not as_json:
        count = len(file.float_nodes)
        float_nodes = f"{count} nodes in float32" if count else "no node in float32"
        typer.echo(f"wrote {out}, and read it back: {float_nodes}")
        for problem in file.tflm_refusals:
            typer.echo(f"tflite-micro does not run this file: {problem}")


@app.command()
def export(
    model: Model,
    board: BoardOption,
    out: Annotated[Path, typer.Option(help="the folder to write")],
    calibration: Calibration = None,
    form: Annotated[
        str,
        typer.Option("--format", help="the project around it: plain, cmake, platformio or arduino"),
    ] = "plain",
    compiler: Annotated[str, typer.Option(help="zig or gcc")] = "zig",
    keep_dead_channels: KeepDeadChannels = False,
    ram: Ram = None,
    input_rows: InputRows = False,
    optimize: Optimize = "speed",
    layerwise: Annotated[
        bool, typer.Option("--layerwise", help="firmware for `diff` on a board: callable layers")
    ] = False,
    protocol: Annotated[
        str, typer.Option(help="link, or mlperf-tiny: that benchmark's protocol besides the link")
    ] = "link",
    as_json: Json = False,
) -> None:
    """Compile a model to a firmware folder for a board: plain C, the image, and a project."""
    from edge_runtime import api
    from edge_runtime.tables import show, sizes_table

    options, flags = _options(keep_dead_channels, ram, input_rows, optimize, layerwise)
    flags += "" if form == "plain" else f" --format {form}"
    flags += "" if protocol == "link" else f" --protocol {protocol}"
    graph = _int8(model, calibration)
    exported = api.export(
        graph,
        board,
        out,
        origin=api.origin(model, f"edge-runtime export {model.name} --board {board}{flags}"),
        compiler=compiler,
        options=options,
        form=form,
        protocol=protocol,
    )
    if as_json:
        typer.echo(exported.to_json())
    else:
        show(sizes_table(exported.manifest, exported.build))
        typer.echo(f"wrote {out} ({len(exported.files)} files)")


@app.command()
def build(
    folder: Annotated[Path, typer.Argument(help="a folder that `export` made")],
    compiler: Annotated[str, typer.Option(help="zig or gcc")] = "zig",
    profile: ProfilingBuild = False,
    as_json: Json = False,
) -> None:
    """Compile and link an exported folder: build/firmware.elf and build/firmware.bin."""
    from edge_runtime import api
    from edge_runtime.tables import show, sizes_table

    manifest, built = api.build(folder, compiler=compiler, profile=profile)
    if as_json:
        typer.echo(json.dumps(built and dataclasses.asdict(built), default=str))
    else:
        show(sizes_table(manifest, built))


@app.command()
def flash(
    folder: Annotated[Path, typer.Argument(help="a folder that `export` made")],
    board: Annotated[str | None, typer.Option("--board", "-b", help="the board")] = None,
    port: Annotated[
        str | None, typer.Option(help="its serial port, or the drive that takes a UF2 file")
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="platformio, pyocd, esptool, uf2 or openocd")
    ] = None,
    profile: ProfilingBuild = False,
    as_json: Json = False,
) -> None:
    """Write the image of an exported folder to its board, by a tool that is installed."""
    from edge_runtime import api

    done = api.flash(folder, board=board, port=port, method=method, profile=profile, say=_say)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(done), default=str))
    else:
        typer.echo(f"flashed {done.image}")


@app.command()
def emulate(
    model: Annotated[Path, typer.Argument(help="an exported folder, or a model file")],
    cases: Annotated[
        Path | None,
        typer.Option("--input", help=".npz with in0, … (first axis: cases); else a random case"),
    ] = None,
    output: Annotated[Path | None, typer.Option(help=".npz to write out0, … to")] = None,
    expect: Annotated[
        Path | None, typer.Option(help=".npz with out0, …: other outputs are an error")
    ] = None,
    latency: Annotated[
        str | None, typer.Option(help="such as 20ms: a longer estimated time is an error")
    ] = None,
    board: Annotated[str | None, typer.Option("--board", "-b", help="the board")] = None,
    calibration: Calibration = None,
    keep_dead_channels: KeepDeadChannels = False,
    ram: Ram = None,
    input_rows: InputRows = False,
    optimize: Optimize = "speed",
    as_json: Json = False,
) -> None:
    """Run the firmware image on an emulated core: outputs, instructions and estimated cycles."""
    from edge_runtime import api, emulation, units
    from edge_runtime.cases import load_arrays, save_arrays
    from edge_runtime.summary import Limits, hold_budgets
    from edge_runtime.tables import show

    options, _ = _options(keep_dead_channels, ram, input_rows, optimize)
    limits = Limits(latency_ms=None if latency is None else units.parse_time(latency))
    expected = None if expect is None else load_arrays(expect)
    exported = _exported(model, board, calibration, options)
    with exported as (folder, graph), _bar("emulate", as_json) as bar:
        result = api.emulate(folder, cases, board=board, graph=graph, progress=bar)
        told = api.summary(folder, limits=limits)
    if output is not None:
        save_arrays(output, result.outputs)
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
    else:
        show(told)
        if result.compared:
            typer.echo(
                f"{result.exact:,} of {result.compared:,} values equal the reference's; the largest"
                f" difference is {result.error:.1e} of the largest value"
            )
    if expected is not None:
        emulation.check(expected, result.outputs, str(expect))
    hold_budgets(told, limits)


@app.command()
def profile(
    model: Annotated[Path, typer.Argument(help="an exported folder, or a model file")],
    port: Annotated[
        str,
        typer.Option(
            "--port",
            "-p",
            help="a device, socket://host:port, rfc2217://host:port, or emulated",
        ),
    ],
    board: Annotated[str | None, typer.Option("--board", "-b", help="the board")] = None,
    cases: Annotated[
        Path | None, typer.Option("--input", help=".npz with in0, …; the first case is measured")
    ] = None,
    output: Annotated[Path | None, typer.Option(help=".npz to write out0, … to")] = None,
    runs: Annotated[int, typer.Option(help="how often to measure")] = 10,
    keep: Annotated[
        Path | None, typer.Option("--record", help="the record to write [DIR/profile.json]")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="a record: show what changed since, layer by layer")
    ] = None,
    power: Annotated[
        str | None, typer.Option(help="energy by ppk2, joulescope, or a recording: csv")
    ] = None,
    trace: Annotated[Path | None, typer.Option(help="the recording, for --power csv")] = None,
    volts: Annotated[
        float | None, typer.Option(help="the supply, where it is not recorded")
    ] = None,
    pin: Annotated[str, typer.Option(help="the monitor's pin that port_mark raises")] = "D0",
    marker: Annotated[
        float | None, typer.Option(help="seconds of the recording at which an inference begins")
    ] = None,
    calibration: Calibration = None,
    ram: Ram = None,
    as_json: Json = False,
) -> None:
    """Measure a model on its board, layer by layer: cycles, checksums, stack and clock."""
    from edge_runtime import api
    from edge_runtime.cases import save_arrays
    from edge_runtime.files import write_file
    from edge_runtime.profile_record import ProfileRecord
    from edge_runtime.profile_tables import changes_table, live, profile_table
    from edge_runtime.tables import show

    before = None if compare is None else ProfileRecord.load(compare)
    supply = _power(power, trace, volts, pin, marker)
    options, _ = _options(False, ram, False, "speed")
    with _exported(model, board, calibration, options) as (folder, _), live(as_json) as watch:
        done = api.profile(
            folder, port, cases, board=board, runs=runs, power=supply, watch=watch, say=_say
        )
    record = json.dumps(done.record.to_dict())
    if keep is not None or model.is_dir():
        write_file(keep or model / "profile.json", record.encode())
    if output is not None:
        save_arrays(output, done.outputs)
    if as_json:
        typer.echo(record)
        return
    show(profile_table(done.record))
    if before is not None:
        show(changes_table(before, done.record))


@app.command()
def diff(
    model: Model,
    board: BoardOption,
    cases: Annotated[Path, typer.Option("--input", help=".npz with in0, … (first axis: cases)")],
    against: Annotated[
        Path | None,
        typer.Option(help=".npz with what is expected: out0, …, or arrays named like tensors"),
    ] = None,
    port: Annotated[
        str | None, typer.Option(help="ask the board at this port, instead of the emulator")
    ] = None,
    calibration: Calibration = None,
    as_json: Json = False,
) -> None:
    """Find the first layer that makes something else than the reference."""
    from edge_runtime import api

    graph = _int8(model, calibration)
    with _bar("diff", as_json) as bar:
        result = api.diff(graph, board, cases, against=against, port=port, progress=bar)
    if as_json:
        typer.echo(json.dumps(result.to_dict()))
    elif result.difference is None:
        against_text = f", {result.against} of them recorded" if result.against else ""
        typer.echo(
            f"all {result.layers} layers agree on {result.cases} case(s), {result.target}"
            f"{against_text}"
        )
    result.check()


@app.command()
def search(
    data: Annotated[Path, typer.Option(help=".npz with x_train, y_train, x_test, y_test, …")],
    board: BoardOption,
    ram: Annotated[str, typer.Option(help="RAM budget, such as 32K")],
    flash: Annotated[str, typer.Option(help="flash budget, such as 128K")],
    latency: Annotated[str, typer.Option(help="latency budget, such as 20ms")],
    out: Annotated[Path, typer.Option(help="the folder to write; an interrupted run resumes")],
    epochs: Annotated[int | None, typer.Option(help="epochs of the search")] = None,
    seed: Annotated[int, typer.Option(help="the same seed gives the same network")] = 0,
    as_json: Json = False,
) -> None:
    """Search, train, quantize and export a network for a data set within a board's budgets."""
    from edge_runtime import units

    sizes = units.parse_size(ram), units.parse_size(flash), units.parse_time(latency)
    jobs = _jobs()
    with _stages(as_json) as stages:
        found = jobs.search(
            data,
            board,
            jobs.Budget(*sizes),
            out,
            epochs=epochs,
            seed=seed,
            command=f"edge-runtime search --board {board} --seed {seed}",
            progress=stages,
        )
    if as_json:
        typer.echo(found.to_json())
    else:
        from edge_runtime.tables import show

        show(found.summary)
        typer.echo(f"latency by {found.latency_source}")
        typer.echo(f"wrote {out}")
    if found.error is not None:
        raise found.error


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="an exported folder that was emulated")],
    out: Annotated[Path, typer.Option(help="the HTML file to write")],
) -> None:
    """Write one HTML page: sizes, arena over time, cost per layer."""
    from edge_runtime import api

    api.report(folder, out)
    typer.echo(f"wrote {out}")


def _jobs() -> Any:
    try:
        import torch  # noqa: F401 - to say in one sentence what is missing
    except ImportError as error:
        raise ToolchainError(
            "the search needs PyTorch, which is not installed",
            hint="pip install 'edge-runtime[nas]'",
        ) from error
    from edge_runtime import jobs

    return jobs


@contextmanager
def _exported(
    model: Path, board: str | None, calibration: Path | None, options: Any
) -> Iterator[tuple[Path, Any]]:
    """An exported folder and, where it was made just now from a model file, its graph."""
    from edge_runtime import api

    if model.is_dir():
        yield model, None
        return
    if board is None:
        raise DataError("a model file needs a board", hint="give --board")
    graph = _int8(model, calibration)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "firmware"
        yield api.export(graph, board, folder, options=options).folder, graph


def _options(
    keep_dead_channels: bool,
    ram: str | None,
    input_rows: bool,
    optimize: str,
    layerwise: bool = False,
) -> tuple[Any, str]:
    """What the compiler may do, and the flags that say so, for the provenance."""
    from edge_runtime import units
    from edge_runtime.export.firmware import Options

    flags = " --keep-dead-channels" if keep_dead_channels else ""
    flags += f" --ram {ram}" if ram else ""
    flags += " --input-rows" if input_rows else ""
    flags += f" --optimize {optimize}" if optimize != "speed" else ""
    flags += " --layerwise" if layerwise else ""
    limit = None if ram is None else units.parse_size(ram)
    return Options(keep_dead_channels, limit, layerwise, input_rows, optimize), flags


def _int8(model: Path, calibration: Path | None) -> Any:
    from edge_runtime import api

    graph = api.load(model)
    return graph if calibration is None else api.quantize(graph, calibration).graph


def _power(
    kind: str | None, trace: Path | None, volts: float | None, pin: str, marker: float | None
) -> Any:
    from edge_runtime.power import read_trace
    from edge_runtime.power_monitors import Joulescope, Ppk2
    from edge_runtime.profiling import Power

    if kind is None:
        return None
    if kind == "csv" and trace is not None:
        return Power(read_trace(trace, volts), pin, marker)
    if kind == "ppk2" and volts is not None:
        return Power(Ppk2("", volts), pin, marker)
    if kind == "joulescope":
        return Power(Joulescope(), pin, marker)
    lacks = {"csv": "--trace FILE", "ppk2": "--volts V"}
    if kind in lacks:
        raise DataError(f"--power {kind} needs {lacks[kind]}")
    raise DataError(f"unknown power monitor {kind!r}", hint="choose ppk2, joulescope or csv")


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _bar(text: str, quiet: bool) -> Any:
    from edge_runtime.progress import bar

    return bar(text, quiet)


def _stages(quiet: bool) -> Any:
    from edge_runtime.progress import stages

    return stages(quiet)


if __name__ == "__main__":
    main()
