"""What works on the elements of several tensors that are broadcast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_runtime import ops
from edge_runtime.graph import DType, Op
from edge_runtime.kernels.affine import affine
from edge_runtime.kernels.broadcast import Axes, pairs, too_many_axes
from edge_runtime.kernels.geometry import element_rows
from edge_runtime.kernels.kernel import Demand, Kernel, Site, declare
from edge_runtime.kernels.struct import Field, Struct, clamp, multiplier

_TYPES = {
    "f32": DType.FLOAT32,
    "s8": DType.INT8,
    "s16": DType.INT16,
    "s32": DType.INT32,
    "b8": DType.BOOL,
}

Refusal = Callable[[Site], str | None]


def _only(dtype: DType) -> Refusal:
    """Other types of the operands, and too many axes."""

    def refuses(site: Site) -> str | None:
        if site.inputs[0].dtype is not dtype:
            return str(site.inputs[0].dtype.value)
        return too_many_axes(site)

    return refuses


def _over(site: Site) -> Demand:
    """Over an operand of the output's shape, unless what is written overtakes what is read."""
    output = site.output
    over = tuple(
        index
        for index, tensor in enumerate(site.inputs)
        if tensor.shape == output.shape and tensor.dtype.bytes >= output.dtype.bytes
    )
    return Demand(in_place=over, operands=tuple(range(len(site.inputs))))


def _over_rows(site: Site) -> Demand:
    """The same for kernels that count elements, and so can make a few rows."""
    return replace(_over(site), rows=element_rows(site))


def _activation(site: Site) -> tuple[Field, Field]:
    op = site.node.op
    assert isinstance(op, ops.Binary)
    if not site.output.dtype.is_float:
        return clamp(op.clamp, site.output)
    low, high = op.clamp.bounds
    return ("act_min", low), ("act_max", high)


def _zeros(site: Site) -> tuple[Field, ...]:
    first, second = site.inputs
    return (
        ("zero_a", first.quant.zero_point),
        ("zero_b", second.quant.zero_point),
        ("out_zero", site.output.quant.zero_point),
    )


def _float_struct(site: Site) -> Struct:
    return Struct("er_pairs_f32", (pairs(site), *_activation(site)))


def _plain_struct(site: Site) -> Struct:
    return Struct("er_pairs_plain", (pairs(site),))


def _sum_struct(site: Site) -> Struct:
    of_squares = isinstance(site.node.op, ops.SquaredDifference)
    make = ops.AddScaling.of_squares if of_squares else ops.AddScaling.of
    scaling = make(site.inputs, site.output)
    return Struct(
        "er_sum_params",
        (
            ("elements", site.output.elements),
            pairs(site),
            *_zeros(site),
            *_activation(site),
            ("factor_a", multiplier(scaling.first)),
            ("factor_b", multiplier(scaling.second)),
            ("factor_out", multiplier(scaling.result)),
        ),
    )


def _product_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, ops.Mul | ops.Div)
    return Struct(
        "er_product_params",
        (
            ("elements", site.output.elements),
            pairs(site),
            *_zeros(site),
            *_activation(site),
            ("factor", multiplier(op.factor(site.inputs, site.output))),
        ),
    )


def _prelu_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, ops.Prelu)
    positive, negative = map(multiplier, op.factors(site.inputs, site.output))
    factors = (("positive", positive), ("negative", negative))
    return Struct("er_prelu_s8", (pairs(site), *_zeros(site), *factors))


def _compare_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, ops.Comparison)
    relations = ("relations", op.RELATIONS)
    if site.inputs[0].dtype not in (DType.INT8, DType.INT16):
        return Struct("er_compare", (pairs(site), relations))
    first, second = map(multiplier, op.factors(site.inputs))
    zeros = [(name, t.quant.zero_point) for name, t in zip("ab", site.inputs, strict=True)]
    return Struct(
        "er_compare_scaled",
        (
            pairs(site),
            relations,
            *((f"zero_{name}", zero) for name, zero in zeros),
            ("factor_a", first),
            ("factor_b", second),
        ),
    )


_TRUTH: dict[type[Op], int] = {
    ops.LogicalAnd: 0b1000,
    ops.LogicalOr: 0b1110,
    ops.Equal: 0b1001,
    ops.NotEqual: 0b0110,
    ops.LogicalNot: 0b0001,
}
"""Truth tables: bit a + 2 b."""


def _logic_struct(site: Site) -> Struct:
    shapes = [site.inputs[0].shape, site.inputs[-1].shape]
    axes = Axes.of(site.output.shape, shapes).fields("stride_a", "stride_b")
    table = ("relations", _TRUTH[type(site.node.op)])
    return Struct("er_compare", (("pairs", Struct("er_pairs", axes)), table))


def _logic_demand(site: Site) -> Demand:
    """Of one operand alone, what is true is not; it takes the place of both."""
    demand = _over(site)
    if len(site.inputs) == 1:
        return Demand(in_place=demand.in_place, operands=(0, 0))
    return demand


def _select_struct(site: Site) -> Struct:
    return Struct("er_select", Axes.at(site).fields("stride_c", "stride_a", "stride_b"))


def _element_bytes(size: int) -> Refusal:
    def refuses(site: Site) -> str | None:
        if site.output.dtype.bytes != size:
            return f"{site.output.dtype.value}"
        return too_many_axes(site)

    return refuses


def _select(size: int) -> Kernel:
    name, refuses = f"er_select_x{8 * size}_ref", _element_bytes(size)
    return declare(name, ops.Select, "portable C", refuses, _over, _select_struct)


