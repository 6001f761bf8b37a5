"""Between uint8 and int8 of the same scale, whose zero points are 128 apart."""

from __future__ import annotations

from edge_runtime.graph import DType
from edge_runtime.kernels.kernel import Site, declare, over_input
from edge_runtime.kernels.refusals import OtherType
from edge_runtime.kernels.struct import Struct
from edge_runtime.ops import Quantize

HALF = 128


def _shifted(site: Site) -> str | None:
    image, output = site.inputs[0], site.output
    if {image.dtype, output.dtype} != {DType.INT8, DType.UINT8}:
        return OtherType(f"{image.dtype.value} to {output.dtype.value}")
    apart = abs(image.quant.zero_point - output.quant.zero_point)
    if image.quant.scale != output.quant.scale or apart != HALF:
        return "another scale, or zero points that are not 128 apart"
    return None


def _struct(site: Site) -> Struct:
    return Struct("er_flip", (("elements", site.output.elements),))


KERNELS = (declare("er_flip_x8_ref", Quantize, "portable C", _shifted, over_input, _struct),)
