"""Writing a graph as a TensorFlow Lite model.

The format is TensorFlow's `tensorflow/lite/schema/schema.fbs` (schema version 3). Equal graphs give
equal bytes: everything stands in the graph's own order, and nothing of the machine or the day is
written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import ModelError, Problem
from edge_runtime.export import tflite_elementwise, tflite_move
from edge_runtime.export.tflite_options import VERSIONS, Options, options_of, version_of
from edge_runtime.export.tflite_recurrent import add_lstm, add_svdf, recurrent_problems
from edge_runtime.files import write_file
from edge_runtime.graph import (
    Array,
    DType,
    Graph,
    Kind,
    Node,
    Op,
    Quantization,
    Tensor,
    Window,
)
from edge_runtime.nibbles import pack_nibbles
from edge_runtime.ops import (
    ArgReduce,
    AveragePool2D,
    Clamp,
    Conv2D,
    CumSum,
    Linear,
    Lstm,
    MaxPool2D,
    Pad,
    Pool2D,
    Reduce,
    SlidingConv2D,
    Svdf,
    TransposeConv2D,
)
from edge_runtime.passes.tflite_forms import plain_window, tflite_forms

SCHEMA_VERSION = 3
ALIGNMENT = 16
"""Of constant data, in bytes (schema.fbs: `force_align: 16`, which the Python writer ignores)."""

_TYPES = {
    DType.FLOAT32: schema.TensorType.FLOAT32,
    DType.FLOAT16: schema.TensorType.FLOAT16,
    DType.INT4: schema.TensorType.INT4,
    DType.INT8: schema.TensorType.INT8,
    DType.UINT8: schema.TensorType.UINT8,
    DType.INT16: schema.TensorType.INT16,
    DType.INT32: schema.TensorType.INT32,
    DType.INT64: schema.TensorType.INT64,
    DType.BOOL: schema.TensorType.BOOL,
}


def write_tflite(graph: Graph, path: Path) -> None:
    """Write `to_tflite(graph)` to `path`, whole or not at all. ModelError: as `to_tflite`."""
    write_file(path, to_tflite(graph))


def to_tflite(graph: Graph) -> bytes:
    """`graph` as the contents of a .tflite file.

    A convolution or maximum pool whose padding is neither SAME nor VALID gets a PAD or PADV2 before
    it, which is exact. State becomes resource variables. ModelError: what TFLite has no form for
    (listed node by node): an average pool with such padding, as it must leave the padding out, and
    dilated pools.
    """
    graph = tflite_forms(graph)
    problems = [problem for node in graph.nodes for problem in _node_problems(graph, node)]
    if problems:
        raise ModelError(
            f"model {graph.name} cannot be written as TFLite; {len(problems)} problem(s):",
            hint="write ONNX or C firmware instead, or change these nodes",
            problems=problems,
        )
    writer = _Writer(graph)
    for node in graph.nodes:
        writer.add_node(node)
    return writer.finish()


def _node_problems(graph: Graph, node: Node) -> list[Problem]:
    return [
        *_pool(graph, node),
        *_transposed(graph, node),
        *_extreme(node),
        *_nameless(graph, node),
        *recurrent_problems(graph, node),
    ]


def _extreme(node: Node) -> list[Problem]:
    if not isinstance(node.op, ArgReduce):
        return []
    found = []
    if node.op.keep_dims:
        found.append("the axis is kept; TFLite leaves it out")
    if node.op.last:
        found.append("the last of equal elements; TFLite takes the first")
    return [Problem(node.name, node.op.NAME, reason) for reason in found]


def _pool(graph: Graph, node: Node) -> list[Problem]:
    if not isinstance(node.op, Pool2D):
        return []
    window, found = node.op.window, []
    if window.dilation != (1, 1):
        found.append(f"dilation {window.dilation} of a pool; TFLite allows: (1, 1)")
    size = graph.node_inputs(node)[0].shape[1:3]
    if isinstance(node.op, AveragePool2D) and _padding(window, size, node.op.kernel) is None:
        same = Window.same((size[0], size[1]), node.op.kernel, window.stride)
        found.append(
            f"padding {window.pad_before}, {window.pad_after} of an average pool; TFLite allows:"
            f" none, or {same.pad_before}, {same.pad_after} (SAME)"
        )
    if isinstance(node.op, AveragePool2D) and node.op.count_include_pad and window.pads:
        found.append("padding that counts; TFLite leaves it out")
    return [Problem(node.name, node.op.NAME, reason) for reason in found]


def _transposed(graph: Graph, node: Node) -> list[Problem]:
    op = node.op
    if not isinstance(op, TransposeConv2D):
        return []
    image, weights = (tensor.shape for tensor in graph.node_inputs(node)[:2])
    found = []
    if op.groups(image, weights) > 1:
        found.append(f"{op.groups(image, weights)} groups; TFLite allows: 1")
    if op.window.dilation != (1, 1):
        found.append(f"dilation {op.window.dilation}; TFLite allows: (1, 1)")
    if plain_window(op, image, weights) is None:
        found.append(
            f"padding {op.window.pad_before} before and a size of {op.size}; TFLite allows: what"
            " VALID or SAME padding gives"
        )
    return [Problem(node.name, op.NAME, reason) for reason in found]


def _nameless(graph: Graph, node: Node) -> list[Problem]:
    output = graph.node_output(node)
    reason = tflite_elementwise.refused(node.op, graph.node_inputs(node), output)
    return [] if reason is None else [Problem(node.name, node.op.NAME, reason)]


def _padding(window: Window, size: Sequence[int], kernel: tuple[int, int]) -> int | None:
    """TFLite's word for the padding of `window`, or None where it has none.

    What is padded after the last element that any window reads does not matter.
    """
    image = (size[0], size[1])
    for word, like in (
        (schema.Padding.VALID, Window(window.stride, window.dilation)),
        (schema.Padding.SAME, Window.same(image, kernel, window.stride, window.dilation)),
    ):
        same_outputs = like.output_size(image, kernel) == window.output_size(image, kernel)
        if same_outputs and like.pad_before == window.pad_before:
            return int(word)
    return None


def _kernel(op: Op, inputs: Sequence[Tensor]) -> tuple[int, int]:
    """Height and width of what slides."""
    if isinstance(op, Pool2D):
        return op.kernel
    return inputs[1].shape[1], inputs[1].shape[2]


class _Buffer(schema.BufferT):  # type: ignore[misc]
    """A buffer whose data start where any processor can read them."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        if self.data is None:
            return int(super().Pack(builder))
        builder.StartVector(1, len(self.data), ALIGNMENT)
        builder.head -= len(self.data)
        builder.Bytes[builder.Head() : builder.Head() + len(self.data)] = self.data.tobytes()
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))


