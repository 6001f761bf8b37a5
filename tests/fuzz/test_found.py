"""What a run of the fuzzer has found stays found: these seeds, and a few hundred others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from fuzz import trials, tried_apart
from originals import originals

FOUND = {
    1180: "exported/transposed-float32.onnx",  # OneHot with one value
    6437: "backend/test_triu_square_neg.onnx",  # Trilu whose k is empty
    7287: "backend/test_reduce_l1_do_not_keepdims_random.onnx",  # a name that is no UTF-8
    8155: "backend/test_split_equal_parts_default_axis_opset18.onnx",  # ONNX's inference aborts
    18242: "shared/derived_kaijiang_resnet8_cifar10_qdq_perch.onnx",  # LSTM of an image
    32744: "backend/test_eyelike_populate_off_main_diagonal.onnx",  # ONNX's inference faults
    41043: "operation/2-SUM int8-0.tflite",  # a type of options without a table
    27446: "operation/1-leaky_relu_falling-3.tflite",  # a slope that is no number
    22095: "operation/6-batch_to_space-2.tflite",  # crops that do not fit the block
    7741: "operation/4-conv int16, short bias-2.tflite",  # a scale of 0
    43143: "backend/test_attention_3d_scaled_expanded.onnx",  # a Where of shapes that do not fit
    84055: "operation/1-logistic-3.tflite",  # a scale of 0, and a shape that is not known
    94700: "backend/test_affine_grid_2d_expanded.onnx",  # an inner name that is no UTF-8
    97756: "exported/mean-of-rows-int8.onnx",  # an operator set of more than 32 bits
}
OTHERS = 300


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found(seed: int) -> None:
    if FOUND[seed] not in originals():
        pytest.skip(f"{FOUND[seed]} is not at hand")
    assert tried_apart(seed, FOUND[seed]).finding == ""


def test_others() -> None:
    tried = dict(trials(10**9, 10**9 + OTHERS))
    assert {seed: trial.finding for seed, trial in tried.items() if trial.finding} == {}
