"""What moves elements and computes nothing, and what resizes images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.graph import Activation, Op, Shape, Tensor
from edge_runtime.importers.tflite.site import Converter, Site, activation, plain
from edge_runtime.importers.tflite.tensors import is_dynamic
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import (
    BatchToSpace,
    BroadcastTo,
    Concat,
    DepthToSpace,
    Gather,
    MirrorPad,
    Pad,
    Quantize,
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

MOST_ELEMENTS = 1 << 22
"""Of a constant that FILL or RANGE makes."""


def _axis(axis: int, rank: int) -> int:
    """`axis`, counted from the end where it is negative."""
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} is none of {rank} dimensions")
    return axis % rank if rank else 0


def _single(site: Site, index: int) -> float:
    values = site.values(index)
    if values.size != 1:
        raise UnsupportedError(f"{site.input(index).name} is no single number")
    number: float = values.reshape(-1)[0].item()
    return number


def _widths(site: Site, index: int) -> tuple[Shape, Shape]:
    widths = site.constant(index)
    if any(width < 0 for width in widths):
        raise UnsupportedError(f"paddings {widths} are negative")
    return widths[0::2], widths[1::2]


def _zero(tensor: Tensor) -> int:
    return 0 if tensor.quantization is None else tensor.quant.zero_points[0]


def _pad(site: Site) -> Op:
    """PAD fills with the zero point, PADV2 with a constant."""
    value = _single(site, 2) if len(site.inputs) > 2 else _zero(site.read(0))
    return Pad(*_widths(site, 1), value)


def _mirror_pad(site: Site) -> Op:
    symmetric = site.options("MirrorPadOptions").Mode() == schema.MirrorPadMode.SYMMETRIC
    return MirrorPad(*_widths(site, 1), symmetric)


# Shapes.


def _reshape(site: Site) -> Op:
    """To the shape that the file says, or, where it leaves that open, to the one asked for."""
    if not is_dynamic(site.output):
        return Reshape(site.output.shape)
    if len(site.inputs) > 1:
        wanted = site.constant(1)
    else:
        options = site.options("ReshapeOptions")
        wanted = tuple(options.NewShape(i) for i in range(options.NewShapeLength()))
    known = math.prod(size for size in wanted if size != -1)
    missing = site.read(0).elements // known if known > 0 else 0
    return Reshape(tuple(missing if size == -1 else size for size in wanted))


def _expand_dims(site: Site) -> Op:
    shape = site.read(0).shape
    axis = _axis(int(_single(site, 1)), len(shape) + 1)
    return Reshape((*shape[:axis], 1, *shape[axis:]))


def _squeeze(site: Site) -> Op:
    shape = site.read(0).shape
    options = site.options("SqueezeOptions")
    axes = {_axis(options.SqueezeDims(i), len(shape)) for i in range(options.SqueezeDimsLength())}
    axes = axes or {axis for axis, size in enumerate(shape) if size == 1}
    return Reshape(tuple(size for axis, size in enumerate(shape) if axis not in axes))


def _shape(site: Site) -> None:
    site.build.constant(site.output_index(), np.array(site.read(0).shape))


def _rank(site: Site) -> None:
    site.build.constant(site.output_index(), np.array(len(site.read(0).shape)))


def _zeros_like(site: Site) -> None:
    """Zeros as they are stored, whatever the zero point: TFLite clears the bytes."""
    image = site.read(0)
    site.build.constant(site.output_index(), np.zeros(image.shape, image.dtype.numpy))


def _broadcast_args(site: Site) -> None:
    """The shape that two shapes are broadcast to."""
    try:
        shape = np.broadcast_shapes(site.constant(0), site.constant(1))
    except ValueError as error:
        raise UnsupportedError("its shapes cannot be broadcast") from error
    site.build.constant(site.output_index(), np.array(shape))


def _range(site: Site) -> None:
    start, limit, delta = (_single(site, index) for index in range(3))
    if delta == 0 or (limit - start) / delta > MOST_ELEMENTS:
        raise UnsupportedError(f"a range from {start} to {limit} in steps of {delta}")
    site.build.constant(site.output_index(), np.arange(start, limit, delta))


def _fill(site: Site) -> None:
    value = site.read(1)
    if value.elements != 1:
        raise UnsupportedError(f"{value.name} is no single number")
    scalar = site.build.emit(Reshape(()), [value], f"{site.name}_value", like=value)
    site.emit(BroadcastTo(site.constant(0)), [scalar])


# Slices.


def _sliced(site: Site, taken: Slice, shape: Shape, output: int = 0) -> None:
    """A slice of the first data input, under `shape`."""
    image = _data(site)
    whole = taken.size == image.shape and set(taken.strides) <= {1}
    if whole or shape == taken.size:
        site.emit(Reshape(shape) if whole else taken, [image], output)
        return
    part = site.build.emit(taken, [image], f"{site.made(output).name}_slice", like=image)
    site.emit(Reshape(shape), [part], output)


def _data(site: Site) -> Tensor:
    return site.read(1 if site.operator.operation == "SPLIT" else 0)


def _slice(site: Site) -> None:
    shape, begin, size = site.read(0).shape, site.constant(1), site.constant(2)
    if not len(shape) == len(begin) == len(size):
        raise UnsupportedError(f"begin {begin} and size {size} do not fit {shape}")
    sizes = tuple(
        whole - first if wanted == -1 else wanted
        for whole, first, wanted in zip(shape, begin, size, strict=True)
    )
    _sliced(site, Slice(begin, sizes, (1,) * len(shape)), sizes)


class _Spec:
    """What STRIDED_SLICE's lists and masks come to, dimension by dimension."""

    def __init__(self, site: Site) -> None:
        self.options = site.options("StridedSliceOptions")
        self.lists = [site.constant(index) for index in (1, 2, 3)]
        self.shape = site.read(0).shape
        self.taken: list[tuple[int, int, int]] = []
        self.kept: list[int] = []
        """The output's shape."""
        count = len(self.lists[0])
        if any(len(values) != count for values in self.lists):
            raise UnsupportedError("begin, end and strides differ in length")
        for entry in range(count):
            self._entry(entry, count)
        self._all(len(self.shape) - len(self.taken))

    def _entry(self, entry: int, count: int) -> None:
        if _bit(self.options.EllipsisMask(), entry):
            later = [i for i in range(entry + 1, count) if not _bit(self.options.NewAxisMask(), i)]
            self._all(len(self.shape) - len(self.taken) - len(later))
        elif _bit(self.options.NewAxisMask(), entry):
            self.kept.append(1)
        else:
            self._dimension(entry)

    def _all(self, dimensions: int) -> None:
        for _ in range(dimensions):
            size = self.shape[len(self.taken)]
            self.taken.append((0, size, 1))
            self.kept.append(size)

    def _dimension(self, entry: int) -> None:
        if len(self.taken) >= len(self.shape):
            raise UnsupportedError(f"it slices more dimensions than {self.shape} has")
        size = self.shape[len(self.taken)]
        begin, end, stride = (values[entry] for values in self.lists)
        if _bit(self.options.ShrinkAxisMask(), entry):
            self.taken.append((_axis(begin, size), 1, 1))
            return
        if stride == 0:
            raise UnsupportedError("it slices with a stride of 0")
        if self.options.Offset():
            end += begin
        first = None if _bit(self.options.BeginMask(), entry) else begin
        last = None if _bit(self.options.EndMask(), entry) else end
        picked = range(*slice(first, last, stride).indices(size))
        self.taken.append((picked.start, len(picked), stride))
        self.kept.append(len(picked))


