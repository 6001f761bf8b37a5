"""Windows as kernels see them: their sizes, and whether an output may overwrite its input."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_runtime.graph import Window
from edge_runtime.kernels.kernel import RowWindow, Site
from edge_runtime.kernels.struct import Field, Struct
from edge_runtime.ops import Pool2D, SlidingConv2D

LARGEST = 65535
"""er_window holds its numbers in 16 bits."""
_STRIP_ELEMENTS, _STRIP_SLACK = 384, 6
"""Of er_depthwise_3x3_s8_rv32."""
TWO_STRIPS_ELEMENTS = 240
"""Of each of the two strips of er_depthwise_3x3_s8_dsp."""
_COLUMNS_BYTES, _TOGETHER = 2048, 3
"""Of the MVE kernels: ER_STRIP_BYTES and ER_PIXELS."""
_PART_BYTES, _PART_GROUPS, _COPIED_BYTES, _COPIED_FOR, _LANES = 6144, 8, 1728, 3, 4
"""Of er_conv_rows_s8_dsp: COLUMNS_BYTES, MOST_GROUPS, WEIGHTS_BYTES, FEWEST_GROUPS and LANES."""


@dataclass(frozen=True)
class Sliding:
    """A window over one image, all lengths as (height, width)."""

    image: tuple[int, int]
    in_c: int
    output: tuple[int, int]
    out_c: int
    kernel: tuple[int, int]
    window: Window

    @staticmethod
    def of(site: Site) -> Sliding:
        """The window of a convolution or pool."""
        op, image, output = site.node.op, site.inputs[0].shape, site.output.shape
        assert isinstance(op, SlidingConv2D | Pool2D)
        kernel = op.kernel if isinstance(op, Pool2D) else site.inputs[1].shape[1:3]
        return Sliding(
            (image[1], image[2]),
            image[3],
            (output[1], output[2]),
            output[3],
            (kernel[0], kernel[1]),
            op.window,
        )

    @property
    def taps(self) -> int:
        """How many elements of one channel lie below the kernel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def reach(self) -> tuple[int, int]:
        """How many rows and columns the kernel spans."""
        dilation = self.window.dilation
        return (
            (self.kernel[0] - 1) * dilation[0] + 1,
            (self.kernel[1] - 1) * dilation[1] + 1,
        )

    @property
    def too_large(self) -> str | None:
        """The number that er_window cannot hold, if any."""
        numbers = (
            *self.image,
            self.in_c,
            *self.output,
            self.out_c,
            *self.reach,
            *self.window.stride,
            *self.window.pad_before,
        )
        if max(numbers) <= LARGEST:
            return None
        return f"a window with the number {max(numbers)} (at most {LARGEST})"

    def pixels_trail(self) -> bool:
        """Whether a kernel that reads all of an output pixel, then writes it, may work in place.

        Pixels are made in order. Writing pixel j must not touch what later pixels read, whose first
        input pixel is that of their top left tap.
        """
        (stride_h, stride_w), (top, left) = self.window.stride, self.window.pad_before
        return all(
            (max(0, y * stride_h - top) * self.image[1] + max(0, x * stride_w - left)) * self.in_c
            >= (y * self.output[1] + x) * self.out_c
            for y in range(self.output[0])
            for x in range(self.output[1])
        )

    def columns_inside(self) -> bool:
        """Whether each row of a patch lies side by side in a row of the image, or all outside."""
        window = self.window
        last = (self.output[1] - 1) * window.stride[1] + self.kernel[1] - window.pad_before[1]
        return window.dilation[1] == 1 and window.pad_before[1] == 0 and last <= self.image[1]

    @property
    def rows(self) -> RowWindow:
        """The window along the height alone."""
        window = self.window
        return RowWindow(self.kernel[0], window.stride[0], window.dilation[0], window.pad_before[0])

    def trailing(self, images: int = 1) -> tuple[int, ...]:
        """The inputs that such a kernel may overwrite, called for one image after the other."""
        return (0,) if self.fits_behind(images) and self.pixels_trail() else ()

    def fits_behind(self, images: int) -> bool:
        """Whether each of several images ends before the next one's input starts."""
        read, made = math.prod((*self.image, self.in_c)), math.prod((*self.output, self.out_c))
        return images == 1 or made <= read

    def rows_trail(self) -> bool:
        """Whether a kernel that works channel by channel, row by row, may work in place.

        Before it writes row y it has copied all rows that reach up to it.
        """
        stride, top = self.window.stride[0], self.window.pad_before[0]
        last = (self.output[0] - 1) * stride + self.reach[0] - top
        needed = min(last, self.image[0])
        for y in range(self.output[0]):
            copied = min(max(0, y * stride + self.reach[0] - top), self.image[0])
            if copied < needed and (y + 1) * self.output[1] > copied * self.image[1]:
                return False
        return True

    def ring_bytes(self) -> int:
        """The int16 ring of rows of er_depthwise_s8w4_dsp: outputs are made two at a time."""
        last = (-(-self.output[1] // 2) * 2 - 1) * self.window.stride[1]
        width = -(-(last + self.reach[1]) // 2) * 2
        return self.reach[0] * width * 2

    def strip_elements(self, strips: int = 1, most: int = _STRIP_ELEMENTS) -> int:
        """The strips of rows of the kernels for 3 x 3 taps of a channel."""
        pitch, rows = self.strip(most)
        return strips * ((rows - 1) * self.window.stride[0] + 3) * pitch + _STRIP_SLACK

    def strip(self, most: int = _STRIP_ELEMENTS) -> tuple[int, int]:
        """Elements from row to row of that strip, and rows of outputs that it makes.

        The kernels say the same.
        """
        stride, left = self.window.stride, self.window.pad_before[1]
        needed = (self.output[1] - 1) * stride[1] + 3 - left
        pitch = -(-max(needed, left + min(self.image[1], needed)) // 2) * 2
        held = most // pitch
        rows = min(self.output[0], max((held - 3) // stride[0] + 1 if held >= 3 else 0, 2))
        return pitch, rows

    def parts(self) -> tuple[tuple[int, int], ...]:
        """The parts of a row of outputs that er_conv_rows_s8_dsp makes: outputs, and those a lane.

        There is none where not even the columns of one output have room.
        """
        room = _PART_BYTES // (8 * self.kernel[0] * self.in_c) - self.kernel[1]
        found, left = [], self.output[1] if room >= 0 else 0
        while left > 0:
            fit = min(room // self.window.stride[1] + 1, _PART_GROUPS)
            groups = min(-(-left // _LANES), fit)
            found.append((min(left, _LANES * groups), groups))
            left -= _LANES * groups
        return tuple(found)

    def _part_columns(self) -> int:
        """Bytes of the columns of the largest part, which is the first."""
        (_, groups), *_ = self.parts()
        columns = (groups - 1) * self.window.stride[1] + self.kernel[1]
        return 8 * columns * self.kernel[0] * self.in_c

    def channels_copied(self) -> int:
        """How many channels' weights are copied at a time; 0 if none are."""
        (_, groups), *_ = self.parts()
        depth = self.taps * self.in_c
        if groups < _COPIED_FOR or depth * self.out_c <= self._part_columns():
            return 0
        return min(_COPIED_BYTES // depth // 2 * 2, self.out_c)

    def part_bytes(self) -> int:
        """The columns, and the weights that are copied."""
        return self._part_columns() + self.channels_copied() * self.taps * self.in_c

    def parts_trail(self) -> bool:
        """Whether a kernel may work in place that reads all rows of a part, then writes it."""
        stride, top = self.window.stride[0], self.window.pad_before[0]
        later = 0 if len(self.parts()) > 1 else 1
        return all(
            (y + 1) * self.output[1] * self.out_c
            <= max(0, (y + later) * stride - top) * self.image[1] * self.in_c
            for y in range(self.output[0] - later)
        )

    def strip_columns(self, column_bytes: int) -> int:
        """How many columns the strip of an MVE kernel holds: er_pixels_of_strip says for whom."""
        stride, reach = self.window.stride[1], self.reach[1]
        more = _COLUMNS_BYTES // column_bytes - reach
        return (self._together(more // stride + 1 if more >= 0 else 0) - 1) * stride + reach

    def patch_columns(self, column_bytes: int) -> int:
        """The same of er_conv_s8_mve, where neighbours may have no columns in common."""
        stride, taps = self.window.stride[1], self.kernel[1]
        if self.window.dilation[1] == 1 and stride <= taps:
            return self.strip_columns(column_bytes)
        return self._together(_COLUMNS_BYTES // (taps * column_bytes)) * taps

    def _together(self, fit: int) -> int:
        """How many pixels of a row those kernels make from a strip that has room for so many."""
        return min(self.output[1], max(fit - fit % _TOGETHER, _TOGETHER))

    def are_pixels(self) -> bool:
        """Whether each output is made of one pixel of the input, in rows of the same order.

        There may be more rows of output than of input.
        """
        window = self.window
        at_once = self.taps == 1 and window.stride == (1, 1) and window.pad_before == (0, 0)
        return at_once and self.image[1] == self.output[1]


def window_field(site: Site) -> Field:
    """The window of a convolution or pool as the field `window` of its parameters."""
    return _field(Sliding.of(site))


def pixel_window(count: int, in_c: int, out_c: int) -> Field:
    """The field of a convolution of `count` pixels, each by itself."""
    return _field(Sliding((1, count), in_c, (1, count), out_c, (1, 1), Window()))


def _field(slide: Sliding) -> Field:
    numbers = {
        "in_h": slide.image[0],
        "in_w": slide.image[1],
        "in_c": slide.in_c,
        "out_h": slide.output[0],
        "out_w": slide.output[1],
        "out_c": slide.out_c,
        "kernel_h": slide.kernel[0],
        "kernel_w": slide.kernel[1],
        "stride_h": slide.window.stride[0],
        "stride_w": slide.window.stride[1],
        "dilation_h": slide.window.dilation[0],
        "dilation_w": slide.window.dilation[1],
        "pad_top": slide.window.pad_before[0],
        "pad_left": slide.window.pad_before[1],
    }
    return "window", Struct("er_window", tuple(numbers.items()))


def image_rows(site: Site) -> RowWindow | None:
    """The window along the height, where there is one image."""
    return Sliding.of(site).rows if site.inputs[0].shape[0] == 1 else None


def element_rows(site: Site) -> RowWindow | None:
    """The window of one row, where inputs and output are single images of one shape."""
    shape = site.output.shape
    same = all(tensor.shape == shape for tensor in site.inputs)
    return RowWindow() if same and len(shape) == 4 and shape[0] == 1 else None
