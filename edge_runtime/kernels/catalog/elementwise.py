"""What treats each element of one tensor by itself: functions, changes of type and scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_runtime import ops
from edge_runtime.graph import DType, Op
from edge_runtime.kernels.geometry import element_rows
from edge_runtime.kernels.kernel import Demand, Kernel, Site, declare
from edge_runtime.kernels.struct import Struct, multiplier, pointers

_SHORT = {
    DType.FLOAT32: "f32",
    DType.INT8: "s8",
    DType.UINT8: "u8",
    DType.INT16: "s16",
    DType.INT32: "s32",
}


def _types(source: DType, made: DType) -> Callable[[Site], str | None]:
    """The refusal of all but these types of the input and the output."""

    def refuses(site: Site) -> str | None:
        found = site.inputs[0].dtype, site.output.dtype
        return None if found == (source, made) else f"{found[0].value} to {found[1].value}"

    return refuses


_floats = _types(DType.FLOAT32, DType.FLOAT32)
_bytes = _types(DType.INT8, DType.INT8)
_words = _types(DType.INT16, DType.INT16)


def _over(site: Site) -> Demand:
    """Over the input, unless what is written would overtake what is read."""
    over = (0,) if site.output.dtype.bytes <= site.inputs[0].dtype.bytes else ()
    return Demand(in_place=over, rows=element_rows(site))


def _map(op: type[Op], name: str, *constants: str, when: bool | None = None) -> Kernel:
    """A float function of up to two attributes, by name.

    `when` restricts the kernel to that value of Gelu's `approximate`.
    """

    def refuses(site: Site) -> str | None:
        node = site.node.op
        if when is not None and isinstance(node, ops.Gelu) and node.approximate is not when:
            return "the other form of GELU"
        return _floats(site)

    def struct(site: Site) -> Struct:
        values = [float(getattr(site.node.op, constant)) for constant in constants]
        a, b = (*values, 0.0, 0.0)[:2]
        return Struct("er_map_f32", (("elements", site.output.elements), ("a", a), ("b", b)))

    return declare(f"er_{name}_f32_ref", op, "portable C", refuses, _over, struct)


_FLOATS = (
    _map(ops.Abs, "abs"),
    _map(ops.Ceil, "ceil"),
    _map(ops.Celu, "celu", "alpha"),
    _map(ops.Clamp, "clamp", "low", "high"),
    _map(ops.Cos, "cos"),
    _map(ops.Elu, "elu", "alpha"),
    _map(ops.Erf, "erf"),
    _map(ops.Exp, "exp"),
    _map(ops.Floor, "floor"),
    _map(ops.Gelu, "gelu", when=False),
    _map(ops.Gelu, "gelu_tanh", when=True),
    _map(ops.HardSigmoid, "hard_sigmoid", "alpha", "beta"),
    _map(ops.HardSwish, "hard_swish"),
    _map(ops.LeakyRelu, "leaky_relu", "alpha"),
    _map(ops.Log, "log"),
    _map(ops.Logistic, "logistic"),
    _map(ops.Mish, "mish"),
    _map(ops.Neg, "neg"),
    _map(ops.Reciprocal, "reciprocal"),
    _map(ops.Round, "round"),
    _map(ops.Rsqrt, "rsqrt"),
    _map(ops.Selu, "selu", "alpha", "gamma"),
    _map(ops.Sign, "sign"),
    _map(ops.Silu, "silu"),
    _map(ops.Sin, "sin"),
    _map(ops.Softplus, "softplus"),
    _map(ops.Softsign, "softsign"),
    _map(ops.Sqrt, "sqrt"),
    _map(ops.Square, "square"),
    _map(ops.Tanh, "tanh"),
)


def _table_demand(site: Site) -> Demand:
    op = site.node.op
    assert isinstance(op, ops.Unary)
    return replace(_over(site), constants={"table": op.table(site.inputs[0], site.output)})


def _wide_table_demand(site: Site) -> Demand:
    op = site.node.op
    assert isinstance(op, ops.Unary)
    return replace(_over(site), constants={"table": op.wide_table(site.inputs[0], site.output)})


def _table_struct(name: str) -> Callable[[Site], Struct]:
    return lambda site: Struct(name, (("elements", site.output.elements), *pointers("table")))


def _same_grid(site: Site) -> str | None:
    """Clamping alone, where the scale stays."""
    refused = _bytes(site)
    if refused is None and site.inputs[0].quantization != site.output.quantization:
        return "a change of scale"
    return refused


def _clamp_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, ops.Clamp)
    low, high = op.bounds(site.output)
    return Struct("er_clamp_s8", (("elements", site.output.elements), ("low", low), ("high", high)))


def _rectify_struct(site: Site) -> Struct:
    op, image, output = site.node.op, site.inputs[0], site.output
    bounds = output.dtype.range
    if isinstance(op, ops.LeakyRelu):
        positive, negative = map(multiplier, op.factors(image, output))
    else:
        assert isinstance(op, ops.Clamp | ops.Abs)
        factor = op.factor(image, output)
        positive = negative = multiplier(factor)
        if isinstance(op, ops.Clamp):
            bounds = op.bounds(output)
        else:
            fields = (("mantissa", -factor.mantissa), ("shift", factor.shift))
            negative = Struct("er_multiplier", fields)
    return Struct(
        "er_rectify_s16",
        (
            ("elements", output.elements),
            ("in_zero", image.quant.zero_point),
            ("out_zero", output.quant.zero_point),
            ("act_min", bounds[0]),
            ("act_max", bounds[1]),
            ("positive", positive),
            ("negative", negative),
        ),
    )


def _sigmoid_struct(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, ops.Logistic | ops.Tanh)
    factor, shift = op.step(site.inputs[0])
    return Struct(
        "er_sigmoid_s16",
        (("elements", site.output.elements), ("factor", factor), ("shift", shift)),
    )


_UNARY = tuple(dict.fromkeys(kernel.op for kernel in _FLOATS))
_ARITHMETIC = (ops.Abs, ops.Clamp, ops.LeakyRelu, ops.Logistic, ops.Rsqrt, ops.Tanh)
"""Those that int16 has its own arithmetic for, or none."""


def _tabulated(op: type[Op]) -> Kernel:
    return declare(
        "er_table_s8_ref", op, "a table", _bytes, _table_demand, _table_struct("er_table_s8")
    )


def _interpolated(op: type[Op]) -> Kernel:
    return declare(
        "er_table_s16_ref",
        op,
        "lines between 513 points",
        _words,
        _wide_table_demand,
        _table_struct("er_table_s16"),
    )


def _rectified(op: type[Op]) -> Kernel:
    return declare("er_rectify_s16_ref", op, "portable C", _words, _over, _rectify_struct)


_INTEGERS = (
    declare(
        "er_clamp_s8_mve", ops.Clamp, "16 elements at a time", _same_grid, _over, _clamp_struct
    ),
    declare("er_clamp_s8_dsp", ops.Clamp, "by SEL", _same_grid, _over, _clamp_struct),
    declare("er_clamp_s8_ref", ops.Clamp, "portable C", _same_grid, _over, _clamp_struct),
    *map(_tabulated, _UNARY),
    _rectified(ops.Abs),
    _rectified(ops.Clamp),
    _rectified(ops.LeakyRelu),
    declare("er_logistic_s16_ref", ops.Logistic, "portable C", _words, _over, _sigmoid_struct),
    declare("er_tanh_s16_ref", ops.Tanh, "portable C", _words, _over, _sigmoid_struct),
    *(_interpolated(op) for op in _UNARY if op not in _ARITHMETIC),
)


def _quantize_struct(site: Site) -> Struct:
    op, output = site.node.op, site.output
    assert isinstance(op, ops.Quantize)
    elements = ("elements", output.elements)
    if site.inputs[0].dtype.is_float:
        scale, zero = output.quant.scale, output.quant.zero_point
        return Struct("er_quantize_f32", (elements, ("scale", scale), ("zero", zero)))
    zeros = (
        ("in_zero", site.inputs[0].quant.zero_point),
        ("out_zero", output.quant.zero_point),
    )
    factor = multiplier(op.multiplier(site.inputs, output))
    return Struct("er_requantize", (elements, *zeros, ("factor", factor)))


def _dequantize_struct(site: Site) -> Struct:
    grid = site.inputs[0].quant
    elements = ("elements", site.output.elements)
    return Struct("er_dequantize", (elements, ("scale", grid.scale), ("zero", grid.zero_point)))


def _quantize(made: DType) -> Kernel:
    name = "f32" if made is DType.INT8 else f"f32{_SHORT[made]}"
    return declare(
        f"er_quantize_{name}_ref",
        ops.Quantize,
        "portable C",
        _types(DType.FLOAT32, made),
        _over,
        _quantize_struct,
    )


def _requantize(source: DType, made: DType) -> Kernel:
    name = _SHORT[source] + ("" if source is made is DType.INT8 else _SHORT[made])
    return declare(
        f"er_requantize_{name}_ref",
        ops.Quantize,
        "portable C",
        _types(source, made),
        _over,
        _quantize_struct,
    )


def _dequantize(source: DType) -> Kernel:
    return declare(
        f"er_dequantize_{_SHORT[source]}_ref",
        ops.Dequantize,
        "portable C",
        _types(source, DType.FLOAT32),
        _over,
        _dequantize_struct,
    )


_CODES = (
    DType.FLOAT32,
    DType.INT8,
    DType.UINT8,
    DType.INT16,
    DType.INT32,
    DType.BOOL,
)
"""In the order of the enumeration in er_elementwise.h."""


def _cast_struct(site: Site) -> Struct:
    source, made = (_CODES.index(tensor.dtype) for tensor in (site.inputs[0], site.output))
    return Struct("er_cast", (("elements", site.output.elements), ("from", source), ("to", made)))


_CONVERSIONS = (
    *map(_quantize, (DType.INT8, DType.UINT8, DType.INT16)),
    _requantize(DType.INT8, DType.INT8),
    _requantize(DType.INT8, DType.UINT8),
    _requantize(DType.INT8, DType.INT16),
    _requantize(DType.INT8, DType.INT32),
    _requantize(DType.UINT8, DType.INT8),
    _requantize(DType.INT16, DType.INT8),
    _requantize(DType.INT16, DType.INT16),
    _requantize(DType.INT16, DType.INT32),
    _requantize(DType.INT32, DType.INT8),
    _requantize(DType.INT32, DType.INT16),
    *map(_dequantize, (DType.INT8, DType.UINT8, DType.INT16, DType.INT32)),
    declare("er_cast_any_ref", ops.Cast, "portable C", lambda site: None, _over, _cast_struct),
)

KERNELS = (*_INTEGERS, *_FLOATS, *_CONVERSIONS)
"""In order of preference within an ISA and an operation."""
