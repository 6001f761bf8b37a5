"""How far ONNX Runtime's outputs of an exported model are from the reference's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from edge_runtime.errors import ModelError
from edge_runtime.evaluate import evaluate, matched
from edge_runtime.graph import Array, Graph


@dataclass(frozen=True)
class Agreement:
    """Over all outputs of `samples` inferences: the share that is equal, and the worst difference.

    `largest` is in quantization steps for integers, in real units for float32.
    """

    samples: int
    exact: float
    largest: float


def onnx_agreement(model: Path | bytes, graph: Graph, inputs: Mapping[str, Array]) -> Agreement:
    """Run `model`, which was written from `graph`, and compare.

    `inputs` as for `evaluate`: for each input (samples, *its shape), of the stored type. DataError:
    they do not fit. ModelError: ONNX Runtime does not take the model.
    """
    arrays = matched(graph, inputs)
    expected = evaluate(graph, arrays)
    session = _session(model)
    count = len(next(iter(arrays.values())))
    steps = []
    for index in range(count):
        case = {name: array[index] for name, array in arrays.items()}
        made = session.run(list(graph.outputs), case)
        for name, values in zip(graph.outputs, made, strict=True):
            difference = values.astype(np.float64) - expected[name][index].astype(np.float64)
            steps.append(np.abs(difference).ravel())
    off = np.concatenate(steps)
    return Agreement(count, float(np.mean(off == 0)), float(off.max()))


def _session(model: Path | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    # ONNX Runtime's exceptions have no base class but Exception.
    except Exception as error:
        name = model if isinstance(model, Path) else "the model"
        raise ModelError(f"ONNX Runtime refuses {name}: {error}") from error
