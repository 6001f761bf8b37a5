"""The operations: what each computes, requires and costs."""

from edge_runtime.ops.convolution import (
    Conv2D,
    DepthwiseConv2D,
    SlidingConv2D,
    TransposeConv2D,
)
from edge_runtime.ops.elementwise import (
    Add,
    AddScaling,
    Dequantize,
    Quantize,
    Reshape,
)
from edge_runtime.ops.linear import (
    FullyConnected,
    Linear,
)
from edge_runtime.ops.lstm import (
    Lstm,
    LstmScaling,
)
from edge_runtime.ops.matmul import (
    BatchMatMul,
)
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
from edge_runtime.ops.pool import (
    AveragePool2D,
    MaxPool2D,
    Pool2D,
)
from edge_runtime.ops.recurrent import (
    Direction,
    Gru,
    Recurrent,
    Rnn,
)
from edge_runtime.ops.reduce import (
    ArgMax,
    ArgMin,
    ArgReduce,
    CumSum,
    Mean,
    Reduce,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    ReduceProd,
    Sum,
)
from edge_runtime.ops.resize import (
    ResizeBilinear,
    ResizeNearest,
)
from edge_runtime.ops.softmax import (
    L2Normalization,
    LogSoftmax,
    LogSoftmaxScaling,
    Softmax,
    SoftmaxScaling,
)
from edge_runtime.ops.svdf import (
    Svdf,
    SvdfScaling,
)

__all__ = [
    "Add",
    "AddScaling",
    "ArgMax",
    "ArgMin",
    "ArgReduce",
    "AveragePool2D",
    "BatchMatMul",
    "BatchToSpace",
    "BroadcastTo",
    "Concat",
    "Conv2D",
    "Copy",
    "CumSum",
    "DepthToSpace",
    "DepthwiseConv2D",
    "Dequantize",
    "Direction",
    "FullyConnected",
    "Gather",
    "Gru",
    "L2Normalization",
    "Linear",
    "LogSoftmax",
    "LogSoftmaxScaling",
    "Lstm",
    "LstmScaling",
    "MaxPool2D",
    "Mean",
    "MirrorPad",
    "Pad",
    "Pool2D",
    "Quantize",
    "Rearrange",
    "Recurrent",
    "Reduce",
    "ReduceAll",
    "ReduceAny",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "Reshape",
    "ResizeBilinear",
    "ResizeNearest",
    "Reverse",
    "Rnn",
    "Slice",
    "SlidingConv2D",
    "Softmax",
    "SoftmaxScaling",
    "SpaceToBatch",
    "SpaceToDepth",
    "Sum",
    "Svdf",
    "SvdfScaling",
    "Tile",
    "Transpose",
    "TransposeConv2D",
]
