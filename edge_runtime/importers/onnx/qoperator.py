"""The QOperator format, rewritten as QDQ: dequantize, the float operation, quantize.

`QLinear` operations of ONNX, and those of ONNX Runtime's domain com.microsoft that its static
quantizer writes (documented in its ContribOperators.md).
"""

from __future__ import annotations

from typing import Any

from edge_runtime.importers.onnx.steps import Recipe, Steps
from edge_runtime.importers.onnx.values import shape_of
from edge_runtime.importers.unsupported import UnsupportedError

_LINEAR = "com.microsoft.QLinear"


def _real(steps: Steps, first: int, axis: int | None = None) -> str:
    """The real values of the input at `first`, whose scale and zero point follow it."""
    node = steps.node
    stored, scale, zero = (node.input(first + i) for i in range(3))
    return steps("DequantizeLinear", stored, scale, zero, axis=axis)


def _stored(steps: Steps, real: str, scale: int) -> None:
    """The node's output: `real` quantized by the input at `scale` and the one behind it."""
    node = steps.node
    if node.input(scale + 1):
        steps(
            "QuantizeLinear", real, node.input(scale), node.input(scale + 1), output=node.outputs[0]
        )
    else:
        steps("QuantizeLinear", real, node.input(scale), output=node.outputs[0])


def _bias(steps: Steps, name: str, image: str, weights: str) -> list[str]:
    """An int32 bias, in units of the input's scale times the weights'."""
    if not name:
        return []
    scale = steps("Mul", image, weights)
    return [steps("DequantizeLinear", name, scale, axis=0)]


def _convolution(steps: Steps) -> None:
    node = steps.node
    steps.build.known(node.input(3))
    operands = [_real(steps, 0), _real(steps, 3, axis=0)]
    operands += _bias(steps, node.input(8), node.input(1), node.input(4))
    _stored(steps, steps("Conv", *operands, **_kept(steps)), 6)


def _matmul(steps: Steps) -> None:
    columns = len(shape_of(steps.build.value(steps.node.input(3)))) - 1
    _stored(steps, steps("MatMul", _real(steps, 0), _real(steps, 3, axis=columns)), 6)


def _gemm(steps: Steps) -> None:
    node = steps.node
    if node.number("alpha", 1.0) != 1.0 and node.input(6):
        raise UnsupportedError("alpha is not 1 and there is a bias")
    axis = 0 if node.integer("transB", 0) else 1
    operands = [_real(steps, 0), _real(steps, 3, axis=axis)]
    operands += _bias(steps, node.input(6), node.input(1), node.input(4))
    real = steps("Gemm", *operands, **_kept(steps))
    if node.input(7):
        _stored(steps, real, 7)
    else:
        steps("Identity", real, output=node.outputs[0])


def _binary(operation: str) -> Recipe:
    def recipe(steps: Steps) -> None:
        _stored(steps, steps(operation, _real(steps, 0), _real(steps, 3)), 6)

    return recipe


def _unary(operation: str, *attributes: str) -> Recipe:
    def recipe(steps: Steps) -> None:
        kept = {name: value for name, value in _kept(steps).items() if name in attributes}
        _stored(steps, steps(operation, _real(steps, 0), **kept), 3)

    return recipe


def _pool(operation: str) -> Recipe:
    def recipe(steps: Steps) -> None:
        kept = _kept(steps)
        if not kept.pop("channels_last", 0):
            _stored(steps, steps(operation, _real(steps, 0), **kept), 3)
            return
        rank = len(steps.shape())
        first = steps("Transpose", _real(steps, 0), perm=(0, rank - 1, *range(1, rank - 1)))
        pooled = steps(operation, first, **kept)
        _stored(steps, steps("Transpose", pooled, perm=(0, *range(2, rank), 1)), 3)

    return recipe


def _softmax(steps: Steps) -> None:
    node, rank = steps.node, len(steps.shape())
    axis = steps.axis("axis", -1)
    if node.integer("opset", 13) < 13 and any(s != 1 for s in steps.shape()[axis + 1 : rank]):
        raise UnsupportedError(f"it runs over axes {axis} to {rank - 1} together")
    _stored(steps, steps("Softmax", _real(steps, 0), axis=axis), 3)


def _reduce_mean(steps: Steps) -> None:
    node = steps.node
    axes = node.integers("axes", tuple(range(len(steps.shape()))))
    keep = node.integer("keepdims", 1)
    _stored(steps, steps("ReduceMean", _real(steps, 0), steps.integers(axes), keepdims=keep), 3)


def _concat(steps: Steps) -> None:
    parts = [_real(steps, first) for first in range(2, len(steps.node.inputs), 3)]
    _stored(steps, steps("Concat", *parts, axis=steps.node.integer("axis", 0)), 0)


def _where(steps: Steps) -> None:
    chosen = steps("Where", steps.node.input(0), _real(steps, 1), _real(steps, 4))
    _stored(steps, chosen, 7)


def _kept(steps: Steps) -> dict[str, Any]:
    return dict(steps.node.attributes)


RECIPES: dict[str, Recipe] = {
    "QLinearConv": _convolution,
    "QLinearMatMul": _matmul,
    "com.microsoft.QGemm": _gemm,
    f"{_LINEAR}Add": _binary("Add"),
    f"{_LINEAR}AveragePool": _pool("AveragePool"),
    f"{_LINEAR}Concat": _concat,
    f"{_LINEAR}GlobalAveragePool": _pool("GlobalAveragePool"),
    f"{_LINEAR}LeakyRelu": _unary("LeakyRelu", "alpha"),
    f"{_LINEAR}Mul": _binary("Mul"),
    f"{_LINEAR}ReduceMean": _reduce_mean,
    f"{_LINEAR}Sigmoid": _unary("Sigmoid"),
    f"{_LINEAR}Softmax": _softmax,
    f"{_LINEAR}Where": _where,
}
