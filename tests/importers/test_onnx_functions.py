"""Functions of the model's own, branches that are decided, constants that are computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, parser

from edge_runtime.errors import ModelError
from edge_runtime.graph import Array, Graph
from edge_runtime.importers import load_model
from edge_runtime.interpreter import Interpreter


def load(model: Any, folder: Path) -> Graph:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return load_model(path)


def same_as_onnx_runtime(model: Any, folder: Path, *given: Array) -> Graph:
    import onnxruntime

    graph = load(model, folder)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds = dict(zip([value.name for value in model.graph.input], given, strict=True))
    reference = session.run(None, feeds)
    mine = Interpreter(graph).run(feeds)
    for values, expected in zip(mine.values(), reference, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)
    return graph


NESTED = """
<ir_version: 9, opset_import: ["": 17, "local": 1]>
agraph (float[2, 3, 4] x) => (float[2, 3, 4] y, float[2, 3, 1] z) {
    h = local.Block <slope = 0.3, axes = [1]> (x)
    y, unused = local.Twice (h)
    z = local.Total <axes = [-1]> (h)
}
<domain: "local", opset_import: ["": 17]>
Leaky <slope: float = 0.1> (x) => (y) { y = LeakyRelu <alpha: float = @slope> (x) }
<domain: "local", opset_import: ["": 13, "local": 1]>
Block <slope, axes> (x) => (r) {
    t = local.Leaky <slope: float = @slope> (x)
    u = local.Leaky (t)
    m = ReduceMean <axes: ints = @axes> (u)
    r = Sub (u, m)
}
<domain: "local", opset_import: ["": 17]>
Twice (x) => (x, y) { y = Add (x, x) }
<domain: "local", opset_import: ["": 18]>
Total <axes> (x) => (y) {
    a = Constant <value_ints: ints = @axes> ()
    y = ReduceMax (x, a)
}
"""


def test_nested_functions_of_different_operator_sets(tmp_path: Path) -> None:
    model = parser.parse_model(NESTED)
    x = np.random.default_rng(0).normal(0, 1, (2, 3, 4)).astype(np.float32)
    graph = load(model, tmp_path)
    assert {"LEAKY_RELU", "MEAN", "REDUCE_MAX"} <= {node.op.NAME for node in graph.nodes}
    made = Interpreter(graph).run({"x": x})
    leaky = np.where(x < 0, np.float32(0.03) * x, x)
    centred = leaky - leaky.mean(1, keepdims=True)
    np.testing.assert_allclose(made["y"], centred, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(made["z"], centred.max(-1, keepdims=True), rtol=1e-5, atol=1e-6)


def test_a_refused_node_of_a_function_is_named(tmp_path: Path) -> None:
    text = """
    <ir_version: 9, opset_import: ["": 17, "local": 1]>
    agraph (float[2] x) => (float[2] y) { [first] h = local.F (x) [second] y = local.F (h) }
    <domain: "local", opset_import: ["": 17]>
    F (x) => (y) { [inner] y = Acos (x) }
    """
    with pytest.raises(ModelError) as caught:
        load(parser.parse_model(text), tmp_path)
    assert [problem.node for problem in caught.value.problems] == ["first/inner", "second/inner"]


def test_a_function_that_calls_itself_is_refused(tmp_path: Path) -> None:
    text = """
    <ir_version: 9, opset_import: ["": 17, "local": 1]>
    agraph (float[2] x) => (float[2] y) { y = local.F (x) }
    <domain: "local", opset_import: ["": 17, "local": 1]>
    F (x) => (y) { y = local.F (x) }
    """
    with pytest.raises(ModelError, match="function F is called 64 levels deep"):
        load(parser.parse_model(text), tmp_path)


def test_functions_that_double_at_each_level_are_refused(tmp_path: Path) -> None:
    calls = "\n".join(
        f"""<domain: "local", opset_import: ["": 17, "local": 1]>
        F{i} (x) => (y) {{ t = local.F{i + 1} (x) y = local.F{i + 1} (t) }}"""
        for i in range(40)
    )
    text = f"""
    <ir_version: 9, opset_import: ["": 17, "local": 1]>
    agraph (float[2] x) => (float[2] y) {{ y = local.F0 (x) }}
    {calls}
    <domain: "local", opset_import: ["": 17]>
    F40 (x) => (x) {{ }}
    """
    with pytest.raises(ModelError, match="more than 5000 nodes"):
        load(parser.parse_model(text), tmp_path)


def test_the_branch_that_a_constant_decides(tmp_path: Path) -> None:
    text = """
    <ir_version: 9, opset_import: ["": 17]>
    agraph (float[1, 3] x) => (float[3] y) {
        shape = Shape (x)
        zero = Constant <value_int = 0> ()
        one = Constant <value_int = 1> ()
        size = Gather <axis = 0> (shape, zero)
        is_one = Equal (size, one)
        r = Relu (x)
        y = If (is_one) <
            then_branch = squeezed () => (float[3] t) {
                axes = Constant <value_ints = [0]> ()
                t = Squeeze (r, axes)
            },
            else_branch = kept () => (float[1, 3] e) { e = Identity (r) }
        >
    }
    """
    x = np.array([[-1, 2, 3]], np.float32)
    graph = same_as_onnx_runtime(parser.parse_model(text), tmp_path, x)
    assert [node.op.NAME for node in graph.nodes][-1] == "RESHAPE"


def test_shape_arithmetic_is_computed(tmp_path: Path) -> None:
    """What exporters write for a view with a size computed from others."""
    text = """
    <ir_version: 9, opset_import: ["": 17]>
    agraph (float[n, 4, 6] x) => (y) {
        shape = Shape (x)
        start = Constant <value_ints = [1]> ()
        end = Constant <value_ints = [9]> ()
        tail = Slice (shape, start, end)
        product = ReduceProd <axes = [0], keepdims = 1> (tail)
        two = Constant <value_ints = [2]> ()
        half = Div (product, two)
        rest = Constant <value_ints = [-1]> ()
        wide = Cast <to = 1> (half)
        root = Sqrt (wide)
        back = Cast <to = 7> (root)
        same = Where (flag, half, back)
        target = Concat <axis = 0> (rest, same)
        y = Reshape (x, target)
    }
    """
    model = parser.parse_model(text)
    flag = onnx.numpy_helper.from_array(np.array(True), "flag")
    model.graph.initializer.append(flag)
    x = np.random.default_rng(0).normal(0, 1, (1, 4, 6)).astype(np.float32)
    graph = load(model, tmp_path)
    assert [node.op.NAME for node in graph.nodes] == ["RESHAPE"]
    np.testing.assert_array_equal(*Interpreter(graph).run({"x": x}).values(), x.reshape(2, 12))


@pytest.mark.parametrize(
    ("operation", "constants"),
    [
        ("ConstantOfShape", [np.array([1 << 20, 1 << 20])]),
        ("Expand", [np.float32([1]), np.array([1 << 20, 1 << 20])]),
        ("Range", [np.int64(0), np.int64(1 << 50), np.int64(1)]),
        ("Tile", [np.float32([1]), np.array([1 << 40])]),
        ("MatMul", [np.ones((1 << 12, 1), np.float32), np.ones((1, 1 << 12), np.float32)]),
        ("Add", [np.ones((1 << 12, 1), np.float32), np.ones((1, 1 << 12), np.float32)]),
    ],
)
def test_constants_that_would_be_large_are_refused(
    operation: str, constants: list[Array], tmp_path: Path
) -> None:
    names = [f"c{index}" for index in range(len(constants))]
    nodes = [helper.make_node(operation, names, ["c"]), helper.make_node("Size", ["c"], ["s"])]
    nodes.append(helper.make_node("Cast", ["s"], ["f"], to=1))
    nodes.append(helper.make_node("Add", ["x", "f"], ["y"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, [1])],
        [helper.make_tensor_value_info("y", 1, [1])],
        [
            onnx.numpy_helper.from_array(np.asarray(c), n)
            for n, c in zip(names, constants, strict=True)
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(ModelError, match=r"its result would have|large constants|cannot be told"):
        load(model, tmp_path)
