"""The files that are mutated: real models, and small ones of every operation and type.

Each has a name that ends in its suffix; its bytes are the same in every run with the same versions
of the packages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import onnx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from edge_runtime.errors import EdgeRuntimeError
from edge_runtime.export.onnx import to_onnx
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import DType, Graph

TESTS = Path(__file__).parents[1]
SHARED = Path(os.environ.get("EDGE_RUNTIME_SHARED", TESTS.parents[1] / "shared"))
LARGEST = 150_000
"""Bytes of a file that is mutated: larger ones take as long as ten others."""
BACKEND = Path(onnx.__file__).parent / "backend" / "test" / "data"
DRAWN = 4
"""Graphs of each kind that are drawn from a strategy."""

sys.path += [str(TESTS / folder) for folder in ("", "ops", "export", "importers")]


@cache
def originals() -> Mapping[str, bytes]:
    """All of them by name, in a stable order."""
    found = {
        **dict(_shared()),
        **dict(_exported()),
        **dict(_operations()),
        **dict(_recurrent()),
        **dict(_written()),
        **dict(_backend()),
    }
    return {name: content for name, content in sorted(found.items()) if len(content) <= LARGEST}


def _shared() -> Iterator[tuple[str, bytes]]:
    for path in sorted(SHARED.glob("models/*")):
        if path.suffix in (".tflite", ".onnx"):
            yield f"shared/{path.name}", path.read_bytes()


def _exported() -> Iterator[tuple[str, bytes]]:
    """What the exporters make of one graph for each way an operation can be used."""
    from op_cases import CASES, MIXED, build

    for name in (*CASES, *MIXED):
        for dtype in (DType.INT8, DType.FLOAT32)[: 2 if name in CASES else 1]:
            _, graph = build(name, dtype)
            for suffix, write in ((".tflite", to_tflite), (".onnx", _onnx)):
                try:
                    yield f"exported/{name}-{dtype.value}{suffix}", write(graph)
                except EdgeRuntimeError:  # Some cases have no form in one of the formats.
                    continue


def _operations() -> Iterator[tuple[str, bytes]]:
    """TFLite files of one operation with numbers as hostile as its tests have them."""
    import elementwise
    import test_against_tflm
    import test_axes
    import test_linear
    import test_moves

    families = (
        test_against_tflm.GRAPHS,
        elementwise.GRAPHS,
        test_axes.IN_TFLM,
        test_axes.IN_LITERT,
        test_linear.INTEGERS,
        test_linear.HYBRID,
        test_moves.TFLM,
        test_moves.LITERT,
    )
    for number, family in enumerate(families):
        for kind, strategy in family.items():
            for index, graph in enumerate(_drawn(strategy)):
                try:
                    yield f"operation/{number}-{kind}-{index}.tflite", to_tflite(graph)
                except EdgeRuntimeError:
                    continue


def _drawn(strategy: st.SearchStrategy[Graph]) -> list[Graph]:
    """The first graphs that a strategy gives, always the same."""
    found: list[Graph] = []

    @settings(
        max_examples=DRAWN,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(graph: Graph) -> None:
        found.append(graph)

    draw()
    return found


def _recurrent() -> Iterator[tuple[str, bytes]]:
    import numpy as np
    from test_recurrent import FLOAT, INT8, INT16, lstm, svdf

    from edge_runtime.graph import Activation
    from edge_runtime.ops import Lstm

    for kind in (FLOAT, INT8, INT16):
        random = np.random.default_rng(1)
        graph = svdf(kind, (1, 5, 3, 2, 4), 0, Activation.RELU, random)
        yield f"recurrent/svdf-{kind.value}.tflite", to_tflite(graph)
        graph = lstm(kind, Lstm(), (3, 1, 4, 5), -12, random)
        yield f"recurrent/lstm-{kind.value}.tflite", to_tflite(graph)


def _written() -> Iterator[tuple[str, bytes]]:
    """ONNX files as exporters of others write them."""
    from onnx_models import MODELS

    for name, make in MODELS.items():
        yield f"written/{name}.onnx", make().SerializeToString()


def _backend() -> Iterator[tuple[str, bytes]]:
    """The models of the ONNX backend test suite."""
    from edge_runtime.onnx_coverage import cases

    for case in cases():
        yield f"backend/{case.name}.onnx", case.model.SerializeToString()


def _onnx(graph: Graph) -> bytes:
    return bytes(to_onnx(graph).SerializeToString())