class _Writer:
    """The parts of the model as they come to be."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.buffers = [_Buffer()]  # The first is empty: that of tensors without data.
        self.tensors: list[schema.TensorT] = []
        self.index: dict[str, int] = {}
        self.codes: list[tuple[str, int]] = []
        self.operators: list[schema.OperatorT] = []
        self.left_out: set[str] = set()
        self.variables = variables(graph)
        self.at_hand: dict[str, str] = {}
        """By variable, the tensor that holds its value at this point."""
        for tensor in graph.tensors.values():
            if tensor.name not in self.variables:
                self.add_tensor(tensor)
        self._add_handles(self)

    def add_tensor(self, tensor: Tensor) -> str:
        """Add `tensor`, with a number behind its name where that is taken; the name it got."""
        name, count = tensor.name, 1
        while name in self.index:
            count += 1
            name = f"{tensor.name}_{count}"
        self.index[name] = len(self.tensors)
        made = schema.TensorT(
            shape=list(tensor.shape),
            type=_TYPES[tensor.dtype],
            buffer=0 if tensor.data is None else len(self.buffers),
            name=name,
            quantization=_quantization(tensor.quantization),
            hasRank=True,
            isVariable=tensor.kind is Kind.STATE,
        )
        if tensor.data is not None:
            self.buffers.append(_Buffer(data=_stored_bytes(tensor)))
        self.tensors.append(made)
        return name

    def leave_out(self, node: Node) -> None:
        """Write no operator for a node that comes later."""
        self.left_out.add(node.name)

    def add_operator(
        self,
        name: str,
        inputs: Iterable[str | None],
        outputs: Iterable[str],
        options: Options,
        version: int = 1,
    ) -> None:
        """Add one operator of TFLite's `name`; None stands for an input that is left out."""
        code = (name, version)
        if code not in self.codes:
            self.codes.append(code)
        kind = "NONE" if options is None else type(options).__name__.removesuffix("T")
        self.operators.append(
            schema.OperatorT(
                opcodeIndex=self.codes.index(code),
                inputs=[-1 if tensor is None else self.index[tensor] for tensor in inputs],
                outputs=[self.index[tensor] for tensor in outputs],
                builtinOptionsType=getattr(schema.BuiltinOptions, kind),
                builtinOptions=options,
            )
        )

    def add_node(self, node: Node) -> None:
        """Add `node`, and what TFLite needs around it."""
        if node.name in self.left_out:
            return
        if isinstance(node.op, Svdf):
            add_svdf(self, node, node.op)
        elif isinstance(node.op, Lstm):
            add_lstm(self, node, node.op)
        else:
            self._add_plain(node)

    def _add_plain(self, node: Node) -> None:
        """Add a node of one operator, and a PAD before it where it needs one."""
        names, tensors = [self.value(name) for name in node.inputs], self.graph.node_inputs(node)
        if isinstance(node.op, Clamp) and not tflite_elementwise.is_relu(node.op):
            self.add_clamp(node, node.op)
            self._assign(node)
            return
        padding = int(schema.Padding.VALID)
        if isinstance(node.op, TransposeConv2D):
            like = plain_window(node.op, tensors[0].shape, tensors[1].shape)
            if like is not None and like.pads:
                padding = int(schema.Padding.SAME)
        elif isinstance(node.op, SlidingConv2D | Pool2D):
            kernel = _kernel(node.op, tensors)
            word = _padding(node.op.window, tensors[0].shape[1:3], kernel)
            if word is None:
                names[0] = self.add_pad(node, node.op.window)
            else:
                padding = word
        if isinstance(node.op, Reduce | ArgReduce | CumSum):
            axes = node.op.axes if isinstance(node.op, Reduce) else (node.op.axis,)
            names.append(self.add_integers(f"{node.name}/axes", axes))
        for what, values in tflite_move.constants(node.op, tensors):
            names.append(self.add_tensor(Tensor.constant(f"{node.name}/{what}", values)))
        if isinstance(node.op, Pad):
            names += [self.add_fill(node, node.op.value)]
        if isinstance(node.op, Linear):
            names = [*names[:2], *self.add_bias(node)]
        if isinstance(node.op, TransposeConv2D):
            shape = self.add_integers(f"{node.name}/shape", self.graph.node_output(node).shape)
            names = [shape, names[1], names[0], *names[2:]]
        options = options_of(node.op, tensors, self.graph.node_output(node), padding)
        name = tflite_move.NAMES.get(type(node.op)) or tflite_elementwise.name_of(node.op)
        made = [self.made(output) for output in node.outputs]
        self.add_operator(name, names, made, options, version_of(node.op, tensors))
        self._assign(node)

    def _assign(self, node: Node) -> None:
        """Keep what `node` made of state."""
        for state in self.variables & set(node.outputs):
            operands = [state, self.at_hand[state]]
            self.add_operator("ASSIGN_VARIABLE", operands, [], schema.AssignVariableOptionsT())

    def value(self, name: str) -> str:
        """The tensor that holds what `name` holds at this point: itself, or a variable's value."""
        if name not in self.variables:
            return name
        if name not in self.at_hand:
            made = self.made(name)
            self.add_operator("READ_VARIABLE", [name], [made], schema.ReadVariableOptionsT())
        return self.at_hand[name]

    def made(self, name: str) -> str:
        """The tensor to write where `name` is to be written."""
        if name in self.variables:
            tensor = replace(self.graph.tensors[name], name=f"{name}/value", kind=Kind.ACTIVATION)
            self.at_hand[name] = self.add_tensor(tensor)
        return self.at_hand.get(name, name)

    def _add_handles(self, owner: _Writer) -> None:
        """A handle for each variable of `owner`, called like the state."""
        for name in sorted(owner.variables):
            self.index[name] = len(self.tensors)
            kind = schema.TensorType.RESOURCE
            self.tensors.append(schema.TensorT(shape=[], type=kind, name=name, hasRank=True))
        if owner is self and owner.variables:
            self.add_operator("CALL_ONCE", [], [], schema.CallOnceOptionsT(initSubgraphIndex=1))
        for name in sorted(owner.variables):
            options = schema.VarHandleOptionsT(container="", sharedName=name)
            self.add_operator("VAR_HANDLE", [], [name], options)

    def _initialization(self) -> schema.SubGraphT:
        """The subgraph that sets variables to what they start from."""
        first = _Writer(Graph.build("initialization", [], [], [], []))
        first.buffers, first.codes = self.buffers, self.codes
        first._add_handles(self)
        for name in sorted(self.variables):
            tensor = self.graph.tensors[name]
            start = Tensor.constant(f"{name}/start", tensor.start, tensor.quantization)
            operands = [name, first.add_tensor(start)]
            first.add_operator("ASSIGN_VARIABLE", operands, [], schema.AssignVariableOptionsT())
        return first.subgraph()

    def add_pad(self, node: Node, window: Window) -> str:
        """Pad the input of `node` with what stands for zero, or for a maximum's least value."""
        image = self.graph.node_inputs(node)[0]
        (top, left), (bottom, right) = window.pad_before, window.pad_after
        batch, height, width, channels = image.shape
        padded = self.add_tensor(
            Tensor(
                f"{node.name}/padded",
                (batch, top + height + bottom, left + width + right, channels),
                image.dtype,
                quantization=image.quantization,
            )
        )
        pads = [(0, 0), (top, bottom), (left, right), (0, 0)]
        names = [image.name, self.add_integers(f"{node.name}/padding", pads)]
        if not isinstance(node.op, MaxPool2D):
            self.add_operator("PAD", names, [padded], schema.PadOptionsT(), VERSIONS["PAD"])
            return padded
        least = float("-inf") if image.dtype.is_float else image.dtype.range[0]
        names.append(self.add_fill(node, least))
        self.add_operator("PADV2", names, [padded], schema.PadV2OptionsT(), VERSIONS["PADV2"])
        return padded

    def add_clamp(self, node: Node, op: Clamp) -> None:
        """Bounds that TFLite has no name for: the larger, then the smaller of x and a constant."""
        (image,), output = self.graph.node_inputs(node), self.graph.node_output(node)
        bounds = (op.low, op.high) if image.dtype.is_float else op.bounds(output)
        steps = [
            ("MAXIMUM", bounds[0], op.low > -math.inf),
            ("MINIMUM", bounds[1], op.high < math.inf),
        ]
        needed = [(name, bound) for name, bound, is_needed in steps if is_needed]
        source = self.value(image.name)
        for index, (name, bound) in enumerate(needed):
            if index + 1 < len(needed):
                made = self.add_tensor(replace(output, name=f"{node.name}/raised"))
            else:
                made = self.made(output.name)
            version = tflite_elementwise.version_of(name, [image])
            names = [source, self.add_fill(node, bound)]
            self.add_operator(name, names, [made], schema.MaximumMinimumOptionsT(), version)
            source = made

    def add_fill(self, node: Node, value: float) -> str:
        """A constant of one stored value, of the type and quantization of the input of `node`."""
        image = self.graph.node_inputs(node)[0]
        fill = np.array([value], image.dtype.numpy)
        return self.add_tensor(Tensor.constant(f"{node.name}/fill", fill, image.quantization))

    def add_integers(self, name: str, values: Sequence[int] | Sequence[tuple[int, int]]) -> str:
        """A constant int32 tensor of `values`."""
        return self.add_tensor(Tensor.constant(name, np.array(values, np.int32)))

    def add_bias(self, node: Node) -> list[str]:
        """The bias of `node` with the scales it is meant in, which a graph may leave out.

        LiteRT refuses a convolution without bias, so that gets one of zeros.
        """
        image, weights, *given = self.graph.node_inputs(node)
        if not given and not isinstance(node.op, Conv2D):
            return []
        scales = _product(image.quantization, weights.quantization)
        if given:
            made = self.tensors[self.index[given[0].name]]
            made.quantization = made.quantization or _quantization(scales)
            return [given[0].name]
        kind = {DType.FLOAT32: np.float32, DType.INT16: np.int64}.get(image.dtype, np.int32)
        zeros = np.zeros(weights.shape[0], kind)
        return [self.add_tensor(Tensor.constant(f"{node.name}/bias", zeros, scales))]

    def subgraph(self) -> schema.SubGraphT:
        """All tensors and operators."""
        return schema.SubGraphT(
            tensors=self.tensors,
            inputs=[self.index[name] for name in self.graph.inputs],
            outputs=[self.index[name] for name in self.graph.outputs],
            operators=self.operators,
            name=self.graph.name,
        )

    def finish(self) -> bytes:
        """The file."""
        subgraphs = [self.subgraph()]
        if self.variables:
            subgraphs.append(self._initialization())
        model = schema.ModelT(
            version=SCHEMA_VERSION,
            operatorCodes=[_operator_code(*code) for code in self.codes],
            subgraphs=subgraphs,
            description="edge-runtime",
            buffers=self.buffers,
        )
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def variables(graph: Graph) -> frozenset[str]:
    """The state tensors that are resource variables: all but those that an operator updates itself.

    Those are among what it makes besides its output.
    """
    updated = {name for node in graph.nodes for name in node.also}
    return frozenset(tensor.name for tensor in graph.of_kind(Kind.STATE)) - updated


