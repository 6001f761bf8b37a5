"""The one list of kernels: where each may be used, what it asks for, and its parameters.

Adding a kernel: its C file in firmware/kernels/<isa>, its prototype in the header of its family, an
entry in the module of its family here.
"""

from __future__ import annotations

from edge_runtime.kernels.catalog import (
    elementwise,
    linear,
    linear_dsp,
    linear_float,
    linear_mve,
    linear_narrow,
    linear_rv32,
    linear_vec,
    linear_wide,
    matmul,
    move,
    pairs,
    pool,
    recurrent,
    reduce,
    softmax,
    unsigned,
)
from edge_runtime.kernels.kernel import Kernel

KERNELS: tuple[Kernel, ...] = (
    *linear_dsp.KERNELS,
    *linear.KERNELS,
    *linear_mve.KERNELS,
    *linear_rv32.KERNELS,
    *linear_vec.KERNELS,
    *linear_narrow.KERNELS,
    *linear_wide.KERNELS,
    *linear_float.KERNELS,
    *matmul.KERNELS,
    *pool.KERNELS,
    *unsigned.KERNELS,
    *elementwise.KERNELS,
    *pairs.KERNELS,
    *reduce.KERNELS,
    *softmax.KERNELS,
    *recurrent.KERNELS,
    *move.KERNELS,
)
"""Within an ISA and an operation, in order of preference."""
