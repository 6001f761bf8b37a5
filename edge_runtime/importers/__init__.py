"""Reading model files into graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_runtime.errors import EdgeRuntimeError, GraphError, ModelError
from edge_runtime.graph import Graph

MOST_BYTES = 1 << 30


def load_model(path: Path) -> Graph:
    """The graph of a .tflite or .onnx file, verified.

    ModelError: the file is missing, malformed, or holds what cannot be compiled; then every node
    that is not supported is listed, with its name, operation, the reason, and what to do.
    """
    content = _content(path)
    try:
        # Odd numbers in odd files are no reason for warnings: they are refused, or do no harm.
        with np.errstate(all="ignore"):
            return _reader(path, content)(content)
    except GraphError as error:
        raise ModelError(f"{path} is malformed: {error}", hint=_HINT) from error
    except EdgeRuntimeError as error:
        if isinstance(error, ModelError):
            raise error.within(str(path)) from error
        raise ModelError(f"{path}: {error}", hint=error.hint) from error
    # The generated FlatBuffers accessors, NumPy and protobuf meet malformed files with any of a
    # dozen kinds of exception; this is the one place where all of them become ours.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ModelError(f"{path} is damaged or cut off ({reason[:300]})", hint=_HINT) from error


_HINT = "convert or download the model again; ONNX's and LiteRT's own checkers may tell more"


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise ModelError(f"{path} is no file", hint="give the path of a .tflite or .onnx file")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ModelError(f"{path} is larger than {MOST_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _reader(path: Path, content: bytes) -> Callable[[bytes], Graph]:
    """What reads this file; the readers bring heavy packages, which only they import."""
    suffix = path.suffix.lower()
    if suffix == ".tflite" or content[4:8] == b"TFL3":
        from edge_runtime.importers.tflite import read_tflite

        return lambda data: read_tflite(data, path.stem)
    if suffix == ".onnx":
        from edge_runtime.importers.onnx import read_onnx

        return lambda data: read_onnx(data, path.stem, path.parent)
    raise ModelError(
        f"{path} is neither a .tflite nor an .onnx file",
        hint="these two formats can be read; convert the model to one of them",
    )
