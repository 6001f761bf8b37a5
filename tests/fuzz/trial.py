"""What becomes of one file: read, verified, kernels chosen and memory planned, within limits."""

from __future__ import annotations

import re
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.boards import load_board
from edge_runtime.errors import EdgeRuntimeError, GraphError, ModelError
from edge_runtime.export.firmware import compile_graph
from edge_runtime.importers import load_model
from edge_runtime.importers.unsupported import UnsupportedError

BOARD = load_board("nucleo_l4r5zi")
MOST_SECONDS = 10.0
MOST_BYTES = 2 << 30
_DECODERS = ("tflite/file.py", "onnx/file.py", "schema_py_generated.py", "onnx/__init__.py")
_OURS = re.compile(r"/(edge_runtime|export)/")


@dataclass(frozen=True)
class Trial:
    """The outcome of one file; `finding` says what must not be."""

    outcome: str
    finding: str
    seconds: float
    bytes: int


def tried(path: Path) -> Trial:
    """Compile the model in a file as far as the C compiler, and measure that."""
    Path("/proc/self/clear_refs").write_text("5")  # The peak is counted from here on.
    start = time.process_time()
    outcome, finding = _compiled(path)
    seconds, peak = time.process_time() - start, _peak()
    if not finding and seconds > MOST_SECONDS:
        finding = f"takes {seconds:.1f} s"
    if not finding and peak > MOST_BYTES:
        finding = f"takes {peak >> 20} MB"
    return Trial(outcome, finding, seconds, peak)


def _compiled(path: Path) -> tuple[str, str]:
    stage = "importer"
    try:
        graph = load_model(path)
        stage = "compiler"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile_graph(graph, BOARD)
    except EdgeRuntimeError as error:
        return _refused(stage, error)
    except BaseException as error:
        return f"traceback from the {stage}", f"{type(error).__name__} in {_place(error)}: {error}"
    return "compiled", ""


def _refused(stage: str, error: EdgeRuntimeError) -> tuple[str, str]:
    text = str(error)
    if not text.strip() or (isinstance(error, ModelError) and not error.message.strip()):
        return f"refused by the {stage}", f"{type(error).__name__} without a message"
    cause = error.__cause__
    if cause is not None and not isinstance(cause, (EdgeRuntimeError, UnsupportedError)):
        told = f"{type(cause).__name__} in {_place(cause)}"
        return f"damaged: {told}", "" if _decoding(cause) else f"called damage: {told}: {cause}"
    if stage == "compiler" and isinstance(error, GraphError):
        return f"refused by the {stage} as a whole", f"GraphError: {error}"
    kind = "with its nodes listed" if getattr(error, "problems", ()) else "as a whole"
    return f"refused by the {stage} {kind} ({type(error).__name__})", ""


def _decoding(error: BaseException) -> bool:
    """Whether it was raised while a file was decoded."""
    names = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return any("flatbuffers" in name or name.endswith(_DECODERS) for name in names[-2:])


def _place(error: BaseException) -> str:
    """The innermost function of ours that an exception came through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _OURS.search(f.filename)]
    if not frames:
        return "no code of ours"
    path = Path(frames[-1].filename)
    return f"{path.parent.name}/{path.name}:{frames[-1].name}"


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) << 10 if found else 0
