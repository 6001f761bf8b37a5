"""`make latency`: the latency models and sizes that the package ships, and what they are worth.

Measures every core in emulation, writes edge_runtime/latency/data and docs/latency.md. The figures
are the same on every machine, but for seconds.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edge_runtime import api
from edge_runtime.boards import Board, board_names, load_board
from edge_runtime.calibration import (
    FLASHES,
    MOST_OPERATIONS,
    built,
    calibrate,
    emulated,
    in_batches,
    limits_of,
    measure_batch,
)
from edge_runtime.cycles import has_cycle_model
from edge_runtime.emulation import random_case
from edge_runtime.export.firmware import compile_graph
from edge_runtime.files import write_file
from edge_runtime.graph import Graph, Kind
from edge_runtime.kernels import KERNELS
from edge_runtime.latency import LatencyModel, Sample, fit_model
from edge_runtime.latency.footprint import Footprint
from edge_runtime.latency.networks import network
from edge_runtime.latency.samples import operations
from edge_runtime.latency.store import write_footprint, write_latency
from edge_runtime.sizes import SizeSurvey

SEEDS = (0, 1)
"""Of the operations that built-in models are fitted to."""
HELD_OUT = range(1000, 1012)
"""Seeds of the random networks on which they are tried."""
SIZED = range(6)
"""Seeds of those whose glue is measured; stages occur in no single operation."""
MODELS = (
    ("AD", "mlperf_ad_autoencoder_int8"),
    ("KWS", "mlperf_kws_dscnn_int8"),
    ("IC", "mlperf_ic_resnet8_int8"),
    ("VWW", "mlperf_vww_mobilenetv1_025_96_int8"),
)

_PAGE = """\
# The latency model

Made by `make latency`; run it to make this page again.

A kernel's cycles are a sum of parameters, none negative, times counts of how often its loops turn:
outputs, products, runs of elements, blocks rounded up (`edge_runtime/latency/terms.py`,
`edge_runtime/kernels/loops.py`). The parameters are fitted to measured operations by least squares
of the relative error. Nodes that run row by row are taken as so many calls for a few rows.

Built-in models, one a core, are fitted to *estimated cycles* (docs/cycle-model.md) of {count}
random operations or more, of the kernels that the core can be given.
`edge-runtime calibrate --board B` fits one for a board, to at most {most} operations in each of
{flashes} images. It is kept in `~/.config/edge-runtime/calibrations` ($EDGE_RUNTIME_CONFIG), comes
first in `fit` and `search`, and says what its cycles are: those of the emulator are estimates too.

## On networks that it was not fitted to

Mean absolute error of predicted against estimated cycles: of the layers of {networks} random
networks and of the reference models that run by themselves, and of those networks as a whole.
"Calibrated" is what `calibrate` comes to, which holds its parameters near the built-in ones; "from
nothing", what the same operations give without those.
How firmly they are held was chosen by these networks too, which flatters the middle row a little.

{errors}

The reference models of MLPerf Tiny, predicted over estimated, built in:

{ratios}

## Flash

Packed constants, the kernels' code, what each layer adds (its parameters, its function) and the
helpers of the compiler's library, measured once a core, against the linker's figure for the model:

{sizes}

## By kernel

Mean absolute error in percent of the built-in models, each operation predicted by parameters fitted
to the others (five parts in turn), and how many operations there were on the first core.

{kernels}

