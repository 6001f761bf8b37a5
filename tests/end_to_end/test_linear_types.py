"""Layers of every type through the whole chain, and what the reports say of the type."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from builder import Builder, symmetric, unsigned

from edge_runtime import api
from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.device.qemu_target import QemuTarget
from edge_runtime.emulation import Emulation
from edge_runtime.export.tflite import to_tflite
from edge_runtime.graph import Activation, Array, DType, Graph, Tensor, Window
from edge_runtime.importers.tflite import read_tflite
from edge_runtime.ops import Conv2D, TransposeConv2D

BOARDS = ["nucleo_l4r5zi", "nucleo_l552ze_q", "rpi_pico", "host"]
RELU6 = Activation.RELU6


def layers(dtype: DType, batch: int = 1) -> Graph:
    """A convolution, one in groups, a depthwise, a pointwise and a fully connected layer."""
    build = Builder(dtype, seed=3)
    image = build.input(batch, 7, 6, 3)
    wide = build.conv(image, 6, (3, 3), Window.same((7, 6), (3, 3), (2, 2)), RELU6)
    parted = build.linear(Conv2D(RELU6), wide, (9, 1, 1, 2))
    deep = build.depthwise(parted, 1, (3, 3), Window.same((4, 3), (3, 3)))
    back = build.linear(TransposeConv2D(RELU6, Window((2, 2)), (8, 6)), deep, (5, 2, 2, 9))
    point = build.conv(back, 4, (1, 1))
    return build.graph(build.dense(build.reshape(point, batch, 8 * 6 * 4), 11))


def inputs(graph: Graph) -> Array:
    """Three cases for the only input."""
    tensor = graph.tensors[graph.inputs[0]]
    values = np.random.default_rng(1).normal(0, 1, (3, *tensor.shape)).astype(np.float32)
    return values if tensor.dtype.is_float else tensor.quant.quantize(values, tensor.dtype)


def run(graph: Graph, board: str, folder: Path) -> tuple[api.Exported, Emulation]:
    exported = api.export(graph, board, folder)
    tensor = graph.tensors[graph.inputs[0]]
    cases = Cases.of([tensor], {"in0": inputs(graph)}, streaming=False)
    return exported, api.emulate(exported.folder, cases, graph=graph)


@pytest.mark.parametrize("board", BOARDS)
def test_float(tmp_path: Path, board: str) -> None:
    exported, result = run(layers(DType.FLOAT32), board, tmp_path / "firmware")
    assert result.error is not None and 0 < result.error < 1e-6
    assert json.loads(exported.to_json())["type"] == "float32"
    source = (exported.folder / "model/model.c").read_text()
    assert "Arithmetic: float32." in source


@pytest.mark.qemu
def test_the_fpu_is_on(tmp_path: Path) -> None:
    """QEMU faults on floating point before start-up has enabled it; outputs equal Unicorn's."""
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    graph, board = layers(DType.FLOAT32), load_board("mps2_an386")
    exported, result = run(graph, board.name, tmp_path / "firmware")
    with QemuTarget(exported.image.elf, board) as target:
        target.reset()
        made = [target.run([values.tobytes()]) for values in inputs(graph)]
    assert b"".join(raw for (raw,) in made) == result.outputs["out0"].tobytes()


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.INT8, DType.INT16])
def test_several_images(tmp_path: Path, dtype: DType) -> None:
    _, result = run(layers(dtype, batch=3), "nucleo_l4r5zi", tmp_path / "firmware")
    assert result.compared == 3 * 3 * 11
    if dtype.is_float:
        assert result.error is not None and result.error < 1e-6
    else:
        assert result.exact == result.compared


@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT16])
def test_integers(tmp_path: Path, dtype: DType) -> None:
    exported, result = run(layers(dtype), "rpi_pico", tmp_path / "firmware")
    assert result.exact == result.compared
    assert exported.manifest.type == dtype.value


def test_a_mixed_model_says_so(tmp_path: Path) -> None:
    build = Builder(DType.FLOAT32, seed=4)
    first = build.dense(build.input(1, 8), 6)
    build.dtype = DType.INT8
    graph = build.graph(build.dense(build.quantize(first), 5))
    exported, result = run(graph, "host", tmp_path / "firmware")
    assert result.exact == result.compared
    assert exported.manifest.type == "mixed"


def test_uint8_stays_at_the_interface(tmp_path: Path) -> None:
    build = Builder(DType.INT8, seed=6)
    inside = build.graph(
        build.dense(build.reshape(build.conv(build.input(1, 5, 4, 2), 3), 1, 60), 7)
    )
    graph = read_tflite(to_tflite(unsigned(inside)), "unsigned")
    exported, result = run(graph, "nucleo_l4r5zi", tmp_path / "firmware")
    assert {port.dtype for port in (*exported.manifest.inputs, *exported.manifest.outputs)} == {
        "uint8"
    }
    assert result.exact == result.compared == 21
    assert exported.manifest.type == "int8"
    kernels = [layer.kernel for layer in exported.manifest.layers]
    flip = "er_flip_x8_ref"
    assert kernels == [flip, "er_conv_s8_dsp", "none", "er_linear_s8_dsp", flip]


@pytest.mark.parametrize("stored", [DType.INT8, DType.FLOAT16])
def test_weights_stay_small_in_flash(tmp_path: Path, stored: DType) -> None:
    graph = narrow(layers(DType.FLOAT32), stored)
    exported, result = run(graph, "nucleo_l4r5zi", tmp_path / "firmware")
    assert result.error is not None and result.error < 1e-6
    assert exported.manifest.type == f"float32 by {stored.value}"
    weights = sum(t.bytes for t in graph.tensors.values() if t.dtype is stored)
    biases = sum(t.bytes for t in graph.tensors.values() if t.name.startswith("b"))
    assert exported.manifest.weights_bytes == weights + biases


def narrow(graph: Graph, stored: DType) -> Graph:
    """`graph` with its weights stored as another type."""
    tensors = [
        _narrow(tensor, stored) if tensor.name.startswith("w") else tensor
        for tensor in graph.tensors.values()
    ]
    return Graph.build(graph.name, tensors, graph.nodes, graph.inputs, graph.outputs)


def _narrow(tensor: Tensor, stored: DType) -> Tensor:
    if stored is DType.FLOAT16:
        return Tensor.constant(tensor.name, tensor.values.astype(np.float16))
    return symmetric(tensor)
