"""Changes of the fields of a .tflite file, after which it is still one that can be decoded."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

SIZES = (-(2**31), -1, 0, 1, 2, 3, 7, 255, 65_536, 2**31 - 1)
SCALES = (float("nan"), float("inf"), 0.0, -1.0, 1e38, 1e-38, 1e-45, 1.0, 0.5)
POINTS = (-(2**63), -(2**31), -129, -128, 0, 1, 127, 128, 255, 2**31, 2**63 - 1)


def change(content: bytes, random: Random, count: int) -> bytes:
    """The file with `count` fields changed."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for _ in range(count):
        random.choice(_CHANGES)(model, random)
    builder = flatbuffers.Builder(len(content))
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except (TypeError, ValueError, AttributeError):  # A value that its field cannot hold.
        return content
    return bytes(builder.Output())


def _some(items: Any, random: Random) -> Any | None:
    return random.choice(items) if items is not None and len(items) else None


def _graph(model: Any, random: Random) -> Any:
    return random.choice(model.subgraphs)


def _tensor(model: Any, random: Random) -> Any:
    return _some(_graph(model, random).tensors, random) or schema.TensorT()


def _operator(model: Any, random: Random) -> Any:
    return _some(_graph(model, random).operators, random) or schema.OperatorT()


def _shape(model: Any, random: Random) -> None:
    tensor = _tensor(model, random)
    shape = [int(size) for size in tensor.shape] if tensor.shape is not None else []
    where = random.randrange(len(shape) + 1)
    match random.randrange(5):
        case 0 if shape:
            del shape[where - 1]
        case 1:
            shape.insert(where, random.choice(SIZES))
        case 2:
            random.shuffle(shape)
        case 3 if shape:
            shape[where - 1] += random.choice((-1, 1))
        case _ if shape:
            shape[where - 1] = random.choice(SIZES)
    tensor.shape = shape
    if random.random() < 0.3:
        tensor.shapeSignature = [random.choice((size, -1)) for size in shape]


def _type(model: Any, random: Random) -> None:
    _tensor(model, random).type = random.choice((*range(20), 99, 127))


def _quantization(model: Any, random: Random) -> None:
    tensor = _tensor(model, random)
    made = tensor.quantization or schema.QuantizationParametersT()
    scales = list(made.scale) if made.scale is not None else []
    points = list(made.zeroPoint) if made.zeroPoint is not None else []
    match random.randrange(6):
        case 0:
            tensor.quantization = None
            return
        case 1 if scales:
            scales[random.randrange(len(scales))] = random.choice(SCALES)
        case 2 if points:
            points[random.randrange(len(points))] = random.choice(POINTS)
        case 3:
            scales *= random.randint(0, 3)
        case 4:
            made.quantizedDimension = random.choice((-1, 0, 1, 2, 3, 4, 2**31 - 1))
        case _:
            scales, points = [random.choice(SCALES)], [random.choice(POINTS)]
    made.scale, made.zeroPoint = np.array(scales, np.float32), np.array(points, np.int64)
    tensor.quantization = made


def _buffer(model: Any, random: Random) -> None:
    tensor, count = _tensor(model, random), len(model.buffers)
    match random.randrange(4):
        case 0:
            tensor.buffer = random.choice((0, count, 2**31, random.randrange(count)))
        case 1:
            tensor.isVariable = not tensor.isVariable
        case _:
            _data(random.choice(model.buffers), random)


def _data(buffer: Any, random: Random) -> None:
    if buffer.data is None or not len(buffer.data):
        buffer.data = np.frombuffer(random.randbytes(8), np.uint8)
        return
    data = bytearray(bytes(bytearray(buffer.data)))
    match random.randrange(4):
        case 0:
            del data[random.randrange(len(data)) :]
        case 1:
            data += data[: random.randint(1, 16)]
        case 2:
            start = random.randrange(0, len(data), 4)
            word = random.choice((b"\xff\xff\xff\x7f", b"\0\0\xc0\x7f", b"\0\0\0\x80", b"\0" * 4))
            data[start : start + 4] = word
        case _:
            data[random.randrange(len(data))] = random.randrange(256)
    buffer.data = np.frombuffer(bytes(data), np.uint8)


