"""A small classifier, and the class that it gives the example's ramp."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from builder import Builder

from edge_runtime.interpreter import Interpreter


@pytest.fixture(scope="session")
def graph():
    b = Builder(seed=7)
    features = b.conv(b.input(1, 6, 5, 2), 4)
    return b.graph(b.dense(b.mean(features, 1, 2), 5))


@pytest.fixture(scope="session")
def ramp(graph):
    """What the example makes of its ramp, in the model's integers."""
    tensor = graph.tensors[graph.inputs[0]]
    quantization = tensor.quantization
    ramp = np.arange(tensor.elements, dtype=np.float32) / np.float32(tensor.elements)
    scaled = ramp / np.float32(quantization.scale) + np.float32(quantization.zero_point)
    scaled = np.clip(scaled, -128, 127)
    return np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int8).reshape(tensor.shape)


@pytest.fixture(scope="session")
def scores(graph, ramp):
    """The reference's output for the ramp."""
    made = Interpreter(graph).run({graph.inputs[0]: ramp})[graph.outputs[0]]
    assert len(set(made.ravel().tolist())) > 2, "a test that could not fail"
    return made


@pytest.fixture
def need():
    def check(*programs):
        for program in programs:
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")

    return check
