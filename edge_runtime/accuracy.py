"""What quantization costs on real data: writes docs/quantization.md.

`make accuracy` runs it on the shared models and data, each model calibrated on other samples than
it is scored on: about ten minutes on one core.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.errors import ToolchainError
from edge_runtime.evaluate import stored
from edge_runtime.files import write_file
from edge_runtime.graph import Array, Graph
from edge_runtime.importers import load_model
from edge_runtime.ops import DepthwiseConv2D
from edge_runtime.quant import (
    Forms,
    Observer,
    Precision,
    Quantized,
    Recipe,
    Score,
    calibrate,
    quantize,
    quantize_graph,
)
from edge_runtime.quant.build import Calibration
from edge_runtime.quant.calibrate import calibration_arrays
from edge_runtime.quant.flash import flash_bytes
from edge_runtime.quant.refine import refine
from edge_runtime.quant.report import answers

SHARED = Path(os.environ.get("EDGE_RUNTIME_SHARED", "../shared"))
BOARD = "nucleo_l4r5zi"
BUDGETS = (0.85, 0.65)
"""Shares of what int8 takes."""
CALIBRATION = 512
"""Training images of CIFAR-10."""
SPEECH_CALIBRATION = 200
SPEECH_SCALE, SPEECH_ZERO = np.float32(0.5847), 83
"""The stored features are int8 for another network, whose input they were quantized for."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A float model, samples to calibrate it on, and others to score it on."""

    title: str
    graph: Graph
    calibration: Mapping[str, Array]
    x: Mapping[str, Array]
    labels: Array

    @cached_property
    def _exact(self) -> npt.NDArray[np.intp]:
        return answers(self.graph, self.x, self.labels)

    @cache  # noqa: B019 - subjects live as long as the script
    def quantized(self, recipe: Recipe, flash: int | None = None) -> tuple[Quantized, float]:
        """The model quantized, and the seconds that it took."""
        start = time.perf_counter()
        made = quantize(self.graph, self.calibration, recipe=recipe, flash=flash)
        return made, time.perf_counter() - start

    def score(self, graph: Graph) -> Score:
        """`graph` beside the float model."""
        return Score.of(self._exact, answers(graph, self.x, self.labels), self.labels)


def images(folder: Path = SHARED, *, train: int = CALIBRATION, test: int = 5000) -> Subject:
    """The float ResNet-8, calibrated on training images of CIFAR-10, scored on test images."""
    graph = load_model(folder / "models/kaijiang_resnet8_cifar10.onnx")
    with np.load(folder / "data/cifar10_jpeg_20k_5k.npz") as archive:
        seen, unseen = _decoded(archive, "train", train), _decoded(archive, "test", test)
        labels = archive["y_test"][:test]
    (source,) = graph.inputs
    calibration = calibration_arrays(graph, {source: seen})
    return Subject("ResNet-8", graph, calibration, {source: unseen}, labels)


def _decoded(archive: Mapping[str, Array], split: str, count: int) -> Array:
    """The first images of a split as the network takes them: 0 to 255, channels first."""
    try:
        from PIL import Image  # noqa: PLC0415 - which the rest of the package does without
    except ImportError as error:
        raise ToolchainError(
            "Pillow, which decodes the images, is not installed", hint="pip install pillow"
        ) from error
    raw, ends = archive[f"jpg_{split}"], archive[f"off_{split}"]
    pixels = [
        np.asarray(Image.open(io.BytesIO(raw[ends[i] : ends[i + 1]].tobytes())))
        for i in range(count)
    ]
    return np.array(pixels, np.float32).transpose(0, 3, 1, 2)


