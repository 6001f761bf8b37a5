"""Operations that move elements and compute nothing.

All of them keep the type and the quantization of what they move. Those that show the input's
elements in another arrangement say so by a NumPy view of it: `Rearrange.view` is at once their
reference, and where the strides of the kernel that copies come from.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.graph.op import Op, Scaling
from edge_runtime.graph.tensor import Array, DType, Shape, Tensor

MOST_OPERANDS = 1000
"""Of a concatenation."""


@dataclass(frozen=True)
class Move(Op):
    """Base: one tensor is moved, and keeps its type and quantization."""

    INPUTS = (1, 1)
    SCALING = Scaling.KEPT

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        return [*self.attribute_problems(inputs[0]), *kept_problem(inputs[0], output)]

    @abstractmethod
    def attribute_problems(self, image: Tensor) -> list[str]:
        """Why the attributes do not fit the input."""


def kept_problem(image: Tensor, output: Tensor) -> list[str]:
    """A sentence when a moved tensor changes its type or quantization, else nothing."""
    if image.dtype is output.dtype and image.quantization == output.quantization:
        return []
    return [f"{image.name} and {output.name} differ in type or quantization"]


@dataclass(frozen=True)
class Rearrange(Move):
    """Base of moves whose result is a view of the input."""

    @abstractmethod
    def view(self, values: Array) -> Array:
        """A view of `values` whose elements, in order, are those of the output."""

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.array(self.view(values[0]), order="C").reshape(self.output_shape(inputs))


@dataclass(frozen=True)
class Transpose(Rearrange):
    """Dimensions in another order: dimension i of the output is `order[i]` of the input.

    Importers need it where a model's interface has another layout than NHWC, and nowhere else if
    they can help it.
    """

    NAME = "TRANSPOSE"

    order: tuple[int, ...] = ()

    def attribute_problems(self, image: Tensor) -> list[str]:
        if sorted(self.order) == list(range(len(image.shape))):
            return []
        return [f"order {self.order} does not permute the dimensions {image.shape}"]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return tuple(inputs[0].shape[axis] for axis in self.order)

    def view(self, values: Array) -> Array:
        return values.transpose(self.order)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.order[0] == 0


@dataclass(frozen=True)
class Slice(Rearrange):
    """`size` elements of each dimension, from `begin` on, `strides` apart (which may be negative).

    TFLite's SLICE, STRIDED_SLICE, SPLIT, SPLIT_V and UNPACK, which leave out or add dimensions by a
    Reshape.
    """

    NAME = "STRIDED_SLICE"

    begin: Shape = ()
    size: Shape = ()
    strides: Shape = ()

    def attribute_problems(self, image: Tensor) -> list[str]:
        rank = len(image.shape)
        if not rank == len(self.begin) == len(self.size) == len(self.strides):
            return [
                f"begin {self.begin}, size {self.size} and strides {self.strides} do not fit"
                f" {image.shape}"
            ]
        found = []
        for axis, whole in enumerate(image.shape):
            first, step = self.begin[axis], self.strides[axis]
            last = first + (self.size[axis] - 1) * step
            if step == 0 or self.size[axis] < 1:
                found.append(f"it takes nothing of dimension {axis}")
            elif not (0 <= first < whole and 0 <= last < whole):
                found.append(f"it takes elements {first} to {last} of {whole} of dimension {axis}")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return self.size

    def view(self, values: Array) -> Array:
        return values[tuple(map(_slice, self.begin, self.size, self.strides))]

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.strides[0] == 1 and self.size[0] == inputs[0].shape[0]

    def repeated(self, count: int) -> Op:
        return replace(self, size=(count * self.size[0], *self.size[1:]))


def _slice(begin: int, size: int, stride: int) -> slice:
    end = begin + size * stride
    return slice(begin, None if end < 0 else end, stride)


@dataclass(frozen=True)
class Reverse(Rearrange):
    """The elements of some dimensions in reverse order."""

    NAME = "REVERSE_V2"

    axes: tuple[int, ...] = ()

    def attribute_problems(self, image: Tensor) -> list[str]:
        return axes_problem(self.axes, image)

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def view(self, values: Array) -> Array:
        return np.flip(values, self.axes)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return 0 not in self.axes


def axes_problem(axes: tuple[int, ...], image: Tensor) -> list[str]:
    """A sentence when `axes` are not dimensions of `image`, each named once, else nothing."""
    if len(set(axes)) == len(axes) and set(axes) <= set(range(len(image.shape))):
        return []
    return [f"axes {axes} are not dimensions of {image.shape}, each once"]


@dataclass(frozen=True)
class Tile(Rearrange):
    """The input repeated so many times along each dimension."""

    NAME = "TILE"

    multiples: Shape = ()

    def attribute_problems(self, image: Tensor) -> list[str]:
        if len(self.multiples) == len(image.shape) and min(self.multiples, default=1) > 0:
            return []
        return [f"multiples {self.multiples} do not fit {image.shape}"]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return tuple(map(math.prod, zip(self.multiples, inputs[0].shape, strict=True)))

    def view(self, values: Array) -> Array:
        single = [part for size in values.shape for part in (1, size)]
        repeated = [
            part for pair in zip(self.multiples, values.shape, strict=True) for part in pair
        ]
        return np.broadcast_to(values.reshape(single), repeated)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.multiples[0] == 1


@dataclass(frozen=True)
class BroadcastTo(Rearrange):
    """The input under a shape that it can be broadcast to by NumPy's rules."""

    NAME = "BROADCAST_TO"

    shape: Shape = ()

    def attribute_problems(self, image: Tensor) -> list[str]:
        missing = len(self.shape) - len(image.shape)
        if missing >= 0 and all(
            size in (1, whole)
            for size, whole in zip(image.shape, self.shape[missing:], strict=True)
        ):
            return []
        return [f"{image.shape} cannot be broadcast to {self.shape}"]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return self.shape

    def view(self, values: Array) -> Array:
        return np.broadcast_to(values, self.shape)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        same_rank = len(inputs[0].shape) == len(self.shape)
        return same_rank and inputs[0].shape[0] == self.shape[0] and inputs[0].data is None

    def repeated(self, count: int) -> Op:
        return BroadcastTo((count * self.shape[0], *self.shape[1:]))


