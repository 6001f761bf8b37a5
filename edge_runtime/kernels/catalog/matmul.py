"""Products of matrices of which neither is packed.

Batched ones, and fully connected layers whose weights are made at run time or have a zero point.
"""

from __future__ import annotations

import math

import numpy as np

from edge_runtime.graph import Activation, Array, DType, Shape
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.packing import factor_arrays, wide_factor
from edge_runtime.kernels.refusals import OtherType, weighted
from edge_runtime.kernels.struct import Field, Struct, clamp, float_clamp, pointers
from edge_runtime.numerics import Multiplier
from edge_runtime.ops import BatchMatMul, FullyConnected
from edge_runtime.ops.linear import product_multiplier

_MOST_BATCH_DIMENSIONS = 2


def _typed(site: Site, dtype: DType) -> str | None:
    if site.inputs[0].dtype is not dtype:
        return OtherType(site.inputs[0].dtype.value)
    dimensions = len(site.output.shape)
    if dimensions > 2 + _MOST_BATCH_DIMENSIONS:
        return f"{dimensions} dimensions (at most {2 + _MOST_BATCH_DIMENSIONS})"
    return None


def _int8(site: Site) -> str | None:
    return _typed(site, DType.INT8)


def _int16(site: Site) -> str | None:
    return _typed(site, DType.INT16)


def _float(site: Site) -> str | None:
    return _typed(site, DType.FLOAT32)


def _layer_int8(site: Site) -> str | None:
    return weighted(site, DType.INT8, DType.INT8)


def _layer_float(site: Site) -> str | None:
    return weighted(site, DType.FLOAT32, DType.FLOAT32)


def _matrices(site: Site) -> Field:
    op, shape = site.node.op, site.output.shape
    if isinstance(op, FullyConnected):
        out, depth = site.inputs[1].shape
        return _sizes(
            (1, 1),
            (0, 0),
            (0, 0),
            (site.output.elements // out, depth, out),
            (depth, 1),
            (depth, 1),
        )
    assert isinstance(op, BatchMatMul)
    first, second = op.matrices(site.inputs)
    rows, depth, out = first[-2], first[-1], second[-1]
    batch = _aligned(shape[:-2])
    return _sizes(
        batch,
        _batch_steps(first, batch),
        _batch_steps(second, batch),
        (rows, depth, out),
        (1, rows) if op.transpose_a else (depth, 1),
        (depth, 1) if op.transpose_b else (1, out),
    )


def _sizes(batch: Shape, batch_a: Shape, batch_b: Shape, sizes: Shape, a: Shape, b: Shape) -> Field:
    """The field of `sizes`: rows, depth and columns.

    `a` are the steps to the next row, and along the depth; `b` those to the next column, likewise.
    """
    numbers = zip(("rows", "depth", "out"), sizes, strict=True)
    steps = zip(("a_row", "a_depth", "b_column", "b_depth"), (*a, *b), strict=True)
    batches = (("batch", batch), ("batch_a", batch_a), ("batch_b", batch_b))
    return "matrices", Struct("er_matrices", (*batches, *numbers, *steps))


def _aligned(batch: Shape) -> Shape:
    return (1,) * (_MOST_BATCH_DIMENSIONS - len(batch)) + batch


def _batch_steps(matrix: Shape, batch: Shape) -> Shape:
    """The step to the next matrix along each dimension of the batch; 0 repeats one."""
    sizes = (*_aligned(matrix[:-2]), *matrix[-2:])
    return tuple(
        0 if sizes[axis] == 1 else math.prod(sizes[axis + 1 :]) for axis in range(len(batch))
    )


def _each(site: Site) -> int:
    """1 where each column has numbers of its own, 0 where all share them."""
    return int(len(site.inputs) > 2 or len(set(_scales(site))) > 1)


def _scales(site: Site) -> tuple[float, ...]:
    quantization = site.inputs[1].quantization
    return () if quantization is None else quantization.scales


def _columns(site: Site) -> int:
    return site.output.shape[-1] if _each(site) else 1


def _bias(site: Site, dtype: type) -> Array:
    if len(site.inputs) > 2:
        return site.inputs[2].values.reshape(-1)
    return np.zeros(_columns(site), dtype)


def _factor(site: Site) -> Multiplier:
    return product_multiplier(site.inputs[0], site.inputs[1], site.output)


def _demand_int8(site: Site) -> Demand:
    op, count = site.node.op, _columns(site)
    if isinstance(op, FullyConnected):
        factors = op.multipliers(site.inputs, site.output)[:count]
    else:
        factors = (_factor(site),)
    mantissa, shift = factor_arrays(factors)
    constants = {"bias": _bias(site, np.int32), "mantissa": mantissa, "shift": shift}
    return Demand(constants=constants, operands=(0, 1))


def _demand_float(site: Site) -> Demand:
    return Demand(constants={"bias": _bias(site, np.float32)}, operands=(0, 1))


def _demand_int16(site: Site) -> Demand:
    return Demand(operands=(0, 1))


def _activation(site: Site) -> Activation:
    op = site.node.op
    return op.activation if isinstance(op, FullyConnected) else Activation.NONE


def _struct_int8(site: Site) -> Struct:
    first, second = site.inputs[:2]
    return Struct(
        "er_matmul_s8",
        (
            _matrices(site),
            ("zero_a", first.quant.zero_point),
            ("zero_b", second.quant.zero_points[0]),
            ("out_zero", site.output.quant.zero_point),
            *clamp(_activation(site), site.output),
            ("each", _each(site)),
            *pointers("bias", "mantissa", "shift"),
        ),
    )


def _struct_int16(site: Site) -> Struct:
    factor = wide_factor(_factor(site))
    numbers = (("mantissa", factor.mantissa), ("shift", factor.shift))
    return Struct("er_matmul_s16", (_matrices(site), *numbers))


def _struct_float(site: Site) -> Struct:
    bounds, each = float_clamp(_activation(site)), ("each", _each(site))
    return Struct("er_matmul_f32", (_matrices(site), *bounds, each, *pointers("bias")))


KERNELS = (
    declare("er_matmul_s8_ref", BatchMatMul, "portable C", _int8, _demand_int8, _struct_int8),
    declare("er_matmul_s16_ref", BatchMatMul, "portable C", _int16, _demand_int16, _struct_int16),
    declare("er_matmul_f32_ref", BatchMatMul, "portable C", _float, _demand_float, _struct_float),
    declare(
        "er_matmul_s8_ref",
        FullyConnected,
        "portable C, weights with a zero point or made at run time",
        _layer_int8,
        _demand_int8,
        _struct_int8,
    ),
    declare(
        "er_matmul_f32_ref",
        FullyConnected,
        "portable C, weights made at run time",
        _layer_float,
        _demand_float,
        _struct_float,
    ),
)
"""In order of preference within an ISA and an operation."""
