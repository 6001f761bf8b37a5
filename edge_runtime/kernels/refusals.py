"""What kernels refuse, in the words of a report; predicates that several of them share."""

from __future__ import annotations

from edge_runtime.graph import DType
from edge_runtime.kernels.geometry import Sliding
from edge_runtime.kernels.kernel import Site

MOST_SUMMED = 1 << 23
"""So many int8 values less a zero point add up within 32 bits."""
MOST_DIMENSIONS = 4


def never(site: Site) -> str | None:
    """Nothing is refused."""
    return None


def int8(site: Site) -> str | None:
    """Other types than int8, of the first input or the output."""
    for tensor in (site.inputs[0], site.output):
        if tensor.dtype is not DType.INT8:
            return str(tensor.dtype.value)
    return None


def one_image(site: Site) -> str | None:
    """Several images at once, and windows too large for er_window."""
    if site.inputs[0].shape[0] != 1:
        return f"a batch of {site.inputs[0].shape[0]} images (one at a time)"
    return Sliding.of(site).too_large


def image(site: Site) -> str | None:
    """What is no single int8 image."""
    return int8(site) or one_image(site)


def rank(site: Site) -> str | None:
    """Tensors of more dimensions than a kernel counts along."""
    dimensions = max(len(tensor.shape) for tensor in (*site.inputs, site.output))
    if dimensions <= MOST_DIMENSIONS:
        return None
    return f"{dimensions} dimensions (at most {MOST_DIMENSIONS})"


def int8_axes(site: Site) -> str | None:
    """Other types than int8, and too many dimensions."""
    return int8(site) or rank(site)
