"""Average and maximum pools."""

from __future__ import annotations

from edge_runtime.kernels.geometry import Sliding, window_field
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.refusals import MOST_SUMMED, image
from edge_runtime.kernels.struct import Struct, clamp
from edge_runtime.ops import AveragePool2D, MaxPool2D


def _summable(site: Site) -> str | None:
    refused = image(site)
    if refused is None and Sliding.of(site).taps > MOST_SUMMED:
        return f"a window of {Sliding.of(site).taps} elements (at most {MOST_SUMMED})"
    return refused


def _pool_demand(site: Site) -> Demand:
    slide = Sliding.of(site)
    return Demand(in_place=slide.trailing(), rows=slide.rows)


def _struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, AveragePool2D | MaxPool2D)
    return Struct("er_pool_s8", (window_field(site), *clamp(op.activation, site.output)))


KERNELS = (
    declare(
        "er_average_pool_s8_ref", AveragePool2D, "portable C", _summable, _pool_demand, _struct
    ),
    declare("er_max_pool_s8_ref", MaxPool2D, "portable C", image, _pool_demand, _struct),
)
"""In order of preference within an ISA and an operation."""
