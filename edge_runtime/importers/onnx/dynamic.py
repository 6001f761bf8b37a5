"""Dynamic quantization: scales of activations that are chosen when the model runs.

Inputs stay float32 here, as in TFLite's hybrid models, so that only the error of the weights is
left: DynamicQuantizeLinear gives its input back, with scale 1 and zero point 0, and the integer
products of that become real ones, by weights that keep their integers.
"""

from __future__ import annotations

import numpy as np

from edge_runtime.graph import Array
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.steps import Recipe, Steps
from edge_runtime.importers.onnx.values import Known, Value
from edge_runtime.importers.unsupported import UnsupportedError

_DOMAIN = "com.microsoft"


_REWRITE = "quantize the model statically, in the QDQ or the QOperator format"


def dynamic_quantize_linear(build: Builder, node: FileNode) -> list[Value]:
    """DynamicQuantizeLinear."""
    value = build.placed(node.input(0))
    _check_inner(build, node)
    return [value, Known(np.ones((), np.float32)), Known(np.zeros((), np.uint8))]


def _check_inner(build: Builder, node: FileNode) -> None:
    """UnsupportedError where the model puts integers out that there are none of here."""
    if any(name in build.file.outputs for name in node.outputs):
        raise UnsupportedError("integers of scales chosen at run time are an output", _REWRITE)


def _dynamic_input(steps: Steps) -> str:
    """The first input, which stands for real values; UnsupportedError where it is of integers."""
    name = steps.node.inputs[0]
    maker = steps.build.file.maker(name)
    if maker is None or maker.operation != "DynamicQuantizeLinear":
        raise UnsupportedError(
            f"input {name} is not made by DynamicQuantizeLinear, the only integers it can take",
            _REWRITE,
        )
    _check_inner(steps.build, steps.node)
    return name


def _weights(steps: Steps, index: int, scale: str, zero: str, axis: int) -> str:
    """The real values of constant integers at an input, in units of 1 where `scale` is empty."""
    stored = steps.build.known(steps.node.input(index)).array
    zeros = _along(steps.build.known(zero).array, axis, stored.ndim) if zero else np.zeros(())
    units = _along(steps.build.known(scale).array, axis, stored.ndim) if scale else np.ones(())
    symmetric = stored.dtype == np.int8 and not zeros.any()
    if symmetric and (units.ndim == 0 or units.size == stored.shape[axis]):
        flat = steps.constant(units.reshape(() if units.ndim == 0 else -1).astype(np.float32))
        return steps("DequantizeLinear", steps.node.input(index), flat, axis=axis)
    real = (stored.astype(np.float32) - zeros.astype(np.float32)) * units
    return steps.constant(real.astype(np.float32))


def _along(values: Array, axis: int, rank: int) -> Array:
    """Values of a scalar or of an axis, to be broadcast to `rank` dimensions."""
    if values.size == 1:
        return values.reshape(())
    shape = [1] * rank
    shape[axis] = values.size
    return values.reshape(shape)


def _matmul_integer(steps: Steps) -> None:
    node = steps.node
    columns = len(steps.shape(1)) - 1
    weights = _weights(steps, 1, "", node.input(3), columns)
    steps("MatMul", _dynamic_input(steps), weights, output=node.outputs[0])


def _convolution_integer(steps: Steps) -> None:
    node = steps.node
    weights = _weights(steps, 1, "", node.input(3), 0)
    steps("Conv", _dynamic_input(steps), weights, **node.attributes, output=node.outputs[0])


def _matmul_to_float(steps: Steps) -> None:
    _scaled_product(steps, _dynamic_input(steps), 3)


def _dynamic_matmul(steps: Steps) -> None:
    _scaled_product(steps, steps.node.inputs[0], 2)


def _scaled_product(steps: Steps, image: str, scale: int) -> None:
    """`image` times the second input, whose scale is the input numbered `scale`, and the bias."""
    node, columns = steps.node, len(steps.shape(1)) - 1
    zero, bias = (node.input(i) for i in ((3, 4) if scale == 2 else (5, 6)))
    product = steps("MatMul", image, _weights(steps, 1, node.input(scale), zero, columns))
    if bias:
        steps("Add", product, bias, output=node.outputs[0])
    else:
        steps("Identity", product, output=node.outputs[0])


def _lstm(steps: Steps) -> None:
    """DynamicQuantizeLSTM, whose weights have inputs before outputs, unlike those of LSTM."""
    node = steps.node
    weights = [
        _lstm_weights(steps, index, 8 + 2 * position) for position, index in ((0, 1), (1, 2))
    ]
    inputs = [node.inputs[0], *weights, *(node.input(index) for index in range(3, 8))]
    names = [name or f"{node.outputs[0]}//{i}" for i, name in enumerate(node.outputs)]
    steps.add("LSTM", inputs, names, **node.attributes)


def _lstm_weights(steps: Steps, index: int, scale: int) -> str:
    known, node = steps.build.known, steps.node
    stored = known(node.input(index)).array
    if stored.ndim != 3:
        raise UnsupportedError(f"weights have the shape {stored.shape}; allowed: 3 dimensions")
    per = (stored.shape[0], 1, -1)
    units, zeros = (
        known(node.input(i)).array.astype(np.float32).reshape(per) for i in (scale, scale + 1)
    )
    real = (stored.astype(np.float32) - zeros) * units
    return steps.constant(np.ascontiguousarray(real.transpose(0, 2, 1)))


CONVERTERS: dict[str, Converter] = {"DynamicQuantizeLinear": dynamic_quantize_linear}

RECIPES: dict[str, Recipe] = {
    "ConvInteger": _convolution_integer,
    "MatMulInteger": _matmul_integer,
    f"{_DOMAIN}.DynamicQuantizeLSTM": _lstm,
    f"{_DOMAIN}.DynamicQuantizeMatMul": _dynamic_matmul,
    f"{_DOMAIN}.MatMulIntegerToFloat": _matmul_to_float,
}
