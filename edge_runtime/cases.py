"""Test cases as arrays: reading IN.npz, writing OUT.npz.

An archive holds `in0`, `in1`, … or the inputs' own names. The first axis runs over cases; for a
streaming model, one that keeps state, the second runs over steps. What is left is the model's own
input shape.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_runtime.errors import DataError
from edge_runtime.files import write_file
from edge_runtime.graph import Array, DType, Tensor


def load_arrays(path: Path) -> dict[str, Array]:
    """All arrays of an .npz file, never unpickling; DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return _arrays(path, np.load(file, allow_pickle=False))
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    # Damaged archives end in any of a dozen kinds of exception from zipfile, zlib and NumPy.
    except Exception as error:
        raise DataError(
            f"{path} is no readable .npz archive of plain arrays: {error}",
            hint="write it with numpy.savez, without object arrays",
        ) from error


def _arrays(path: Path, archive: object) -> dict[str, Array]:
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise DataError(f"{path} is a single array; an .npz archive is needed")
    with archive:
        return {name: archive[name] for name in archive.files}


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write an .npz archive under a temporary name, then rename it to `path`."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
    write_file(path, buffer.getvalue())


@dataclass(frozen=True, eq=False)
class Cases:
    """Inputs for a model: one array an input, (cases, steps, *shape)."""

    tensors: tuple[Tensor, ...]
    arrays: tuple[Array, ...]
    streaming: bool

    @staticmethod
    def of(tensors: Sequence[Tensor], given: Mapping[str, Array], streaming: bool) -> Cases:
        """Match `given` to the inputs; DataError where a name, shape or type does not fit."""
        arrays = [_match(i, tensor, given, streaming) for i, tensor in enumerate(tensors)]
        for tensor, array in zip(tensors, arrays, strict=True):
            if array.shape[:2] != arrays[0].shape[:2]:
                raise DataError(
                    f"input {tensor.name} has {array.shape[:2]} cases and steps,"
                    f" {tensors[0].name} has {arrays[0].shape[:2]}; all must have the same"
                )
        return Cases(tuple(tensors), tuple(arrays), streaming)

    @staticmethod
    def random(tensors: Sequence[Tensor], streaming: bool) -> Cases:
        """One case of one step, the same at every call: normal floats, integers of any value."""
        source = np.random.default_rng(0)
        given = {f"in{i}": _random(source, tensor) for i, tensor in enumerate(tensors)}
        if streaming:
            given = {name: values[None] for name, values in given.items()}
        return Cases.of(tensors, given, streaming)

    @property
    def count(self) -> int:
        """How many cases there are."""
        return int(self.arrays[0].shape[0]) if self.arrays else 1

    @property
    def steps(self) -> int:
        """How many steps a case has; 1 for a model without state."""
        return int(self.arrays[0].shape[1]) if self.arrays else 1

    def first(self, count: int) -> Cases:
        """The first `count` cases."""
        return Cases(self.tensors, tuple(array[:count] for array in self.arrays), self.streaming)

    def __iter__(self) -> Iterator[list[list[Array]]]:
        """Each case as its steps, each step as one contiguous array an input."""
        for case in range(self.count):
            yield [
                [np.ascontiguousarray(array[case, step]) for array in self.arrays]
                for step in range(self.steps)
            ]

    def collect(
        self, outputs: Sequence[Tensor], results: Sequence[Sequence[Sequence[Array]]]
    ) -> dict[str, Array]:
        """OUT.npz's arrays out of results[case][step][output]."""
        collected = {}
        for index in range(len(outputs)):
            stacked = np.array([[step[index] for step in case] for case in results])
            collected[f"out{index}"] = stacked if self.streaming else stacked[:, 0]
        return collected


def _random(source: np.random.Generator, tensor: Tensor) -> Array:
    shape, dtype = (1, *tensor.shape), tensor.dtype
    if dtype.is_float:
        return source.normal(0, 1, shape).astype(dtype.numpy)
    if dtype is DType.BOOL:
        return source.random(shape) < 0.5
    # Wide integers are indices as often as not.
    low, high = (0, 7) if dtype in (DType.INT32, DType.INT64) else dtype.range
    return source.integers(low, high, shape, endpoint=True).astype(dtype.numpy)


def _match(index: int, tensor: Tensor, given: Mapping[str, Array], streaming: bool) -> Array:
    key = tensor.name if tensor.name in given else f"in{index}"
    if key not in given:
        raise DataError(
            f"no array in{index} or {tensor.name} for input {index}; found:"
            f" {', '.join(given) or 'none'}"
        )
    array = given[key]
    array = array if streaming else array[:, None] if array.ndim else array
    axes = "(cases, steps)" if streaming else "(cases)"
    if array.dtype != tensor.dtype.numpy or array.shape[2:] != tensor.shape or array.ndim < 2:
        raise DataError(
            f"array {key} is {given[key].dtype}{given[key].shape}; allowed: {tensor.dtype.value}"
            f" {axes} + {tensor.shape}",
            hint="quantize the values with the input's scale and zero point first"
            if array.dtype.kind == "f" and not tensor.dtype.is_float
            else "",
        )
    if array.shape[0] < 1 or array.shape[1] < 1:
        raise DataError(f"array {key} of shape {given[key].shape} holds no case")
    if tensor.dtype.is_float and not np.isfinite(array).all():
        raise DataError(f"array {key} holds values that are not finite")
    return array