@dataclass(frozen=True)
class SpaceToDepth(Rearrange):
    """Blocks of `block` x `block` pixels of an NHWC image, each as the channels of one pixel."""

    NAME = "SPACE_TO_DEPTH"

    block: int = 1

    def attribute_problems(self, image: Tensor) -> list[str]:
        sizes = image.shape[1:3]
        if self.block > 0 and len(image.shape) == 4 and not any(s % self.block for s in sizes):
            return []
        return [f"blocks of {self.block} do not divide an image of shape {image.shape}"]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        batch, height, width, channels = inputs[0].shape
        return batch, height // self.block, width // self.block, channels * self.block**2

    def view(self, values: Array) -> Array:
        batch, height, width, channels = values.shape
        block = self.block
        blocks = (batch, height // block, block, width // block, block, channels)
        return values.reshape(blocks).transpose(0, 1, 3, 2, 4, 5)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class DepthToSpace(Rearrange):
    """The channels of each pixel of an NHWC image as `block` x `block` pixels."""

    NAME = "DEPTH_TO_SPACE"

    block: int = 1

    def attribute_problems(self, image: Tensor) -> list[str]:
        if self.block > 0 and len(image.shape) == 4 and not image.shape[3] % self.block**2:
            return []
        return [f"blocks of {self.block} cannot be made of an image of shape {image.shape}"]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        batch, height, width, channels = inputs[0].shape
        return batch, height * self.block, width * self.block, channels // self.block**2

    def view(self, values: Array) -> Array:
        batch, height, width, channels = values.shape
        block = self.block
        blocks = (batch, height, width, block, block, channels // block**2)
        return values.reshape(blocks).transpose(0, 1, 3, 2, 4, 5)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class SpaceToBatch(Rearrange):
    """Every `block`-th element along the dimensions from 1 on, as images of their own.

    TFLite's SPACE_TO_BATCH_ND behind a Pad. Around a convolution it stands for a dilation.
    """

    NAME = "SPACE_TO_BATCH_ND"

    block: Shape = ()

    def attribute_problems(self, image: Tensor) -> list[str]:
        sizes = image.shape[1 : 1 + len(self.block)]
        fits = len(sizes) == len(self.block) and min(self.block, default=1) > 0
        if fits and not any(size % block for size, block in zip(sizes, self.block, strict=True)):
            return []
        return [f"blocks of {self.block} do not divide an input of shape {image.shape}"]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        batch, *sizes = inputs[0].shape
        rank = len(self.block)
        parts = (size // block for size, block in zip(sizes[:rank], self.block, strict=True))
        return (batch * math.prod(self.block), *parts, *sizes[rank:])

    def view(self, values: Array) -> Array:
        rank = len(self.block)
        sizes = zip(values.shape[1:], self.block, strict=False)
        parts = [part for size, block in sizes for part in (size // block, block)]
        split = values.reshape(values.shape[0], *parts, *values.shape[1 + rank :])
        blocks, whole = range(2, 2 * rank + 1, 2), range(1, 2 * rank, 2)
        return split.transpose(*blocks, 0, *whole, *range(2 * rank + 1, split.ndim))


@dataclass(frozen=True)
class BatchToSpace(Rearrange):
    """The opposite of SpaceToBatch; TFLite's BATCH_TO_SPACE_ND before a Slice."""

    NAME = "BATCH_TO_SPACE_ND"

    block: Shape = ()

    def attribute_problems(self, image: Tensor) -> list[str]:
        fits = len(image.shape) > len(self.block) and min(self.block, default=1) > 0
        if fits and not image.shape[0] % math.prod(self.block):
            return []
        return [f"blocks of {self.block} cannot be made of an input of shape {image.shape}"]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        batch, *sizes = inputs[0].shape
        rank = len(self.block)
        parts = (size * block for size, block in zip(sizes[:rank], self.block, strict=True))
        return (batch // math.prod(self.block), *parts, *sizes[rank:])

    def view(self, values: Array) -> Array:
        rank = len(self.block)
        batch = values.shape[0] // math.prod(self.block)
        split = values.reshape(*self.block, batch, *values.shape[1:])
        pairs = [axis for i in range(rank) for axis in (rank + 1 + i, i)]
        return split.transpose(rank, *pairs, *range(2 * rank + 1, split.ndim))


@dataclass(frozen=True)
class Copy(Rearrange):
    """The same again: how a state tensor gets a value that others need too, or is kept from it."""

    NAME = "COPY"

    def attribute_problems(self, image: Tensor) -> list[str]:
        return []

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        return inputs[0].shape

    def view(self, values: Array) -> Array:
        return values

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return True


@dataclass(frozen=True)
class Padding(Move):
    """Base of moves that put so many elements before and after those of each dimension."""

    before: Shape = ()
    after: Shape = ()

    def attribute_problems(self, image: Tensor) -> list[str]:
        found = []
        if not len(self.before) == len(self.after) == len(image.shape):
            found.append(f"paddings {self.before}, {self.after} do not fit {image.shape}")
        if min(*self.before, *self.after, 0, 0) < 0:
            found.append(f"paddings {self.before}, {self.after} are negative")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        sizes = zip(self.before, inputs[0].shape, self.after, strict=True)
        return tuple(sum(parts) for parts in sizes)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.before[0] == self.after[0] == 0

    @property
    def widths(self) -> list[tuple[int, int]]:
        """(before, after) of each dimension."""
        return list(zip(self.before, self.after, strict=True))


@dataclass(frozen=True)
class Pad(Padding):
    """Elements of one stored value around the input.

    A pass makes it a part of the convolutions and pools that read it, where they can take it.
    """

    NAME = "PAD"

    value: float = 0

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.pad(values[0], self.widths, constant_values=self.value)


@dataclass(frozen=True)
class MirrorPad(Padding):
    """The input mirrored at its edges; `symmetric` repeats the elements at the edge themselves."""

    NAME = "MIRROR_PAD"

    symmetric: bool = False

    def attribute_problems(self, image: Tensor) -> list[str]:
        found = super().attribute_problems(image)
        if not found and any(
            max(widths) > size - (not self.symmetric)
            for widths, size in zip(self.widths, image.shape, strict=True)
        ):
            found.append(f"paddings {self.before}, {self.after} mirror more than {image.shape} has")
        return found

    def sources(self, axis: int, size: int) -> Array:
        """For each element of the output along `axis`, that of the input, which has `size`."""
        before, after = self.widths[axis]
        # Mirrors stand on the outermost elements, or half an element further out.
        half, last = (0.5, size) if self.symmetric else (0.0, size - 1)
        place = np.abs(np.arange(-before, size + after) + half)
        return np.asarray(np.floor(last - np.abs(last - place)), np.int64)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        taken = values[0]
        for axis, size in enumerate(inputs[0].shape):
            taken = taken.take(self.sources(axis, size), axis)
        return taken


@dataclass(frozen=True)
class Concat(Op):
    """Tensors one behind the other along `axis`; TFLite's CONCATENATION and PACK."""

    NAME = "CONCATENATION"
    INPUTS = (1, MOST_OPERANDS)
    SCALING = Scaling.SHARED

    axis: int = 0

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        first = inputs[0]
        if not 0 <= self.axis < len(first.shape):
            return [f"axis {self.axis} is no dimension of {first.shape}"]
        found = [
            f"{tensor.name} of shape {tensor.shape} does not fit {first.shape} along {self.axis}"
            for tensor in inputs
            if self._others(tensor.shape) != self._others(first.shape)
        ]
        return found + [text for tensor in inputs for text in kept_problem(tensor, output)]

    def _others(self, shape: Shape) -> tuple[Shape, Shape]:
        return shape[: self.axis], shape[self.axis + 1 :]

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        before, after = self._others(inputs[0].shape)
        return (*before, sum(tensor.shape[self.axis] for tensor in inputs), *after)

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        return np.concatenate(values, self.axis)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        return self.axis > 0 and all(tensor.data is None for tensor in inputs)


INDEX_TYPES = (DType.INT8, DType.INT16, DType.INT32, DType.INT64)


@dataclass(frozen=True)
class Gather(Op):
    """Slices of the first input along `axis`, picked by the integers of the second.

    The output has the second's shape in place of that dimension. Negative indices count from the
    end, as in ONNX; where an index is still outside, the nearest slice is taken (TFLite and ONNX
    leave that undefined).
    """

    NAME = "GATHER"
    INPUTS = (2, 2)
    SCALING = Scaling.KEPT

    axis: int = 0

    def problems(self, inputs: Sequence[Tensor], output: Tensor) -> list[str]:
        table, indices = inputs
        found = kept_problem(table, output)
        if not 0 <= self.axis < len(table.shape):
            found.append(f"axis {self.axis} is no dimension of {table.shape}")
        if indices.dtype not in INDEX_TYPES:
            allowed = ", ".join(dtype.value for dtype in INDEX_TYPES)
            found.append(f"indices {indices.name} are {indices.dtype.value}; allowed: {allowed}")
        return found

    def output_shape(self, inputs: Sequence[Tensor]) -> Shape:
        shape = inputs[0].shape
        return (*shape[: self.axis], *inputs[1].shape, *shape[self.axis + 1 :])

    def evaluate(self, values: Sequence[Array], inputs: Sequence[Tensor], output: Tensor) -> Array:
        size = inputs[0].shape[self.axis]
        indices = values[1].astype(np.int64)
        indices = np.clip(np.where(indices < 0, indices + size, indices), 0, size - 1)
        return values[0].take(indices, self.axis)

    def by_sample(self, inputs: Sequence[Tensor], output: Tensor) -> bool:
        table, indices = inputs
        if table.data is not None:
            return self.axis == 0 and indices.data is None and len(indices.shape) > 0
        return self.axis > 0 and indices.data is not None