def _name(model: Any, random: Random) -> None:
    _tensor(model, random).name = random.choice((None, "", "x", "t0", "out", "a\n\0b", "é" * 50))


def _edges(model: Any, random: Random) -> None:
    graph = _graph(model, random)
    operator = _some(graph.operators, random)
    if operator is None:
        return
    which = random.choice(("inputs", "inputs", "outputs"))
    edges = (
        [int(i) for i in getattr(operator, which)] if getattr(operator, which) is not None else []
    )
    count = len(graph.tensors or [])
    other = random.choice(graph.operators)
    everywhere = [*edges, *([] if other.outputs is None else other.outputs), -1, count, -2]
    anything = random.choice((*everywhere, random.randrange(max(1, count))))
    where = random.randrange(len(edges) + 1)
    match random.randrange(5):
        case 0 if edges:
            del edges[where - 1]
        case 1:
            edges.insert(where, int(anything))
        case 2:
            random.shuffle(edges)
        case _ if edges:
            edges[where - 1] = int(anything)
    setattr(operator, which, edges)


def _interface(model: Any, random: Random) -> None:
    graph = _graph(model, random)
    which = random.choice(("inputs", "outputs"))
    edges = [int(i) for i in getattr(graph, which)] if getattr(graph, which) is not None else []
    match random.randrange(4):
        case 0:
            edges = edges[1:]
        case 1:
            edges *= 2
        case 2 if edges:
            edges[0] = random.randrange(-1, len(graph.tensors or []) + 1)
        case _:
            edges.append(random.randrange(max(1, len(graph.tensors or []))))
    setattr(graph, which, edges)


def _operation(model: Any, random: Random) -> None:
    if random.random() < 0.3:
        _operator(model, random).opcodeIndex = random.randrange(len(model.operatorCodes) + 1)
        return
    code = random.choice(model.operatorCodes)
    code.builtinCode = random.randrange(212)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.customCode = random.choice((None, "own", ""))


def _options(model: Any, random: Random) -> None:
    operator = _operator(model, random)
    options = operator.builtinOptions
    fields = [] if options is None else [k for k, v in vars(options).items() if v is not None]
    match random.randrange(5):
        case 0:
            operator.builtinOptions, operator.builtinOptionsType = None, 0
        case 1:
            other = random.choice(model.subgraphs[0].operators or [operator])
            operator.builtinOptions = other.builtinOptions
            operator.builtinOptionsType = other.builtinOptionsType
        case _ if fields:
            field = random.choice(fields)
            setattr(options, field, _other(getattr(options, field), random))


def _other(value: Any, random: Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice((*SIZES, value + 1, 5, 127))
    if isinstance(value, float):
        return random.choice(SCALES)
    if isinstance(value, (list, np.ndarray)):
        return [random.choice(SIZES[1:8]) for _ in range(random.randrange(6))]
    return None


def _order(model: Any, random: Random) -> None:
    operators = _graph(model, random).operators
    if operators:
        match random.randrange(3):
            case 0:
                operators.pop(random.randrange(len(operators)))
            case 1:
                operators.insert(random.randrange(len(operators)), random.choice(operators))
            case _:
                random.shuffle(operators)


def _subgraphs(model: Any, random: Random) -> None:
    if random.random() < 0.5:
        model.subgraphs.append(random.choice(model.subgraphs))
    elif len(model.subgraphs) > 1:
        random.shuffle(model.subgraphs)


_CHANGES: tuple[Callable[[Any, Random], None], ...] = (
    *(_shape, _type, _quantization, _buffer, _edges, _options) * 3,
    _name,
    _interface,
    _operation,
    _order,
    _subgraphs,
)
