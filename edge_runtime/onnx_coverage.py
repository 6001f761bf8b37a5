"""The ONNX backend test suite, run through the importer and the reference interpreter.

The suite is the one that the onnx package ships: its node cases, and the folders
pytorch-converted, pytorch-operator and simple.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
from onnx.backend.test.case.node import collect_testcases

from edge_runtime.errors import ModelError
from edge_runtime.graph import Array, Graph
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter

FOLDERS = ("pytorch-converted", "pytorch-operator", "simple")
TOLERANCE = 1e-4
"""Of the largest magnitude of an output."""
COARSER = {"float16": 2e-3, "bfloat16": 2**-7}
"""The same, where the suite's outputs are of a lower precision."""


@dataclass(frozen=True, eq=False)
class Case:
    """A model of the suite with one set of inputs and the outputs they give."""

    name: str
    operation: str
    model: Any
    inputs: Sequence[Any]
    outputs: Sequence[Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a case: `refused` holds the reason, `failed` what differs; neither: passed.

    `constants` are the inputs that became initializers.
    """

    case: str
    operation: str
    refused: str = ""
    failed: str = ""
    constants: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the outputs were the suite's."""
        return not self.refused and not self.failed


def cases() -> Iterator[Case]:
    """All cases of the suite, one for each set of data."""
    with warnings.catch_warnings():
        # The suite computes some of its data where NumPy overflows.
        warnings.simplefilter("ignore")
        yield from _node_cases()
    for folder in FOLDERS:
        yield from _folder_cases(folder)


def _node_cases() -> Iterator[Case]:
    found: list[Any] = collect_testcases(None)
    single = {
        case.name: case.model.graph.node[0].op_type
        for case in found
        if len(case.model.graph.node) == 1
    }
    for case in found:
        # An "expanded" case is another one, written in the operations that ONNX defines it by.
        origin = case.name.split("_expanded")[0]
        operation = single.get(origin) or single.get(case.name) or "graphs"
        for inputs, outputs in case.data_sets:
            yield Case(case.name, operation, case.model, inputs, outputs)


def _folder_cases(folder: str) -> Iterator[Case]:
    root = Path(onnx.__file__).parent / "backend" / "test" / "data" / folder
    for path in sorted(root.iterdir()):
        model_path = path / "model.onnx"
        if not model_path.exists():
            continue
        model = onnx.load(model_path)
        for data in sorted(path.glob("test_data_set_*")):
            inputs, outputs = (
                [_read(data / f"{kind}_{index}.pb", value) for index, value in enumerate(values)]
                for kind, values in (("input", _fed(model)), ("output", model.graph.output))
            )
            yield Case(path.name, folder, model, inputs, outputs)


def _fed(model: Any) -> list[Any]:
    known = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in known]


def _read(path: Path, value: Any) -> Any:
    if not path.exists() or not value.type.HasField("tensor_type"):
        return None
    return onnx.numpy_helper.to_array(onnx.load_tensor(path))


@dataclass(frozen=True, eq=False)
class Imported:
    """A case as a graph, what it is fed, and the inputs that became initializers."""

    graph: Graph
    inputs: dict[str, Array]
    constants: tuple[str, ...]


def judge(case: Case, folder: Path) -> Outcome:
    """Import a case and run it by the reference interpreter."""
    found = take(case, folder)
    if isinstance(found, Outcome):
        return found
    with np.errstate(all="ignore"):
        made = Interpreter(found.graph).run(found.inputs)
    differs = difference(found.graph, made, case.outputs)
    return Outcome(case.name, case.operation, "", differs, found.constants)


def take(case: Case, folder: Path) -> Imported | Outcome:
    """Import a case; its outcome where it is refused.

    Sizes that the model leaves open are those of the case's inputs. Inputs that the importer says
    must be constant, or that such a constant is computed from, become initializers, as long as one
    other input is left.
    """
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    given = _given(model, case)
    _close(model, given)
    constants: list[str] = []
    while True:
        try:
            graph = _load(model, folder)
            break
        except ModelError as error:
            wanted = _wanted(model, error, given)
            if not wanted:
                refused = _reason(error)
                return Outcome(case.name, case.operation, refused, "", tuple(constants))
            for name in wanted:
                _freeze(model, name, given.pop(name))
                constants.append(name)
    inputs = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        inputs[name] = np.asarray(given[name]).astype(tensor.dtype.numpy).reshape(tensor.shape)
    return Imported(graph, inputs, tuple(constants))


