"""LSTM, GRU and RNN in each direction, with states and weights as ONNX has them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime import ops
from edge_runtime.graph import Shape
from edge_runtime.importers.onnx.builder import Builder, Converter
from edge_runtime.importers.onnx.constants import bounded
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import Placed, natural, shape_of
from edge_runtime.importers.unsupported import UnsupportedError


def lstm(build: Builder, node: FileNode) -> list[Placed]:
    """LSTM; its activations are the usual ones, and sequences are of full length."""
    direction = _checked(build, node, ("Sigmoid", "Tanh", "Tanh"))
    if node.integer("input_forget", 0):
        raise UnsupportedError("input_forget is 1; allowed: 0")
    op = ops.Lstm(direction, _batch_first(node), _asks_for_steps(build, node))
    peepholes = (
        [build.broadcast(node.input(7), build.value(node.input(7)), natural(2))]
        if (node.input(7))
        else []
    )
    operands = _operands(build, node, 4)
    states = [_state(build, node, index) for index in (5, 6)]
    return _made(build, node, op, [*operands, *states, *peepholes])


def gru(build: Builder, node: FileNode) -> list[Placed]:
    """GRU, with its reset gate before or behind the product."""
    direction = _checked(build, node, ("Sigmoid", "Tanh"))
    before = bool(node.integer("linear_before_reset", 0))
    op = ops.Gru(direction, _batch_first(node), _asks_for_steps(build, node), before)
    return _made(build, node, op, [*_operands(build, node, 3), _state(build, node, 5)])


def rnn(build: Builder, node: FileNode) -> list[Placed]:
    """RNN by the hyperbolic tangent or ReLU, the same in both directions."""
    kinds = {text.lower() for text in node.texts("activations", ("Tanh",))}
    relu = kinds == {"relu"}
    direction = _checked(build, node, ("Relu",) if relu else ("Tanh",))
    op = ops.Rnn(direction, _batch_first(node), _asks_for_steps(build, node), relu)
    return _made(build, node, op, [*_operands(build, node, 1), _state(build, node, 5)])


def _checked(build: Builder, node: FileNode, usual: Sequence[str]) -> ops.Direction:
    """The direction; UnsupportedError for what none of the three can do."""
    text = node.text("direction", "forward")
    found = {direction.value: direction for direction in ops.Direction}
    if text not in found:
        raise UnsupportedError(f"its direction is {text}; allowed: {', '.join(found)}")
    direction = found[text]
    expected = tuple(usual) * len(direction.backward)
    given = node.texts("activations", expected)
    if [kind.lower() for kind in given] != [kind.lower() for kind in expected]:
        raise UnsupportedError(
            f"its activations are {', '.join(given)}; allowed: {', '.join(expected)}"
        )
    if node.number("clip", 0.0) > 0:
        raise UnsupportedError("it clips what its activations read; allowed: no clip")
    _check_lengths(build, node)
    return direction


def _check_lengths(build: Builder, node: FileNode) -> None:
    if not node.input(4):
        return
    shape = shape_of(build.value(node.input(0)))
    steps = shape[1] if _batch_first(node) else shape[0]
    if any(length != steps for length in build.integers(node.input(4))):
        raise UnsupportedError(
            f"sequence_lens are shorter than the {steps} steps", "leave sequence_lens out"
        )


def _batch_first(node: FileNode) -> bool:
    return bool(node.integer("layout", 0))


def _asks_for_steps(build: Builder, node: FileNode) -> bool:
    """Whether anything reads the whole sequence."""
    return bool(node.output(0)) and build.file.is_read(node.output(0))


def _operands(build: Builder, node: FileNode, gates: int) -> list[str]:
    """X, W, R and B; a bias left out is zero."""
    image = build.placed(node.input(0))
    if image.rank != 3:
        raise UnsupportedError(f"X has the shape {image.shape}; allowed: 3 dimensions")
    weights = [build.known(node.input(index)) for index in (1, 2)]
    tensors = [build.arranged(image, natural(3))]
    for index, known in enumerate(weights, 1):
        if known.array.ndim != 3:
            raise UnsupportedError(f"weights have the shape {known.array.shape}")
        tensors.append(build.constant(node.input(index), known.array))
    directions, _, hidden = weights[1].array.shape
    if node.input(3):
        bias = build.known(node.input(3)).array
    else:
        bias = np.zeros((directions, 2 * gates * hidden), np.float32)
    return [*tensors, build.constant(node.input(3) or f"{node.name}_bias", bias)]


def _state(build: Builder, node: FileNode, index: int) -> str:
    """A first state; zeros where it is left out."""
    if node.input(index):
        return build.broadcast(node.input(index), build.value(node.input(index)), natural(3))
    image = shape_of(build.value(node.input(0)))
    directions, _, hidden = build.known(node.input(2)).array.shape
    batch_first = _batch_first(node)
    batch = image[0] if batch_first else image[1]
    shape: Shape = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
    return build.constant(f"{node.name}_state{index}", np.zeros(bounded(shape), np.float32))


def _made(
    build: Builder,
    node: FileNode,
    op: ops.Lstm | ops.Gru | ops.Rnn,
    operands: Sequence[str],
) -> list[Placed]:
    names = [node.output(i) or f"{node.outputs[0]}_unread{i}" for i in range(op.OUTPUTS)]
    found = []
    for name in build.emit_all(node, op, operands, names):
        shape = build.tensor(name).shape
        found.append(Placed(name, shape, natural(len(shape))))
    return found


CONVERTERS: dict[str, Converter] = {"GRU": gru, "LSTM": lstm, "RNN": rnn}
