"""Convolutions, fully connected layers and pools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from edge_runtime.graph import Op, Window
from edge_runtime.importers.tflite.file import FileTensor
from edge_runtime.importers.tflite.site import Converter, Site, activation, plain
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import (
    AveragePool2D,
    BatchMatMul,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Pool2D,
    TransposeConv2D,
)


def _window(
    site: Site, options: Any, kernel: tuple[int, int], dilation: tuple[int, int] = (1, 1)
) -> Window:
    stride = (options.StrideH(), options.StrideW())
    if options.Padding() == schema.Padding.VALID or min(*stride, *dilation) < 1:
        return Window(stride, dilation)
    return Window.same(_height_width(site.input(0)), kernel, stride, dilation)


def _height_width(tensor: FileTensor) -> tuple[int, int]:
    if len(tensor.shape) != 4:
        raise UnsupportedError(f"tensor {tensor.name} has shape {tensor.shape}, not 4 dimensions")
    return tensor.shape[1], tensor.shape[2]


def _convolution(site: Site) -> Op:
    options = site.options("Conv2DOptions")
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    window = _window(site, options, _height_width(site.input(1)), dilation)
    return Conv2D(activation(options), window)


def _depthwise(site: Site) -> Op:
    options = site.options("DepthwiseConv2DOptions")
    dilation = (options.DilationHFactor(), options.DilationWFactor())
    window = _window(site, options, _height_width(site.input(1)), dilation)
    return DepthwiseConv2D(activation(options), window)


def _transposed(site: Site) -> None:
    """The inputs are the shape of the output, weights, image and, perhaps, bias."""
    options = site.options("TransposeConvOptions")
    shape, image = site.constant(0), site.input(2).shape
    if len(shape) != 4 or len(image) != 4 or shape[0] != image[0]:
        raise UnsupportedError(
            f"the input {image} has the output shape {shape}; allowed: 4 of each"
        )
    size, stride = (shape[1], shape[2]), (options.StrideH(), options.StrideW())
    window = Window(stride)
    if options.Padding() == schema.Padding.SAME and min(stride) > 0:
        window = Window.same(size, _height_width(site.input(1)), stride)
    op = TransposeConv2D(activation(options), window, size)
    bias = [3] if site.has(3) else []
    site.emit(op, [site.read(index) for index in (2, 1, *bias)])


def _batch_matmul(site: Site) -> Op:
    options = site.options("BatchMatMulOptions")
    return BatchMatMul(bool(options.AdjX()), bool(options.AdjY()))


def _fully_connected(site: Site) -> Op:
    options = site.options("FullyConnectedOptions")
    if options.WeightsFormat() != schema.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise UnsupportedError("weights are shuffled; allowed: the default format")
    return FullyConnected(activation(options), bool(options.KeepNumDims()))


def _pool(operation: type[Pool2D]) -> Callable[[Site], Op]:
    def convert(site: Site) -> Op:
        options = site.options("Pool2DOptions")
        kernel = (options.FilterHeight(), options.FilterWidth())
        return operation(kernel, _window(site, options, kernel), activation(options))

    return convert


OPERATIONS: dict[str, Converter] = {
    "AVERAGE_POOL_2D": plain(1, _pool(AveragePool2D)),
    "BATCH_MATMUL": plain(2, _batch_matmul),
    "CONV_2D": plain(3, _convolution),
    "DEPTHWISE_CONV_2D": plain(3, _depthwise),
    "FULLY_CONNECTED": plain(3, _fully_connected),
    "MAX_POOL_2D": plain(1, _pool(MaxPool2D)),
    "TRANSPOSE_CONV": _transposed,
}
