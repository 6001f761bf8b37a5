"""What moves elements and computes nothing."""

from __future__ import annotations

import numpy as np

from edge_runtime.graph import DType
from edge_runtime.kernels.kernel import Site, declare, nothing
from edge_runtime.kernels.refusals import int8_axes, rank
from edge_runtime.kernels.struct import Struct, aligned_shape
from edge_runtime.ops import Transpose


def _floats(site: Site) -> str | None:
    if site.inputs[0].dtype is not DType.FLOAT32:
        return f"{site.inputs[0].dtype.value} input"
    return rank(site)


def _transpose_struct(site: Site) -> Struct:
    op, sizes = site.node.op, site.inputs[0].shape
    assert isinstance(op, Transpose)
    steps = [int(np.prod(sizes[axis + 1 :])) for axis in op.order]
    stride = tuple([0] * (4 - len(steps)) + steps)
    return Struct("er_transpose", (("shape", aligned_shape(site.output.shape)), ("stride", stride)))


KERNELS = (
    declare("er_transpose_s8_ref", Transpose, "portable C", int8_axes, nothing, _transpose_struct),
    declare("er_transpose_f32_ref", Transpose, "portable C", _floats, nothing, _transpose_struct),
)
"""In order of preference within an ISA and an operation."""
