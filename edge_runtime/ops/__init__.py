"""The operations: what each computes, requires and costs."""

from edge_runtime.ops.elementwise import Add, AddScaling, Dequantize, Quantize, Reshape
from edge_runtime.ops.layout import Pad, Transpose
from edge_runtime.ops.linear import Conv2D, DepthwiseConv2D, FullyConnected, Linear
from edge_runtime.ops.reduce import (
    AveragePool2D,
    MaxPool2D,
    Mean,
    Pool2D,
    Softmax,
    SoftmaxScaling,
)

__all__ = [
    "Add",
    "AddScaling",
    "AveragePool2D",
    "Conv2D",
    "DepthwiseConv2D",
    "Dequantize",
    "FullyConnected",
    "Linear",
    "MaxPool2D",
    "Mean",
    "Pad",
    "Pool2D",
    "Quantize",
    "Reshape",
    "Softmax",
    "SoftmaxScaling",
    "Transpose",
]
