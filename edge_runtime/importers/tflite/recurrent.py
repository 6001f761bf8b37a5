"""Operators that keep a state: SVDF and the LSTM over a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.graph import DType, Kind, Node, Quantization, Tensor
from edge_runtime.importers.tflite.file import FileTensor
from edge_runtime.importers.tflite.site import Converter, Site, activation
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Lstm, Reshape, Svdf


def _svdf(site: Site) -> None:
    options = site.options("SVDFOptions")
    state = site.read(4)
    if state.kind is not Kind.STATE:
        raise UnsupportedError(f"state {state.name} is no variable tensor")
    inputs = [*(site.read(index) for index in (0, 1, 2)), state]
    if site.has(3):
        inputs.append(site.read(3))
    op = Svdf(options.Rank(), activation(options))
    names = tuple(tensor.name for tensor in inputs)
    site.build.nodes.append(Node(site.name, op, names, site.made().name, (state.name,)))


_GATES = (0, 3, 1, 2)
"""Input, output, forget and cell gate (ONNX's order) in TFLite's: input, forget, cell, output."""
_GIVEN, _CARRIED, _BIAS, _HIDDEN, _CELL = 1, 5, 12, 18, 19
_LEFT_OUT = {
    "peepholes": (9, 10, 11),
    "a projection": (16, 17),
    "layer normalization": (20, 21, 22, 23),
}


def _lstm(site: Site) -> None:
    """The four gates become one matrix; two states, a sequence of shape (steps, batch, hidden)."""
    options = site.options("UnidirectionalSequenceLSTMOptions")
    _check(site, options)
    image = site.read(0)
    weights, recurrent = (_stacked(site, first, name) for first, name in _MATRICES)
    bias = _biases(site, image.dtype)
    batch_first = not options.TimeMajor()
    hidden, cell = _state(site, _HIDDEN), _state(site, _CELL)
    op = Lstm(batch_first=batch_first, cell_clip=options.CellClip())
    inputs = (image, weights, recurrent, bias, hidden, cell)
    output = site.made()
    reasons = op.node_problems(inputs, (output, hidden, cell))
    if reasons:
        raise UnsupportedError("; ".join(reasons))
    shape = op.output_shapes(inputs)[0]
    sequence = site.build.add_tensor(
        Tensor(f"{site.name}/sequence", shape, output.dtype, quantization=output.quantization)
    )
    names = tuple(tensor.name for tensor in inputs)
    states = (hidden.name, cell.name)
    site.build.nodes.append(Node(f"{site.name}/lstm", op, names, sequence.name, states))
    site.emit(Reshape(output.shape), [sequence])


_MATRICES = ((_GIVEN, "weights"), (_CARRIED, "recurrent"))


def _check(site: Site, options: Any) -> None:
    """What the operation has no form for, and what is hybrid."""
    found = [
        f"it has {what}"
        for what, places in _LEFT_OUT.items()
        if any(site.has(index) for index in places)
    ]
    if not site.has(_GIVEN) or not site.has(_CARRIED):
        found.append("its input and forget gates are coupled")
    if options.FusedActivationFunction() != schema.ActivationFunctionType.TANH:
        found.append("its activation is not TANH")
    if options.ProjClip():
        found.append("its projection is clipped")
    types = (site.input(0).type, site.input(_GIVEN + 1).type)
    if types[0] == "float32" != types[1]:
        found.append(f"activations are float32 and weights {types[1]}, as TFLM does not allow")
    if found:
        raise UnsupportedError(
            "; ".join(found), "use an LSTM layer without these, all float or all integers"
        )


def _stacked(site: Site, first: int, name: str) -> Tensor:
    """The weights of the four gates from input `first` on, as (1, 4 * hidden, inputs)."""
    gates = [site.read(first + gate) for gate in _GATES]
    values = _joined(gates)[None]
    scales = [tensor.quantization for tensor in gates]
    return site.build.add_tensor(
        Tensor.constant(f"{site.name}/{name}", values, _by_row(scales, len(gates[0].values)))
    )


def _joined(tensors: Sequence[Tensor]) -> Any:
    for tensor in tensors:
        if tensor.data is None:
            raise UnsupportedError(f"{tensor.name} is computed at run time; it must be a constant")
        if (tensor.shape, tensor.dtype) != (tensors[0].shape, tensors[0].dtype):
            raise UnsupportedError(f"{tensor.name} and {tensors[0].name} differ in shape or type")
    return np.concatenate([tensor.values for tensor in tensors])


def _by_row(gates: Sequence[Quantization | None], rows: int) -> Quantization | None:
    """One scale a row, that of its gate."""
    known = [gate for gate in gates if gate is not None]
    if len(known) < len(gates):
        return None
    if any(len(gate.scales) > 1 for gate in known):
        raise UnsupportedError("its weights have a scale for each channel; allowed: one a gate")
    scales = tuple(gate.scale for gate in known for _ in range(rows))
    points = tuple(gate.zero_point for gate in known for _ in range(rows))
    return Quantization(scales, points, 1)


def _biases(site: Site, dtype: DType) -> Tensor:
    """One bias a row; of floats, those of the recurrent weights are zero."""
    values = _joined([site.read(_BIAS + gate) for gate in _GATES])
    if dtype.is_float:
        values = np.concatenate([values, np.zeros_like(values)])
    return site.build.add_tensor(Tensor.constant(f"{site.name}/bias", values[None]))


def _state(site: Site, index: int) -> Tensor:
    """A variable tensor of the file as a state."""
    tensor: FileTensor = site.input(index)
    if not tensor.is_variable:
        raise UnsupportedError(f"state {tensor.name} is no variable tensor")
    return site.read(index)


OPERATIONS: dict[str, Converter] = {
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
