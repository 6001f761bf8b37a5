"""Strides, dilations and paddings as ONNX writes them."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.graph import Window
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.unsupported import UnsupportedError

Pair = tuple[int, int]
"""Height and width."""


def window(node: FileNode, size: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window of a Conv or pool over an input of `size`; sequences have height 1."""
    stride = pair_of(node, "strides", len(size))
    dilation = pair_of(node, "dilations", len(size))
    full, reach = two(size), two(kernel)
    automatic = node.text("auto_pad", "NOTSET")
    if min(*stride, *dilation, *reach) < 1:
        return Window(stride, dilation)
    if automatic == "NOTSET":
        before, after = pads_of(node, len(size))
    elif automatic == "VALID":
        before, after = (0, 0), (0, 0)
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        same = Window.same(full, reach, stride, dilation)
        before, after = same.pad_before, same.pad_after
        if automatic == "SAME_LOWER":
            before, after = after, before
    else:
        raise UnsupportedError(f"auto_pad is {automatic}")
    found = Window(stride, dilation, before, after)
    return _ceiling(found, full, reach) if node.integer("ceil_mode", 0) else found


def _ceiling(window: Window, size: tuple[int, int], kernel: tuple[int, int]) -> Window:
    """Padded so far that a last, partial window fits if it starts inside the padded input."""
    after = list(window.pad_after)
    for i in (0, 1):
        reach = (kernel[i] - 1) * window.dilation[i] + 1
        padded = size[i] + window.pad_before[i] + window.pad_after[i]
        count = -(-max(0, padded - reach) // window.stride[i]) + 1
        if (count - 1) * window.stride[i] >= size[i] + window.pad_before[i]:
            count -= 1
        after[i] = max(after[i], (count - 1) * window.stride[i] + reach - padded + after[i])
    return Window(window.stride, window.dilation, window.pad_before, (after[0], after[1]))


def in_ceiling(node: FileNode, size: Sequence[int]) -> tuple[Pair, Pair] | None:
    """The paddings before and after where ceil_mode may let windows reach beyond them."""
    if not node.integer("ceil_mode", 0) or node.text("auto_pad", "NOTSET") != "NOTSET":
        return None
    return pads_of(node, len(size))


def kernel_of(node: FileNode, rank: int) -> Pair:
    """Height and width of a pool's kernel."""
    kernel = node.integers("kernel_shape", ())
    if len(kernel) != rank:
        raise UnsupportedError(f"kernel_shape is {kernel}; allowed: {rank} of them")
    return two(kernel)


def pads_of(node: FileNode, rank: int) -> tuple[Pair, Pair]:
    """The paddings before and after that a node names."""
    pads = node.integers("pads", (0,) * (2 * rank))
    if len(pads) != 2 * rank:
        raise UnsupportedError(f"pads are {pads}; allowed: {2 * rank} of them")
    return two(pads[:rank], 0), two(pads[rank:], 0)


def pair_of(node: FileNode, attribute: str, rank: int) -> Pair:
    """A list of one or two integers, all 1 by default."""
    values = node.integers(attribute, (1,) * rank)
    if len(values) != rank:
        raise UnsupportedError(f"{attribute} are {values}; allowed: {rank} of them")
    return two(values)


def two(values: Sequence[int], missing: int = 1) -> Pair:
    """Height and width; the height of a sequence is `missing`."""
    return (values[0], values[1]) if len(values) == 2 else (missing, values[0])
