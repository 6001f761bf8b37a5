"""What a kernel's time may depend on, counted from the shapes of a site.

Terms are counts of loop turns: of outputs, products, runs of elements, blocks that are rounded up.
They are those of the operation; which of them cost a kernel anything, and how much, is fitted
(regression.py). A kernel that loops in another way than its operation's others brings counts of its
own as `Kernel.terms`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import singledispatch

import numpy as np

from edge_runtime.graph import Array, Op
from edge_runtime.kernels import Choice, Site
from edge_runtime.kernels.geometry import Sliding
from edge_runtime.kernels.loops import clamped, cut_rows, taps_inside
from edge_runtime.kernels.struct import Struct
from edge_runtime.ops import (
    ArgReduce,
    BatchMatMul,
    Concat,
    Conv2D,
    CumSum,
    DepthwiseConv2D,
    FullyConnected,
    Gather,
    MirrorPad,
    Pool2D,
    Recurrent,
    Reduce,
    ResizeBilinear,
    ResizeNearest,
    Softmax,
    TransposeConv2D,
)

Terms = Mapping[str, float]
"""Counts by name, each the factor of one parameter."""

WORD = 4


def terms_of(site: Site, choice: Choice) -> Terms:
    """The terms of all calls of the kernel that serves `site`; those that are 0 are left out."""
    given = choice.kernel.terms
    found = _terms(site.node.op, site, choice) if given is None else given(site)
    return {
        "calls": float(choice.demand.images),
        **{name: float(count) for name, count in found.items() if count},
    }


UNROLLED = 4
"""Turns of an inner loop that compilers put behind one another."""


def _loop(name: str, times: float, turns: int) -> dict[str, float]:
    """An inner loop of so many turns, run so many times: compilers unroll it, and what is left."""
    return {
        name: times * turns,
        f"{name}, fours": times * (turns // UNROLLED),
        f"{name}, runs of fours": times * (turns >= UNROLLED),
        f"{name}, rest": times * (turns % UNROLLED),
    }


@singledispatch
def _terms(op: Op, site: Site, choice: Choice) -> Terms:
    """What works element by element or row by row, or copies."""
    axes = choice.demand.constants.get("axes")
    if axes is not None:
        return _copied(site, choice, axes)
    output = site.output
    rows = output.elements // (output.shape or (1,))[-1]
    operands = [site.inputs[index] for index in choice.demand.operands]
    read = sum(tensor.elements for tensor in operands)
    if any(tensor.elements != output.elements for tensor in operands):
        return {
            "spread": output.elements,
            "spread rows": rows,
            "read": read,
            "products": op.macs(site.inputs, output),
        }
    return {
        "rows": rows,
        "products": op.macs(site.inputs, output),
        "clamped": clamped(site),
        "outputs": output.elements,
        "outputs, rest": output.elements % UNROLLED,
    }


@_terms.register
def _normalized(op: Softmax, site: Site, choice: Choice) -> Terms:
    """The largest value of a row is its own difference from that: its exponential is soon had."""
    found = _terms.dispatch(object)(op, site, choice)
    return {**found, "others": site.output.elements - found["rows"]}


def _copied(site: Site, choice: Choice, table: Array) -> Terms:
    """er_copy and er_pad: innermost rows, by words where both sides are aligned alike."""
    fields = dict(choice.kernel.parameters(site).fields)
    copy = fields.get("copy")
    fields = dict(copy.fields) if isinstance(copy, Struct) else fields
    size, first, second = (fields[name] for name in ("size", "in_start", "out_start"))
    assert isinstance(size, int) and isinstance(first, int) and isinstance(second, int)
    *outer, (count, step_in, step_out) = table.reshape(-1, 3).tolist()
    rows = math.prod(axis[0] for axis in outer)
    found = {"rows": rows, "turns": rows / (outer[-1][0] if outer else 1)}
    if copy is not None:
        found["filled"] = site.output.bytes / WORD
    if step_in == size == step_out:
        places: list[Array] = [np.array(first), np.array(second)]
        for length, *steps in outer:
            for side in (0, 1):
                places[side] = np.add.outer(places[side], np.arange(length) * steps[side])
        return {**found, **_runs(places[0], places[1], count * size)}
    return {**found, f"elements of {size}": rows * count}


def _runs(source: Array, target: Array, length: int) -> Terms:
    """er_copy_bytes at each of these places: sixteen bytes, four, or one at a time."""
    head = np.where((source - target) % WORD == 0, -target % WORD, length)
    head = np.minimum(head, length)
    left = length - head
    return {
        "sixteens": float((left // 16).sum()),
        "words": float((left % 16 // WORD).sum()),
        "bytes": float((head + left % WORD).sum()),
    }


def _blocks(count: int, length: int) -> Terms:
    """er_copy_bytes of `count` blocks that lie one behind the other in the output."""
    place = np.arange(count) * length
    return {"rows": count, **_runs(place % WORD, place, length)}


@_terms.register
def _conv(op: Conv2D, site: Site, choice: Choice) -> Terms:
    return convolved(site, op.groups(site.inputs[0].shape, site.inputs[1].shape))


def convolved(site: Site, groups: int) -> Terms:
    """Each pixel's patch is gathered, group by group, and meets every channel."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    pixels = images * slide.output[0] * slide.output[1]
    depth = slide.taps * slide.in_c // groups
    pairs, made = -(-pixels // 2), slide.out_c // groups
    inside, _ = taps_inside(slide)
    run = slide.kernel[1] * slide.in_c if groups == 1 else slide.in_c // groups
    runs = pixels * (slide.kernel[0] if groups == 1 else slide.taps * groups)
    return {
        "pixels": pixels,
        "patches": pixels * groups if groups > 1 else 0,
        "runs": runs,
        "run words": runs * (run // WORD),
        "gathered": pixels * groups * depth,
        "outside": (pixels * slide.taps - images * inside) * slide.in_c,
        "cut runs": images * cut_rows(slide) if groups == 1 else 0,
        "outputs": site.output.elements,
        **_loop("products", site.output.elements, depth),
        "odd": pixels * groups * (made % 2),
        "odd products": pixels * groups * (made % 2) * depth,
        "four products": pairs * groups * (made // 4) * depth,
        "rest products": pairs * groups * (made % 4) * depth,
        "clamped": clamped(site),
    }


@_terms.register
def _depthwise(op: DepthwiseConv2D, site: Site, choice: Choice) -> Terms:
    channels = site.inputs[0].shape[3]
    if "_conv_" in choice.kernel.name:
        return convolved(site, channels)
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    inside, rows_inside = (images * count for count in taps_inside(slide))
    out, single = site.output.shape[3], site.output.shape[3] == channels
    fours = out // 4 if single else 0
    return {
        "pixels": images * slide.output[0] * slide.output[1],
        "rows inside": rows_inside,
        "taps inside": inside,
        "products": inside * out if single else 0,
        "shared taps": 0 if single else inside * channels,
        "shared products": 0 if single else inside * out,
        "four rows": rows_inside * fours,
        "four taps": inside * fours,
        "rest rows": rows_inside * (out - 4 * fours),
        "rest taps": inside * (out - 4 * fours),
        "outputs": site.output.elements,
        "clamped": clamped(site),
    }


@_terms.register
def _transposed(op: TransposeConv2D, site: Site, choice: Choice) -> Terms:
    image, out = site.inputs[0], site.output
    kernel, depth = site.inputs[1].shape[1:3], image.shape[3]
    pixels = image.elements // depth
    outward = Sliding(
        (out.shape[1], out.shape[2]),
        out.shape[3],
        (image.shape[1], image.shape[2]),
        depth,
        (kernel[0], kernel[1]),
        op.window,
    )
    inside, rows_inside = (image.shape[0] * count for count in taps_inside(outward))
    return {
        "pixels": pixels,
        "output pixels": out.elements // out.shape[3],
        "rows inside": rows_inside,
        "taps inside": inside,
        "tap outputs": inside * out.shape[3],
        "outputs": out.elements,
        "products": inside * out.shape[3] * site.inputs[1].shape[3],
    }


@_terms.register
def _connected(op: FullyConnected, site: Site, choice: Choice) -> Terms:
    out, depth = site.inputs[1].shape
    rows = site.inputs[0].elements // depth
    return {
        "rows": rows,
        "read": rows * depth,
        "outputs": rows * out,
        **_loop("products", rows * out, depth),
        "odd": rows * (out % 2),
        "odd products": rows * (out % 2) * depth,
        "four words": -(-rows // 2) * -(-out // 4) * depth,
        "pair words": rows * -(-out // 2) * -(-depth // WORD),
        "single row": depth * out if rows % 2 else 0,
        "clamped": clamped(site),
    }


@_terms.register
def _product(op: BatchMatMul, site: Site, choice: Choice) -> Terms:
    outputs = site.output.elements
    return {
        "rows": outputs // site.output.shape[-1],
        "outputs": outputs,
        **_loop("products", outputs, op.macs(site.inputs, site.output) // outputs),
    }


@_terms.register
def _pool(op: Pool2D, site: Site, choice: Choice) -> Terms:
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    columns = _taps_along(slide, 1)
    rows = images * slide.in_c * float(_taps_along(slide, 0).sum())
    found = {
        "pixels": images * slide.output[0] * slide.output[1],
        "outputs": site.output.elements,
        "rows inside": rows * len(columns),
    }
    for count in columns.tolist():
        for name, turns in _loop("taps inside", rows, count).items():
            found[name] = found.get(name, 0.0) + turns
    return found


def _taps_along(slide: Sliding, axis: int) -> Array:
    """How many taps lie inside the image for each output along an axis."""
    starts = np.arange(slide.output[axis]) * slide.window.stride[axis]
    taps = np.arange(slide.kernel[axis]) * slide.window.dilation[axis]
    at = starts[:, None] + taps - slide.window.pad_before[axis]
    return np.asarray(((at >= 0) & (at < slide.image[axis])).sum(1))


@_terms.register
def _reduced(op: Reduce, site: Site, choice: Choice) -> Terms:
    image, made = site.inputs[0], site.output.elements
    last = len(image.shape) - 1
    inner = max(op.axes)
    length = math.prod(image.shape[axis] for axis in op.axes)
    while inner - 1 in op.axes:
        inner -= 1
    run = math.prod(image.shape[inner : max(op.axes) + 1])
    name = "side by side" if last in op.axes else "apart"
    return {
        "outputs": made,
        "runs": made * (length // run),
        **_loop(name, made * (length // run), run),
    }


@_terms.register
def _along(op: ArgReduce | CumSum, site: Site, choice: Choice) -> Terms:
    shape = site.inputs[0].shape
    lines = site.inputs[0].elements // shape[op.axis]
    return {
        "outer": math.prod(shape[: op.axis]),
        "lines": lines,
        **_loop("read", lines, shape[op.axis] - 1),
    }


@_terms.register
def _resized(op: ResizeBilinear, site: Site, choice: Choice) -> Terms:
    batch, height, width, _ = site.output.shape
    return {
        "rows": batch * height,
        "pixels": batch * height * width,
        "outputs": site.output.elements,
    }


@_terms.register
def _taken(op: MirrorPad | ResizeNearest, site: Site, choice: Choice) -> Terms:
    """er_take: blocks at sums of offsets, one out of each of four tables."""
    fields = dict(choice.kernel.parameters(site).fields)
    count, length = fields["count"], fields["bytes"]
    assert isinstance(count, tuple) and isinstance(length, int)
    places = np.zeros(1, np.int64)
    for table in np.split(choice.demand.constants["offsets"], np.cumsum(count)[:-1]):
        places = np.add.outer(places, table).reshape(-1)
    blocks = len(places)
    turns = _runs(places, np.arange(blocks) * length, length)
    return {"lines": blocks / count[-1], "rows": blocks, **turns}


@_terms.register
def _joined(op: Concat, site: Site, choice: Choice) -> Terms:
    outer = math.prod(site.output.shape[: op.axis])
    lengths = np.array([tensor.bytes // outer for tensor in site.inputs])
    found: dict[str, float] = {"outer": outer, "rows": outer * len(lengths)}
    place = np.arange(outer) * lengths.sum()
    for start, length in zip(np.cumsum(lengths) - lengths, lengths.tolist(), strict=True):
        for name, count in _runs(np.arange(outer) * length, place + start, length).items():
            found[name] = found.get(name, 0.0) + count
    return found


@_terms.register
def _gathered(op: Gather, site: Site, choice: Choice) -> Terms:
    table, indices = site.inputs
    size = math.prod(table.shape[op.axis + 1 :]) * table.dtype.bytes
    return _blocks(math.prod(table.shape[: op.axis]) * indices.elements, size)


@_terms.register
def _recurrent(op: Recurrent, site: Site, choice: Choice) -> Terms:
    given, carried = site.inputs[1], site.inputs[2]
    hidden = carried.shape[-1]
    gates = carried.elements // hidden
    steps = site.inputs[0].elements // site.inputs[0].shape[-1]
    return {
        "steps": steps,
        "cells": steps * hidden,
        "gates": steps * gates,
        "products": steps * (given.elements + carried.elements),
    }
