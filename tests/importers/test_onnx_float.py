"""Float ONNX models mean the same after the import as in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import MODELS, expected, feeds

from edge_runtime.graph import Graph
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter


def load(model: object, folder: Path) -> Graph:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())  # type: ignore[attr-defined]
    return load_model(path)


@pytest.mark.parametrize("name", MODELS)
def test_same_as_onnx_runtime(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    graph = load(model, tmp_path)
    given = feeds(model)
    reference = expected(model, given)
    mine = Interpreter(graph).run(given)
    assert list(graph.inputs) == [value.name for value in model.graph.input]
    assert list(mine) == list(reference)
    for output, values in reference.items():
        assert mine[output].shape == values.shape
        np.testing.assert_allclose(mine[output], values, rtol=1e-4, atol=1e-5)
