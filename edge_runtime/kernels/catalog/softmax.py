"""What normalizes the rows of the last axis."""

from __future__ import annotations

from collections.abc import Callable

from edge_runtime.graph import DType
from edge_runtime.kernels.kernel import Demand, Site, declare, nothing, over_input
from edge_runtime.kernels.refusals import of_type
from edge_runtime.kernels.struct import Field, Struct, multiplier, pointers
from edge_runtime.ops import (
    L2Normalization,
    LogSoftmax,
    LogSoftmaxScaling,
    Softmax,
    SoftmaxScaling,
)
from edge_runtime.ops.softmax import EXP_TABLE, RECIPROCAL_TABLE

_MOST_WIDE_TERMS = 65536
"""So many values of Q0.15 add up within 32 bits."""
_MOST_SQUARES = 33025
"""So many squares of int8 less a zero point add up within 32 bits."""


def _types(given: DType, made: DType) -> Callable[[Site], str | None]:
    return lambda site: of_type(site, given, made)


def _few(dtype: DType, most: int) -> Callable[[Site], str | None]:
    def refuses(site: Site) -> str | None:
        depth = site.inputs[0].shape[-1]
        refused = of_type(site, dtype)
        return refused or (f"rows of {depth} elements (at most {most})" if depth > most else None)

    return refuses


def _rows(site: Site) -> tuple[Field, Field]:
    image = site.inputs[0]
    return ("rows", image.elements // image.shape[-1]), ("depth", image.shape[-1])


def _softmax_s8(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Softmax)
    scaling = SoftmaxScaling.of(op.beta, site.inputs[0].quant.scale)
    factor = ("factor", multiplier(scaling.multiplier))
    return Struct("er_softmax_s8", (*_rows(site), factor, ("smallest", scaling.smallest)))


def _tables(site: Site) -> Demand:
    tables = {"exponential": EXP_TABLE, "reciprocal": RECIPROCAL_TABLE}
    return Demand(in_place=(0,), constants=tables)


def _softmax_s16(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Softmax)
    factor = ("factor", multiplier(op.table_multiplier(site.inputs[0])))
    return Struct("er_softmax_s16", (*_rows(site), factor, *pointers("exponential", "reciprocal")))


def _softmax_f32(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Softmax)
    return Struct("er_softmax_f32", (*_rows(site), ("beta", op.beta)))


def _log_softmax_s8(site: Site) -> Struct:
    scaling = LogSoftmaxScaling.of(site.inputs[0].quant.scale)
    return Struct(
        "er_log_softmax_s8",
        (
            *_rows(site),
            ("factor", multiplier(scaling.softmax.multiplier)),
            ("smallest", scaling.softmax.smallest),
            ("reverse", multiplier(scaling.reverse)),
        ),
    )


def _l2_norm_s8(site: Site) -> Struct:
    zero = ("zero", site.inputs[0].quant.zero_point)
    return Struct("er_l2_norm_s8", (*_rows(site), zero))


def _rows_f32(site: Site) -> Struct:
    return Struct("er_rows_f32", _rows(site))


_INT8, _INT16, _FLOAT32 = DType.INT8, DType.INT16, DType.FLOAT32

KERNELS = (
    declare(
        "er_softmax_s8_ref", Softmax, "portable C", _types(_INT8, _INT8), over_input, _softmax_s8
    ),
    declare(
        "er_softmax_s8s16_ref", Softmax, "portable C", _types(_INT8, _INT16), nothing, _softmax_s8
    ),
    declare(
        "er_softmax_s16_ref",
        Softmax,
        "portable C",
        _few(_INT16, _MOST_WIDE_TERMS),
        _tables,
        _softmax_s16,
    ),
    declare(
        "er_softmax_f32_ref",
        Softmax,
        "portable C",
        _types(_FLOAT32, _FLOAT32),
        over_input,
        _softmax_f32,
    ),
    declare(
        "er_log_softmax_s8_ref",
        LogSoftmax,
        "portable C",
        _types(_INT8, _INT8),
        over_input,
        _log_softmax_s8,
    ),
    declare(
        "er_log_softmax_f32_ref",
        LogSoftmax,
        "portable C",
        _types(_FLOAT32, _FLOAT32),
        over_input,
        _rows_f32,
    ),
    declare(
        "er_l2_norm_s8_ref",
        L2Normalization,
        "portable C",
        _few(_INT8, _MOST_SQUARES),
        over_input,
        _l2_norm_s8,
    ),
    declare(
        "er_l2_norm_f32_ref",
        L2Normalization,
        "portable C",
        _types(_FLOAT32, _FLOAT32),
        over_input,
        _rows_f32,
    ),
)
"""In order of preference within an ISA and an operation."""
