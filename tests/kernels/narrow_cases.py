"""Hostile cases of int8 layers with 4-bit weights: those of int8 weights, on a coarser grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from sites import Case, case

from edge_runtime.graph import DType, Quantization, Tensor
from edge_runtime.ops import Linear


def narrowed(cases: Iterable[Case]) -> Iterator[Case]:
    """Each case with its weights in 4 bits, -8 among them; sums stay as large as they were."""
    for each in cases:
        op, (image, weights, *bias) = each.site.node.op, each.site.inputs
        assert isinstance(op, Linear)
        grid = weights.quant
        scales = tuple(float(np.float32(16 * scale)) for scale in grid.scales)
        values = (weights.values >> 4).astype(np.int8)
        coarse = Quantization(scales, grid.zero_points, grid.axis)
        made = Tensor.constant(weights.name, values, coarse, DType.INT4)
        read = (each.values[0], values, *each.values[2:])
        yield case(f"{each.name}, w4", op, [image, made, *bias], read, each.site.output)
