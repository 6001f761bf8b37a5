"""A model that runs in this process: compiled for this machine, called from Python.

    model = edge_runtime.load("model.tflite")
    scores = model.run(images)

The C is what `export` writes for the board `host`, so results equal those of firmware, bit for bit.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from edge_runtime.boards import load_board
from edge_runtime.device.host import HostModel, build_host
from edge_runtime.errors import BoardError, DataError
from edge_runtime.evaluate import real, stored
from edge_runtime.export.firmware import Origin, compile_graph, generate
from edge_runtime.export.manifest import MANIFEST, Manifest
from edge_runtime.graph import Array, Graph, Shape, Tensor
from edge_runtime.importers import load_model

_AT_ONCE = 1 << 18
"""Elements of an input that are converted and run together: so many stay in the cache."""


def load(source: Graph | Path | str) -> Model:
    """Compile a model for this machine: a .tflite or .onnx file, a graph, or an exported folder.

    Compiled code is kept in the user's cache. Raises ModelError where the model cannot be
    compiled, BoardError where a folder was exported for another board than `host`.
    """
    if isinstance(source, str | Path) and (Path(source) / MANIFEST).is_file():
        return _open(Path(source))
    graph = source if isinstance(source, Graph) else load_model(Path(source))
    board = load_board("host")
    firmware = generate(compile_graph(graph, board), board, Origin.of_graph(graph))
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "model"
        firmware.write(where)
        return _open(where)


def _open(folder: Path) -> Model:
    manifest = Manifest.load(folder)
    if not load_board(manifest.board).is_host:
        raise BoardError(
            f"{folder} was exported for {manifest.board}, not for this machine",
            hint="load the model's own file",
        )
    return Model(HostModel(build_host(folder)), manifest)


class Model:
    """A compiled model. Threads may share it, one at a time; load it again to use another core.

    `inputs` and `outputs` say names, shapes, types and quantization. `keeps_state` tells whether
    results depend on earlier calls: see `reset`.
    """

    def __init__(self, host: HostModel, manifest: Manifest) -> None:
        self._host: HostModel | None = host
        self._lock = threading.Lock()
        self._calls = manifest.input_rows or 1
        self.name = manifest.model
        self.keeps_state = manifest.streaming
        self.inputs: tuple[Tensor, ...] = tuple(port.tensor() for port in manifest.inputs)
        self.outputs: tuple[Tensor, ...] = tuple(port.tensor() for port in manifest.outputs)

    def run(
        self, *inputs: npt.ArrayLike | Mapping[str, npt.ArrayLike]
    ) -> Array | tuple[Array, ...]:
        """The outputs for one sample, or for a batch: an array, or a tuple if there are several.

        Args:
            inputs: an array an input, in the model's order; or one mapping by their names. Each has
                the input's shape, or one axis more in front for a batch. Where the model's own
                first axis is 1, it may stand for the batch, or be left out.

                Values of the input's type are taken as they are. To a quantized input real values
                may be given: they are quantized, and then the outputs are real values as well.

        Returns:
            Arrays laid out like the inputs: one sample as the model has it, or a batch along the
            first axis. Of a model with state, the samples of a batch are steps, in their order.

        Raises:
            DataError: names, shapes, types or numbers of samples do not fit.
        """
        arrays = [
            _checked(tensor, value)
            for tensor, value in zip(self.inputs, self._ordered(inputs), strict=True)
        ]
        layout = _Layout.of(self.inputs, arrays)
        quantizes = any(
            array.dtype != tensor.dtype.numpy and tensor.quantization is not None
            for tensor, array in zip(self.inputs, arrays, strict=True)
        )
        outputs = []
        for tensor, array in zip(self.outputs, self._run_all(arrays, layout.samples), strict=True):
            as_real = quantizes and tensor.quantization is not None
            outputs.append(layout.shaped(tensor, real(tensor, array) if as_real else array))
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def reset(self) -> None:
        """Put the state back to its start, for a new sequence. DataError: the model is closed."""
        with self._lock:
            self._open_host().reset()

    def close(self) -> None:
        """Unload the compiled code; the model cannot run any more."""
        with self._lock:
            host, self._host = self._host, None
            if host is not None:
                host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        def told(tensors: Sequence[Tensor]) -> str:
            return ", ".join(f"{t.name}: {t.dtype.value}{list(t.shape)}" for t in tensors)

        return f"<Model {self.name}: {told(self.inputs)} → {told(self.outputs)}>"

    def _ordered(
        self, given: Sequence[npt.ArrayLike | Mapping[str, npt.ArrayLike]]
    ) -> list[npt.ArrayLike]:
        """One array an input. DataError: a name or number does not fit."""
        names = [tensor.name for tensor in self.inputs]
        if len(given) == 1 and isinstance(given[0], Mapping):
            by_name = given[0]
            if set(by_name) != set(names):
                raise DataError(
                    f"arrays {', '.join(by_name) or '(none)'} are given for {', '.join(names)}"
                )
            return [by_name[name] for name in names]
        if len(given) != len(names) or any(isinstance(each, Mapping) for each in given):
            raise DataError(
                f"{len(given)} arrays for {len(names)} input(s): {', '.join(names)}",
                hint="give one array an input, or a single mapping by name",
            )
        return [each for each in given if not isinstance(each, Mapping)]

    def _run_all(self, arrays: Sequence[Array], samples: int) -> list[Array]:
        """The outputs as they are stored, (samples, *shape), a share of the samples at a time."""
        largest = max((tensor.elements for tensor in self.inputs), default=1)
        step = max(1, _AT_ONCE // max(1, largest))
        rows = [
            array.reshape(samples, tensor.elements)
            for tensor, array in zip(self.inputs, arrays, strict=True)
        ]
        parts = [
            self._run_some([row[start : start + step] for row in rows], min(step, samples - start))
            for start in range(0, max(samples, 1), step)
        ]
        return [np.concatenate(made) for made in zip(*parts, strict=True)]

    def _run_some(self, arrays: Sequence[Array], samples: int) -> list[Array]:
        prepared = [
            np.ascontiguousarray(stored(tensor, array))
            for tensor, array in zip(self.inputs, arrays, strict=True)
        ]
        with self._lock:
            made = self._open_host().run_samples(prepared, samples, self._calls)
        return [
            array.view(tensor.dtype.numpy).reshape(samples, *tensor.shape)
            for tensor, array in zip(self.outputs, made, strict=True)
        ]

    def _open_host(self) -> HostModel:
        if self._host is None:
            raise DataError(f"the model {self.name} is closed", hint="load it again")
        return self._host


def _checked(tensor: Tensor, given: npt.ArrayLike) -> Array:
    """`given` as an array of values that `tensor` takes. DataError: it is none."""
    try:
        array = np.asarray(given)
    except ValueError as error:  # lists of different lengths
        raise DataError(f"input {tensor.name} is given as no array: {error}") from error
    if array.dtype == tensor.dtype.numpy or (tensor.dtype.is_float and array.dtype.kind in "fiu"):
        return array
    if array.dtype.kind != "f" or tensor.quantization is None:
        or_real = "" if tensor.quantization is None else ", or real values as floats"
        raise DataError(
            f"input {tensor.name} is {tensor.dtype.value}; {array.dtype} is given",
            hint=f"give {tensor.dtype.value}{or_real}",
        )
    if not np.isfinite(array).all():
        raise DataError(f"input {tensor.name} holds values that are not finite")
    return array


@dataclass(frozen=True)
class _Layout:
    """How samples lie in the arrays of a call.

    `axis` tells where: "none" is one sample in the model's shape, "dropped" one without its first
    axis of 1; of a batch, "before" is an axis more, and "instead" one in the place of that.
    """

    samples: int
    axis: str

    @staticmethod
    def of(tensors: Sequence[Tensor], arrays: Sequence[Array]) -> _Layout:
        """The layout that all arrays share. DataError: one does not fit."""
        found = [
            _Layout._one(tensor, array.shape) for tensor, array in zip(tensors, arrays, strict=True)
        ]
        if len({each.samples for each in found}) > 1:
            counts = ", ".join(
                f"{tensor.name}: {each.samples}"
                for tensor, each in zip(tensors, found, strict=True)
            )
            raise DataError(f"the inputs differ in their number of samples ({counts})")
        axes = {each.axis for each in found}
        axis = next((axis for axis in ("before", "instead", "dropped") if axis in axes), "none")
        return _Layout(found[0].samples if found else 1, axis)

    @staticmethod
    def _one(tensor: Tensor, shape: Shape) -> _Layout:
        own = tensor.shape
        if shape == own:
            return _Layout(1, "none")
        if shape and shape[1:] == own:
            return _Layout(shape[0], "before")
        if own[:1] == (1,) and shape == own[1:]:
            return _Layout(1, "dropped")
        if own[:1] == (1,) and shape and shape[1:] == own[1:]:
            return _Layout(shape[0], "instead")
        batch = ("N", *own[1:]) if own[:1] == (1,) else ("N", *own)
        raise DataError(
            f"input {tensor.name} has the shape {own}; {shape} is given",
            hint=f"for a batch give ({', '.join(map(str, batch))})",
        )

    def shaped(self, tensor: Tensor, values: Array) -> Array:
        """`values`, (samples, *shape), laid out like the inputs."""
        drops = self.axis in {"instead", "dropped"} and tensor.shape[:1] == (1,)
        kept = values[:, 0] if drops else values
        return kept if self.axis in {"before", "instead"} else kept[0]
