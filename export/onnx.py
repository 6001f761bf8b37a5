"""Writing a graph as an ONNX model: float32 as it is, int8 in QDQ form.

In QDQ form every int8 tensor is stored by a QuantizeLinear and read through a DequantizeLinear,
with the operation between them in float; runtimes fuse the three into an integer operation. Weights
are int8 with one scale a channel, biases int32 with the scale of the sums.

ONNX computes images as NCHW. Inputs and outputs keep the graph's own NHWC shape: an image is turned
round where it enters and where it leaves, and stays NCHW ("planar" below) in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from edge_runtime.errors import ModelError
from edge_runtime.export import onnx_rounding
from edge_runtime.export.onnx_elementwise import (
    Constant,
    binary_steps,
    unary_steps,
)
from edge_runtime.export.onnx_move import move_steps, resize_step
from edge_runtime.export.onnx_problems import problems_of
from edge_runtime.export.onnx_recurrent import add_recurrent
from edge_runtime.export.onnx_values import FROM_PLANAR, TO_PLANAR, Attribute, Step, Values
from edge_runtime.files import write_file
from edge_runtime.graph import Activation, DType, Graph, Node, Op, Rounding, Shape, Tensor, Window
from edge_runtime.ops import (
    Activated,
    ArgMax,
    ArgReduce,
    AveragePool2D,
    BatchMatMul,
    Binary,
    Cast,
    Concat,
    Conv2D,
    CumSum,
    DepthToSpace,
    DepthwiseConv2D,
    Dequantize,
    FloorMod,
    FullyConnected,
    Gather,
    L2Normalization,
    Linear,
    LogSoftmax,
    Mean,
    Pool2D,
    Quantize,
    Recurrent,
    Reduce,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    ReduceProd,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Select,
    Softmax,
    SpaceToDepth,
    Sum,
    Transpose,
    TransposeConv2D,
    Truth,
    Unary,
)
from edge_runtime.ops.windowed import quantized_bounds

OPSET = 13
"""The first with scales per channel, which is the newest thing that is written here."""
IR_VERSION = 8
"""The first with functions that a model brings with it."""

PLANAR_AXIS = {0: 0, 1: 2, 2: 3, 3: 1}
"""Where each axis of NHWC stands in NCHW."""


def write_onnx(graph: Graph, path: Path, *, exact: bool = True) -> None:
    """Write `to_onnx(graph)` to `path`, whole or not at all. ModelError: as `to_onnx`."""
    write_file(path, to_onnx(graph, exact=exact).SerializeToString(deterministic=True))


def to_onnx(graph: Graph, *, exact: bool = True) -> onnx.ModelProto:
    """`graph` as an ONNX model of opset 13, with inputs and outputs named and shaped as in `graph`.

    With `exact`, integer results are rounded as TensorFlow Lite Micro rounds them (see
    `onnx_rounding`); otherwise the QDQ form is plain, runtimes fuse it into their own integer
    kernels, and layers differ by a step now and then.

    ModelError: what opset 13 has no form for, listed node by node: state, int16 and int4, Svdf and
    integer recurrent layers, dilated average pools (which opset 19 brought), and the few that
    `onnx_problems` names.
    """
    problems = problems_of(graph)
    if problems:
        raise ModelError(
            f"model {graph.name} cannot be written as ONNX; {len(problems)} problem(s):",
            hint="write C firmware instead, or change these nodes",
            problems=problems,
        )
    writer = _Writer(graph, exact)
    for node in graph.nodes:
        writer.add(node)
    return writer.finish()


_REDUCTIONS: dict[type[Op], str] = {
    Mean: "ReduceMean",
    ReduceAll: "ReduceMin",
    ReduceAny: "ReduceMax",
    ReduceMax: "ReduceMax",
    ReduceMin: "ReduceMin",
    ReduceProd: "ReduceProd",
    Sum: "ReduceSum",
}


class _Writer:
    """Writes one node after the other."""

    def __init__(self, graph: Graph, exact: bool) -> None:
        self.graph = graph
        self.exact = exact
        self.values = Values(graph)

    def add(self, node: Node) -> None:
        """Write `node`."""
        inputs, output = self.graph.node_inputs(node), self.graph.node_output(node)
        match node.op:
            case Conv2D() | DepthwiseConv2D():
                self._convolution(node, node.op, inputs, output)
            case TransposeConv2D():
                self._transposed(node, node.op, inputs, output)
            case BatchMatMul():
                self._matmul(node, node.op, inputs, output)
            case FullyConnected():
                self._fully_connected(node, node.op, inputs, output)
            case Pool2D():
                self._pool(node, node.op, inputs[0], output)
            case Reduce():
                self._reduce(node, node.op, inputs[0], output)
            case Softmax() | LogSoftmax():
                self._softmax(node, node.op, inputs[0], output)
            case Recurrent():
                outputs = self.graph.node_outputs(node)
                add_recurrent(self.values, node, node.op, inputs, outputs)
            case ArgReduce() | CumSum() | L2Normalization():
                self._along_axis(node, inputs[0], output)
            case Binary() | Truth():
                self._binary(node, inputs, output)
            case Unary():
                self._unary(node, inputs[0], output)
            case _:
                self._storage(node, inputs, output)

    def _convolution(
        self,
        node: Node,
        op: Conv2D | DepthwiseConv2D,
        inputs: Sequence[Tensor],
        output: Tensor,
    ) -> None:
        image, weights = inputs[0], inputs[1]
        depthwise = isinstance(op, DepthwiseConv2D)
        attributes = {
            "group": image.shape[3] // (1 if depthwise else weights.shape[3]),
            "kernel_shape": list(weights.shape[1:3]),
            **_sliding(op.window),
        }
        step = Step("Conv", self._weights(inputs, (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)))
        steps = [
            replace(step, attributes=attributes),
            *self._rounding(node, True),
            *self._activation(node, op, output),
        ]
        self._make(node, output, True, self.values.real(image, True), steps)

    def _transposed(
        self, node: Node, op: TransposeConv2D, inputs: Sequence[Tensor], output: Tensor
    ) -> None:
        image, kernel, window = inputs[0], inputs[1].shape[1:3], op.window
        after = [
            (image.shape[1 + i] - 1) * window.stride[i]
            + (kernel[i] - 1) * window.dilation[i]
            + 1
            - window.pad_before[i]
            - op.size[i]
            for i in (0, 1)
        ]
        attributes: dict[str, Attribute] = {
            "kernel_shape": list(kernel),
            **_sliding(window),
            "pads": [*window.pad_before, *(max(0, pad) for pad in after)],
            "output_padding": [max(0, -pad) for pad in after],
        }
        steps = [
            Step("ConvTranspose", self._weights(inputs, (3, 0, 1, 2), 1), attributes),
            *self._rounding(node, True),
            *self._activation(node, op, output),
        ]
        self._make(node, output, True, self.values.real(image, True), steps)

    def _matmul(
        self, node: Node, op: BatchMatMul, inputs: Sequence[Tensor], output: Tensor
    ) -> None:
        left, right = (
            self.values.turned(tensor, self.values.real(tensor, False))
            if turn
            else self.values.real(tensor, False)
            for tensor, turn in zip(inputs, (op.transpose_a, op.transpose_b), strict=True)
        )
        steps = [Step("MatMul", [right]), *self._rounding(node, False)]
        self._make(node, output, False, left, steps)

    def _weights(
        self, inputs: Sequence[Tensor], order: tuple[int, ...], axis: int = 0
    ) -> list[str]:
        image, weights, *bias = inputs
        biases = [self.values.bias(tensor, image, weights) for tensor in bias]
        return [self.values.weights(weights, order, axis), *biases]

    def _fully_connected(
        self, node: Node, op: FullyConnected, inputs: Sequence[Tensor], output: Tensor
    ) -> None:
        units, columns = inputs[1].shape
        rows = inputs[0].elements // columns
        real = self.values.real_as(inputs[0], (rows, columns))
        gemm = Step("Gemm", self._weights(inputs, (0, 1)), {"transB": 1})
        steps = [gemm, *self._rounding(node, False), *self._activation(node, op, output)]
        self._make(node, output, False, real, steps, shape=(rows, units))

    def _pool(self, node: Node, op: Pool2D, image: Tensor, output: Tensor) -> None:
        attributes = {"kernel_shape": list(op.kernel), **_sliding(op.window)}
        if isinstance(op, AveragePool2D):
            del attributes["dilations"]
            attributes["count_include_pad"] = int(op.count_include_pad)
        kind = "AveragePool" if isinstance(op, AveragePool2D) else "MaxPool"
        steps = [
            Step(kind, (), attributes),
            *self._rounding(node, True),
            *self._activation(node, op, output),
        ]
        self._make(node, output, True, self.values.real(image, True), steps)

    def _constant(self, node: Node) -> Constant:
        """Adds constants in the name of `node`."""
        return lambda name, array: self.values.initializer(f"{node.name}/{name}", array)

    def _planar(self, tensors: Sequence[Tensor]) -> bool:
        """Whether operands that are broadcast are at hand as images in NCHW."""
        images = all(len(tensor.shape) == 4 or tensor.data is not None for tensor in tensors)
        return images and any(self.values.is_planar(tensor) for tensor in tensors)

    def _binary(self, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
        planar = self._planar(inputs)
        left, right = (self.values.real(tensor, planar) for tensor in inputs)
        if isinstance(node.op, FloorMod) and output.dtype.is_float:
            # Runtimes take the remainder of floats with the sign of the dividend.
            whole = self.values.chain(node.name, left, [Step("Div", [right]), Step("Floor")])
            steps = [Step("Sub", [self.values.chain(node.name, whole, [Step("Mul", [right])])])]
        else:
            steps = binary_steps(node.op, right, self._constant(node)) or []
        if isinstance(node.op, Activated):
            steps += self._activation(node, node.op, output)
        self._make(node, output, planar, left, steps)

    def _unary(self, node: Node, image: Tensor, output: Tensor) -> None:
        planar = self.values.is_planar(image)
        real = self.values.real(image, planar)
        steps = unary_steps(node.op, real, self._constant(node))
        if steps is None:
            raise TypeError(f"{type(node.op).__name__} has no ONNX form here")
        self._make(node, output, planar, real, steps)

    def _along_axis(self, node: Node, image: Tensor, output: Tensor) -> None:
        constant = self._constant(node)
        steps: list[Step] = []
        match node.op:
            case ArgReduce(axis=axis, keep_dims=keep, last=last):
                kind = "ArgMax" if isinstance(node.op, ArgMax) else "ArgMin"
                given = {"axis": axis, "keepdims": int(keep), "select_last_index": int(last)}
                steps = [Step(kind, (), given)]
                if output.dtype is not DType.INT64:
                    steps.append(Step("Cast", (), {"to": _code(output)}))
            case CumSum(axis=axis):
                given = {"exclusive": int(node.op.exclusive), "reverse": int(node.op.reverse)}
                steps = [Step("CumSum", [constant("axis", np.array(axis, np.int64))], given)]
                if not image.dtype.is_float:
                    # The sums of integers start with what a stored 0 stands for.
                    start = np.float32(-image.quant.zero_point * image.quant.scale)
                    steps.append(Step("Add", [constant("start", np.array(start))]))
            case L2Normalization():
                steps = [Step("LpNormalization", (), {"axis": -1, "p": 2})]
        self._make(node, output, False, self.values.real(image, False), steps)

    def _reduce(self, node: Node, op: Reduce, image: Tensor, output: Tensor) -> None:
        # Without height and width the axes that are left stand in the same order.
        planar = self.values.is_planar(image) and (op.keep_dims or {1, 2} <= set(op.axes))
        axes = sorted(PLANAR_AXIS[axis] for axis in op.axes) if planar else list(op.axes)
        attributes: dict[str, Attribute] = {"keepdims": int(op.keep_dims)}
        names = []
        if type(op) is Sum:
            stored = np.array(axes, np.int64)
            names.append(self.values.initializer(f"{node.name}/axes", stored))
        else:
            attributes["axes"] = axes
        step = Step(_REDUCTIONS[type(op)], names, attributes)
        real = self.values.real(image, planar)
        steps = [step, *self._rounding(node, planar)]
        if image.dtype is DType.BOOL:
            numbers, truth = ({"to": kind} for kind in (TensorProto.FLOAT, TensorProto.BOOL))
            steps = [Step("Cast", (), numbers), step, Step("Cast", (), truth)]
        self._make(node, output, planar and op.keep_dims, real, steps)

    def _softmax(self, node: Node, op: Softmax | LogSoftmax, image: Tensor, output: Tensor) -> None:
        planar = self.values.is_planar(image)
        kind = "Softmax" if isinstance(op, Softmax) else "LogSoftmax"
        steps = [Step(kind, (), {"axis": 1 if planar else len(image.shape) - 1})]
        if isinstance(op, Softmax) and op.beta != 1:
            beta = self.values.initializer(f"{node.name}/beta", np.array(op.beta, np.float32))
            steps.insert(0, Step("Mul", [beta]))
        self._make(node, output, planar, self.values.real(image, planar), steps)

    def _storage(self, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
        """Operations that move elements as they are stored, or change how they are."""
        image, values = inputs[0], self.values
        planar = values.is_planar(image)
        match node.op:
            case Reshape():
                step = values.reshape(output.name, output.shape)
                values.make(output, False, values.flat(image), [step], node.name)
            case Transpose(order=order) if order == FROM_PLANAR:
                values.alias(output, values.stored(image, False))
            case Transpose(order=order) if order == TO_PLANAR:
                turned = values.stored(image, True)
                values.make(output, False, turned, [Step("Identity")], node.name)
            case Quantize():
                rounding = self._rounding(node, planar)
                self._make(node, output, planar, values.real(image, planar), rounding)
            case Dequantize():
                step = Step("DequantizeLinear", values.scale(image))
                self._make(node, output, planar, values.stored(image, planar), [step])
            case Cast():
                step = Step("Cast", (), {"to": _code(output)})
                values.make(output, planar, values.stored(image, planar), [step], node.name)
            case Select():
                planar = self._planar(inputs)
                first, *others = (values.stored(tensor, planar) for tensor in inputs)
                values.make(output, planar, first, [Step("Where", others)], node.name)
            case Concat(axis=axis):
                planar = self._planar(inputs)
                first, *others = (values.stored(tensor, planar) for tensor in inputs)
                step = Step("Concat", others, {"axis": PLANAR_AXIS[axis] if planar else axis})
                values.make(output, planar, first, [step], node.name)
            case Gather(axis=axis):
                step = Step("Gather", [self._indices(node, inputs[1])], {"axis": axis})
                values.make(output, False, values.stored(image, False), [step], node.name)
            case _:
                self._move(node, inputs, output)

    def _move(self, node: Node, inputs: Sequence[Tensor], output: Tensor) -> None:
        image, values = inputs[0], self.values
        match node.op:
            case SpaceToDepth(block=block) | DepthToSpace(block=block):
                kind = "SpaceToDepth" if isinstance(node.op, SpaceToDepth) else "DepthToSpace"
                step = Step(kind, (), {"blocksize": block})
                values.make(output, True, values.stored(image, True), [step], node.name)
            case ResizeNearest() | ResizeBilinear():
                step = resize_step(node.op, output, self._constant(node))
                self._make(node, output, True, values.real(image, True), [step])
            case _:
                steps = move_steps(node.op, inputs, output, self._constant(node))
                if steps is None:
                    raise TypeError(f"{type(node.op).__name__} has no ONNX form here")
                values.make(output, False, values.stored(image, False), steps, node.name)

    def _indices(self, node: Node, indices: Tensor) -> str:
        """Indices as ONNX takes them: of 32 or 64 bits."""
        stored = self.values.stored(indices, False)
        if indices.dtype in (DType.INT32, DType.INT64):
            return stored
        return self.values.chain(node.name, stored, [Step("Cast", (), {"to": TensorProto.INT64})])

    def _rounding(self, node: Node, planar: bool) -> list[Step]:
        """What makes the QuantizeLinear that follows store what the integer kernel does."""
        inputs, output = self.graph.node_inputs(node), self.graph.node_output(node)
        correction = onnx_rounding.correction(node.op, inputs, output, planar)
        if correction is None or _rounds_once(node.op) or not self.exact:
            return []
        function, arguments = correction
        names = [
            self.values.initializer(f"{node.name}/{name}", data) for name, data in arguments.items()
        ]
        return [Step(function, names, domain=onnx_rounding.DOMAIN)]

    def _activation(
        self, node: Node, op: Linear | Pool2D | Activated, output: Tensor
    ) -> list[Step]:
        """The clamp of `op`, where storing the output does not do it anyway."""
        if op.activation is Activation.NONE or _saturates(op.activation, output):
            return []
        if op.activation is Activation.RELU:
            return [Step("Relu")]
        bounds = [
            self.values.initializer(f"{node.name}/bound", np.array(bound, np.float32))
            for bound in op.activation.bounds
        ]
        return [Step("Clip", bounds)]

    def _make(
        self,
        node: Node,
        output: Tensor,
        planar: bool,
        first: str,
        steps: Sequence[Step],
        *,
        shape: Shape | None = None,
    ) -> None:
        """Let `steps` make `output`, quantized and reshaped (from `shape`) where that is needed."""
        chain = list(steps)
        if output.quantization is not None and not output.dtype.is_float:
            chain.append(Step("QuantizeLinear", self.values.scale(output)))
        if shape is not None and shape != output.shape:
            chain.append(self.values.reshape(output.name, output.shape))
        self.values.make(output, planar, first, chain, node.name)

    def finish(self) -> onnx.ModelProto:
        """The model."""
        for name in self.graph.outputs:
            self.values.stored(self.graph.tensors[name], False)
        made = helper.make_graph(
            self.values.nodes,
            self.graph.name or "graph",
            [_value_info(self.graph.tensors[name]) for name in self.graph.inputs],
            [_value_info(self.graph.tensors[name]) for name in self.graph.outputs],
            self.values.initializers,
        )
        opsets = [helper.make_opsetid("", OPSET)]
        used = {node.op_type for node in made.node if node.domain == onnx_rounding.DOMAIN}
        functions = [onnx_rounding.function(name, OPSET) for name in sorted(used)]
        if functions:
            opsets.append(helper.make_opsetid(onnx_rounding.DOMAIN, 1))
        model = helper.make_model(
            made, producer_name="edge-runtime", opset_imports=opsets, functions=functions
        )
        model.ir_version = IR_VERSION
        if not any(_rounds_once(node.op) for node in self.graph.nodes):
            helper.set_model_props(model, {"edge_runtime.rounding": "twice"})
        return model


def _rounds_once(op: Op) -> bool:
    return isinstance(op, AveragePool2D | Linear) and op.rounding is Rounding.ONCE


def _saturates(activation: Activation, output: Tensor) -> bool:
    """Whether `output` can store nothing that the clamp would change."""
    return not output.dtype.is_float and (
        quantized_bounds(activation, output) == output.dtype.range
    )


def _sliding(window: Window) -> dict[str, Attribute]:
    return {
        "strides": list(window.stride),
        "dilations": list(window.dilation),
        "pads": [*window.pad_before, *window.pad_after],
    }


def _code(tensor: Tensor) -> int:
    """ONNX's number of the tensor's type."""
    return int(helper.np_dtype_to_tensor_dtype(tensor.dtype.numpy))


def _value_info(tensor: Tensor) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, _code(tensor), tensor.shape)