def _pair(name: str, kind: str, op: type[Op], struct: Callable[[Site], Struct]) -> Kernel:
    refuses = _only(_TYPES[kind])
    return declare(f"er_{name}_{kind}_ref", op, "portable C", refuses, _over, struct)


def _logic(op: type[Op]) -> Kernel:
    refuses = _only(DType.BOOL)
    return declare("er_logical_b8_ref", op, "a truth table", refuses, _logic_demand, _logic_struct)


def _same_shapes(site: Site) -> str | None:
    refused = _only(DType.INT8)(site)
    if refused is None and site.inputs[0].shape != site.inputs[1].shape:
        return "operands of different shapes"
    return refused


def _ordinary_sum(site: Site) -> str | None:
    """The larger scale has the factor 1/2; the other must not be 0, nor the sum's be too large."""
    refused = _same_shapes(site)
    if refused is not None:
        return refused
    scaling = ops.AddScaling.of(site.inputs, site.output)
    if 0 in (scaling.first.mantissa, scaling.second.mantissa):
        return "operands of which one is too small to count"
    if scaling.result.shift > -2:
        return "an output scale far below those of the operands"
    return None


def _affine_sum(site: Site) -> str | None:
    """Equal shapes, and an affine function that gives the same outputs must have been found."""
    refused = _same_shapes(site)
    if refused is None and affine(site) is None:
        return "scales for which no affine function is known"
    return refused


def _affine_struct(site: Site) -> Struct:
    found = affine(site)
    assert found is not None
    return Struct(
        "er_affine_s8",
        (
            ("elements", site.output.elements),
            *_activation(site),
            ("slope_a", found.first),
            ("slope_b", found.second),
            ("offset", found.offset),
        ),
    )


def _affine(op: type[Op]) -> Kernel:
    return declare("er_affine_s8_dsp", op, "by SMLAWB", _affine_sum, _over_rows, _affine_struct)


def _ordinary_product(site: Site) -> str | None:
    """The factor must be below 1/4, and not 0."""
    refused = _only(DType.INT8)(site)
    op = site.node.op
    assert isinstance(op, ops.Mul)
    if refused is None and not op.factor(site.inputs, site.output).mantissa:
        return "products that are too small to count"
    if refused is None and op.factor(site.inputs, site.output).shift > -2:
        return "an output scale not far above that of products"
    return refused


_ADDITIONS = (
    _affine(ops.Add),
    declare("er_add_s8_dsp", ops.Add, "by SMMLAR", _ordinary_sum, _over_rows, _sum_struct),
    declare("er_add_s8_mve", ops.Add, "by VQRDMULH", _ordinary_sum, _over_rows, _sum_struct),
    declare("er_add_s8_vec", ops.Add, "4 at a time", _same_shapes, _over_rows, _sum_struct),
    declare("er_add_s8_ref", ops.Add, "portable C", _same_shapes, _over_rows, _sum_struct),
    declare(
        "er_add_broadcast_s8_ref",
        ops.Add,
        "portable C, broadcasting",
        _only(DType.INT8),
        _over,
        _sum_struct,
    ),
    _pair("add", "s16", ops.Add, _sum_struct),
)

_FLOATS: dict[str, type[Op]] = {
    "add": ops.Add,
    "sub": ops.Sub,
    "mul": ops.Mul,
    "div": ops.Div,
    "minimum": ops.Minimum,
    "maximum": ops.Maximum,
    "pow": ops.Pow,
    "squared_difference": ops.SquaredDifference,
    "floor_div": ops.FloorDiv,
    "floor_mod": ops.FloorMod,
    "prelu": ops.Prelu,
}
_INTEGERS = {name: op for name, op in _FLOATS.items() if op not in (ops.Pow, ops.Prelu)}
_COMPARISONS: tuple[type[Op], ...] = (
    ops.Equal,
    ops.NotEqual,
    ops.Less,
    ops.LessEqual,
    ops.Greater,
    ops.GreaterEqual,
)

KERNELS = (
    *_ADDITIONS,
    _affine(ops.Sub),
    *(_pair("sub", kind, ops.Sub, _sum_struct) for kind in ("s8", "s16")),
    declare("er_mul_s8_mve", ops.Mul, "by VQRDMULH", _ordinary_product, _over, _product_struct),
    declare("er_mul_s8_dsp", ops.Mul, "by SMMLAR", _ordinary_product, _over, _product_struct),
    *(_pair("mul", kind, ops.Mul, _product_struct) for kind in ("s8", "s16")),
    _pair("div", "s8", ops.Div, _product_struct),
    *(
        _pair("squared_difference", kind, ops.SquaredDifference, _sum_struct)
        for kind in ("s8", "s16")
    ),
    *(_pair("minimum", kind, ops.Minimum, _plain_struct) for kind in ("s8", "s16")),
    *(_pair("maximum", kind, ops.Maximum, _plain_struct) for kind in ("s8", "s16")),
    _pair("prelu", "s8", ops.Prelu, _prelu_struct),
    *(_pair(name, "f32", op, _float_struct) for name, op in _FLOATS.items()),
    *(_pair(name, "s32", op, _plain_struct) for name, op in _INTEGERS.items()),
    *(
        _pair("compare", kind, op, _compare_struct)
        for op in _COMPARISONS
        for kind in ("s8", "s16", "s32", "f32")
    ),
    *map(_logic, _TRUTH),
    *map(_select, (1, 2, 4)),
)
"""In order of preference within an ISA and an operation."""
