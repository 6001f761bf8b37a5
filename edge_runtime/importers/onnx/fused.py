"""What ONNX Runtime's optimizer joins, written out again.

The operations are those of its domain com.microsoft, as its ContribOperators.md defines them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_runtime.importers.onnx.norms import layer_normalization, rms_normalization
from edge_runtime.importers.onnx.steps import Recipe, Steps
from edge_runtime.importers.unsupported import UnsupportedError

_DOMAIN = "com.microsoft"
_PARAMETERS = {"LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta"), "Clip": ("min", "max")}
"""The parameters of activations, in the order in which FusedConv lists them."""
_PLAIN = ("", "Relu", "Sigmoid", "Tanh")


def _activated(steps: Steps, real: str, kind: str, parameters: tuple[float, ...]) -> None:
    """The node's output: `real` after an activation, whose name may be empty."""
    output = steps.node.outputs[0]
    names = _PARAMETERS.get(kind, ())
    if kind not in (*_PLAIN, *_PARAMETERS) or len(parameters) < len(names):
        allowed = ", ".join((*filter(None, _PLAIN), *_PARAMETERS))
        raise UnsupportedError(f"its activation is {kind} of {parameters}; allowed: {allowed}")
    if kind == "Clip":
        ends = [steps.number(value) for value in parameters[:2]]
        steps("Clip", real, *ends, output=output)
    else:
        given = dict(zip(names, parameters, strict=False))
        steps(kind or "Identity", real, **given, output=output)


def _without(steps: Steps, *names: str) -> dict[str, Any]:
    return {key: value for key, value in steps.node.attributes.items() if key not in names}


def _convolution(steps: Steps) -> None:
    node = steps.node
    operands = node.inputs[:3] if node.input(2) else node.inputs[:2]
    kept = _without(steps, "activation", "activation_params")
    real = steps("Conv", *operands, **kept)
    if node.input(3):
        real = steps("Add", real, node.input(3))
    _activated(steps, real, node.text("activation", ""), node.numbers("activation_params", ()))


def _gemm(steps: Steps) -> None:
    node = steps.node
    parameters = ("activation_alpha", "activation_beta", "activation_gamma")
    real = steps("Gemm", *node.inputs, **_without(steps, "activation", *parameters))
    given = tuple(node.number(name, 0.0) for name in parameters if node.has(name))
    _activated(steps, real, node.text("activation", ""), given)


def _matmul(steps: Steps) -> None:
    node = steps.node
    if node.integer("transBatchA", 0) or node.integer("transBatchB", 0):
        raise UnsupportedError("it transposes batches", "save the model without optimizations")
    operands = []
    for index, attribute in enumerate(("transA", "transB")):
        name, rank = node.inputs[index], len(steps.shape(index))
        if node.integer(attribute, 0) and rank > 1:
            name = steps("Transpose", name, perm=(*range(rank - 2), rank - 1, rank - 2))
        operands.append(name)
    product = steps("MatMul", *operands)
    factor = steps.number(node.number("alpha", 1.0))
    steps("Mul", product, factor, output=node.outputs[0])


def _gelu(approximate: str) -> Recipe:
    def recipe(steps: Steps) -> None:
        node = steps.node
        source = steps("Add", *node.inputs[:2]) if node.input(1) else node.inputs[0]
        steps("Gelu", source, approximate=approximate, output=node.outputs[0])

    return recipe


def _quick_gelu(steps: Steps) -> None:
    node, source = steps.node, steps.node.inputs[0]
    alpha = node.number("alpha", 1.702)
    inner = source if alpha == 1 else steps("Mul", source, steps.number(alpha))
    steps("Mul", source, steps("Sigmoid", inner), output=node.outputs[0])


def _skip_layer_normalization(steps: Steps) -> None:
    node, last = steps.node, [len(steps.shape()) - 1]
    total = _with_skip(steps, bias=4)
    epsilon = node.number("epsilon", 1e-12)
    layer_normalization(steps, total, last, epsilon, node.inputs[2], node.input(3))


def _skip_rms_normalization(steps: Steps) -> None:
    node, last = steps.node, [len(steps.shape()) - 1]
    total = _with_skip(steps, bias=3)
    rms_normalization(steps, total, last, node.number("epsilon", 1e-12), node.inputs[2])


def _with_skip(steps: Steps, bias: int) -> str:
    """The sum that is normalized, which is the fourth output as well."""
    node = steps.node
    total = steps("Add", *node.inputs[:2])
    if node.input(bias):
        total = steps("Add", total, node.input(bias))
    if node.output(1) or node.output(2):
        raise UnsupportedError("its mean or its deviation is an output of its own")
    if node.output(3):
        steps("Identity", total, output=node.output(3))
    return total


def _matmul_of_bits(steps: Steps) -> None:
    """MatMulNBits: its weights are made float here, as they have a scale for every block."""
    node = steps.node
    weights = steps.constant(_dequantized(steps).T.copy())
    real = steps("MatMul", node.inputs[0], weights)
    if node.input(5):
        steps("Add", real, node.input(5), output=node.outputs[0])
    else:
        steps("Identity", real, output=node.outputs[0])


def _dequantized(steps: Steps) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The weights (N, K) of a MatMulNBits, whose blocks lie along K."""
    node, known = steps.node, steps.build.known
    rows, columns = node.integer("N", 0), node.integer("K", 0)
    bits, size = node.integer("bits", 4), node.integer("block_size", 0)
    if bits not in (4, 8) or node.input(4) or rows < 1 or size < 1:
        raise UnsupportedError(f"its weights have {bits} bits, or an order of their own")
    blocks = -(-columns // size)
    stored = _unpacked(known(node.input(1)).array, bits)
    scales = known(node.input(2)).array.astype(np.float32)
    if stored.size != rows * blocks * size or scales.size != rows * blocks:
        raise UnsupportedError(f"weights and scales do not fit {rows} rows of {columns}")
    zeros = np.full(rows * blocks, 1 << (bits - 1), np.float32)
    if node.input(3):
        given = known(node.input(3)).array
        packed = given.dtype == np.uint8
        zeros = _unpacked(given.reshape(rows, -1), bits)[:, :blocks] if packed else given
    shifted = stored.reshape(-1, size) - zeros.astype(np.float32).reshape(-1, 1)
    real = (shifted * scales.reshape(-1, 1)).reshape(rows, -1)
    return real[:, :columns].astype(np.float32)


def _unpacked(packed: np.ndarray[Any, Any], bits: int) -> np.ndarray[Any, Any]:
    """Bytes of one number, or of two with the first in the lower bits."""
    if bits == 8:
        return packed
    return np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1)


RECIPES: dict[str, Recipe] = {
    f"{_DOMAIN}.BiasGelu": _gelu("none"),
    f"{_DOMAIN}.FastGelu": _gelu("tanh"),
    f"{_DOMAIN}.FusedConv": _convolution,
    f"{_DOMAIN}.FusedGemm": _gemm,
    f"{_DOMAIN}.FusedMatMul": _matmul,
    f"{_DOMAIN}.Gelu": _gelu("none"),
    f"{_DOMAIN}.MatMulNBits": _matmul_of_bits,
    f"{_DOMAIN}.QuickGelu": _quick_gelu,
    f"{_DOMAIN}.SkipLayerNormalization": _skip_layer_normalization,
    f"{_DOMAIN}.SkipSimplifiedLayerNormalization": _skip_rms_normalization,
}
