"""What keeps a state along a sequence: LSTM, GRU, simple recurrent layers, SVDF."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edge_runtime import numerics
from edge_runtime.graph import Array, DType
from edge_runtime.kernels.kernel import Demand, Site, declare
from edge_runtime.kernels.packing import factor_arrays, wide_factor
from edge_runtime.kernels.refusals import OtherType, of_type
from edge_runtime.kernels.struct import Field, Struct, float_clamp, multiplier, pointers
from edge_runtime.numerics import Multiplier
from edge_runtime.ops import (
    Gru,
    GruScaling,
    Lstm,
    LstmScaling,
    Recurrent,
    Rnn,
    Svdf,
    SvdfScaling,
)

_MOST_TERMS = 1 << 15
"""So many products of int8 add up within 32 bits."""


def _float(site: Site) -> str | None:
    return of_type(site, DType.FLOAT32)


def _plain_float(site: Site) -> str | None:
    return _float(site) or ("peepholes" if len(site.inputs) > 6 else None)


def _peepholes(site: Site) -> str | None:
    return _float(site) or ("no peepholes" if len(site.inputs) < 7 else None)


def _lstm_int8(site: Site) -> str | None:
    refused = of_type(site, DType.INT8)
    most = max(site.inputs[1].shape[2], site.inputs[2].shape[2])
    return refused or (f"rows of {most} weights" if most > _MOST_TERMS else None)


def _lstm_int16(site: Site) -> str | None:
    return of_type(site, DType.INT16)


def _sequence(site: Site) -> Field:
    """The field `sequence`: sizes, and steps through X, Y and states."""
    op = site.node.op
    assert isinstance(op, Recurrent)
    sizes = op.sizes(site.inputs)
    steps, batch, hidden, directions = sizes.steps, sizes.batch, sizes.hidden, sizes.directions
    made = steps if op.sequence else 1
    if op.batch_first:
        in_step, in_batch = sizes.inputs, steps * sizes.inputs
        out_step, out_direction = directions * hidden, hidden
        out_batch = made * out_step
        state_direction, state_batch = hidden, directions * hidden
    else:
        in_step, in_batch = batch * sizes.inputs, sizes.inputs
        out_step, out_direction, out_batch = directions * batch * hidden, batch * hidden, hidden
        state_direction, state_batch = batch * hidden, hidden
    backward = sum(1 << i for i, back in enumerate(op.direction.backward) if back)
    return "sequence", Struct(
        "er_sequence",
        (
            ("steps", steps),
            ("batch", batch),
            ("inputs", sizes.inputs),
            ("hidden", hidden),
            ("directions", directions),
            ("in_step", in_step),
            ("in_batch", in_batch),
            # Without a sequence, every step goes to one place, and the last one stays.
            ("out_step", out_step if op.sequence else 0),
            ("out_batch", out_batch),
            ("out_direction", out_direction),
            ("state_batch", state_batch),
            ("state_direction", state_direction),
            ("backward", backward),
        ),
    )


def _gates(site: Site) -> int:
    """How many gate values one step of one sequence has."""
    op = site.node.op
    assert isinstance(op, Recurrent)
    return op.GATES * site.inputs[2].shape[2]


def _float_demand(site: Site) -> Demand:
    op = site.node.op
    assert isinstance(op, Recurrent)
    states = tuple(range(4, 4 + op.STATES))
    operands = tuple(range(len(site.inputs)))
    return Demand(4 * _gates(site), operands=operands, updates=states)


def _lstm_f32(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Lstm)
    return Struct("er_lstm_f32", (_sequence(site), ("cell_clip", float(op.cell_clip))))


def _gru_f32(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Gru)
    reset = ("linear_before_reset", int(op.linear_before_reset))
    return Struct("er_gru_f32", (_sequence(site), reset))


def _gru_int8(site: Site) -> str | None:
    refused = of_type(site, DType.INT8)
    inputs = site.inputs[1].shape[2]
    return refused or (f"rows of {inputs} weights" if inputs > _MOST_TERMS else None)


def _gru_s8_demand(site: Site) -> Demand:
    image, weights, _, bias = site.inputs[:4]
    scaling = GruScaling.of(site.inputs, site.output)
    mantissa, shift = factor_arrays((*scaling.given, *scaling.carried))
    biases = bias.values.reshape(-1).astype(np.int64)
    sums = weights.values[0].astype(np.int64).sum(1)
    biases[: len(sums)] -= image.quant.zero_point * sums
    whole: Array = numerics.wrap32(biases).astype(np.int32)
    constants: dict[str, Array] = {"bias": whole, "mantissa": mantissa, "shift": shift}
    # The gates, and what is kept of the state.
    scratch = 2 * (_gates(site) + site.inputs[2].shape[2])
    return Demand(scratch, (), constants, (0, 1, 2, 4), (4,))


def _gru_s8(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Gru)
    scaling = GruScaling.of(site.inputs, site.output)
    return Struct(
        "er_gru_s8",
        (
            _sequence(site),
            ("output", multiplier(scaling.output)),
            ("out_zero", site.output.quant.zero_point),
            ("linear_before_reset", int(op.linear_before_reset)),
            *pointers("bias", "mantissa", "shift"),
        ),
    )


def _rnn_f32(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Rnn)
    return Struct("er_rnn_f32", (_sequence(site), ("relu", int(op.relu))))


def _scaling(site: Site) -> LstmScaling:
    op = site.node.op
    assert isinstance(op, Lstm)
    return LstmScaling.of(op, site.inputs)


def _lstm_demand(site: Site, bias: Array, factors: Sequence[Multiplier]) -> Demand:
    """What both integer kernels ask for."""
    mantissa, shift = factor_arrays(factors)
    constants = {"bias": bias, "mantissa": mantissa, "shift": shift}
    return Demand(2 * _gates(site), (), constants, (0, 1, 2, 4, 5), (4, 5))


def _lstm_s8_demand(site: Site) -> Demand:
    image, weights, recurrent, bias, hidden = site.inputs[:5]
    given = bias.values.reshape(-1).astype(np.int64)
    given = given - image.quant.zero_point * weights.values[0].astype(np.int64).sum(1)
    carried = -hidden.quant.zero_point * recurrent.values[0].astype(np.int64).sum(1)
    biases = numerics.wrap32(np.concatenate([given, carried])).astype(np.int32)
    scaling = _scaling(site)
    return _lstm_demand(site, biases, (*scaling.given, *scaling.carried))


def _lstm_s16_demand(site: Site) -> Demand:
    given = site.inputs[3].values.reshape(-1)
    biases = np.concatenate([given, np.zeros_like(given)])
    scaling = _scaling(site)
    factors = (*scaling.given, *scaling.carried)
    return _lstm_demand(site, biases, [wide_factor(factor) for factor in factors])


def _lstm_integers(type_name: str) -> Callable[[Site], Struct]:
    def parameters(site: Site) -> Struct:
        scaling = _scaling(site)
        return Struct(
            type_name,
            (
                _sequence(site),
                ("forget", multiplier(scaling.forget)),
                ("update", multiplier(scaling.update)),
                ("output", multiplier(scaling.hidden)),
                ("out_zero", site.inputs[4].quant.zero_point),
                ("cell_power", scaling.power),
                ("cell_clip", scaling.clip),
                *pointers("bias", "mantissa", "shift"),
            ),
        )

    return parameters


def _svdf(state: DType) -> Callable[[Site], str | None]:
    def refuses(site: Site) -> str | None:
        found = site.inputs[3].dtype
        return None if found is state else OtherType(f"a state of {found.value}")

    return refuses


def _svdf_demand(site: Site) -> Demand:
    constants = {"bias": site.inputs[4].values} if len(site.inputs) > 4 else {}
    return Demand(constants=constants, operands=(0, 1, 2, 3), updates=(3,))


def _svdf_sizes(site: Site, op: Svdf) -> tuple[Field, ...]:
    image, features, times = (tensor.shape for tensor in site.inputs[:3])
    return (
        ("batch", image[0]),
        ("inputs", image[1]),
        ("units", features[0] // op.rank),
        ("rank", op.rank),
        ("memory", times[1]),
    )


def _svdf_bias(site: Site) -> Field:
    return "bias", "bias" if len(site.inputs) > 4 else 0


def _svdf_integers(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Svdf)
    scaling = SvdfScaling.of(site.inputs, site.output)
    return Struct(
        "er_svdf",
        (
            *_svdf_sizes(site, op),
            ("in_zero", site.inputs[0].quant.zero_point),
            ("state_zero", site.inputs[3].quant.zero_point),
            ("out_zero", site.output.quant.zero_point),
            ("feature", multiplier(scaling.feature)),
            ("time", multiplier(scaling.time)),
            _svdf_bias(site),
        ),
    )


def _svdf_f32(site: Site) -> Struct:
    op = site.node.op
    assert isinstance(op, Svdf)
    fields = (*_svdf_sizes(site, op), *float_clamp(op.activation), _svdf_bias(site))
    return Struct("er_svdf_f32", fields)


KERNELS = (
    declare("er_lstm_f32_ref", Lstm, "portable C", _plain_float, _float_demand, _lstm_f32),
    declare("er_lstm_peephole_f32_ref", Lstm, "portable C", _peepholes, _float_demand, _lstm_f32),
    declare(
        "er_lstm_s8_ref",
        Lstm,
        "portable C",
        _lstm_int8,
        _lstm_s8_demand,
        _lstm_integers("er_lstm_s8"),
    ),
    declare(
        "er_lstm_s16_ref",
        Lstm,
        "portable C",
        _lstm_int16,
        _lstm_s16_demand,
        _lstm_integers("er_lstm_s16"),
    ),
    declare("er_gru_f32_ref", Gru, "portable C", _float, _float_demand, _gru_f32),
    declare("er_gru_s8_ref", Gru, "portable C", _gru_int8, _gru_s8_demand, _gru_s8),
    declare("er_rnn_f32_ref", Rnn, "portable C", _float, _float_demand, _rnn_f32),
    declare("er_svdf_s8_ref", Svdf, "portable C", _svdf(DType.INT8), _svdf_demand, _svdf_integers),
    declare(
        "er_svdf_s8s16_ref", Svdf, "portable C", _svdf(DType.INT16), _svdf_demand, _svdf_integers
    ),
    declare("er_svdf_f32_ref", Svdf, "portable C", _svdf(DType.FLOAT32), _svdf_demand, _svdf_f32),
)
"""In order of preference within an ISA and an operation."""
