"""Small ONNX models, by name, with random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edge_runtime.graph import Array

Model = Any


class OnnxBuilder:
    """Adds one node at a time; methods return the name of what they made."""

    def __init__(self, opset: int = 13) -> None:
        self.opset = opset
        self.random = np.random.default_rng(0)
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.initializers: list[Any] = []

    def input(self, *shape: int | str, dtype: int = TensorProto.FLOAT) -> str:
        name = f"in{len(self.inputs)}"
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def constant(self, array: Array) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, *shape: int) -> str:
        return self.constant(self.random.normal(0, 0.4, shape).astype(np.float32))

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def node(self, operation: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operation, inputs, [name], f"{operation}_{name}", **attributes)
        )
        return name

    def model(self, *outputs: str) -> Model:
        infos = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "g", self.inputs, infos, self.initializers)
        opset = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8)


def conv(build: OnnxBuilder, source: str, depth: int, out: int, *kernel: int, **given: Any) -> str:
    """A convolution with bias; `group` divides `depth`."""
    weights = build.weights(out, depth // given.get("group", 1), *kernel)
    return build.node("Conv", source, weights, build.weights(out), **given)


def one(
    operation: str, *shape: int, opset: int = 13, constants: Sequence[Array] = (), **given: Any
) -> Callable[[], Model]:
    """A model of one node, whose operands after the first are constants."""

    def make() -> Model:
        build = OnnxBuilder(opset)
        source = build.input(*shape)
        operands = [build.constant(array) for array in constants]
        return build.model(build.node(operation, source, *operands, **given))

    return make


def _conv(*shape: int, out: int, kernel: tuple[int, ...], **given: Any) -> Callable[[], Model]:
    def make() -> Model:
        build = OnnxBuilder()
        return build.model(conv(build, build.input(*shape), shape[1], out, *kernel, **given))

    return make


def _floats(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).normal(0, 1, shape).astype(np.float32)


def _ints(*values: int) -> Array:
    return np.array(values, np.int64)


def _separable() -> Model:
    """Depthwise and pointwise blocks with batch normalization, ReLU6, a pool and a classifier."""
    build = OnnxBuilder()
    value = build.input("batch", 3, 12, 10)
    value = conv(build, value, 3, 8, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    value = _norm(build, value, 8)
    value = build.node("Clip", value, build.constant(np.float32(0)), build.constant(np.float32(6)))
    value = conv(build, value, 8, 8, 3, 3, group=8, pads=[0, 0, 1, 1])
    value = _norm(build, value, 8)
    value = build.node("Relu", value)
    value = build.node("GlobalAveragePool", conv(build, value, 8, 6, 1, 1))
    value = build.node("Flatten", value)
    value = build.node("Gemm", value, build.weights(5, 6), build.weights(5), transB=1, alpha=0.5)
    return build.model(build.node("Softmax", value))


def _norm(build: OnnxBuilder, source: str, channels: int) -> str:
    gamma, beta, mean = (build.weights(channels) for _ in range(3))
    variance = build.constant(build.random.uniform(0.5, 2, channels).astype(np.float32))
    return build.node("BatchNormalization", source, gamma, beta, mean, variance, epsilon=1e-3)


def _residual() -> Model:
    """Two branches that meet, then a flatten of more than one pixel."""
    build = OnnxBuilder()
    source = build.input(1, 4, 6, 5)
    left = build.node("Relu", conv(build, source, 4, 4, 3, 3, pads=[1, 1, 1, 1]))
    right = conv(build, left, 4, 4, 3, 3, pads=[1, 1, 1, 1])
    value = build.node("Relu", build.node("Add", left, right))
    value = build.node("Reshape", value, build.integers(0, -1))
    value = build.node("MatMul", value, build.weights(120, 3))
    return build.model(build.node("Add", value, build.weights(3)))


def _sequence() -> Model:
    """A one-dimensional network as PyTorch writes it."""
    build = OnnxBuilder()
    value = conv(build, build.input(1, 6, 32), 6, 8, 5, pads=[2, 2])
    value = build.node("Relu", _norm(build, value, 8))
    value = build.node("MaxPool", value, kernel_shape=[2], strides=[2])
    value = conv(build, value, 8, 8, 3, group=8, dilations=[2], pads=[4, 0])
    value = build.node("AveragePool", value, kernel_shape=[2], strides=[2])
    value = build.node("ReduceMean", value, axes=[2], keepdims=0)
    return build.model(build.node("Gemm", value, build.weights(8, 4), build.weights(4)))


def _channels_last() -> Model:
    """NHWC outside, NCHW inside, transposes between, as converters from TensorFlow write it."""
    build = OnnxBuilder()
    value = build.node("Transpose", build.input(1, 8, 7, 3), perm=[0, 3, 1, 2])
    value = build.node("Relu", conv(build, value, 3, 4, 3, 3))
    value = build.node("Transpose", value, perm=[0, 2, 3, 1])
    value = build.node("Add", value, build.weights(4))
    value = build.node("Softmax", value, axis=-1)
    return build.model(value)


def _image_out() -> Model:
    build = OnnxBuilder()
    value = conv(build, build.input(1, 3, 6, 6), 3, 5, 3, 3)
    return build.model(value, build.node("Relu", value))


def _shape_chain() -> Model:
    """x.view(x.size(0), -1), as exporters spell it out."""
    build = OnnxBuilder()
    value = build.node("MaxPool", build.input("n", 2, 4, 4), kernel_shape=[2, 2])
    size = build.node("Gather", build.node("Shape", value), build.integers(0), axis=0)
    shape = build.node("Concat", size, build.integers(-1), axis=0)
    return build.model(build.node("Reshape", value, shape))


def _constant_node() -> Model:
    build = OnnxBuilder()
    source = build.input(1, 4)
    matrix = build.node("Constant", value=numpy_helper.from_array(_floats(3, 4)))
    value = build.node("MatMul", source, build.node("Transpose", matrix))
    scale = build.node("Constant", value_floats=[1.0, 2.0, 3.0])
    return build.model(build.node("Identity", build.node("Add", scale, value)))


def _two_inputs() -> Model:
    build = OnnxBuilder()
    left, right = build.input(1, 3, 4, 4), build.input(1, 3, 1, 4)
    return build.model(build.node("Add", conv(build, left, 3, 3, 1, 1), right))


def _rank_two_norm() -> Model:
    build = OnnxBuilder()
    value = build.node("Gemm", build.input(2, 6), build.weights(6, 4), build.weights(4))
    return build.model(build.node("Relu", _norm(build, value, 4)))


def _lone_activations() -> Model:
    """Activations with nothing before them to fuse into."""
    build = OnnxBuilder()
    value = build.node("Relu", build.input(1, 5))
    value = build.node("Gemm", value, build.weights(5, 3), build.weights(3))
    return build.model(
        build.node("Clip", build.node("Softmax", value), min=0.0, max=6.0)
        if build.opset < 11
        else build.node("Relu", build.node("Softmax", value))
    )


def _pads() -> Model:
    """Paddings as nodes of their own, old and new, before convolutions and a pool."""
    build = OnnxBuilder()
    value = build.node("Pad", build.input(1, 3, 6, 6), build.integers(0, 0, 1, 0, 0, 0, 2, 1))
    value = build.node("Relu", conv(build, value, 3, 4, 3, 3, strides=[2, 2]))
    least = build.constant(np.float32(-np.inf))
    value = build.node("Pad", value, build.integers(0, 0, 0, 1, 0, 0, 0, 1), least)
    value = build.node("MaxPool", value, kernel_shape=[2, 2])
    return build.model(value)


def _gated() -> Model:
    """What networks of today are made of beside convolutions."""
    build = OnnxBuilder()
    value = conv(build, build.input(1, 3, 8, 8), 3, 8, 3, 3, pads=[1, 1, 1, 1])
    value = build.node("LeakyRelu", value, alpha=0.1)
    gate = build.node("Sigmoid", conv(build, build.node("GlobalAveragePool", value), 8, 8, 1, 1))
    value = build.node("Mul", value, gate)
    value = conv(build, value, 8, 8, 3, 3, group=2, strides=[2, 2], pads=[1, 1, 1, 1])
    left = build.node("MaxPool", value, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    right = build.node("AveragePool", value, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    value = build.node("Concat", left, right, value, axis=1)
    value = conv(build, value, 24, 4, 1, 1)
    value = build.node("Flatten", build.node("GlobalAveragePool", value))
    return build.model(build.node("Softmax", value))


def _squeezes() -> Model:
    build = OnnxBuilder()
    value = conv(build, build.input(1, 1, 6, 4), 1, 3, 6, 1)
    value = build.node("Squeeze", value, build.integers(2))
    value = conv(build, value, 3, 2, 2)
    value = build.node("Unsqueeze", value, build.integers(-1))
    return build.model(build.node("Flatten", value))


MODELS: dict[str, Callable[[], Model]] = {
    "separable": _separable,
    "residual": _residual,
    "sequence": _sequence,
    "channels_last": _channels_last,
    "image_out": _image_out,
    "shape_chain": _shape_chain,
    "constant_node": _constant_node,
    "two_inputs": _two_inputs,
    "rank_two_norm": _rank_two_norm,
    "lone_activations": _lone_activations,
    "pads": _pads,
    "pad": one("Pad", 1, 3, 4, opset=9, pads=[0, 0, 1, 0, 1, 2], value=1.5),
    "gated": _gated,
    "squeezes": _squeezes,
    "conv_same_upper": _conv(
        1, 3, 7, 8, out=4, kernel=(3, 2), auto_pad="SAME_UPPER", strides=[2, 2]
    ),
    "conv_same_lower": _conv(
        1, 3, 7, 8, out=4, kernel=(2, 3), auto_pad="SAME_LOWER", strides=[2, 2]
    ),
    "conv_valid": _conv(1, 3, 7, 8, out=4, kernel=(2, 3), auto_pad="VALID", dilations=[2, 2]),
    "conv_multiplier": _conv(1, 3, 6, 6, out=6, kernel=(3, 3), group=3, pads=[1, 0, 1, 2]),
    "conv_1d": _conv(1, 4, 20, out=3, kernel=(5,), strides=[2], pads=[1, 3]),
    "max_pool": one("MaxPool", 1, 2, 7, 7, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "max_pool_ceil": one("MaxPool", 1, 2, 8, 7, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "max_pool_dilated": one("MaxPool", 1, 2, 8, 7, kernel_shape=[2, 3], dilations=[2, 2]),
    "max_pool_1d": one("MaxPool", 1, 2, 9, kernel_shape=[3], strides=[2], pads=[1, 1]),
    "average_pool": one(
        "AveragePool", 1, 3, 7, 7, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "average_pool_ceil": one(
        "AveragePool", 1, 3, 8, 8, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
    ),
    "average_pool_counting": one(
        "AveragePool",
        1,
        3,
        7,
        7,
        kernel_shape=[3, 2],
        strides=[2, 1],
        pads=[1, 1, 1, 0],
        count_include_pad=1,
    ),
    "average_pool_same": one("AveragePool", 1, 3, 7, 7, kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
    "reduce_mean": one("ReduceMean", 1, 3, 4, 5, axes=[-1, 1], keepdims=0),
    "reduce_mean_18": one("ReduceMean", 1, 3, 4, 5, opset=18, constants=[_ints(2, 3)]),
    "reduce_mean_all": one("ReduceMean", 1, 3, 4),
    "softmax_channels": one("Softmax", 1, 3, 4, 5, axis=1),
    "softmax_old": one("Softmax", 1, 7, opset=9),
    "softmax_rank_three": one("Softmax", 2, 3, 4, axis=1),
    "flatten_old": one("Flatten", 1, 3, 1, 1, opset=9),
    "flatten_zero": one("Flatten", 2, 3, axis=0),
    "transpose": one("Transpose", 1, 3, 4, 5, perm=[0, 2, 1, 3]),
    "squeeze_old": one("Squeeze", 1, 1, 4, opset=9, axes=[1]),
    "squeeze_all": one("Squeeze", 1, 3, 1),
    "unsqueeze_old": one("Unsqueeze", 2, 3, opset=9, axes=[0, 3]),
    "dropout": one("Dropout", 1, 4),
    "gemm_matrix": one("Gemm", 2, 4, constants=[_floats(4, 3), _floats(1, 3)], beta=2.0),
    "gemm_scalar": one("Gemm", 2, 4, constants=[_floats(4, 3), _floats(1)]),
    "gemm_bare": one("Gemm", 2, 4, opset=11, constants=[_floats(4, 3)]),
    "matmul_rank_three": one("MatMul", 1, 5, 4, constants=[_floats(4, 3)]),
    "add_scalar": one("Add", 1, 3, 4, 4, constants=[np.float32(1.5)]),
    "add_channels": one("Add", 1, 3, 4, 4, constants=[_floats(3, 1, 1)]),
    "add_wider": one("Add", 4, constants=[_floats(1, 2, 4)]),
    "clip_old": one("Clip", 1, 3, 4, 4, opset=9, min=0.0, max=6.0),
    "reshape_minus_one": one("Reshape", 2, 3, 4, constants=[_ints(2, -1)]),
    "identity": one("Identity", 1, 3),
}


def feeds(model: Model, seed: int = 1) -> dict[str, Array]:
    """A random array for each input, a batch left open being 1."""
    random = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for value in model.graph.input:
        shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
        found[value.name] = random.normal(0, 1, shape).astype(np.float32)
    return found


def expected(model: Model, given: dict[str, Array], **options: Any) -> dict[str, Array]:
    """What ONNX Runtime computes."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    for name, value in options.items():
        setattr(settings, name, value)
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings)
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))
