"""From sums to outputs, at the ends of what 32 bits hold: every kernel that requantizes."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from harness import ISAS, Call, Core, Host
from qemu import QemuCore
from sites import Case, Numbers, conv, depthwise, linear

from edge_runtime import numerics
from edge_runtime.graph import Activation, Window
from edge_runtime.kernels import KERNELS, Choice
from edge_runtime.kernels.packing import pack_row_pairs
from edge_runtime.ops import Linear
from edge_runtime.ops.windowed import quantized_bounds

MANTISSAS = (1 << 30, (1 << 30) + 1, 1518500250, 1610612736, (1 << 31) - 2, (1 << 31) - 1)
QUICK = range(-31, -1)
ALL = range(-31, 31)
QUICK_ONCE = range(-31 - numerics.ONCE, -1 - numerics.ONCE)
ALL_ONCE = range(-31 - numerics.ONCE, 31 - numerics.ONCE)
FAST = (QUICK, QUICK_ONCE)


def sums(mantissa: int, shift: int, random: np.random.Generator) -> list[int]:
    """Sums around every place where rounding or overflow could go wrong."""
    ends = [0, 1, -1, 2, -2, (1 << 31) - 1, -(1 << 31), 1 - (1 << 31), (1 << 30), -(1 << 30)]
    # Where the output is a whole and a half, and a half of the lowest bit of the first rounding.
    unit = 2.0 ** (31 - numerics.Multiplier(mantissa, shift).exponent) / mantissa
    halves = (-255, -129, -3, -1, 1, 3, 129, 255)
    ties = [round(half / 2 * unit) + d for half in halves for d in (-1, 0, 1)]
    anything = random.integers(-(1 << 31), 1 << 31, 4).tolist()
    near = (random.normal(0, 100, 4) * unit).round().tolist()
    return [int(np.clip(s, -(1 << 31), (1 << 31) - 1)) for s in (*ends, *ties, *anything, *near)]


def table(shifts: range) -> tuple[numerics.Int64, numerics.Int64, numerics.Int64]:
    """Sum, mantissa and shift of each channel; their number is even, and so large that all fit."""
    random = np.random.default_rng(0)
    rows = [
        (total, mantissa, shift)
        for mantissa, shift in itertools.product(MANTISSAS, shifts)
        for total in sums(mantissa, shift, random)
    ]
    columns = np.array(rows, np.int64).T
    return columns[0], columns[1], columns[2]


def call_with(case: Case, kernel_name: str, shifts: range) -> tuple[Call, bytes]:
    """The kernel on zero weights, so that biases are the sums, and what must come out."""
    kernel = next(k for k in KERNELS if k.name == kernel_name and k.op is type(case.site.node.op))
    plain = Call.of(case.site, Choice(kernel, kernel.demand(case.site), ""), case.values)
    total, mantissa, shift = table(shifts)
    weights = np.zeros_like(plain.constants["weights"])
    if kernel_name == "er_linear_s8_dsp":
        weights = pack_row_pairs(np.zeros((len(total), 4), np.int8))
    constants = {
        "weights": weights,
        "bias": total.astype(np.int32),
        "mantissa": mantissa.astype(np.int32),
        "shift": shift.astype(np.int8),
    }
    output, op = case.site.output, case.site.node.op
    assert isinstance(op, Linear)
    scaled = numerics.multiply(total, mantissa, shift) + output.quant.zero_point
    one = np.clip(scaled, *quantized_bounds(op.activation, output)).astype(np.int8)
    expected = np.tile(one, output.elements // len(one)).tobytes()
    # Each channel has a factor of its own here, whatever the site asks for.
    each = {"scale_step": 1, "shift": "shift"}
    fields = tuple((name, each.get(name, value)) for name, value in plain.struct.fields)
    struct = dataclasses.replace(plain.struct, fields=fields)
    return dataclasses.replace(plain, struct=struct, constants=constants), expected


def cases(isa: str, shifts: range, numbers: Numbers) -> list[tuple[Call, bytes]]:
    random = np.random.default_rng(1)
    channels = len(table(shifts)[0])
    assert channels % 2 == 0
    sites = (
        (conv("", (2, 2, 4), (channels, 1, 1, 4), Window(), numbers, random), "conv"),
        (
            depthwise("", (1, 2, channels), (1, 3, 3, channels), _same(), numbers, random),
            "depthwise_3x3" if isa == "rv32" else "depthwise",
        ),
        (linear("", 1, 4, channels, numbers, random), "linear"),
    )
    pairs = [call_with(case, f"er_{name}_s8_{isa}", shifts) for case, name in sites]
    if isa == "dsp" and shifts == QUICK:
        window = Window.same((2, 3), (3, 3))
        wide = depthwise("", (2, 3, channels), (1, 3, 3, channels), window, numbers, random)
        pairs.append(call_with(wide, "er_depthwise_3x3_s8_dsp", shifts))
    return pairs


def _same() -> Window:
    return Window.same((1, 2), (3, 3))


def variants(isa: str) -> list[tuple[range, Numbers]]:
    """Shifts that the kernels of `isa` take, and what bounds the outputs."""
    return [
        (shifts, numbers)
        for shifts in (FAST if isa in {"m0", "rv32"} else (*FAST, ALL, ALL_ONCE))
        for numbers in (
            Numbers(out_zero=-128),
            Numbers(out_zero=127),
            Numbers(out_zero=-3, activation=Activation.RELU),
        )
    ]


@pytest.mark.parametrize("isa", ISAS)
def test_host(isa: str) -> None:
    pairs = [pair for shifts, numbers in variants(isa) for pair in cases(isa, shifts, numbers)]
    for (call, expected), output in zip(pairs, Host().run([c for c, _ in pairs]), strict=True):
        assert output == expected, call.kernel.name


@pytest.mark.parametrize(
    ("board", "isa"),
    [
        ("rpi_pico", "ref"),
        ("rpi_pico", "m0"),
        ("nucleo_l4r5zi", "dsp"),
        ("nucleo_l552ze_q", "dsp"),
        ("esp32c3", "ref"),
        ("esp32c3", "rv32"),
    ],
)
def test_core(board: str, isa: str) -> None:
    core = Core(board)
    for shifts, numbers in variants(isa):
        for call, expected in cases(isa, shifts, numbers):
            assert core.run(call).output == expected, call.kernel.name


def test_core_of_qemu() -> None:
    pairs = [pair for shifts, numbers in variants("mve") for pair in cases("mve", shifts, numbers)]
    outputs = QemuCore("mps3_an547").run([call for call, _ in pairs])
    for (call, expected), output in zip(pairs, outputs, strict=True):
        assert output == expected, call.kernel.name
