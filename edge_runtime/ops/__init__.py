"""The operations: what each computes, requires and costs."""

from edge_runtime.ops.elementwise import Add, AddScaling, Dequantize, Quantize, Reshape
from edge_runtime.ops.linear import Conv2D, DepthwiseConv2D, FullyConnected, Linear
from edge_runtime.ops.move import (
    BroadcastTo,
    Concat,
    Copy,
    DepthToSpace,
    Gather,
    MirrorPad,
    Pad,
    Rearrange,
    Reverse,
    Slice,
    SpaceToDepth,
    Tile,
    Transpose,
)
from edge_runtime.ops.reduce import (
    AveragePool2D,
    MaxPool2D,
    Mean,
    Pool2D,
    Softmax,
    SoftmaxScaling,
)
from edge_runtime.ops.resize import ResizeBilinear, ResizeNearest

__all__ = [
    "Add",
    "AddScaling",
    "AveragePool2D",
    "BroadcastTo",
    "Concat",
    "Conv2D",
    "Copy",
    "DepthToSpace",
    "DepthwiseConv2D",
    "Dequantize",
    "FullyConnected",
    "Gather",
    "Linear",
    "MaxPool2D",
    "Mean",
    "MirrorPad",
    "Pad",
    "Pool2D",
    "Quantize",
    "Rearrange",
    "Reshape",
    "ResizeBilinear",
    "ResizeNearest",
    "Reverse",
    "Slice",
    "Softmax",
    "SoftmaxScaling",
    "SpaceToDepth",
    "Tile",
    "Transpose",
]
