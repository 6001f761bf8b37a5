"""Resource variables of a .tflite file: tensors that are kept from one inference to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edge_runtime.graph import Array, Kind, Tensor
from edge_runtime.importers.unsupported import UnsupportedError


class Variables:
    """Variables by name, the handles to them by tensor, and what they start from."""

    def __init__(self) -> None:
        self._handles: dict[int, str] = {}
        self._names: dict[str, str] = {}
        self._states: dict[str, Tensor] = {}
        self.initial: dict[str, Array] = {}
        """What the initialization assigned."""

    def add_handle(self, index: int, variable: str, name: str) -> None:
        """Let the tensor `index` of the file, called `name`, stand for `variable`."""
        self._handles[index] = variable
        self._names.setdefault(variable, name)

    def named(self, index: int) -> str:
        """The variable that the tensor `index` of the file stands for."""
        if index not in self._handles:
            raise UnsupportedError("it reads or writes what is no variable of the model")
        return self._handles[index]

    def state(self, index: int, like: Tensor) -> Tensor:
        """The state tensor behind a handle, of the shape and type of what is read or written."""
        variable = self.named(index)
        if variable not in self._states:
            made = replace(like, name=self._names[variable], kind=Kind.STATE, data=None)
            self._states[variable] = made
        state, initial = self._states[variable], self.initial.get(variable)
        if state.shape != like.shape or (initial is not None and initial.shape != state.shape):
            raise UnsupportedError(f"variable {variable} is used with several shapes")
        return state

    def tensors(self) -> Iterable[Tensor]:
        """All state tensors, with what they start from."""
        for variable, tensor in self._states.items():
            initial = self.initial.get(variable)
            if initial is not None:
                initial = initial.astype(tensor.dtype.numpy)
            yield replace(tensor, initial=initial)
