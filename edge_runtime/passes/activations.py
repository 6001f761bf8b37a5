"""Activations that were written out, as the one operation that they are.

Exporters write GELU, SiLU, Mish, HardSwish, Softplus and the logistic function as products and sums
of others. Constants may stand on either side and be multiplied or divided by; what is matched is
the function, not one way to write it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_runtime.graph import Activation, Graph, Node, Op
from edge_runtime.graph.verify import verify
from edge_runtime.ops import (
    Add,
    Clamp,
    Div,
    Erf,
    Exp,
    Gelu,
    HardSigmoid,
    HardSwish,
    Log,
    Logistic,
    Maximum,
    Minimum,
    Mish,
    Mul,
    Neg,
    Pow,
    Reciprocal,
    Rsqrt,
    Silu,
    Softplus,
    Sqrt,
    Square,
    Sub,
    Tanh,
)
from edge_runtime.passes.draft import Draft


def fuse_activations(graph: Graph) -> Graph:
    """Replace what computes an activation of one tensor by that activation."""
    draft = Draft(graph)
    for node in draft.nodes():
        current = draft.current(node)
        if current is None or not draft.tensors[current.output].dtype.is_float:
            continue
        found = next(filter(None, (match(draft, current) for match in _MATCHES)), None)
        if found is None:
            continue
        op, source = found
        if draft.tensors[source].shape == draft.tensors[current.output].shape:
            draft.replace(current, Node(current.name, op, (source,), current.output))
    return verify(draft.finish())


_Found = tuple[Op, str] | None
"""An operation, and the tensor that it is applied to."""


@dataclass(frozen=True)
class _Affine:
    """scale * (the tensor `source`) + shift."""

    source: str
    scale: float = 1.0
    shift: float = 0.0

    def times(self, factor: float) -> _Affine:
        return _Affine(self.source, self.scale * factor, self.shift * factor)

    def plus(self, summand: float) -> _Affine:
        return _Affine(self.source, self.scale, self.shift + summand)

    def like(self, scale: float, shift: float) -> bool:
        return _close(self.scale, scale) and _close(self.shift, shift)


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-9)


def _number(draft: Draft, tensor: str) -> float | None:
    """The value of a constant of one element."""
    found = draft.tensors[tensor]
    if found.data is None or found.elements != 1 or not found.dtype.is_float:
        return None
    return float(found.values.reshape(()))


def _made_by(draft: Draft, tensor: str, *kinds: type[Op]) -> Node | None:
    """What makes a tensor, if it is one of these operations and clamps nothing besides."""
    node = draft.maker(tensor)
    return node if node and isinstance(node.op, kinds) and _is_plain(node.op) else None


def _is_plain(op: Op) -> bool:
    return getattr(op, "activation", Activation.NONE) is Activation.NONE


def _affine(draft: Draft, tensor: str) -> _Affine:
    """A tensor by what it is scaled and shifted from."""
    node = _made_by(draft, tensor, Add, Div, Mul, Neg, Sub)
    if node is None:
        return _Affine(tensor)
    if isinstance(node.op, Neg):
        return _affine(draft, node.inputs[0]).times(-1)
    left, right = (_number(draft, name) for name in node.inputs)
    found = None
    if right is not None:
        found = _with_right(node.op, _affine(draft, node.inputs[0]), right)
    elif left is not None:
        found = _with_left(node.op, left, _affine(draft, node.inputs[1]))
    return found or _Affine(tensor)


def _with_right(op: Op, before: _Affine, number: float) -> _Affine | None:
    match op:
        case Mul():
            return before.times(number)
        case Div() if number:
            return before.times(1 / number)
        case Add():
            return before.plus(number)
        case Sub():
            return before.plus(-number)
    return None


def _with_left(op: Op, number: float, before: _Affine) -> _Affine | None:
    match op:
        case Mul():
            return before.times(number)
        case Add():
            return before.plus(number)
        case Sub():
            return before.times(-1).plus(number)
    return None


def _products(draft: Draft, node: Node) -> Iterator[tuple[float, str, _Affine]]:
    """factor * x * (an affine of something): each way to read a node so."""
    outer = _affine(draft, node.output)
    product = _made_by(draft, outer.source, Mul)
    if product is None or outer.shift:
        return
    for first, second in (product.inputs, product.inputs[::-1]):
        x, other = _affine(draft, first), _affine(draft, second)
        if not x.shift:
            yield outer.scale * x.scale, x.source, other


def _gated(draft: Draft, node: Node) -> _Found:
    """x times a gate that x opens: SiLU, Mish, HardSwish, GELU."""
    if not isinstance(node.op, (Div, Mul)):
        return None
    for factor, x, gate in _products(draft, node):
        op = _gate(draft, x, gate.times(factor))
        if op is not None:
            return op, x
    return None


def _gate(draft: Draft, x: str, gate: _Affine) -> Op | None:
    """The operation x * gate."""
    maker = draft.maker(gate.source)
    if maker is None:
        return None
    argument = _affine(draft, maker.inputs[0])
    if gate.like(0.5, 0.5):
        return _gelu(draft, maker.op, argument, x)
    if _is_hard_sigmoid(maker.op, argument, gate, x):
        return HardSwish()
    if not gate.like(1, 0) or not argument.like(1, 0):
        return None
    if isinstance(maker.op, Logistic) and argument.source == x:
        return Silu()
    softplus = _made_by(draft, argument.source, Softplus)
    is_mish = isinstance(maker.op, Tanh) and softplus is not None and softplus.inputs[0] == x
    return Mish() if is_mish else None


def _gelu(draft: Draft, op: Op, argument: _Affine, x: str) -> Op | None:
    """GELU, where its gate is half of 1 + op(argument)."""
    if isinstance(op, Tanh) and _is_cubic(draft, argument, x):
        return Gelu(approximate=True)
    exact = isinstance(op, Erf) and argument == _Affine(x, argument.scale)
    return Gelu(approximate=False) if exact and argument.like(math.sqrt(0.5), 0) else None


def _is_hard_sigmoid(op: Op, argument: _Affine, gate: _Affine, x: str) -> bool:
    """Whether gate, which scales op(argument), is x / 6 + 1/2 clamped to 0 ... 1."""
    if argument.source != x or gate.shift:
        return False
    if isinstance(op, HardSigmoid):
        inner = argument.times(op.alpha).plus(op.beta)
        return _close(gate.scale, 1) and inner.like(1 / 6, 0.5)
    if not isinstance(op, Clamp):
        return False
    ends = _close(op.low * gate.scale, 0) and _close(op.high * gate.scale, 1)
    return ends and argument.times(gate.scale).like(1 / 6, 0.5)


_TANH_SCALE = math.sqrt(2 / math.pi)
_TANH_CUBE = 0.044715


def _is_cubic(draft: Draft, argument: _Affine, x: str) -> bool:
    """Whether it is sqrt(2 / pi) * (x + 0.044715 x^3), in whatever form."""
    if argument.shift:
        return False
    total = _made_by(draft, argument.source, Add)
    if total is not None:
        parts = [_affine(draft, name) for name in total.inputs]
        return any(
            one.source == x
            and one.times(argument.scale).like(_TANH_SCALE, 0)
            and _is_power(draft, other.source, x, 3)
            and other.times(argument.scale).like(_TANH_SCALE * _TANH_CUBE, 0)
            for one, other in (parts, parts[::-1])
        )
    product = _made_by(draft, argument.source, Mul)
    if product is None:
        return False
    factors = [_affine(draft, name) for name in product.inputs]
    return any(
        one.source == x
        and not one.shift
        and _is_power(draft, other.source, x, 2)
        and other.times(argument.scale * one.scale).like(_TANH_SCALE * _TANH_CUBE, _TANH_SCALE)
        for one, other in (factors, factors[::-1])
    )


def _is_power(draft: Draft, tensor: str, x: str, exponent: int) -> bool:
    """Whether a tensor is x multiplied by itself so often."""
    if exponent == 1:
        return tensor == x
    node = _made_by(draft, tensor, Mul, Pow, Square)
    if node is None:
        return False
    if isinstance(node.op, Square):
        return exponent == 2 and node.inputs[0] == x
    if isinstance(node.op, Pow):
        return node.inputs[0] == x and _number(draft, node.inputs[1]) == exponent
    left, right = node.inputs
    return any(
        _is_power(draft, left, x, count) and _is_power(draft, right, x, exponent - count)
        for count in range(1, exponent)
    )


def _softplus(draft: Draft, node: Node) -> _Found:
    """log(1 + exp(x))."""
    if not isinstance(node.op, Log):
        return None
    total = _affine(draft, node.inputs[0])
    raised = _made_by(draft, total.source, Exp)
    return (Softplus(), raised.inputs[0]) if raised and total.like(1, 1) else None


def _logistic(draft: Draft, node: Node) -> _Found:
    """1 / (1 + exp(-x))."""
    divisor = _inverted(draft, node)
    if divisor is None:
        return None
    total = _affine(draft, divisor)
    raised = _made_by(draft, total.source, Exp)
    if raised is None or not total.like(1, 1):
        return None
    negated = _affine(draft, raised.inputs[0])
    return (Logistic(), negated.source) if negated.like(-1, 0) else None


def _reciprocal_root(draft: Draft, node: Node) -> _Found:
    """1 / sqrt(x)."""
    divisor = _inverted(draft, node)
    root = None if divisor is None else _made_by(draft, divisor, Sqrt)
    return (Rsqrt(), root.inputs[0]) if root else None


def _inverted(draft: Draft, node: Node) -> str | None:
    """What a node divides 1 by."""
    if isinstance(node.op, Reciprocal):
        return node.inputs[0]
    plain = isinstance(node.op, Div) and _is_plain(node.op)
    return node.inputs[1] if plain and _number(draft, node.inputs[0]) == 1 else None


def _clamp(draft: Draft, node: Node) -> _Found:
    """Maximum and minimum with a constant, and one clamp behind another."""
    bounds = _bounds(draft, node)
    if bounds is None:
        return None
    source, low, high = bounds
    before = draft.maker(source)
    inner = None if before is None else _bounds(draft, before)
    if inner is not None:
        source = inner[0]
        low, high = (min(max(low, bound), high) for bound in inner[1:])
    elif isinstance(node.op, Clamp):
        return None
    return Clamp(low, high), source


def _bounds(draft: Draft, node: Node) -> tuple[str, float, float] | None:
    """What a node clamps, and between which values."""
    if isinstance(node.op, Clamp):
        return node.inputs[0], node.op.low, node.op.high
    if not isinstance(node.op, (Maximum, Minimum)):
        return None
    for source, other in (node.inputs, node.inputs[::-1]):
        bound = _number(draft, other)
        if bound is not None:
            ends = (bound, math.inf) if isinstance(node.op, Maximum) else (-math.inf, bound)
            return source, *ends
    return None


_MATCHES: tuple[Callable[[Draft, Node], _Found], ...] = (
    _clamp,
    _softplus,
    _logistic,
    _reciprocal_root,
    _gated,
)
