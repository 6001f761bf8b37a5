"""Nodes whose inputs are all constant, as PyTorch and others write to compute shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from edge_runtime.graph import Array
from edge_runtime.importers.onnx.builder import Builder
from edge_runtime.importers.onnx.constants import MOST_ELEMENTS
from edge_runtime.importers.onnx.inference import InferenceError, infer_shapes
from edge_runtime.importers.onnx.node import FileNode
from edge_runtime.importers.onnx.values import Known
from edge_runtime.importers.unsupported import UnsupportedError

MOST_BY_LOOPS = 1 << 12
"""Elements of what the reference evaluator computes by loops of Python."""

# fmt: off
_BY_ARRAYS = frozenset((
    "Abs", "Add", "And", "ArgMax", "ArgMin", "BitwiseAnd", "BitwiseNot", "BitwiseOr",
    "BitwiseXor", "Cast", "CastLike", "Ceil", "Clip", "Compress", "Concat", "ConstantOfShape",
    "Cos", "CumSum", "Div", "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor",
    "Gather", "GatherElements", "GatherND", "Gemm", "Greater", "GreaterOrEqual", "Less",
    "LessOrEqual", "Log", "MatMul", "Max", "Mean", "Min", "Mod", "Mul", "Neg", "NonZero", "Not",
    "OneHot", "Or", "Pad", "Pow", "Range", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin",
    "ReduceProd", "ReduceSum", "Relu", "Reshape", "Round", "Shape", "Sigmoid", "Sign", "Sin",
    "Size", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh", "Tile",
    "Transpose", "Trilu", "Unique", "Unsqueeze", "Where", "Xor",
))
# fmt: on
"""Operations that it computes by NumPy."""

_BOUNDED = frozenset(("Compress", "NonZero", "Unique"))
"""Operations whose results have no shape that can be inferred, but are no larger than their input
times its rank."""

_REFUSED = frozenset(
    (
        "Bernoulli",
        "If",
        "Loop",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "Scan",
        "SequenceMap",
    )
)
"""Operations that are not computed here: random ones, and those that run graphs of their own."""


def foldable(build: Builder, node: FileNode) -> bool:
    """Whether all inputs are constant and there are some; UnsupportedError if one is not made."""
    names = [name for name in node.inputs if name]
    if not names or node.operation in _REFUSED or "." in node.operation:
        return False
    return all(isinstance(build.value(name), Known) for name in names)


def fold(build: Builder, node: FileNode) -> tuple[Known, ...]:
    """The results of a node of constants, by ONNX's reference evaluator."""
    from onnx.reference import ReferenceEvaluator

    arrays = {name: build.known(name).array for name in node.inputs if name}
    most = MOST_ELEMENTS if node.operation in _BY_ARRAYS else MOST_BY_LOOPS
    if sum(array.size for array in arrays.values()) > most:
        raise UnsupportedError("it computes large constants", "fold them when exporting the model")
    _check_size(node, arrays, most)
    try:
        evaluator: Any = ReferenceEvaluator(node.proto, opsets={"": node.opset})
        made = evaluator.run(None, arrays)
    except Exception as error:  # It raises whatever NumPy does, and kinds of its own.
        raise UnsupportedError(f"it cannot be computed: {error}") from error
    if not all(isinstance(result, (np.ndarray, np.generic)) for result in made):
        raise UnsupportedError("its result is no tensor")
    return tuple(Known(np.asarray(result)) for result in made)


def _check_size(node: FileNode, arrays: dict[str, Array], most: int) -> None:
    """UnsupportedError if the results may be large: a few bytes can ask for terabytes."""
    if node.operation in _BOUNDED:
        return
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.outputs if name]
    graph = onnx.helper.make_graph([node.proto], "constant", [], outputs, tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", node.opset)])
    try:
        inferred = infer_shapes(model)
    except InferenceError as error:
        raise UnsupportedError(f"it cannot be computed: {error}") from error
    for value in inferred.graph.output:
        if not value.type.tensor_type.HasField("shape"):
            raise UnsupportedError("the size of its result cannot be told beforehand")
        size = 1
        for dim in value.type.tensor_type.shape.dim:
            if not dim.HasField("dim_value"):
                raise UnsupportedError("the size of its result cannot be told beforehand")
            size *= dim.dim_value
        if size > most:
            raise UnsupportedError(f"its result would have {size} elements")
