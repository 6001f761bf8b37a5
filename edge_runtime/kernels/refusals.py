"""What kernels refuse, in the words of a report; predicates that several of them share."""

from __future__ import annotations

from edge_runtime.graph import DType
from edge_runtime.kernels.geometry import Sliding
from edge_runtime.kernels.kernel import Site

MOST_SUMMED = 1 << 23
"""So many int8 values less a zero point add up within 32 bits."""
MOST_SUMMED_WIDE = 1 << 15
"""And so many of int16."""
MOST_DIMENSIONS = 4


class OtherType(str):
    """A refusal of element types, which tells less than any other that the same node meets."""

    __slots__ = ()


def never(site: Site) -> str | None:
    """Nothing is refused."""
    return None


def int8(site: Site) -> str | None:
    """Other types than int8, of the first input or the output."""
    return of_type(site, DType.INT8)


def of_type(site: Site, given: DType, made: DType | None = None) -> str | None:
    """Other types than `given`, of the first input, and `made` (or the same), of the output."""
    for tensor, dtype in ((site.inputs[0], given), (site.output, made or given)):
        if tensor.dtype is not dtype:
            return OtherType(tensor.dtype.value)
    return None


def weighted(site: Site, image: DType, weights: DType) -> str | None:
    """Other types than these, of the first input and the weights."""
    found = site.inputs[0].dtype, site.inputs[1].dtype
    if found == (image, weights):
        return None
    return OtherType(f"{found[0].value} by {found[1].value}")


def packed(site: Site, image: DType, weights: DType) -> str | None:
    """Other types than these, and weights that cannot be packed at export."""
    refused = weighted(site, image, weights)
    if refused is None and site.inputs[1].data is None:
        return "weights that are computed at run time"
    return refused


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
