"""What a model takes of the flash besides its weights, and what that is."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from edge_runtime import api
from edge_runtime.device.toolchain import OPTIMIZE
from edge_runtime.export.firmware import Options
from edge_runtime.graph import Graph, Kind
from edge_runtime.passes.dead_channels import remove_dead_channels

AIMS = {"speed": 16_000, "size": 8_000}
"""Bytes without weights and biases."""
WEIGHTS_AIM = 1.03
"""Packed weights and biases over int8 weights and int32 biases."""

_FACTORS = re.compile(r"layer_\d+_(mantissa|shift)")
_LAYERS = re.compile(r"(model_)?layer_\d+|(model_)?stage_\d+\w*|\.L__const\.model_layer_\d+\.p")


@dataclass(frozen=True)
class Flash:
    """Bytes besides weights and biases, and shares of them.

    `factors` are those of channels; `layers` their parameters, functions and tables. `weights` is
    the size of packed over plain weights and biases.
    """

    code: int
    factors: int
    layers: int
    weights: float


def measure_flash(graph: Graph, board: str, compiler: str, optimize: str) -> Flash:
    """The shares of an image that is built for this."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, options = Path(temporary) / "firmware", Options(optimize=optimize)
        made = api.export(graph, board, folder, compiler=compiler, options=options)
        with made.image.elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            sizes = [(str(symbol.name), int(symbol["st_size"])) for symbol in table.iter_symbols()]
    packed = made.manifest.weights_bytes
    plain = sum(tensor.bytes for tensor in remove_dead_channels(graph).of_kind(Kind.CONSTANT))
    return Flash(
        made.image.flash_bytes - packed,
        sum(size for name, size in sizes if _FACTORS.fullmatch(name)),
        sum(size for name, size in sizes if _LAYERS.fullmatch(name)),
        packed / plain,
    )


def flash_table(models: Mapping[str, Path], board: str) -> str:
    """The shares of each model by both compilers, for speed and for size, in Markdown."""
    has_gcc = shutil.which("arm-none-eabi-gcc") is not None
    rows = [
        "| model | optimize | zig | aim | kernels | factors | layers | weights | aim | gcc |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for title, path in models.items():
        graph = api.load(path)
        for optimize in OPTIMIZE:
            zig = measure_flash(graph, board, "zig", optimize)
            gcc = f"{measure_flash(graph, board, 'gcc', optimize).code:,}" if has_gcc else "–"
            cells = [
                *(title, optimize, f"{zig.code:,}", f"{AIMS[optimize]:,}"),
                *(f"{zig.code - zig.factors - zig.layers:,}", f"{zig.factors:,}"),
                *(f"{zig.layers:,}", f"{zig.weights:.3f}", f"{WEIGHTS_AIM}", gcc),
            ]
            rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)
