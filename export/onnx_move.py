"""ONNX's form of operations that move elements, in the graph's own order of dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edge_runtime import ops
from edge_runtime.export.onnx_elementwise import Constant
from edge_runtime.export.onnx_values import Attribute, Step
from edge_runtime.graph import Op, Shape, Tensor

BEFORE_ALL = -(1 << 31)
"""An end that lies before the first element, however many there are."""


def move_steps(
    op: Op, inputs: Sequence[Tensor], output: Tensor, constant: Constant
) -> list[Step] | None:
    """The chain for the first operand; None for an operation of another family."""

    def integers(name: str, values: Sequence[int]) -> str:
        return constant(name, np.array(values, np.int64))

    image = inputs[0]
    steps: list[Step] | None = None
    match op:
        case ops.Copy():
            steps = [Step("Identity")]
        case ops.Transpose():
            steps = [Step("Transpose", (), {"perm": list(op.order)})]
        case ops.Tile():
            steps = [Step("Tile", [integers("multiples", op.multiples)])]
        case ops.BroadcastTo():
            steps = [Step("Expand", [integers("shape", op.shape)])]
        case ops.Pad():
            fill = constant("fill", np.array(op.value, image.dtype.numpy))
            steps = [Step("Pad", [integers("pads", [*op.before, *op.after]), fill])]
        case ops.MirrorPad(symmetric=False):
            steps = [Step("Pad", [integers("pads", [*op.before, *op.after])], {"mode": "reflect"})]
        case ops.MirrorPad():
            steps = _mirrored(op, image.shape, integers)
        case ops.Slice():
            ends = [b + s * size for b, s, size in zip(op.begin, op.strides, op.size, strict=True)]
            ends = [BEFORE_ALL if end < 0 else end for end in ends]
            steps = [_slice(op.begin, ends, range(len(ends)), op.strides, integers)]
        case ops.Reverse():
            count = len(op.axes)
            steps = [_slice([-1] * count, [BEFORE_ALL] * count, op.axes, [-1] * count, integers)]
        case ops.SpaceToBatch() | ops.BatchToSpace():
            steps = _blocks(op, image.shape, output.shape, integers)
    return steps


Integers = Callable[[str, Sequence[int]], str]


def _slice(
    begin: Sequence[int],
    end: Sequence[int],
    axes: Sequence[int],
    strides: Sequence[int],
    integers: Integers,
) -> Step:
    parts = {"begin": begin, "end": end, "axes": axes, "strides": strides}
    return Step("Slice", [integers(name, list(values)) for name, values in parts.items()])


def _mirrored(op: ops.MirrorPad, shape: Shape, integers: Integers) -> list[Step]:
    """Opset 13 mirrors around elements only: what mirrors between them is gathered."""
    return [
        Step("Gather", [integers("source", op.sources(axis, size).tolist())], {"axis": axis})
        for axis, size in enumerate(shape)
        if any(op.widths[axis])
    ] or [Step("Identity")]


def _blocks(
    op: ops.SpaceToBatch | ops.BatchToSpace, shape: Shape, made: Shape, integers: Integers
) -> list[Step]:
    """Blocks parted, turned and joined again, as the operations themselves do it."""
    rank, rest = len(op.block), shape[1 + len(op.block) :]
    if isinstance(op, ops.SpaceToBatch):
        sizes = zip(shape[1:], op.block, strict=False)
        split = [shape[0], *(part for size, block in sizes for part in (size // block, block))]
        order = [*range(2, 2 * rank + 1, 2), 0, *range(1, 2 * rank, 2)]
    else:
        split = [*op.block, made[0], *shape[1 : 1 + rank]]
        order = [rank, *(axis for i in range(rank) for axis in (rank + 1 + i, i))]
    order += range(2 * rank + 1, 2 * rank + 1 + len(rest))
    return [
        Step("Reshape", [integers("split", [*split, *rest])]),
        Step("Transpose", (), {"perm": order}),
        Step("Reshape", [integers("shape", made)]),
    ]


def resize_step(
    op: ops.ResizeNearest | ops.ResizeBilinear, made: Tensor, constant: Constant
) -> Step:
    """The resize of an image as NCHW."""
    batch, height, width, channels = made.shape
    sizes = constant("sizes", np.array([batch, channels, height, width], np.int64))
    where = "align_corners" if op.align_corners else "half_pixel"
    if not (op.align_corners or op.half_pixel):
        where = "asymmetric"
    if isinstance(op, ops.ResizeBilinear):
        kind: dict[str, Attribute] = {"mode": "linear"}
    else:
        # TFLite rounds halves up, and takes the pixel in which the centre lies.
        nearest = "floor" if where == "asymmetric" else "round_prefer_ceil"
        kind = {"mode": "nearest", "nearest_mode": nearest}
    return Step("Resize", ["", "", sizes], {**kind, "coordinate_transformation_mode": where})
