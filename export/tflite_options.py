"""TFLite's options table and version for each operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from ai_edge_litert import schema_py_generated as schema

from edge_runtime.export import tflite_elementwise, tflite_move
from edge_runtime.export.tflite_elementwise import ACTIVATIONS
from edge_runtime.graph import Activation, DType, Op, Tensor
from edge_runtime.ops import (
    ArgMax,
    ArgMin,
    BatchMatMul,
    Conv2D,
    CumSum,
    DepthwiseConv2D,
    FullyConnected,
    L2Normalization,
    LogSoftmax,
    Pool2D,
    Reduce,
    Softmax,
    TransposeConv2D,
)

Options: TypeAlias = Any
"""One of the schema's options tables, or None; the generated schema has no types."""

VERSIONS = {
    "ARG_MAX": 2,
    "ARG_MIN": 2,
    "AVERAGE_POOL_2D": 2,
    "BATCH_MATMUL": 2,
    "BATCH_TO_SPACE_ND": 2,
    "BROADCAST_TO": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "COPY": 1,
    "CUMSUM": 1,
    "DEPTHWISE_CONV_2D": 3,
    "DEPTH_TO_SPACE": 1,
    "FULLY_CONNECTED": 6,
    "GATHER": 2,
    "L2_NORMALIZATION": 2,
    "LOG_SOFTMAX": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MIRROR_PAD": 2,
    "PAD": 2,
    "PADV2": 2,
    "REDUCE_ALL": 1,
    "REDUCE_ANY": 1,
    "REDUCE_MAX": 2,
    "REDUCE_MIN": 2,
    "REDUCE_PROD": 2,
    "RESHAPE": 1,
    "RESIZE_BILINEAR": 3,
    "RESIZE_NEAREST_NEIGHBOR": 3,
    "REVERSE_V2": 1,
    "SOFTMAX": 2,
    "SPACE_TO_BATCH_ND": 2,
    "SPACE_TO_DEPTH": 2,
    "STRIDED_SLICE": 3,
    "SUM": 2,
    "TILE": 2,
    "TRANSPOSE": 2,
    "TRANSPOSE_CONV": 3,
}
"""The first version of each operator that does all that is written here, int8 included."""
PER_CHANNEL_FULLY_CONNECTED = 12
_INT16 = {
    "AVERAGE_POOL_2D": 3,
    "BATCH_MATMUL": 4,
    "CONV_2D": 4,
    "DEPTHWISE_CONV_2D": 5,
    "FULLY_CONNECTED": 7,
    "MAX_POOL_2D": 3,
    "MEAN": 3,
    "REDUCE_MAX": 3,
    "REDUCE_MIN": 3,
    "SOFTMAX": 3,
}
_GROUPED_CONVOLUTION = 6
_WEIGHTS_ONLY = {"CONV_2D": 5, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 9}
_CLAMPED_TRANSPOSE_CONVOLUTION = 4

_INDEX_TYPES = {DType.INT32: schema.TensorType.INT32, DType.INT64: schema.TensorType.INT64}

_EMPTY: dict[type[Op], Options] = {
    L2Normalization: schema.L2NormOptionsT,
    LogSoftmax: schema.LogSoftmaxOptionsT,
}
"""Tables without fields."""


def version_of(op: Op, inputs: Sequence[Tensor]) -> int:
    """The version of the operator that `op` on `inputs` needs."""
    image, weights = inputs[0], inputs[min(1, len(inputs) - 1)]
    if isinstance(op, FullyConnected) and image.dtype is DType.INT8:
        per_channel = len(weights.quant.scales) > 1
        return PER_CHANNEL_FULLY_CONNECTED if per_channel else VERSIONS[op.NAME]
    if isinstance(op, Conv2D) and op.groups(image.shape, weights.shape) > 1:
        return _GROUPED_CONVOLUTION
    if isinstance(op, TransposeConv2D) and op.activation is not Activation.NONE:
        return _CLAMPED_TRANSPOSE_CONVOLUTION
    if op.NAME in _WEIGHTS_ONLY and image.dtype.is_float and not weights.dtype.is_float:
        return _WEIGHTS_ONLY[op.NAME]
    if op.NAME not in VERSIONS:
        return tflite_elementwise.version_of(tflite_elementwise.name_of(op), inputs)
    wide = _INT16 if image.dtype is DType.INT16 else {}
    return wide.get(op.NAME, VERSIONS[op.NAME])


def options_of(op: Op, inputs: Sequence[Tensor], output: Tensor, padding: int) -> Options:
    """The table for `op`; `padding` is TFLite's word for that of a sliding operation."""
    match op:
        case Conv2D():
            return schema.Conv2DOptionsT(
                padding=padding,
                strideH=op.window.stride[0],
                strideW=op.window.stride[1],
                dilationHFactor=op.window.dilation[0],
                dilationWFactor=op.window.dilation[1],
                fusedActivationFunction=ACTIVATIONS[op.activation],
            )
        case DepthwiseConv2D():
            return schema.DepthwiseConv2DOptionsT(
                padding=padding,
                strideH=op.window.stride[0],
                strideW=op.window.stride[1],
                dilationHFactor=op.window.dilation[0],
                dilationWFactor=op.window.dilation[1],
                depthMultiplier=inputs[1].shape[3] // inputs[0].shape[3],
                fusedActivationFunction=ACTIVATIONS[op.activation],
            )
        case TransposeConv2D():
            return schema.TransposeConvOptionsT(
                padding=padding,
                strideH=op.window.stride[0],
                strideW=op.window.stride[1],
                fusedActivationFunction=ACTIVATIONS[op.activation],
            )
        case FullyConnected():
            return schema.FullyConnectedOptionsT(
                fusedActivationFunction=ACTIVATIONS[op.activation], keepNumDims=op.keep_dims
            )
        case Pool2D():
            return schema.Pool2DOptionsT(
                padding=padding,
                strideH=op.window.stride[0],
                strideW=op.window.stride[1],
                filterHeight=op.kernel[0],
                filterWidth=op.kernel[1],
                fusedActivationFunction=ACTIVATIONS[op.activation],
            )
    return _simple_options(op, inputs, output)


def _simple_options(op: Op, inputs: Sequence[Tensor], output: Tensor) -> Options:
    match op:
        case BatchMatMul():
            return schema.BatchMatMulOptionsT(adjX=op.transpose_a, adjY=op.transpose_b)
        case Softmax():
            return schema.SoftmaxOptionsT(beta=op.beta)
    return tflite_move.options(op) or _axis_options(op, inputs, output)


def _axis_options(op: Op, inputs: Sequence[Tensor], output: Tensor) -> Options:
    match op:
        case ArgMax():
            return schema.ArgMaxOptionsT(outputType=_INDEX_TYPES[output.dtype])
        case ArgMin():
            return schema.ArgMinOptionsT(outputType=_INDEX_TYPES[output.dtype])
        case CumSum():
            return schema.CumsumOptionsT(exclusive=op.exclusive, reverse=op.reverse)
        case Reduce():
            return schema.ReducerOptionsT(keepDims=op.keep_dims)
    if type(op) in _EMPTY:
        return _EMPTY[type(op)]()
    return tflite_elementwise.options(op, inputs, output)
