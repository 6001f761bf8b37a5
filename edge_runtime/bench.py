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
from edge_runtime.bench_parts import parts_table
from edge_runtime.boards import load_board
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
    arena on Cortex-M4, in bytes. `aims` are the instructions that are aimed at, `best_ms` the best
    published time on nucleo_l4r5zi.
    """

    title: str
    file: str
    instructions: dict[str, int]
    ram: int
    aims: dict[str, int]
    best_ms: float


M0, M4, M7 = "rpi_pico", "nucleo_l4r5zi", "nucleo_f746zg"
M33, M55, RV32 = "nucleo_l552ze_q", "mps3_an547", "esp32c3"
BOARDS = (M0, M4, M33, M7, M55, RV32)
KERNELS = (
    "er_conv_s8_dsp",
    "er_conv_rows_s8_dsp",
    "er_depthwise_3x3_s8_dsp",
    "er_linear_s8_dsp",
    "er_affine_s8_dsp",
)
"""Those whose parts are shown."""


def _aims(m0: int, m4: int, m55: int) -> dict[str, int]:
    return {M0: m0, M4: m4, M33: m4, M55: m55}


SUBJECTS = (
    Subject(
        "AD",
        "mlperf_ad_autoencoder_int8",
        {M0: 1_763_366, M4: 572_184, M7: 582_620, M55: 149_961},
        2_580,
        _aims(1_300_000, 380_000, 75_000),
        5.26,
    ),
    Subject(
        "KWS",
        "mlperf_kws_dscnn_int8",
        {M0: 29_008_155, M4: 7_698_862, M7: 7_762_246, M55: 1_786_342},
        22_820,
        _aims(16_000_000, 4_200_000, 950_000),
        43.19,
    ),
    Subject(
        "IC",
        "mlperf_ic_resnet8_int8",
        {M0: 97_569_500, M4: 29_863_409, M7: 29_938_303, M55: 4_811_000},
        54_996,
        _aims(65_000_000, 14_500_000, 2_700_000),
        165.13,
    ),
    Subject(
        "VWW",
        "mlperf_vww_mobilenetv1_025_96_int8",
        {M0: 86_878_960, M4: 24_101_870, M7: 24_483_815, M55: 6_433_514},
        100_708,
        _aims(28_000_000, 7_000_000, 2_000_000),
        88.93,
    ),
)

_PAGE = """\
# Benchmarks

Made by `make bench`; run it to make this page again. Models are the int8 ones of MLPerf Tiny.
Peers' figures are of TensorFlow Lite Micro with CMSIS-NN (the better of -O2 and -O3; for AD on
Cortex-M4, BakeNN with CMSIS-NN), counted in the same way: executed instructions of one inference.

## Cost of one inference

Instructions are counted in emulation; estimated cycles come from the core's timing table
(docs/cycle-model.md; Cortex-M55 and RV32IMC have none) without wait states of the memory. RAM is
all static RAM of the model, input and output buffers included; flash its code and constants.
Compiled by zig -O3. Cortex-M55 is run by QEMU.

{costs}

## Where it goes

Instructions and estimated cycles of one inference on {m4}, and shares of them in percent. Inner
loop: straight lines of code up to the last SMLAD before sums are scaled. Requantization: from
there on, or lines of their own, where sums are scaled and stored. Inputs: functions that unpack,
pad and move them. The rest: calls, set-up, loops around the inner one; of other kernels, all.

{parts}

## Against the board

Milliseconds at 120 MHz on {m4}, whose waits were fitted to published times of other kernels
(docs/cycle-model.md); no board has run this. Aimed at is the best of MLPerf Tiny v1.2's closed
division (X-CUBE-AI 9.0). The last column is the share of the waits that goes with bytes read from
flash: convolutions read a weight once for four pixels, and again for the next four, but for layers
by parts of rows (er_conv_rows_s8_dsp) with many weights, which copy these to RAM for each part.
What remains is mostly the inner loop of convolution: 16 cycles for 16 products, eight of them of
SMLADs, seven of loads.

{waits}

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
        parts=_parts(options.models),
        waits=_waits(options.models),
        flash=flash_table(_files(options.models), M4),
        shapes=grid_page((M4, M0, M55)),
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
            cycles = result.estimated_cycles
            rows.append(
                f"| {subject.title} | {board} | {result.instructions:,}"
                f" | {f'{aim:,}' if aim else '–'}"
                f" | {f'{peer:,}' if peer else '–'} | {ratio} | {f'{cycles:,}' if cycles else '–'}"
                f" | {exported.manifest.ram_bytes:,} | {ram} | {exported.image.flash_bytes:,} |"
            )
            print(rows[-1], file=sys.stderr)
    return "\n".join(rows)


def _parts(models: Path) -> str:
    with tempfile.TemporaryDirectory() as temporary:
        exported = []
        for subject in SUBJECTS:
            path, cases = _cases(models, subject, 1)
            folder = Path(temporary) / subject.title
            api.export(api.load(path), M4, folder)
            exported.append((subject.title, folder, cases))
        return parts_table(exported, KERNELS)


def _waits(models: Path) -> str:
    heads = ["model", "estimated", "with waits", "aim", "over the aim", "of waits by bytes"]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    waits = load_board(M4).waits
    assert waits is not None
    for subject in SUBJECTS:
        result = _run(models, subject, M4)[1].measurement
        plain, waiting = result.estimated_ms, result.estimated_ms_with_waits
        assert plain is not None and waiting is not None
        over = waiting / subject.best_ms - 1
        by_bytes = 1 - plain * waits.per_cycle / 1000 / (waiting - plain)
        figures = (f"{plain:.2f}", f"{waiting:.2f}", f"{subject.best_ms}")
        shares = f"{100 * over:+.0f} %", f"{100 * by_bytes:.0f} %"
        rows.append("| " + " | ".join([subject.title, *figures, *shares]) + " |")
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
