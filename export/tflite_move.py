"""TFLite's operands and options for operations that move elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.graph import Array, Op, Tensor
from edge_runtime.ops import (
    BatchToSpace,
    BroadcastTo,
    Concat,
    Copy,
    DepthToSpace,
    Gather,
    MirrorPad,
    Pad,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Reverse,
    Slice,
    SpaceToBatch,
    SpaceToDepth,
    Tile,
    Transpose,
)

NAMES: dict[type[Op], str] = {Copy: "RESHAPE", Pad: "PADV2"}
"""Where TFLite's name is not that of the operation."""


def constants(op: Op, inputs: Sequence[Tensor]) -> Iterator[tuple[str, Array]]:
    """The constant operands behind the inputs, each with what it is."""
    match op:
        case Reshape():
            yield "shape", _integers(op.shape)
        case Copy():
            yield "shape", _integers(inputs[0].shape)
        case Transpose():
            yield "order", _integers(op.order)
        case Pad() | MirrorPad():
            yield "padding", np.array(op.widths, np.int32).reshape(-1, 2)
        case Slice():
            yield "begin", _integers(op.begin)
            yield "end", _integers([max(end, 0) for end in _ends(op)])
            yield "strides", _integers(op.strides)
        case SpaceToBatch():
            yield "block", _integers(op.block)
            yield "padding", np.zeros((len(op.block), 2), np.int32)
        case BatchToSpace():
            yield "block", _integers(op.block)
            yield "crops", np.zeros((len(op.block), 2), np.int32)
        case Tile():
            yield "multiples", _integers(op.multiples)
        case BroadcastTo():
            yield "shape", _integers(op.shape)
        case Reverse():
            yield "axes", _integers(op.axes)
        case ResizeNearest() | ResizeBilinear():
            yield "size", _integers(op.size)


def options(op: Op) -> Any:
    """The options table; None for operations of other families."""
    made = _EMPTY[type(op)]() if type(op) in _EMPTY else None
    match op:
        case Reshape():
            made = schema.ReshapeOptionsT(newShape=list(op.shape))
        case Slice():
            made = schema.StridedSliceOptionsT(endMask=_mask([end < 0 for end in _ends(op)]))
        case MirrorPad():
            # schema.fbs: MirrorPadMode is REFLECT, SYMMETRIC.
            made = schema.MirrorPadOptionsT(mode=int(op.symmetric))
        case Concat():
            made = schema.ConcatenationOptionsT(axis=op.axis)
        case Gather():
            made = schema.GatherOptionsT(axis=op.axis)
        case SpaceToDepth():
            made = schema.SpaceToDepthOptionsT(blockSize=op.block)
        case DepthToSpace():
            made = schema.DepthToSpaceOptionsT(blockSize=op.block)
        case ResizeNearest():
            made = schema.ResizeNearestNeighborOptionsT(
                alignCorners=op.align_corners, halfPixelCenters=op.half_pixel
            )
        case ResizeBilinear():
            made = schema.ResizeBilinearOptionsT(
                alignCorners=op.align_corners, halfPixelCenters=op.half_pixel
            )
    return made


_EMPTY = {
    BatchToSpace: schema.BatchToSpaceNDOptionsT,
    BroadcastTo: schema.BroadcastToOptionsT,
    Copy: schema.ReshapeOptionsT,
    Pad: schema.PadV2OptionsT,
    Reverse: schema.ReverseV2OptionsT,
    SpaceToBatch: schema.SpaceToBatchNDOptionsT,
    Tile: schema.TileOptionsT,
    Transpose: schema.TransposeOptionsT,
}


def _integers(values: Sequence[int]) -> Array:
    return np.array(values, np.int32)


def _ends(op: Slice) -> list[int]:
    """One step behind the last element of each dimension, -1 or less before the first."""
    parts = zip(op.begin, op.size, op.strides, strict=True)
    return [begin + size * stride for begin, size, stride in parts]


def _mask(flags: Sequence[bool]) -> int:
    return sum(1 << axis for axis, flag in enumerate(flags) if flag)
