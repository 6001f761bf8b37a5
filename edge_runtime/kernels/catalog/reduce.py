"""Reductions over axes, and running sums."""

from __future__ import annotations

import math
from collections.abc import Callable

from edge_runtime.graph import DType, Op
from edge_runtime.kernels.kernel import Kernel, Site, declare, nothing, over_input
from edge_runtime.kernels.packing import wide_factor
from edge_runtime.kernels.refusals import MOST_SUMMED, MOST_SUMMED_WIDE, of_type
from edge_runtime.kernels.struct import Field, Struct, multiplier, zeros
from edge_runtime.ops import (
    ArgMax,
    ArgMin,
    ArgReduce,
    CumSum,
    Mean,
    Reduce,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    ReduceProd,
    Sum,
)

_MOST_ALTERNATIONS = 3
"""er_reduction holds so many axes that are kept, and so many that are reduced."""

_Runs = list[tuple[bool, int, int]]
"""Axes that are neighbours and all kept, or all reduced: whether reduced, size and step."""


def _runs(site: Site) -> _Runs:
    op, shape = site.node.op, site.inputs[0].shape
    assert isinstance(op, Reduce)
    runs: _Runs = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        reduced, step = axis in op.axes, math.prod(shape[axis + 1 :])
        if runs and runs[-1][0] == reduced:
            runs[-1] = (reduced, runs[-1][1] * size, step)
        else:
            runs.append((reduced, size, step))
    return runs


def _too_many_axes(site: Site) -> str | None:
    counts = [sum(run[0] == reduced for run in _runs(site)) for reduced in (False, True)]
    if max(counts) <= _MOST_ALTERNATIONS:
        return None
    return f"axes that are kept and reduced by turns more than {_MOST_ALTERNATIONS} times"


def _axes(site: Site) -> Field:
    """The field `axes`: sizes and steps, with leading ones."""

    def along(reduced: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
        found = [run[1:] for run in _runs(site) if run[0] == reduced]
        filled = [(1, 0)] * (_MOST_ALTERNATIONS - len(found)) + found
        return tuple(size for size, _ in filled), tuple(step for _, step in filled)

    kept, kept_step = along(False)
    reduced, reduced_step = along(True)
    return "axes", Struct(
        "er_reduction",
        (
            ("outputs", site.output.elements),
            ("kept", kept),
            ("kept_step", kept_step),
            ("reduced", reduced),
            ("reduced_step", reduced_step),
        ),
    )


def _reduces(dtype: DType, most: int = 0) -> Callable[[Site], str | None]:
    """Other types, too many axes and, where there is a limit, too many elements."""

    def refuses(site: Site) -> str | None:
        op = site.node.op
        assert isinstance(op, Reduce)
        refused = of_type(site, dtype) or _too_many_axes(site)
        if refused is None and 0 < most < op.count(site.inputs):
            return f"a sum of {op.count(site.inputs)} elements (at most {most})"
        return refused

    return refuses


def _mean_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Sum)
    return Struct(
        "er_mean",
        (
            _axes(site),
            *zeros(site.inputs[0], site.output),
            ("count", op.count(site.inputs)),
            ("factor", multiplier(op.multiplier(site.inputs, site.output))),
        ),
    )


def _mean_f32_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Sum)
    return Struct("er_mean_f32", (_axes(site), ("divisor", float(op.divisor(site.inputs)))))


def _extreme_struct(site: Site) -> Struct:
    smallest = ("smallest", int(isinstance(site.node.op, ReduceMin)))
    return Struct("er_extreme", (_axes(site), smallest))


def _product_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, ReduceProd)
    factor = wide_factor(op.multiplier(site.inputs, site.output))
    return Struct(
        "er_reduce_prod",
        (
            _axes(site),
            *zeros(site.inputs[0], site.output),
            ("mantissa", factor.mantissa),
            ("shift", factor.shift),
        ),
    )


def _product_f32_struct(site: Site) -> Struct:
    return Struct("er_reduce_prod_f32", (_axes(site),))


