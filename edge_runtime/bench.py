"""`make bench`: cost of the reference models beside the peers', and the speed of the tool itself.

Writes docs/benchmarks.md. Instructions, estimated cycles and bytes are the same on every machine;
seconds are of the machine that ran this.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime import api
from edge_runtime.bench_flash import flash_table
from edge_runtime.bench_grid import grid_page
from edge_runtime.bench_host import host_table
from edge_runtime.cases import Cases
from edge_runtime.device.host_cpu import host_cpu
from edge_runtime.emulation import Emulation
from edge_runtime.errors import DataError
from edge_runtime.files import write_file


@dataclass(frozen=True)
class Subject:
    """A reference model, with what peers need for it.

    `instructions` are those of TensorFlow Lite Micro with CMSIS-NN by core, the better of two
    compiler settings (on Cortex-M4 for the first model BakeNN, which is better still); `ram` its
    arena on Cortex-M4, in bytes. `aims` are the instructions that are aimed at.
    """

    title: str
    file: str
    instructions: dict[str, int]
    ram: int
    aims: dict[str, int]


M0, M4, M7 = "rpi_pico", "nucleo_l4r5zi", "nucleo_f746zg"
M33 = "nucleo_l552ze_q"
BOARDS = (M0, M4, M33, M7)


def _aims(m0: int, m4: int) -> dict[str, int]:
    return {M0: m0, M4: m4, M33: m4}


SUBJECTS = (
    Subject(
        "AD",
        "mlperf_ad_autoencoder_int8",
        {M0: 1_763_366, M4: 572_184, M7: 582_620},
        2_580,
        _aims(1_300_000, 380_000),
    ),
    Subject(
        "KWS",
        "mlperf_kws_dscnn_int8",
        {M0: 29_008_155, M4: 7_698_862, M7: 7_762_246},
        22_820,
        _aims(16_000_000, 4_200_000),
    ),
    Subject(
        "IC",
        "mlperf_ic_resnet8_int8",
        {M0: 97_569_500, M4: 29_863_409, M7: 29_938_303},
        54_996,
        _aims(65_000_000, 14_500_000),
    ),
    Subject(
        "VWW",
        "mlperf_vww_mobilenetv1_025_96_int8",
        {M0: 86_878_960, M4: 24_101_870, M7: 24_483_815},
        100_708,
        _aims(28_000_000, 7_000_000),
    ),
)

_PAGE = """\
# Benchmarks

Made by `make bench`; run it to make this page again. Models are the int8 ones of MLPerf Tiny.
Peers' figures are of TensorFlow Lite Micro with CMSIS-NN (the better of -O2 and -O3; for AD on
Cortex-M4, BakeNN with CMSIS-NN), counted in the same way: executed instructions of one inference.

## Cost of one inference

Instructions are counted in emulation; estimated cycles come from the core's timing table
(docs/cycle-model.md) without wait states of the memory. RAM is all static RAM of the model, input
and output buffers included; flash its code and constants. Compiled by zig -O3.

{costs}

## Flash

Bytes that the model takes besides its weights and biases, on {m4}: kernels and the interface,
factors of channels that scale sums, and layers (parameters, functions, tables of stages). Weights
are packed weights and biases over plain ones. `--optimize size` takes smaller kernels, which are
slower, and no stages.

{flash}

## Shapes

Instructions a product of single operations, one thing changed at a time; int8, compiled by zig.
All else is 8 x 8 pixels, 3 x 3 taps, 16 channels to 16 (32 for 1x1 and depthwise, 64 for fully
connected, 8 for their images). A cliff is a neighbour at more than twice the cost a product, unless
that has less to do and takes fewer instructions in all.

{shapes}

## Whole test sets

`edge_runtime.load(...).run(...)` on this machine (see below), compiled with -mcpu={cpu}: int8 in,
int8 out, a batch a call, outputs equal to TFLM's.

{sets}

## Speed of the tool

On {machine}, {cores} cores, Python {python}; seconds are the best of three.

{speeds}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything, print it, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("EDGE_RUNTIME_SHARED", "../shared")
    parser.add_argument("--models", type=Path, default=Path(default) / "models")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks.md"))
    options = parser.parse_args(arguments)
    page = _PAGE.format(
        costs=_costs(options.models),
        m4=M4,
        flash=flash_table(_files(options.models), M4),
        shapes=grid_page((M4, M0)),
        cpu=host_cpu(),
        sets=host_table(_files(options.models)),
        speeds=_speeds(options.models),
        machine=platform.machine(),
        cores=os.cpu_count(),
        python=platform.python_version(),
    )
    write_file(options.out, page)
    print(page)


def _costs(models: Path) -> str:
    rows = [
        "| model | board | instructions | aim | peer | ratio | estimated cycles | RAM | peer"
        " | flash |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for subject in SUBJECTS:
        for board in BOARDS:
            exported, emulated = _run(models, subject, board)
            result = emulated.measurement
            assert result.instructions is not None
            peer, aim = subject.instructions.get(board), subject.aims.get(board)
            ratio = f"{result.instructions / peer:.2f}" if peer else "–"
            ram = f"{subject.ram:,}" if board == M4 else "–"
            rows.append(
                f"| {subject.title} | {board} | {result.instructions:,}"
                f" | {f'{aim:,}' if aim else '–'}"
                f" | {f'{peer:,}' if peer else '–'} | {ratio} | {result.estimated_cycles:,}"
                f" | {exported.manifest.ram_bytes:,} | {ram} | {exported.image.flash_bytes:,} |"
            )
            print(rows[-1], file=sys.stderr)
    return "\n".join(rows)


def _files(models: Path) -> dict[str, Path]:
    return {subject.title: models / f"{subject.file}.tflite" for subject in SUBJECTS}


def _cases(models: Path, subject: Subject, count: int) -> tuple[Path, Cases]:
    path = models / f"{subject.file}.tflite"
    if not path.exists():
        raise DataError(f"there is no {path}", hint="name the folder of models with --models")
    graph = api.load(path)
    with np.load(models / f"{subject.file}.ref.npz") as archive:
        given = {"in0": archive["in0"]}
    return path, Cases.of([graph.tensors[graph.inputs[0]]], given, streaming=False).first(count)


def _run(models: Path, subject: Subject, board: str) -> tuple[api.Exported, Emulation]:
    path, cases = _cases(models, subject, 1)
    with tempfile.TemporaryDirectory() as temporary:
        exported = api.export(api.load(path), board, Path(temporary) / "firmware")
        return exported, api.emulate(exported.folder, cases)


def _speeds(models: Path) -> str:
    vww = SUBJECTS[3]
    path, cases = _cases(models, vww, 8)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "firmware"
        export = _best(lambda: api.export(api.load(path), M4, folder))
        result = api.emulate(folder, cases)
        emulate = _best(lambda: api.emulate(folder, cases))
    shown = _best(lambda: _call("--help"))
    assert result.measurement.instructions is not None
    rate = result.measurement.instructions * (cases.count + 1) / emulate / 1e6
    rows = [
        ("`edge-runtime --help`", f"{shown:.2f} s", "0.3 s"),
        ("export of VWW, warm", f"{export:.2f} s", "3 s"),
        ("emulation with per-layer figures, VWW", f"{rate:.0f} million instructions/s", "20"),
    ]
    lines = ["| what | measured | aim |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {value} | {aim} |" for what, value, aim in rows)])


def _call(*arguments: str) -> None:
    command = [sys.executable, "-m", "edge_runtime", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def _best(work: Callable[[], object], times: int = 3) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