def speech(folder: Path = SHARED, *, seed: int = 0) -> Subject:
    """The float keyword spotter: calibrated on 200 features of the file, scored on the others."""
    graph = load_model(folder / "models/alibaba_sinian_kws.onnx")
    with np.load(folder / "data/speechcommands_kws01_test_mfcc_int8.npz") as archive:
        features = (archive["x_test"].astype(np.float32) - SPEECH_ZERO) * SPEECH_SCALE
        labels = archive["y_test"]
    order = np.random.default_rng(seed).permutation(len(labels))
    seen, unseen = order[:SPEECH_CALIBRATION], order[SPEECH_CALIBRATION:]
    (source,) = graph.inputs
    shaped = features[..., None]
    return Subject(
        "keyword spotting",
        graph,
        calibration_arrays(graph, {source: shaped[seen]}),
        {source: shaped[unseen]},
        labels[unseen],
    )


def roundings(subject: Subject) -> dict[str, Graph]:
    """All weights in 4 bits: to the nearest, and by GPTQ, each without and with bias correction."""
    graph = subject.graph
    forms = Forms.of(graph, {node.name: Precision.W4 for node in graph.nodes})
    given = Calibration.of(graph, subject.calibration)
    ranges = calibrate(graph, subject.calibration, forms=forms)
    nearest = quantize_graph(graph, ranges, forms=forms)

    def refined(*, rounding: bool, correction: bool) -> Graph:
        made = refine(
            graph,
            nearest,
            given.samples,
            given.exact,
            rounding=rounding,
            correction=correction,
        )
        return made.graph

    return {
        "nearest": nearest,
        "nearest, biases corrected": refined(rounding=False, correction=True),
        "GPTQ": refined(rounding=True, correction=False),
        "GPTQ, biases corrected": refined(rounding=True, correction=True),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/quantization.md"))
    options = parser.parse_args(arguments)
    with ProcessPoolExecutor(2) as pool:
        measured = list(pool.map(_measured, (images, speech)))
    tables = {
        name: _table(heading, [row for rows in measured for row in rows.get(name, [])])
        for name, heading in _HEADINGS.items()
    }
    page = _PAGE.format(board=BOARD, **tables)
    write_file(options.out, page)
    print(page)


Rows = list[list[str]]

_HEADINGS = {
    "recipes": (
        "model|recipe|constants, B|with code, B|score, %|drop, points|agreement, %"
        "|instructions|seconds"
    ),
    "observers": "model|observer|drop, points|agreement, %",
    "roundings": "model|rounding|drop, points|agreement, %",
    "depthwise": "4-bit weights in|constants, B|SQNR, dB|drop, points|agreement, %|instructions",
    "budgets": "model|budget, B|constants, B|int4 layers|drop, points|agreement, %",
    "layers": "model|operation|weights, B|precision|noise of it alone in int4|why",
}


def _measured(load: Callable[[], Subject]) -> dict[str, Rows]:
    """The rows of each table for one model."""
    subject = load()
    found = {
        "recipes": _recipes(subject),
        "observers": _observers(subject),
        "roundings": [
            [subject.title, name, *_cells(subject.score(graph))]
            for name, graph in roundings(subject).items()
        ],
        "budgets": _budgets(subject),
        "layers": _layers(subject),
    }
    if any(isinstance(node.op, DepthwiseConv2D) for node in subject.graph.nodes):
        found["depthwise"] = _depthwise(subject)
    return found


def _cells(found: Score) -> list[str]:
    return [f"{found.drop:+.2f}", f"{100 * found.agreement:.2f}"]


def _recipes(subject: Subject) -> Rows:
    constants = 4 * sum(t.elements for t in subject.graph.tensors.values() if t.data is not None)
    exact = subject.score(subject.graph)
    rows = [
        [subject.title, "float32", f"{constants:,}", "–", f"{exact.float_percent:.2f}", *"––––"]
    ]
    for recipe in (Recipe.INT8, Recipe.INT8X16, Recipe.W4A8):
        made, seconds = subject.quantized(recipe)
        found = subject.score(made.graph)
        with_code, instructions = _built(made.graph, subject)
        rows.append(
            [
                subject.title,
                recipe.value + _extent(made),
                f"{made.report.flash_bytes:,}",
                with_code,
                f"{found.quantized_percent:.2f}",
                *_cells(found),
                instructions,
                f"{seconds:.0f}",
            ]
        )
    return rows


def _extent(made: Quantized) -> str:
    """How many nodes a recipe changed."""
    changed = [choice for choice in made.report.choices if choice.precision != "w8"]
    return "" if made.report.recipe == Recipe.INT8.value else f", {len(changed)} nodes"


def _built(graph: Graph, subject: Subject) -> tuple[str, str]:
    """The model's flash with code, and the instructions of one inference on the emulated board."""
    tensor = graph.tensors[graph.inputs[0]]
    first = stored(tensor, subject.x[graph.inputs[0]][:1]).reshape(1, *tensor.shape)
    with tempfile.TemporaryDirectory() as folder:
        exported = api.export(graph, BOARD, Path(folder) / "firmware")
        cases = Cases.of([tensor], {"in0": first}, streaming=False)
        result = api.emulate(exported.folder, cases, graph=graph)
    assert result.exact == result.compared
    layers = result.measurement.layers
    instructions = sum(layer.instructions or 0 for layer in layers)
    return f"{exported.image.flash_bytes:,}", f"{instructions:,}"


def _observers(subject: Subject) -> Rows:
    rows = []
    for observer in (*Observer, None):
        name = "best for each tensor" if observer is None else observer.value
        ranges = calibrate(subject.graph, subject.calibration, observer=observer)
        found = subject.score(quantize_graph(subject.graph, ranges))
        rows.append([subject.title, name, *_cells(found)])
    return rows


def _depthwise(subject: Subject) -> Rows:
    """4-bit weights in all layers, and in all but the depthwise ones."""
    given = Calibration.of(subject.graph, subject.calibration)
    rows = []
    for name, spared in (("all layers", ()), ("all but depthwise layers", DepthwiseConv2D)):
        wanted = {
            node.name: Precision.W4
            for node in subject.graph.nodes
            if not isinstance(node.op, spared)
        }
        forms = Forms.of(subject.graph, wanted)
        ranges = calibrate(subject.graph, subject.calibration, forms=forms)
        made = quantize_graph(subject.graph, ranges, forms=forms)
        made = refine(subject.graph, made, given.samples, given.exact).graph
        found = subject.score(made)
        rows.append(
            [
                name,
                f"{flash_bytes(made):,}",
                f"{-10 * np.log10(given.noise(made)):.1f}",
                *_cells(found),
                _built(made, subject)[1],
            ]
        )
    return rows


def _budgets(subject: Subject) -> Rows:
    whole = subject.quantized(Recipe.INT8)[0].report.flash_bytes or 0
    rows = []
    for share in BUDGETS:
        made, _ = subject.quantized(Recipe.AUTO, round(whole * share))
        narrow = [choice for choice in made.report.choices if choice.precision == "w4"]
        rows.append(
            [
                subject.title,
                f"{round(whole * share):,}",
                f"{made.report.flash_bytes:,}",
                f"{len(narrow)} of {len(made.report.choices)}",
                *_cells(subject.score(made.graph)),
            ]
        )
    return rows


def _layers(subject: Subject) -> Rows:
    made, _ = subject.quantized(Recipe.W4A8)
    return [
        [
            subject.title,
            choice.op,
            f"{choice.weight_bytes:,}",
            choice.precision,
            "–" if choice.noise is None else f"{choice.noise:.2f}",
            choice.reason,
        ]
        for choice in made.report.choices
    ]


def _table(heading: str, rows: Sequence[Sequence[str]]) -> str:
    columns = heading.split("|")
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


_PAGE = """\
# Quantization

Tables made by `make accuracy`; run it to make this page again.

## What is done

`edge-runtime quantize` turns a float model into an integer one by TFLite's scheme: weights
symmetric with a scale for each output channel, activations with one scale, biases in units of input
scale times weight scale. Which operations can be integers, and whose scale each result has, is
asked of the operations; those without integer form stay float32 and are named in the report.

1. *Observers.* A range for each tensor by its extremes, by percentiles (99.99), by the least mean
   squared error, and by the least Kullback-Leibler divergence (Migacz, 2017). Each is tried on some
   samples, and the one is taken with which what reads the tensor comes out best.
2. *Cross-layer equalisation* (Nagel et al., 2019), pair by pair where the pair has less noise.
3. *GPTQ* for int4 weights (Frantar et al., 2022): rounding by the layer's Hessian, damped by 1 %,
   for several sizes of the grid.
4. *Bias correction* by the mean error that is measured at each layer.

Before all this, masks of attention, minus infinity or another number far below all scores, are
raised to what the softmax behind them cannot tell from it.

Every fourth calibration sample is held out; 2 to 4 are kept where they help on those. Nothing is
chosen by the samples that are scored.

`--recipe w4a8` measures each layer with int4 weights alone, and leaves at int8 those that make more
than twice the noise that the bytes they save would allow, up to a tenth of all weights, and
depthwise layers. `int8x16` measures the noise that each tensor inside the network makes if it alone
is rounded to int8. Those that make 5 % of the noise of int8 throughout get 16 bits, from what makes
them to what reads them, if their share of the noise is no less than the share of all MACs that
this slows; weights stay int8, biases become int64. `auto` gives int4 weights to layers
in order of noise for each byte saved until the budget of `--flash` is met, then, while the drop
exceeds `--max-drop`, 16 bits to the most sensitive tensor, as far as the budget allows. The drop is
that of the score on the samples of `--eval`; without them, of the agreement with float on held-out
samples. `--eval` chooses nothing else.

`--flash` counts weights, biases, multipliers and tables as the kernels of a Cortex-M4 have them
packed, so that they are what a build has. Code is left out: that of the kernels, and for each layer
its call and its parameters. The next table has what the linker counts with code.

A TFLite file holds what TFLite has operations for; where tflite-micro refuses one of them, such as
GELU in integers, or fully connected layers of int4 with a scale a channel, `quantize` says so.
RNN layers stay float32, and in files LSTM and GRU layers too, as no format has them in integers
without keeping their state between calls. `export --calibration` makes LSTM layers int8, with an
int16 cell, and GRU layers, with an int16 state, and says which layers stay float32.

Models that keep state, such as streaming ones, are calibrated on sequences, (sequences, steps, …):
each state is quantized like any other tensor, by what it holds before each step. Recurrent layers
whose state outlives a call are refused.

int4 weights are computed with as they are in TFLite: an int8 layer whose weights have values from
-8 to 7 (docs/operations.md). Files and firmware hold two a byte.

## Recipes

ResNet-8: calibrated on 512 training images of CIFAR-10, scored on 5,000 test images (JPEG, which
costs the network about ten points). Keyword spotting: calibrated on 200 of the 1,000 features of
the file, scored on the other 800. Constants: weights, biases, multipliers and tables in flash, as
`--flash` counts them; with code: what the linker gives the model altogether.
Instructions: of one inference of the emulated image on {board}, whose outputs equal the
reference's. Seconds: of `quantize` on the machine that made this page, for scale only.

{recipes}

## Observers

int8, no equalisation, no correction.

{observers}

## Rounding to 4 bits

All weights in int4, those of the first, last and depthwise layers too; "nearest" with the scale of
least squared error for each channel.

{roundings}

## Depthwise layers in 4 bits

The keyword spotter. What depthwise layers save in flash is little, and costs most for each byte;
channels whose factor grows above 1/4 leave the fast path of the DSP kernels besides. So `w4a8`
leaves them alone, and `auto` takes them where they come last.

{depthwise}

## Budgets

`--recipe auto`, the budgets being 85 and 65 % of what int8 takes.

{budgets}

## Layers

The layers of `w4a8`, in order. Noise: of the network with this layer alone in int4, over that of
int8, both as converted, before biases are corrected.

{layers}
"""


if __name__ == "__main__":
    main()
