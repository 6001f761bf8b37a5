"""How often the loops of the DSP kernels turn: counts that their time depends on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Activation, Window
from edge_runtime.kernels.geometry import TWO_STRIPS_ELEMENTS, Sliding
from edge_runtime.kernels.kernel import Site
from edge_runtime.kernels.packing import channels_first, is_uniform, linear_constants
from edge_runtime.kernels.straight import straighten
from edge_runtime.ops.windowed import quantized_bounds

_WORD = 4
_UNROLLED = 8
"""Pairs that its loop takes a turn."""
_LANES = 4
"""Pixels that er_conv_s8_dsp works on at once."""
MOST_AT_ONCE = 508
"""Elements that er_linear_s8_dsp adds up before it takes the sums apart."""

Counts = Mapping[str, float]


def clamped(site: Site) -> int:
    """The outputs, where the activation has to clamp them: not where their range does so itself."""
    activation, output = getattr(site.node.op, "activation", Activation.NONE), site.output
    if activation is Activation.NONE:
        return 0
    if output.quantization is not None:
        within = quantized_bounds(activation, output) == output.dtype.range
        return 0 if within else output.elements
    return output.elements


def _off_lines(site: Site, *, shared: bool = False, zero_within: bool = False) -> int:
    """The outputs, where these are on no line, and so take longer to scale."""
    constants = linear_constants(site, channels_first)
    made = straighten(site, constants, shared=shared, zero_within=zero_within)
    return site.output.elements if "shift" in made else 0


def taps_inside(sliding: Sliding) -> tuple[float, float]:
    """Taps inside the image, and rows of taps of which any are, over all pixels of one channel."""
    counts = []
    for axis in (0, 1):
        starts = np.arange(sliding.output[axis]) * sliding.window.stride[axis]
        taps = np.arange(sliding.kernel[axis]) * sliding.window.dilation[axis]
        at = starts[:, None] + taps - sliding.window.pad_before[axis]
        counts.append(float(((at >= 0) & (at < sliding.image[axis])).sum()))
    return counts[0] * counts[1], counts[0] * sliding.output[1]


def cut_rows(slide: Sliding) -> float:
    """Rows of taps that padding at the left or right cuts, over all pixels of one channel."""
    return float(_cut(slide, 1).sum()) * slide.output[0] * slide.kernel[0]


def _cut(slide: Sliding, axis: int) -> npt.NDArray[np.bool_]:
    """Whether padding cuts the window, for each output along an axis."""
    starts = np.arange(slide.output[axis]) * slide.window.stride[axis]
    starts -= slide.window.pad_before[axis]
    return np.asarray((starts < 0) | (starts + slide.reach[axis] > slide.image[axis]))


def by_four_pixels(site: Site) -> Counts:
    """er_conv_s8_dsp: patches of four pixels are unpacked, then meet pairs of channels."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    pixels, out = slide.output[0] * slide.output[1], slide.out_c
    blocks, rest = -(-pixels // _LANES), pixels % _LANES
    few = rest if rest in (1, 2) else 0
    whole = blocks - (few > 0)
    run = slide.kernel[1] * slide.in_c
    pairs, halves = -(-run // 2) * slide.kernel[0], out // 2
    inside = int((~_cut(slide, 0)).sum()) * int((~_cut(slide, 1)).sum())
    apart = slide.window.dilation[1] > 1
    point = slide.taps == 1 and slide.window.stride == (1, 1) and not slide.window.pads
    border = (pixels - inside) * slide.kernel[0]
    cut = pixels * slide.kernel[0] if apart else cut_rows(slide)
    counts = {
        "points": pixels if point else 0,
        "patches": 0 if point else pixels,
        "inner patches": 0 if point else inside,
        "runs": pixels * slide.kernel[0],
        "run words": pixels * slide.kernel[0] * (run // _WORD),
        "run rests": pixels * slide.kernel[0] * (run % _WORD > 0),
        "border runs": border,
        "cut runs": cut,
        "cut taps": cut * slide.kernel[1],
        "cut bytes": cut * run,
        "blocks": blocks,
        "block pairs": whole * halves,
        "block products": whole * halves * pairs,
        "block turns": whole * halves * -(-pairs // _UNROLLED),
        "lane pairs": few * halves,
        "lane products": few * halves * pairs,
        "odd": blocks * (out % 2),
        "odd products": blocks * (out % 2) * pairs,
    }
    total = {name: float(images * count) for name, count in counts.items()}
    return {**total, "channels": out, "off lines": _off_lines(site), "clamped": clamped(site)}


def by_four_parts(site: Site) -> Counts:
    """er_conv_rows_s8_dsp: columns of parts of a row are unpacked, then meet pairs of channels."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    rows, out, parts = slide.output[0], slide.out_c, slide.parts()
    blocks = rows * sum(groups for _, groups in parts)
    stride, taps = slide.window.stride[1], slide.kernel[1]
    columns = rows * sum(_LANES * ((groups - 1) * stride + taps) for _, groups in parts)
    pairs = slide.taps * slide.in_c // 2
    copied = slide.channels_copied()
    counts = {
        "rows": rows * len(parts),
        "pieces": rows * len(parts) * -(-out // (copied or out)),
        "block pieces": blocks * -(-out // (copied or out)),
        "copied words": (rows * len(parts) if copied < out else 1) * pairs * out / 2
        if copied
        else 0,
        "columns": columns,
        "runs": columns * slide.kernel[0],
        "run words": columns * slide.kernel[0] * (slide.in_c // _WORD),
        "blocks": blocks,
        "block pairs": blocks * (out // 2),
        "block products": blocks * (out // 2) * pairs,
        "block turns": blocks * (out // 2) * -(-pairs // _UNROLLED),
        "odd": blocks * (out % 2),
        "odd products": blocks * (out % 2) * pairs,
    }
    total = {name: float(images * count) for name, count in counts.items()}
    return {**total, "channels": out, "off lines": _off_lines(site), "clamped": clamped(site)}


def by_two_pixels(site: Site) -> Counts:
    """er_conv_s16_dsp: two patches meet pairs of channels, an odd last one twice."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    return _two_pixels(site, slide, images)


def by_two_rows(site: Site) -> Counts:
    """er_conv_s16_dsp as a fully connected layer: rows are pixels."""
    out, depth = site.inputs[1].shape
    size = (1, site.inputs[0].elements // depth)
    return _two_pixels(site, Sliding(size, depth, size, out, (1, 1), Window()), 1)


def _two_pixels(site: Site, slide: Sliding, images: int) -> Counts:
    pixels = images * slide.output[0] * slide.output[1]
    groups, pairs = -(-slide.taps * slide.in_c // _WORD), -(-slide.out_c // 2)
    single = images * (slide.output[0] * slide.output[1] % 2)
    twos = (pixels - single) // 2
    inside, _ = taps_inside(slide)
    return {
        "pixels": pixels,
        "runs": pixels * slide.kernel[0],
        "copied words": pixels * slide.taps * slide.in_c / 2,
        "words outside": (pixels * slide.taps - images * inside) * slide.in_c / 2,
        "cut runs": images * cut_rows(slide),
        "filled": pixels * (-(slide.taps * slide.in_c) % _WORD),
        "two pairs": twos * pairs,
        "two products": twos * pairs * groups,
        "one pairs": single * pairs,
        "one products": single * pairs * groups,
        "outputs": site.output.elements,
        "clamped": clamped(site),
    }


def by_planes(site: Site) -> Counts:
    """er_depthwise_s8w4_dsp: channel by channel, through a ring of rows."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    (height, width), channels = slide.output, images * slide.out_c
    square = slide.kernel == (3, 3) and slide.window.dilation == (1, 1)
    quick = square and slide.window.stride[1] <= 2
    one = slide.window.stride[1] == 1
    reached = (height - 1) * slide.window.stride[0] + slide.reach[0]
    loaded = max(0, min(reached - slide.window.pad_before[0], slide.image[0]))
    line = min(slide.image[1], (width - 1) * slide.window.stride[1] + slide.reach[1])
    pairs, outputs = channels * height * -(-width // 2), site.output.elements
    return {
        "ring": slide.ring_bytes() / _WORD,
        "channels": channels,
        "quick channels": channels if quick else 0,
        "quick rows": channels * height if quick else 0,
        "rows": 0 if quick else channels * height,
        "loaded rows": channels * loaded,
        "loaded words": channels * loaded * (line // _WORD),
        "loaded rest": channels * loaded * (line % _WORD),
        "filled rows": channels * (reached - loaded),
        "filled words": channels * (reached - loaded) * slide.ring_bytes() / 4 / slide.reach[0],
        "pairs by one": pairs if quick and one else 0,
        "pairs by two": pairs if quick and not one else 0,
        "outputs": 0 if quick else outputs,
        "tap rows": 0 if quick else outputs * slide.kernel[0],
        "taps": 0 if quick else outputs * slide.taps,
        "clamped rows": channels * height if clamped(site) and quick else 0,
        "clamped": clamped(site) if quick else 0,
    }


def by_strips(site: Site) -> Counts:
    """er_depthwise_3x3_s8_dsp: two channels at a time, through a strip of rows of each."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    (height, width), (stride, step) = slide.output, slide.window.stride
    pitch, rows = slide.strip(TWO_STRIPS_ELEMENTS)
    channels, twos = images * slide.out_c, images * -(-slide.in_c // 2)
    strips = -(-height // rows)
    reached = (height - 1) * stride + 3
    loaded = max(0, min(reached - slide.window.pad_before[0], slide.image[0]))
    used = min(slide.image[1], (width - 1) * step + 3 - slide.window.pad_before[1])
    kept = (strips - 1) * max(0, 3 - stride)
    filled = reached - loaded if strips > 1 else 0
    made, pairs = channels * height, width // 2
    return {
        "strip": images * slide.strip_elements(2, TWO_STRIPS_ELEMENTS) / 2,
        "twos": twos,
        "two strips": twos * strips,
        "strips": channels * strips,
        "rows": made,
        "loaded rows": twos * loaded,
        "loaded words": twos * loaded * (used // _WORD),
        "loaded pairs": twos * loaded * (used % _WORD // 2),
        "loaded rest": twos * loaded * (used % 2),
        "filled rows": twos * filled,
        "filled words": twos * filled * pitch,
        "kept words": twos * kept * pitch,
        "pairs by one": made * pairs if step == 1 else 0,
        "pairs by two": 0 if step == 1 else made * pairs,
        "turns": made * -(-pairs // 2),
        "odd": made * (width % 2),
        "off lines": _off_lines(site, zero_within=True),
        "clamped": clamped(site),
    }


def by_taps(site: Site) -> Counts:
    """er_depthwise_s8_dsp: pixel by pixel, four channels at the taps that were listed."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    pixels, out = images * slide.output[0] * slide.output[1], slide.out_c
    inside, rows_inside = (images * count for count in taps_inside(slide))
    fours = -(-out // 4) if out >= 4 else 0
    single = slide.out_c == slide.in_c
    ones = out if out < 4 else 0
    lists = images * slide.output[0] * min(slide.output[1], 1 + int(_cut(slide, 1).sum()))
    taps = inside / max(pixels, 1)
    return {
        "pixels": pixels,
        "rows": images * slide.output[0],
        "lists": lists,
        "listed": lists * taps,
        "listed rows": lists * rows_inside / max(pixels, 1),
        "fours": pixels * fours if single else 0,
        "four taps": inside * fours if single else 0,
        "spread": 0 if single else pixels * fours,
        "spread taps": 0 if single else inside * fours,
        "ones": pixels * ones,
        "one taps": inside * ones,
        "off lines": _off_lines(site),
        "channels": out,
        "clamped": clamped(site),
    }


def by_all_taps(site: Site) -> Counts:
    """er_depthwise_s8_m0: each output from all taps, which are listed again at the borders."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    pixels, outputs = images * slide.output[0] * slide.output[1], site.output.elements
    inner = int((~_cut(slide, 0)).sum()) * int((~_cut(slide, 1)).sum())
    lists = pixels - images * inner + images * int((~_cut(slide, 0)).sum())
    return {
        "pixels": pixels,
        "lists": lists,
        "listed rows": lists * slide.kernel[0],
        "listed": lists * slide.taps,
        "outputs": outputs,
        "taps": outputs * slide.taps,
        "channels": slide.in_c,
    }


def by_four_channels(site: Site) -> Counts:
    """er_conv_s8_m0: each pixel's patch meets four channels at a time, the last ones too."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    pixels = images * slide.output[0] * slide.output[1]
    inside, _ = taps_inside(slide)
    run, patches = slide.kernel[1] * slide.in_c, slide.taps > 1 or slide.window.pads
    runs = pixels * slide.kernel[0] if patches else 0
    return {
        "pixels": pixels,
        "runs": runs,
        "gathered": runs * run,
        "outside": (pixels * slide.taps - images * inside) * slide.in_c,
        "cut runs": images * cut_rows(slide),
        **_fours(pixels, slide.taps * slide.in_c, slide.out_c),
        "clamped": clamped(site),
    }


def by_four_outputs(site: Site) -> Counts:
    """er_linear_s8_m0: four rows of weights at a time."""
    out, depth = site.inputs[1].shape
    rows = site.inputs[0].elements // depth
    return {"rows": rows, **_fours(rows, depth, out), "clamped": clamped(site)}


def _fours(times: int, depth: int, out: int) -> Counts:
    fours = times * -(-out // 4)
    return {
        "fours": fours,
        "four products": fours * depth,
        "four turns": fours * (depth // 4),
        "outputs": times * out,
    }


def by_four_averages(site: Site) -> Counts:
    """er_average_pool_s8_dsp: four channels at a time."""
    slide, images = Sliding.of(site), site.inputs[0].shape[0]
    inside, rows_inside = (images * count for count in taps_inside(slide))
    fours, ones = slide.in_c // 4, slide.in_c % 4
    pixels = images * slide.output[0] * slide.output[1]
    return {
        "pixels": pixels,
        "fours": pixels * fours,
        "four rows": rows_inside * fours,
        "four taps": inside * fours,
        "ones": pixels * ones,
        "one rows": rows_inside * ones,
        "one taps": inside * ones,
        "outputs": site.output.elements,
    }


def by_four_rows(site: Site) -> Counts:
    """er_linear_s8_dsp: four rows of weights at a time, then two, then one."""
    out, depth = site.inputs[1].shape
    rows = site.inputs[0].elements // depth
    off_lines = _off_lines(site, shared=is_uniform(site))
    fours = 0 if off_lines and depth > MOST_AT_ONCE else out // 4
    twos, ones = (out - 4 * fours) // 2, out % 2
    parts, words = -(-depth // MOST_AT_ONCE), -(-depth // _WORD)
    return {
        "rows": rows,
        "read": rows * depth,
        "outputs": rows * out,
        "fours": rows * fours,
        "four words": rows * fours * (depth // _WORD),
        "four tails": rows * fours * (depth % _WORD > 0),
        "four turns": rows * fours * -(-(depth // _WORD) // 4),
        "twos": rows * twos * parts,
        "two words": rows * twos * words,
        "ones": rows * ones,
        "one products": rows * ones * depth,
        "channels": out,
        "off lines": off_lines,
        "clamped": clamped(site),
    }
