"""Operations on single pixels, whatever dimensions a value has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from edge_runtime.graph import Activation, Op
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.file import FileNode
from edge_runtime.importers.onnx.values import Axes, Placed
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Reshape
from edge_runtime.passes.clamp import clamp


def last(axes: Axes, axis: int) -> Axes:
    """`axes` with one of them moved to the end, unchanged if it stands there."""
    return (*(other for other in axes if other != axis), axis)


def as_image(
    build: Builder, node: FileNode, value: Placed, op: Op, constants: Sequence[str] = ()
) -> Placed:
    """Apply an operation that keeps the shape of images to a value of any shape."""
    tensor = build.tensor(value.tensor)
    if len(tensor.shape) == 4:
        made = build.emit(node, op, [value.tensor, *constants], node.outputs[0])
        return replace(value, tensor=made)
    channels = tensor.shape[-1] if tensor.shape else 1
    image = (1, 1, math.prod(tensor.shape) // channels, channels)
    flat = build.move(Reshape(image), value.tensor, f"{value.tensor}_image")
    made = build.emit(node, op, [flat, *constants], f"{node.outputs[0]}_image")
    return replace(value, tensor=build.move(Reshape(tensor.shape), made, node.outputs[0]))


def relu(build: Builder, node: FileNode) -> Placed:
    """Relu, as a node that clamps; a pass fuses it into the node before."""
    return as_image(build, node, build.placed(node.input(0)), clamp(Activation.RELU))


def clip(build: Builder, node: FileNode) -> Placed:
    """Clip to what ReLU or ReLU6 let through."""
    low = _bound(build, node, "min", 1, -math.inf)
    high = _bound(build, node, "max", 2, math.inf)
    if low == 0 and high == 6:
        activation = Activation.RELU6
    elif low == 0 and high > 3e38:
        activation = Activation.RELU
    else:
        raise UnsupportedError(
            f"it clips to {low:g} ... {high:g}; allowed: 0 ... 6, and 0 without an upper end",
            "use ReLU or ReLU6",
        )
    return as_image(build, node, build.placed(node.input(0)), clamp(activation))


def _bound(build: Builder, node: FileNode, attribute: str, index: int, default: float) -> float:
    if node.input(index):
        array = build.known(node.input(index)).array
        if array.size != 1:
            raise UnsupportedError(f"{attribute} is no single number")
        return float(array.reshape(()))
    return node.number(attribute, default)
