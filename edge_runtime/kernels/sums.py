"""What the sums of a layer can be, whatever its inputs are."""

from __future__ import annotations

import numpy as np

from edge_runtime.kernels.kernel import Site
from edge_runtime.numerics import Int64
from edge_runtime.ops import Linear


def weight_rows(site: Site) -> Int64:
    """The weights of a layer as (output channels, elements)."""
    op = site.node.op
    assert isinstance(op, Linear)
    rows = np.moveaxis(site.inputs[1].values, op.weight_axis, 0).astype(np.int64)
    return rows.reshape(len(rows), -1)


def sum_bounds(site: Site) -> tuple[Int64, Int64]:
    """The least and the largest sum of each channel of a layer of int8, its bias included.

    Kernels are given sums of 0 where the factor is 0.
    """
    image, _, *bias = site.inputs
    rows = weight_rows(site)
    ends = [rows * (end - image.quant.zero_point) for end in (-128, 127)]
    given = bias[0].values.reshape(-1).astype(np.int64) if bias else np.zeros(len(rows), np.int64)
    op = site.node.op
    assert isinstance(op, Linear)
    factors = op.multipliers(site.inputs, site.output)
    counts = np.array([factor.mantissa != 0 for factor in factors])
    low, high = np.minimum(*ends).sum(1) + given, np.maximum(*ends).sum(1) + given
    return low * counts, high * counts


def largest_product_sum(site: Site) -> int:
    """The largest absolute sum of inputs as they are times weights that any channel can have."""
    return int(128 * np.abs(weight_rows(site)).sum(1).max(initial=0))
