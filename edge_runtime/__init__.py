"""Search, quantize, compile and measure neural networks for microcontrollers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from edge_runtime.graph import Graph
    from edge_runtime.model import Model

__version__ = "0.1.0"


def load(source: Graph | Path | str) -> Model:
    """Compile a model for this machine, to be called by its `run`; see `edge_runtime.model`.

    `source` is a .tflite or .onnx file, a graph, or a folder exported for the board `host`.
    """
    from edge_runtime.model import load as load_compiled

    return load_compiled(source)
