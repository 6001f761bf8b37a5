"""Where the instructions and cycles of a model go, by kernel and by part of it.

Parts are found in the counted code itself. A straight line of it is of the inner loop up to its
last SMLAD or the like; of requantization where it multiplies by SMMLA or saturates; of the inputs
where its function brings them to where the inner loop reads them; else it is the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.cycles import CycleModel, Line, cycle_model
from edge_runtime.device.build import build
from edge_runtime.device.emulator import emulated
from edge_runtime.device.symbols import Image
from edge_runtime.export.manifest import Manifest

PARTS = ("inner loop", "requantization", "inputs", "rest")
OTHERS = "others, and between layers"

_INPUTS = frozenset(
    (
        *("unpack_rows", "unpack_patch", "copy_taps", "er_copy_run"),  # er_conv_patches_dsp.h
        *("unpack_lane", "unpack_columns", "fill_columns", "copy_words"),  # er_conv_rows_dsp.h
        "fill",  # of both
        *("expand", "expand_one", "load_rows", "fill_rows"),  # er_depthwise_3x3_s8_dsp.c
        "keep_rows",
        "sum_of",  # er_linear_dsp.h
    )
)
_PRODUCTS = ("smlad", "smlab", "smlat")
_SCALES = ("smmla", "smmul", "ssat")


@dataclass(frozen=True)
class Cost:
    """Instructions and estimated cycles, by part."""

    instructions: Counter[str] = field(default_factory=Counter)
    cycles: Counter[str] = field(default_factory=Counter)

    def add(self, part: str, instructions: int, cycles: int) -> None:
        """Count more in."""
        self.instructions[part] += instructions
        self.cycles[part] += cycles


def costs(folder: Path, cases: Cases, kernels: Sequence[str]) -> dict[str, Cost]:
    """What one inference of an exported folder costs, by these kernels and all others together."""
    manifest = Manifest.load(folder)
    board = load_board(manifest.board)
    model = cycle_model(board.core)
    served = {layer.index: layer.kernel for layer in manifest.layers}
    found = {name: Cost() for name in (*kernels, OTHERS)}
    with emulated(build(folder).elf, board) as target:
        target.reset()
        target.run([array.tobytes() for array in next(iter(cases))[0]])
        for index in (-1, *range(len(target.image.layers))):
            kernel = served.get(index)
            for line in target.lines(index):
                if kernel is None or kernel not in kernels:
                    found[OTHERS].add("rest", *_whole(line, model))
                    continue
                for part in _split(line, target.image, model):
                    found[kernel].add(*part)
    return found


def _whole(line: Line, model: CycleModel) -> tuple[int, int]:
    """Instructions and cycles of a line."""
    return len(line.instructions) * line.executions, model.cycles([line])


def _split(line: Line, image: Image, model: CycleModel) -> Iterator[tuple[str, int, int]]:
    """The parts that a line is of, with instructions and cycles of each."""
    whole = _whole(line, model)
    texts = [instruction.text for instruction in line.instructions]
    if image.where(line.instructions[0].pc).split("+")[0] in _INPUTS:
        yield "inputs", *whole
        return
    cuts, before = _cuts(texts), (0, 0)
    for name, end in cuts:
        until = _whole(Line(line.instructions[:end], line.executions, 0), model)
        until = whole if end == len(texts) else until
        yield name, until[0] - before[0], until[1] - before[1]
        before = until


def _cuts(texts: Sequence[str]) -> list[tuple[str, int]]:
    """The parts of a line, and where they end: products, then their scaling, in turn."""
    cuts: list[tuple[str, int]] = []
    products, scales, stored = 0, False, 0
    for i, text in enumerate(texts):
        if text.startswith(_PRODUCTS):
            if scales:
                cuts += _scaled(products, stored or i)
            products, scales, stored = i + 1, False, 0
        scales = scales or text.startswith(_SCALES)
        stored = i + 1 if scales and text.startswith("str") else stored
    if scales:
        return cuts + _scaled(products, len(texts))
    return [*cuts, ("inner loop" if products else "rest", len(texts))]


def _scaled(products: int, end: int) -> list[tuple[str, int]]:
    return [*([("inner loop", products)] if products else []), ("requantization", end)]


def parts_table(models: Iterable[tuple[str, Path, Cases]], kernels: Sequence[str]) -> str:
    """Shares of each part by model and kernel, in Markdown; models are exported folders."""
    heads = ["model", "kernel"]
    for total in ("instructions", "estimated cycles"):
        heads += [total, *(f"{part}, %" for part in PARTS)]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for title, folder, cases in models:
        for kernel, cost in costs(folder, cases, kernels).items():
            if cost.instructions.total():
                shares = [*_shares(cost.instructions), *_shares(cost.cycles)]
                rows.append("| " + " | ".join([title, kernel, *shares]) + " |")
    return "\n".join(rows)


def _shares(parts: Counter[str]) -> list[str]:
    total = parts.total()
    return [f"{total:,}", *(f"{100 * parts[part] / total:.1f}" for part in PARTS)]
