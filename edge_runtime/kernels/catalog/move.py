"""What moves elements and computes nothing, and what resizes images."""

from __future__ import annotations

import math

import numpy as np

from edge_runtime.graph import Array, DType, Op
from edge_runtime.kernels.kernel import Demand, Kernel, Site, declare, nothing
from edge_runtime.kernels.refusals import never
from edge_runtime.kernels.strided import MOST_AXES, StridedCopy, Taken, blank
from edge_runtime.kernels.struct import Struct
from edge_runtime.ops import (
    BatchToSpace,
    BroadcastTo,
    Concat,
    Copy,
    DepthToSpace,
    Gather,
    MirrorPad,
    Pad,
    Rearrange,
    ResizeBilinear,
    ResizeNearest,
    Reverse,
    Slice,
    SpaceToBatch,
    SpaceToDepth,
    Tile,
    Transpose,
)
from edge_runtime.ops.resize import Resize


def _copied(site: Site) -> StridedCopy:
    op, image = site.node.op, blank(site.inputs[0])
    assert isinstance(op, Rearrange)
    view = op.view(image)
    made = np.empty(view.shape, view.dtype)
    return StridedCopy.of((image, view), (made, made))


def _padded(site: Site) -> StridedCopy:
    op, image, made = site.node.op, blank(site.inputs[0]), blank(site.output)
    assert isinstance(op, Pad)
    inner = tuple(map(slice, op.before, map(sum, zip(op.before, image.shape, strict=True))))
    return StridedCopy.of((image, image), (made, made[inner]))


def _too_many_axes(copy: StridedCopy) -> str | None:
    if len(copy.axes) <= MOST_AXES:
        return None
    return f"{len(copy.axes)} axes that do not follow on from each other (at most {MOST_AXES})"


def _copy_demand(site: Site) -> Demand:
    copy = _copied(site)
    return Demand(in_place=(0,) if copy.trails else (), constants={"axes": copy.table()})


def _copy(op: type[Op]) -> Kernel:
    return declare(
        "er_copy_x8_ref",
        op,
        "portable C",
        lambda site: _too_many_axes(_copied(site)),
        _copy_demand,
        lambda site: _copied(site).struct(),
    )


def _pad_demand(site: Site) -> Demand:
    return Demand(constants={"axes": _padded(site).table()})


def _pad_struct(site: Site) -> Struct:
    op, output = site.node.op, site.output
    assert isinstance(op, Pad)
    element = np.array(op.value, output.dtype.numpy).tobytes()
    fill = np.frombuffer(element * (8 // len(element)), np.uint32)
    return Struct(
        "er_pad",
        (
            ("copy", _padded(site).struct()),
            ("bytes", output.bytes),
            ("fill", tuple(fill.tolist())),
        ),
    )


def _taken(site: Site) -> Taken:
    op, image = site.node.op, site.inputs[0]
    sources: list[Array] = [np.arange(size) for size in image.shape]
    if isinstance(op, MirrorPad):
        sources = [op.sources(axis, size) for axis, size in enumerate(image.shape)]
    else:
        assert isinstance(op, ResizeNearest)
        sources[1:3] = [op.sources(axis, image.shape[1 + axis]) for axis in (0, 1)]
    return Taken.of(image, sources)


def _take(op: type[Op]) -> Kernel:
    return declare(
        "er_take_x8_ref",
        op,
        "portable C",
        never,
        lambda site: Demand(constants={"offsets": _taken(site).table()}),
        lambda site: _taken(site).struct(),
    )


def _gather_struct(site: Site) -> Struct:
    op, (table, indices) = site.node.op, site.inputs
    assert isinstance(op, Gather)
    return Struct(
        "er_gather",
        (
            ("outer", math.prod(table.shape[: op.axis])),
            ("size", table.shape[op.axis]),
            ("bytes", math.prod(table.shape[op.axis + 1 :]) * table.dtype.bytes),
            ("indices", indices.elements),
            ("index_bytes", indices.dtype.bytes),
        ),
    )


def _outer(site: Site) -> int:
    op = site.node.op
    assert isinstance(op, Concat)
    return math.prod(site.output.shape[: op.axis])


def _concat_demand(site: Site) -> Demand:
    """Where there is one row, what comes first may lie where it belongs."""
    rows = np.array([tensor.bytes // _outer(site) for tensor in site.inputs], np.int32)
    return Demand(
        in_place=(0,) if _outer(site) == 1 else (),
        constants={"rows": rows},
        operands=tuple(range(len(site.inputs))),
    )


def _concat_struct(site: Site) -> Struct:
    fields = (("rows", "rows"), ("count", len(site.inputs)), ("outer", _outer(site)))
    return Struct("er_concat", fields)


def _bilinear(name: str, dtype: DType) -> Kernel:
    def refuses(site: Site) -> str | None:
        found = site.inputs[0].dtype
        return None if found is dtype else f"{found.value} input"

    struct = _float_struct if dtype.is_float else _integer_struct
    return declare(name, ResizeBilinear, "portable C", refuses, nothing, struct)


def _sizes(site: Site) -> tuple[tuple[str, int], ...]:
    batch, height, width, channels = site.inputs[0].shape
    made = site.output.shape
    sizes = (batch, height, width, made[1], made[2], channels)
    return tuple(zip(("batch", "in_h", "in_w", "out_h", "out_w", "channels"), sizes, strict=True))


def _integer_struct(site: Site) -> Struct:
    op, (_, height, width, _) = site.node.op, site.inputs[0].shape
    assert isinstance(op, ResizeBilinear)
    return Struct(
        "er_resize",
        (
            *_sizes(site),
            ("scale_h", op.integer_scale(0, height)),
            ("scale_w", op.integer_scale(1, width)),
            ("offset_h", op.integer_offset(0, height)),
            ("offset_w", op.integer_offset(1, width)),
        ),
    )


def _float_struct(site: Site) -> Struct:
    op, (_, height, width, _) = site.node.op, site.inputs[0].shape
    assert isinstance(op, Resize)
    return Struct(
        "er_resize_f32",
        (
            *_sizes(site),
            ("scale_h", float(op.scale(0, height))),
            ("scale_w", float(op.scale(1, width))),
            ("half", 0.5 if op.half_pixel else 0.0),
        ),
    )


_COPIES: tuple[type[Op], ...] = (
    BatchToSpace,
    BroadcastTo,
    Copy,
    DepthToSpace,
    Reverse,
    Slice,
    SpaceToBatch,
    SpaceToDepth,
    Tile,
    Transpose,
)

KERNELS = (
    *map(_copy, _COPIES),
    _take(MirrorPad),
    _take(ResizeNearest),
    declare(
        "er_pad_x8_ref",
        Pad,
        "portable C",
        lambda site: _too_many_axes(_padded(site)),
        _pad_demand,
        _pad_struct,
    ),
    declare(
        "er_gather_x8_ref",
        Gather,
        "portable C",
        never,
        lambda site: Demand(operands=(0, 1)),
        _gather_struct,
    ),
    declare(
        "er_concat_x8_ref",
        Concat,
        "portable C",
        never,
        _concat_demand,
        _concat_struct,
        by_table=True,
    ),
    _bilinear("er_resize_bilinear_s8_ref", DType.INT8),
    _bilinear("er_resize_bilinear_s16_ref", DType.INT16),
    _bilinear("er_resize_bilinear_f32_ref", DType.FLOAT32),
)
"""In order of preference within an ISA and an operation."""
