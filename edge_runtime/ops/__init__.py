"""The operations: what each computes, requires and costs."""

from edge_runtime.ops.convolution import Conv2D, DepthwiseConv2D, SlidingConv2D, TransposeConv2D
from edge_runtime.ops.elementwise import Add, AddScaling, Dequantize, Quantize, Reshape
from edge_runtime.ops.linear import FullyConnected, Linear
from edge_runtime.ops.matmul import BatchMatMul
from edge_runtime.ops.move import (
    BatchToSpace,
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
    SpaceToBatch,
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
    "BatchMatMul",
    "BatchToSpace",
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
    "SlidingConv2D",
    "Softmax",
    "SoftmaxScaling",
    "SpaceToBatch",
    "SpaceToDepth",
    "Tile",
    "Transpose",
    "TransposeConv2D",
]