def _around(site: Site, axis: int) -> tuple[Field, Field, Field]:
    """The input's sizes before, along and after an axis."""
    shape = site.inputs[0].shape
    return (
        ("outer", math.prod(shape[:axis])),
        ("depth", shape[axis]),
        ("inner", math.prod(shape[axis + 1 :])),
    )


def _position_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, ArgReduce)
    return Struct(
        "er_position",
        (
            *_around(site, op.axis),
            ("smallest", int(isinstance(op, ArgMin))),
            ("last", int(op.last)),
            ("words", site.output.dtype.bytes // 4),
        ),
    )


def _cumulate_fields(site: Site, op: CumSum) -> tuple[Field, ...]:
    return (
        *_around(site, op.axis),
        ("exclusive", int(op.exclusive)),
        ("reverse", int(op.reverse)),
    )


def _cumulate_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, CumSum)
    return Struct(
        "er_cumulate_s8",
        (
            *_cumulate_fields(site, op),
            *zeros(site.inputs[0], site.output),
            ("factor", multiplier(op.multiplier(site.inputs, site.output))),
        ),
    )


def _cumulate_f32_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, CumSum)
    return Struct("er_cumulate_f32", _cumulate_fields(site, op))


_SHORT = {DType.INT8: "s8", DType.INT16: "s16", DType.FLOAT32: "f32", DType.BOOL: "b8"}


def _reduction(
    name: str, op: type[Op], dtype: DType, parameters: Callable[[Site], Struct], most: int = 0
) -> Kernel:
    full = f"er_{name}_{_SHORT[dtype]}_ref"
    return declare(full, op, "portable C", _reduces(dtype, most), nothing, parameters)


def _sums(op: type[Op]) -> tuple[Kernel, ...]:
    return (
        _reduction("mean", op, DType.INT8, _mean_struct, MOST_SUMMED),
        _reduction("mean", op, DType.INT16, _mean_struct, MOST_SUMMED_WIDE),
        _reduction("mean", op, DType.FLOAT32, _mean_f32_struct),
    )


def _extremes(op: type[Op]) -> tuple[Kernel, ...]:
    return tuple(
        _reduction("extreme", op, dtype, _extreme_struct)
        for dtype in (DType.INT8, DType.INT16, DType.FLOAT32)
    )


def _positions(op: type[Op]) -> tuple[Kernel, ...]:
    return tuple(
        declare(
            f"er_position_{_SHORT[dtype]}_ref",
            op,
            "portable C",
            _first_input(dtype),
            nothing,
            _position_struct,
        )
        for dtype in (DType.INT8, DType.INT16, DType.FLOAT32)
    )


def _first_input(dtype: DType) -> Callable[[Site], str | None]:
    return lambda site: of_type(site, dtype, site.output.dtype)


def _cumulates(dtype: DType) -> Callable[[Site], str | None]:
    return lambda site: of_type(site, dtype)


KERNELS = (
    *_sums(Mean),
    *_sums(Sum),
    *_extremes(ReduceMax),
    *_extremes(ReduceMin),
    _reduction("extreme", ReduceAny, DType.BOOL, _extreme_struct),
    _reduction("extreme", ReduceAll, DType.BOOL, _extreme_struct),
    _reduction("reduce_prod", ReduceProd, DType.INT8, _product_struct),
    _reduction("reduce_prod", ReduceProd, DType.INT16, _product_struct),
    _reduction("reduce_prod", ReduceProd, DType.FLOAT32, _product_f32_struct),
    *_positions(ArgMax),
    *_positions(ArgMin),
    declare(
        "er_cumulate_s8_ref",
        CumSum,
        "portable C",
        _cumulates(DType.INT8),
        over_input,
        _cumulate_struct,
    ),
    declare(
        "er_cumulate_f32_ref",
        CumSum,
        "portable C",
        _cumulates(DType.FLOAT32),
        nothing,
        _cumulate_f32_struct,
    ),
)
"""In order of preference within an ISA and an operation."""
