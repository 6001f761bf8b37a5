"""Whole models as C on the host, under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import api

MODELS = [
    "mlperf_ad_autoencoder_int8",
    "mlperf_kws_dscnn_int8",
    "mlperf_ic_resnet8_int8",
    "mlperf_vww_mobilenetv1_025_96_int8",
    "tflm_hello_world_int8",
    "tflm_micro_speech_int8",
]
FLAGS = [
    "-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
    "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_model_equals_tflm_without_a_complaint(models: Path, tmp_path: Path, name: str) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler with sanitizers on this machine (cc)")
    folder = tmp_path / "firmware"
    api.export(api.load(models / f"{name}.tflite"), "host", folder)
    main = Path(__file__).with_name("sanitized_main.c")
    sources = [main, *sorted((folder / "model").glob("*.c"))]
    program = tmp_path / "model"
    command = [compiler, *FLAGS, f"-I{folder / 'model'}", *map(str, sources), "-o", str(program)]
    subprocess.run(command, check=True)
    with np.load(models / f"{name}.ref.npz") as archive:
        given, expected = archive["in0"], archive["out0_tflm"]
    done = subprocess.run([program], input=given.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    made = np.frombuffer(done.stdout, expected.dtype).reshape(expected.shape)
    np.testing.assert_array_equal(made, expected)
