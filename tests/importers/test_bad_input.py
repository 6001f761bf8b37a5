"""Damaged model files are refused with ModelError, and never in any other way."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cache
from pathlib import Path

import onnx_models
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_tflite import network

from edge_runtime.errors import ModelError
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import DType
from edge_runtime.graph.dump import dump
from edge_runtime.importers import load_model

SHARED = Path(os.environ.get("EDGE_RUNTIME_SHARED", Path(__file__).parents[3] / "shared"))
Draw = st.DrawFn
INTEGERS = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\xc0\x7f"]


@cache
def originals(suffix: str) -> tuple[bytes, ...]:
    """Small models of one kind, ours and, where they are at hand, real ones."""
    if suffix == ".tflite":
        own = [to_tflite(network(dtype)) for dtype in (DType.INT8, DType.FLOAT32)]
    else:
        own = [make().SerializeToString() for make in onnx_models.MODELS.values()]
    real = sorted(SHARED.glob(f"models/*{suffix}"), key=lambda path: path.stat().st_size)
    return (*own, *(path.read_bytes() for path in real[:3]))


@st.composite
def damaged(draw: Draw, suffix: str) -> bytes:
    """A file that was cut, or in which bytes were flipped, overwritten, moved, lost or added."""
    content = bytearray(draw(st.sampled_from(originals(suffix))))
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["cut", "flip", "integer", "splice", "lose", "add"]))
        place, length = draw(st.integers(0, max(0, len(content) - 1))), draw(st.integers(1, 32))
        if kind == "cut":
            del content[place:]
        elif kind == "flip" and content:
            content[place] ^= 1 << (length % 8)
        elif kind == "integer":
            content[place : place + 4] = draw(st.sampled_from(INTEGERS))
        elif kind == "splice":
            source = draw(st.integers(0, len(content)))
            content[place : place + length] = content[source : source + length]
        elif kind == "lose":
            del content[place : place + length]
        elif kind == "add":
            content[place:place] = draw(st.binary(min_size=1, max_size=length))
    return bytes(content)


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
@settings(
    max_examples=250,
    deadline=timedelta(seconds=10),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_damaged_files(suffix: str, data: st.DataObject, tmp_path: Path) -> None:
    content = data.draw(damaged(suffix) | st.binary(max_size=300))
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    try:
        dump(load_model(path))
    except ModelError as error:
        assert str(error)
