"""ONNX's LSTM, GRU and RNN in float32, which the graph's operations follow."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.export.onnx_values import Attribute, Step, Values
from edge_runtime.graph import Node, Shape, Tensor
from edge_runtime.ops import Gru, Lstm, Recurrent, Rnn

_KINDS: dict[type[Recurrent], str] = {Gru: "GRU", Lstm: "LSTM", Rnn: "RNN"}
_STATE_TURN = (1, 0, 2)
"""Between (directions, batch, hidden) and (batch, directions, hidden)."""


def recurrent_problems(op: Recurrent, inputs: Sequence[Tensor]) -> list[str]:
    """Why a recurrent operation has no form."""
    found = []
    if not inputs[0].dtype.is_float:
        found.append(f"{inputs[0].dtype.value}; allowed: float32")
    if isinstance(op, Lstm) and op.cell_clip:
        found.append("the cell is clipped behind its update; ONNX clips what activations read")
    return found


def add_recurrent(values: Values, node: Node, op: Recurrent, inputs: Sequence[Tensor],
                  outputs: Sequence[Tensor]) -> None:  # fmt: skip
    """Write `node`: turned round where the batch comes before the steps, as runtimes want it."""
    image, *weights = inputs[:4]
    sizes = op.sizes(inputs)
    states, rest = inputs[4 : 4 + op.STATES], inputs[4 + op.STATES :]
    stored = (sizes.directions, sizes.batch, sizes.hidden)
    x = values.stored(image, False)
    if op.batch_first:
        x = values.chain(node.name, x, [Step("Transpose", (), {"perm": [1, 0, 2]})])
    names = [x, *(values.stored(tensor, False) for tensor in weights), ""]
    names += [_state(values, op, tensor, stored, node.name) for tensor in states]
    names += [values.stored(tensor, False) for tensor in rest]
    made = [values.unique(f"{node.name}/{part}") for part in ("Y", "Y_h", "Y_c")[: op.OUTPUTS]]
    values.node(_KINDS[type(op)], names, made, node.name, _attributes(op, sizes.hidden))
    if not op.sequence:
        # The last step that was computed is the last state.
        made[0] = made[1]
    for index, (name, tensor) in enumerate(zip(made, outputs, strict=True)):
        turn = (2, 0, 1, 3) if index == 0 and op.sequence else _STATE_TURN
        _give(values, name, tensor, turn if op.batch_first else None)


def _state(values: Values, op: Recurrent, state: Tensor, stored: Shape, name: str) -> str:
    directions, batch, hidden = stored
    shape = (batch, directions, hidden) if op.batch_first else stored
    if state.data is not None:
        array = state.values.reshape(shape)
        turned = array.transpose(_STATE_TURN) if op.batch_first else array
        return values.initializer(f"{name}/{state.name}", turned)
    steps = [values.reshape(state.name, shape)]
    if op.batch_first:
        steps.append(Step("Transpose", (), {"perm": list(_STATE_TURN)}))
    return values.chain(name, values.stored(state, False), steps)


def _give(values: Values, made: str, tensor: Tensor, turn: Sequence[int] | None) -> None:
    """Let `made`, turned and reshaped, be `tensor`."""
    steps = [] if turn is None else [Step("Transpose", (), {"perm": list(turn)})]
    values.make(
        tensor, False, made, [*steps, values.reshape(tensor.name, tensor.shape)], tensor.name
    )


def _attributes(op: Recurrent, hidden: int) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {"hidden_size": hidden, "direction": op.direction.value}
    if isinstance(op, Gru):
        attributes["linear_before_reset"] = int(op.linear_before_reset)
    if isinstance(op, Rnn) and op.relu:
        attributes["activations"] = ["Relu"] * len(op.direction.backward)
    return attributes