Without a latency model, as no operations are drawn for them: {missing}.
"""


@dataclass
class Tried:
    """A model, and its predictions over the truth."""

    model: LatencyModel
    layers: list[float] = field(default_factory=list)
    networks: list[float] = field(default_factory=list)
    named: dict[str, float] = field(default_factory=dict)


@dataclass
class Trial:
    """What became of one core: three models where its cycles can be estimated, and sizes."""

    board: Board
    footprint: Footprint
    operations: int = 0
    models: tuple[Tried, ...] = ()
    """Built in, calibrated, and calibrated from nothing."""
    flash: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all cores, write the data, and the page about it."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("EDGE_RUNTIME_SHARED", "../shared")
    parser.add_argument("--models", type=Path, default=Path(default) / "models")
    parser.add_argument("--out", type=Path, default=Path("docs/latency.md"))
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "latency" / "data")
    options = parser.parse_args(arguments)
    trials = []
    for board in boards():
        start = time.perf_counter()
        trial = measure_core(board)
        if trial.models:
            write_latency(trial.models[0].model, options.data / f"{board.core}.latency.json")
        write_footprint(trial.footprint, options.data / f"{board.core}.size.json")
        compare(trial, options.models)
        trials.append(trial)
        told = [f"{board.core}: {time.perf_counter() - start:.0f} s", *_sizes([trial])]
        print("\n".join([*told, *_errors([trial] if trial.models else [])]), file=sys.stderr)
    page = _page(trials)
    write_file(options.out, page)
    print(page)


def boards() -> list[Board]:
    """One board a core: that with the most flash."""
    found: dict[str, Board] = {}
    for name in board_names():
        board = load_board(name)
        best = found.get(board.core)
        if board.is_bare and (best is None or board.flash.size > best.flash.size):
            found[board.core] = board
    return [found[core] for core in sorted(found)]


def measure_core(board: Board) -> Trial:
    """Fit the model of a core to several draws of operations, and survey sizes on the way."""
    survey, samples = SizeSurvey(board), list[Sample]()
    for seed in SEEDS:
        drawn = [graph for _, graph in operations(board.isas, seed, limits_of(board))]
        for graphs in in_batches(board, drawn, _enough(board, drawn)):
            with built(board, graphs) as batch:
                survey.see(batch.exported)
                if has_cycle_model(board.core):
                    samples += measure_batch(batch, emulated(board))
        if not samples:
            break
    with tempfile.TemporaryDirectory() as temporary:
        for seed in SIZED:
            survey.see(api.export(network(seed), board.name, Path(temporary) / str(seed)))
    if not samples:
        return Trial(board, survey.footprint())
    source = f"built in: estimated cycles, {board.core} emulated"
    model = fit_model(board.core, source, samples)
    quick = calibrate(board.name, prior=model)
    bare = fit_model(board.core, source, quick.samples)
    tried = tuple(map(Tried, (model, quick.model, bare)))
    return Trial(board, survey.footprint(), len(samples), tried)


def _enough(board: Board, graphs: Sequence[Graph]) -> int:
    """So many images hold all of these, and are well filled."""
    constants = sum(t.bytes for graph in graphs for t in graph.of_kind(Kind.CONSTANT))
    by_flash = constants // (board.flash.size // 3)
    return max(len(graphs) // MOST_OPERATIONS, by_flash) + 1


def compare(trial: Trial, models: Path) -> None:
    """Predict random networks and the reference models, and run them."""
    for seed in HELD_OUT:
        _compare_one(trial, network(seed))
    for title, file in MODELS:
        path = models / f"{file}.tflite"
        if path.is_file():
            _compare_one(trial, api.load(path))
            for tried in trial.models:
                tried.named[title] = tried.networks[-1]


def _compare_one(trial: Trial, graph: Graph) -> None:
    board = trial.board
    compiled = compile_graph(graph, board)
    with tempfile.TemporaryDirectory() as temporary:
        exported = api.export(graph, board.name, Path(temporary) / "firmware")
        manifest = exported.manifest
        if trial.models:
            cycles = emulated(board)(exported.folder, random_case(manifest))
    flash, _ = trial.footprint.flash(compiled.graph, compiled.choices, compiled.plan)
    trial.flash.append(flash / exported.image.flash_bytes)
    staged = {name for stage in compiled.plan.stages for name in stage.nodes}
    alone = [each for each in manifest.layers if each.index is not None and each.name not in staged]
    for tried in trial.models:
        estimate = tried.model.graph(compiled.graph, compiled.choices, compiled.plan)
        tried.networks.append(estimate.cycles / sum(cycles))
        for layer in alone:
            assert layer.index is not None
            tried.layers.append(estimate.layers.get(layer.name, 0.0) / cycles[layer.index])


def _error(ratios: Sequence[float]) -> str:
    return f"{100 * float(np.mean(np.abs(np.array(ratios) - 1))):.1f} %"


def _worst(ratios: Sequence[float]) -> str:
    return f"{100 * float(np.max(np.abs(np.array(ratios) - 1))):.1f} %"


def _page(trials: Sequence[Trial]) -> str:
    timed = [trial for trial in trials if trial.models]
    names = sorted({name for trial in timed for name in trial.models[0].model.kernels})
    missing = sorted({kernel.name for kernel in KERNELS} - set(names))
    return _PAGE.format(
        count=f"{min(trial.operations for trial in timed):,}",
        most=MOST_OPERATIONS,
        flashes=FLASHES,
        networks=len(HELD_OUT),
        errors="\n".join(_errors(timed)),
        ratios="\n".join(_ratios(timed)),
        sizes="\n".join(_sizes(trials)),
        kernels="\n".join(_kernels(timed, names)),
        missing=", ".join(missing) or "none",
    )


def _errors(trials: Sequence[Trial]) -> Iterator[str]:
    yield "| core | model | layers | error | networks | error | worst |"
    yield "|---|---|---|---|---|---|---|"
    for trial in trials:
        for title, tried in zip(
            ("built in", "calibrated", "from nothing"), trial.models, strict=True
        ):
            layers, networks = tried.layers, tried.networks
            yield (
                f"| {trial.board.core} | {title} | {len(layers)} | {_error(layers)}"
                f" | {len(networks)} | {_error(networks)} | {_worst(networks)} |"
            )


def _ratios(trials: Sequence[Trial]) -> Iterator[str]:
    titles = [title for title, _ in MODELS if all(title in t.models[0].named for t in trials)]
    yield f"| core | {' | '.join(titles)} |"
    yield "|---" * (len(titles) + 1) + "|"
    for trial in trials:
        ratios = " | ".join(f"{trial.models[0].named[title]:.3f}" for title in titles)
        yield f"| {trial.board.core} | {ratios} |"


def _sizes(trials: Sequence[Trial]) -> Iterator[str]:
    yield "| core | mean absolute error | worst |"
    yield "|---|---|---|"
    for trial in trials:
        yield f"| {trial.board.core} | {_error(trial.flash)} | {_worst(trial.flash)} |"


def _kernels(trials: Sequence[Trial], names: Sequence[str]) -> Iterator[str]:
    yield f"| kernel | operations | {' | '.join(trial.board.core for trial in trials)} |"
    yield "|---" * (len(trials) + 2) + "|"
    for name in names:
        known = [trial.models[0].model.kernels.get(name) for trial in trials]
        count = next(kernel.samples for kernel in known if kernel)
        cells = " | ".join(
            "–" if kernel is None else f"{100 * kernel.error:.1f}" for kernel in known
        )
        yield f"| {name} | {count} | {cells} |"


if __name__ == "__main__":
    main()