def _given(model: Any, case: Case) -> dict[str, Any]:
    """The inputs by name; those of odd types, which the suite has as protos, as arrays."""
    return {
        value.name: onnx.numpy_helper.to_array(data)
        if isinstance(data, onnx.TensorProto)
        else np.asarray(data)
        if isinstance(data, np.generic)
        else data
        for value, data in zip(_fed(model), case.inputs, strict=False)
    }


def _close(model: Any, given: dict[str, Any]) -> None:
    for value in _fed(model):
        array = given.get(value.name)
        kind = value.type.tensor_type
        if isinstance(array, (np.ndarray, np.generic)) and kind.HasField("shape"):
            for dim, size in zip(kind.shape.dim, array.shape, strict=False):
                dim.dim_value = size


def _load(model: Any, folder: Path) -> Graph:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return load_model(path)


_AT_RUN_TIME = re.compile(r"input (\S+) is computed at run time; it must be a constant")


def _wanted(model: Any, error: ModelError, given: dict[str, Any]) -> list[str]:
    """The inputs that a refusal would have constant; none if these are all there are."""
    found: dict[str, Array] = {}
    for text in _AT_RUN_TIME.findall(str(error)):
        names = [name for name in _origins(model, text) if isinstance(given.get(name), np.ndarray)]
        arrays = {name: np.asarray(given[name]) for name in names}
        # What is computed from data and from shapes or axes needs the latter.
        integers = {name: array for name, array in arrays.items() if array.dtype.kind == "i"}
        found.update(integers or arrays)
    return list(found) if len(found) < len(given) else []


def _origins(model: Any, name: str) -> list[str]:
    """The inputs that a value is computed from."""
    makers = {output: node for node in model.graph.node for output in node.output}
    # A value within an operation that is written in others starts with that one's output.
    open_names, found = [name.partition("//")[0] if name not in makers else name], []
    while open_names:
        current = open_names.pop()
        if current in makers:
            open_names += filter(None, makers[current].input)
        found.append(current)
    return found


def _freeze(model: Any, name: str, array: Array) -> None:
    kept = [value for value in model.graph.input if value.name != name]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))


def _reason(error: ModelError) -> str:
    """Why a model is refused: the first problem, or the message where there is none."""
    if error.problems:
        return error.problems[0].reason
    return error.message.partition("model.onnx: ")[2] or error.message


def difference(graph: Graph, made: Mapping[str, Array], expected: Sequence[Any]) -> str:
    """How outputs differ from those of the suite; empty if they do not."""
    for name, stored in zip(graph.outputs, expected, strict=True):
        proto = isinstance(stored, onnx.TensorProto)
        reference = onnx.numpy_helper.to_array(stored) if proto else np.asarray(stored)
        text = _differs(made[name], reference, graph.tensors[name].quantization)
        if text:
            return f"{name}: {text}"
    return ""


def _differs(mine: Array, reference: Array, quantization: object) -> str:
    if mine.shape != reference.shape:
        return f"shape {mine.shape}, not {reference.shape}"
    if reference.dtype.kind in "biu":
        # Of quantized values ONNX rounds halves to even, TFLite away from zero.
        limit = 1 if quantization is not None else 0
        distance = np.abs(mine.astype(np.int64) - reference.astype(np.int64)).max(initial=0)
        return f"{distance} apart" if distance > limit else ""
    wide, other = mine.astype(np.float64), reference.astype(np.float64)
    finite = np.isfinite(other)
    if not np.array_equal(wide[~finite], other[~finite], equal_nan=True):
        return "values that are not finite differ"
    largest = np.abs(other[finite]).max(initial=0)
    limit = COARSER.get(reference.dtype.name, TOLERANCE) * largest
    if np.array_equal(other, np.round(other, 4).astype(np.float32)):
        limit = max(limit, 0.6e-4)  # What it holds was written with four decimals.
    distance = np.abs(wide[finite] - other[finite]).max(initial=0)
    return "" if distance <= limit else f"{distance:.3g} apart of {largest:.3g}"


def run(chosen: Iterable[Case]) -> list[Outcome]:
    """The outcome of each case."""
    with tempfile.TemporaryDirectory() as folder:
        return [judge(case, Path(folder)) for case in chosen]