def _stored_bytes(tensor: Tensor) -> Array:
    if tensor.dtype is DType.INT4:
        return pack_nibbles(tensor.values)
    raw = tensor.values.astype(tensor.values.dtype.newbyteorder("<")).tobytes()
    return np.frombuffer(raw, np.uint8)


def _operator_code(name: str, version: int) -> schema.OperatorCodeT:
    code = getattr(schema.BuiltinOperator, name)
    # Readers older than the wider field look at the deprecated one, which ends at 127.
    return schema.OperatorCodeT(
        deprecatedBuiltinCode=min(code, 127), builtinCode=code, version=version
    )


def _product(image: Quantization | None, weights: Quantization | None) -> Quantization | None:
    """The quantization of sums of products: that of a bias."""
    if image is None or weights is None:
        return None
    scales = tuple(float(np.float32(image.scale * scale)) for scale in weights.scales)
    return Quantization(scales, (0,) * len(scales), None if len(scales) == 1 else 0)


def _quantization(quantization: Quantization | None) -> schema.QuantizationParametersT | None:
    if quantization is None:
        return None
    return schema.QuantizationParametersT(
        scale=np.array(quantization.scales, "<f4"),
        zeroPoint=np.array(quantization.zero_points, "<i8"),
        quantizedDimension=quantization.axis or 0,
    )
