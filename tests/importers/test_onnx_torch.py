"""Networks of today's kinds, as PyTorch's two exporters write them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.graph import Array, Graph
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter
from edge_runtime.ops import Transpose

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch_nets import NETS, made  # noqa: E402

LATER = {"spectrum": 12, "language": 14}
"""The first operator set that PyTorch can write these in."""


def by_trace(name: str, opset: int) -> tuple[bytes, Array]:
    """The network in bytes of ONNX, its batch open, and an input."""
    net, given = made(name)
    buffer = io.BytesIO()
    torch.onnx.export(
        net,
        (given,),
        buffer,
        dynamo=False,
        opset_version=opset,
        input_names=["in0"],
        dynamic_axes={"in0": {0: "batch"}},
    )
    return buffer.getvalue(), given.numpy()


def by_graph(name: str) -> tuple[bytes, Array]:
    """The same by the newer exporter, which writes nodes in functions and constants in shapes."""
    net, given = made(name)
    program = torch.onnx.export(net, (given,), dynamo=True, input_names=["in0"], verbose=False)
    return program.model_proto.SerializeToString(), given.numpy()


def same_as_onnx_runtime(content: bytes, given: Array, folder: Path) -> Graph:
    """The graph, whose outputs are those of ONNX Runtime."""
    import onnxruntime

    (folder / "model.onnx").write_bytes(content)
    graph = load_model(folder / "model.onnx")
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    (reference,) = onnxruntime.InferenceSession(content, settings).run(None, {"in0": given})
    taken = given.astype(graph.tensors["in0"].dtype.numpy)
    (mine,) = Interpreter(graph).run({"in0": taken}).values()
    assert mine.shape == reference.shape
    assert np.abs(mine - reference).max() <= 1e-5 * np.abs(reference).max()
    return graph


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("opset", [9, 12, 17])
@pytest.mark.parametrize("name", NETS)
def test_traced(name: str, opset: int, tmp_path: Path) -> None:
    opset = max(opset, LATER.get(name, 0))
    graph = same_as_onnx_runtime(*by_trace(name, opset), tmp_path)
    found = [node for node in graph.nodes if isinstance(node.op, Transpose)]
    # Before operator set 11 PyTorch writes a pixel shuffle as a transpose.
    assert len(found) == NETS[name][2] + (name == "unet" and opset < 11)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["mobile", "detector", "language"])
def test_of_the_newer_exporter(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    same_as_onnx_runtime(*by_graph(name), tmp_path)