def _bit(mask: int, place: int) -> bool:
    return bool(mask >> place & 1)


def _strided_slice(site: Site) -> None:
    spec = _Spec(site)
    begin, size, strides = zip(*spec.taken, strict=True) if spec.taken else ((), (), ())
    _sliced(site, Slice(begin, size, strides), tuple(spec.kept))


def _parts(site: Site, axis: int, sizes: Sequence[int], *, keep: bool = True) -> None:
    """One output for each of `sizes` along `axis`, which is left out without `keep`."""
    shape, start = _data(site).shape, 0
    if len(sizes) != len(site.outputs) or sum(sizes) != shape[axis]:
        raise UnsupportedError(f"parts of {tuple(sizes)} do not fit dimension {axis} of {shape}")
    for output, size in enumerate(sizes):
        begin = tuple(start if i == axis else 0 for i in range(len(shape)))
        part = tuple(size if i == axis else whole for i, whole in enumerate(shape))
        taken = Slice(begin, part, (1,) * len(shape))
        _sliced(site, taken, part if keep else (*part[:axis], *part[axis + 1 :]), output)
        start += size


def _split(site: Site) -> None:
    shape = site.read(1).shape
    axis = _axis(int(_single(site, 0)), len(shape))
    count = len(site.outputs)
    _parts(site, axis, [shape[axis] // max(1, count)] * count)


def _split_v(site: Site) -> None:
    shape, sizes = site.read(0).shape, site.constant(1)
    axis = _axis(int(_single(site, 2)), len(shape))
    rest = shape[axis] - sum(size for size in sizes if size != -1)
    _parts(site, axis, [rest if size == -1 else size for size in sizes])


def _unpack(site: Site) -> None:
    shape = site.read(0).shape
    axis = _axis(site.options("UnpackOptions").Axis(), len(shape))
    _parts(site, axis, [1] * len(site.outputs), keep=False)


# Joining.


def _joined(site: Site, axis: int, tensors: Sequence[Tensor]) -> None:
    """Concatenate, after bringing all to the output's scale."""
    made = site.made()
    same = [
        tensor
        if tensor.quantization == made.quantization
        else site.build.emit(Quantize(), [tensor], f"{tensor.name}_scaled", like=made)
        for tensor in tensors
    ]
    site.emit(Concat(axis), same)


def _concatenation(site: Site) -> None:
    options = site.options("ConcatenationOptions")
    if activation(options) is not Activation.NONE:
        raise UnsupportedError("it has a fused activation", "put it behind, as a layer of its own")
    tensors = [site.read(index) for index in range(len(site.inputs))]
    if not tensors:
        raise UnsupportedError("input 0 is missing")
    _joined(site, _axis(options.Axis(), len(tensors[0].shape)), tensors)


def _pack(site: Site) -> None:
    tensors = [site.read(index) for index in range(len(site.inputs))]
    if not tensors:
        raise UnsupportedError("input 0 is missing")
    shape = tensors[0].shape
    axis = _axis(site.options("PackOptions").Axis(), len(shape) + 1)
    shown = Reshape((*shape[:axis], 1, *shape[axis:]))
    _joined(
        site,
        axis,
        [
            site.build.emit(shown, [tensor], f"{tensor.name}_packed", like=tensor)
            for tensor in tensors
        ],
    )


def _gather(site: Site) -> Op:
    options = site.options("GatherOptions")
    if options.BatchDims():
        raise UnsupportedError(f"it has {options.BatchDims()} batch dimensions; allowed: none")
    return Gather(_axis(options.Axis(), len(site.read(0).shape)))


def _embedding(site: Site) -> None:
    site.emit(Gather(0), [site.read(1), site.read(0)])


# Batches, blocks, repetition.


def _space_to_batch(site: Site) -> None:
    image, block = site.read(0), site.constant(1)
    before, after = _widths(site, 2)
    rest = (0,) * (len(image.shape) - 1 - len(block))
    pad = Pad((0, *before, *rest), (0, *after, *rest), _zero(image))
    padded = site.build.emit(pad, [image], f"{site.name}_padded", like=image)
    site.emit(SpaceToBatch(block), [padded])


def _batch_to_space(site: Site) -> None:
    image, block = site.read(0), site.constant(1)
    before, after = _widths(site, 2)
    whole = site.build.emit(BatchToSpace(block), [image], f"{site.name}_whole", like=image)
    rest = (0,) * (len(whole.shape) - 1 - len(block))
    begin = (0, *before, *rest)
    if not len(begin) == len((0, *after, *rest)) == len(whole.shape):
        raise UnsupportedError(f"its crops {before} and {after} do not fit the block {block}")
    size = tuple(
        size - first - last
        for size, first, last in zip(whole.shape, begin, (0, *after, *rest), strict=True)
    )
    site.emit(Slice(begin, size, (1,) * len(size)), [whole])


def _reverse(site: Site) -> Op:
    rank = len(site.read(0).shape)
    return Reverse(tuple(sorted(_axis(axis, rank) for axis in site.constant(1))))


def _resize(op: type[ResizeNearest] | type[ResizeBilinear], name: str) -> Callable[[Site], Op]:
    def convert(site: Site) -> Op:
        options: Any = site.options(name)
        size = site.constant(1)
        if len(size) != 2:
            raise UnsupportedError(f"size {size} is not height and width")
        return op((size[0], size[1]), options.AlignCorners(), options.HalfPixelCenters())

    return convert


def _blocks(op: type[SpaceToDepth] | type[DepthToSpace], name: str) -> Callable[[Site], Op]:
    return lambda site: op(site.options(name).BlockSize())


OPERATIONS: dict[str, Converter] = {
    "BATCH_TO_SPACE_ND": _batch_to_space,
    "BROADCAST_TO": plain(1, lambda site: BroadcastTo(site.constant(1))),
    "CONCATENATION": _concatenation,
    "DEPTH_TO_SPACE": plain(1, _blocks(DepthToSpace, "DepthToSpaceOptions")),
    "EMBEDDING_LOOKUP": _embedding,
    "EXPAND_DIMS": plain(1, _expand_dims),
    "BROADCAST_ARGS": _broadcast_args,
    "FILL": _fill,
    "GATHER": plain(2, _gather),
    "MIRROR_PAD": plain(1, _mirror_pad),
    "PACK": _pack,
    "PAD": plain(1, _pad),
    "PADV2": plain(1, _pad),
    "RANGE": _range,
    "RANK": _rank,
    "RESHAPE": plain(1, _reshape),
    "RESIZE_BILINEAR": plain(1, _resize(ResizeBilinear, "ResizeBilinearOptions")),
    "RESIZE_NEAREST_NEIGHBOR": plain(1, _resize(ResizeNearest, "ResizeNearestNeighborOptions")),
    "REVERSE_V2": plain(1, _reverse),
    "SHAPE": _shape,
    "SLICE": _slice,
    "SPACE_TO_BATCH_ND": _space_to_batch,
    "SPACE_TO_DEPTH": plain(1, _blocks(SpaceToDepth, "SpaceToDepthOptions")),
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "SQUEEZE": plain(1, _squeeze),
    "STRIDED_SLICE": _strided_slice,
    "TILE": plain(1, lambda site: Tile(site.constant(1))),
    "TRANSPOSE": plain(1, lambda site: Transpose(site.constant(1))),
    "UNPACK": _unpack,
    "ZEROS_LIKE": _zeros_like,
}
