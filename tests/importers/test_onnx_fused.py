"""Activations that exporters write out come in as one operation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_models import OnnxBuilder, expected, feeds

from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter


class _Written(OnnxBuilder):
    """Calls add operations; numbers stand for constants."""

    def __call__(self, operation: str, *operands: str | float, **attributes: float) -> str:
        names = [
            operand if isinstance(operand, str) else self.constant(np.float32(operand))
            for operand in operands
        ]
        return self.node(operation, *names, **attributes)


def _gelu_torch(b: _Written, x: str) -> str:
    opened = b("Add", b("Erf", b("Div", x, 2**0.5)), 1.0)
    return b("Mul", b("Mul", x, opened), 0.5)


def _gelu_halved_input(b: _Written, x: str) -> str:
    opened = b("Add", 1.0, b("Erf", b("Mul", x, 0.5**0.5)))
    return b("Mul", opened, b("Mul", 0.5, x))


def _gelu_halved_gate(b: _Written, x: str) -> str:
    halved = b("Add", b("Mul", b("Erf", b("Mul", 0.5**0.5, x)), 0.5), 0.5)
    return b("Mul", halved, x)


def _gelu_tanh_power(b: _Written, x: str) -> str:
    cubic = b("Add", x, b("Mul", b("Pow", x, 3.0), 0.044715))
    opened = b("Add", b("Tanh", b("Mul", cubic, (2 / np.pi) ** 0.5)), 1.0)
    return b("Mul", b("Mul", x, 0.5), opened)


def _gelu_tanh_products(b: _Written, x: str) -> str:
    square = b("Mul", x, x)
    inner = b("Mul", b("Mul", x, (2 / np.pi) ** 0.5), b("Add", b("Mul", square, 0.044715), 1.0))
    return b("Mul", b("Mul", b("Add", 1.0, b("Tanh", inner)), x), 0.5)


def _gelu_tanh_cube(b: _Written, x: str) -> str:
    cube = b("Mul", b("Mul", x, x), x)
    cubic = b("Mul", (2 / np.pi) ** 0.5, b("Add", b("Mul", 0.044715, cube), x))
    return b("Mul", x, b("Mul", 0.5, b("Add", b("Tanh", cubic), 1.0)))


def _silu(b: _Written, x: str) -> str:
    return b("Mul", b("Sigmoid", x), x)


def _hard_swish_divided(b: _Written, x: str) -> str:
    return b("Div", b("Mul", x, b("Clip", b("Add", x, 3.0), 0.0, 6.0)), 6.0)


def _hard_swish_gate(b: _Written, x: str) -> str:
    return b("Mul", x, b("Div", b("Clip", b("Add", x, 3.0), 0.0, 6.0), 6.0))


def _hard_swish_sigmoid(b: _Written, x: str) -> str:
    return b("Mul", x, b("HardSigmoid", x, alpha=1 / 6, beta=0.5))


def _hard_swish_min_max(b: _Written, x: str) -> str:
    gate = b("Min", b("Max", b("Add", x, 3.0), 0.0), 6.0)
    return b("Mul", b("Mul", gate, 1 / 6), x)


def _mish(b: _Written, x: str) -> str:
    return b("Mul", x, b("Tanh", b("Softplus", x)))


def _mish_written_out(b: _Written, x: str) -> str:
    return b("Mul", x, b("Tanh", b("Log", b("Add", b("Exp", x), 1.0))))


def _softplus(b: _Written, x: str) -> str:
    return b("Log", b("Add", 1.0, b("Exp", x)))


def _logistic(b: _Written, x: str) -> str:
    return b("Div", 1.0, b("Add", b("Exp", b("Neg", x)), 1.0))


def _relu6_min_max(b: _Written, x: str) -> str:
    return b("Min", b("Max", x, 0.0), 6.0)


FORMS: list[tuple[Callable[[_Written, str], str], str]] = [
    (_gelu_torch, "GELU"),
    (_gelu_halved_input, "GELU"),
    (_gelu_halved_gate, "GELU"),
    (_gelu_tanh_power, "GELU"),
    (_gelu_tanh_products, "GELU"),
    (_gelu_tanh_cube, "GELU"),
    (_silu, "SILU"),
    (_hard_swish_divided, "HARD_SWISH"),
    (_hard_swish_gate, "HARD_SWISH"),
    (_hard_swish_sigmoid, "HARD_SWISH"),
    (_hard_swish_min_max, "HARD_SWISH"),
    (_mish, "MISH"),
    (_mish_written_out, "MISH"),
    (_softplus, "SOFTPLUS"),
    (_logistic, "LOGISTIC"),
]


@pytest.mark.parametrize(("write", "name"), FORMS, ids=lambda value: getattr(value, "__name__", ""))
def test_one_operation(write: Callable[[_Written, str], str], name: str, tmp_path: Path) -> None:
    build = _Written()
    model = build.model(write(build, build.input(2, 3, 4)))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    graph = load_model(tmp_path / "model.onnx")
    assert [node.op.NAME for node in graph.nodes] == [name]
    given = feeds(model)
    mine, reference = Interpreter(graph).run(given), expected(model, given)
    np.testing.assert_allclose(*mine.values(), *reference.values(), rtol=1e-5, atol=1e-6)


def _other_slope(b: _Written, x: str) -> str:
    return b("Mul", x, b("Sigmoid", b("Mul", x, 1.702)))


def _other_constant(b: _Written, x: str) -> str:
    opened = b("Add", b("Erf", b("Mul", x, 0.7)), 1.0)
    return b("Mul", b("Mul", x, opened), 0.5)


def _other_input(b: _Written, x: str) -> str:
    return b("Mul", x, b("Sigmoid", b("Abs", x)))


@pytest.mark.parametrize("write", [_other_slope, _other_constant, _other_input])
def test_near_misses_stay(write: Callable[[_Written, str], str], tmp_path: Path) -> None:
    build = _Written()
    model = build.model(write(build, build.input(2, 3, 4)))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    graph = load_model(tmp_path / "model.onnx")
    assert len(graph.nodes) > 1
    given = feeds(model)
    mine, reference = Interpreter(graph).run(given), expected(model, given)
    np.testing.assert_allclose(*mine.values(), *reference.values(), rtol=1e-5, atol=1e-6)
