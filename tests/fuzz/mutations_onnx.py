"""Changes of the fields of an .onnx file, after which it is still one that can be decoded."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import onnx
import onnx.defs

SIZES = (-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 7, 255, 65_536, 2**31, 2**40, 2**63 - 1)
FLOATS = (float("nan"), float("inf"), float("-inf"), 0.0, -1.0, 1e38, 1e-45, 0.5)
OPERATIONS = sorted({schema.name for schema in onnx.defs.get_all_schemas()})


def change(content: bytes, random: Random, count: int) -> bytes:
    """The file with `count` fields changed."""
    model = onnx.ModelProto.FromString(content)
    for _ in range(count):
        random.choice(_CHANGES)(model, random)
    return bytes(model.SerializeToString())


def _some(items: Any, random: Random) -> Any | None:
    return items[random.randrange(len(items))] if len(items) else None


def _nodes(model: Any, random: Random) -> Any:
    function = _some(model.functions, random)
    return function.node if function is not None and random.random() < 0.5 else model.graph.node


def _names(model: Any) -> list[str]:
    graph = model.graph
    made = [name for node in graph.node for name in node.output]
    given = [value.name for value in (*graph.input, *graph.initializer, *graph.output)]
    return [*made, *given, "", "nothing"]


def _edges(model: Any, random: Random) -> None:
    node = _some(_nodes(model, random), random)
    if node is None:
        return
    edges = node.input if random.random() < 0.8 else node.output
    kept, where = list(edges), random.randrange(len(edges) + 1)
    match random.randrange(5):
        case 0 if kept:
            del kept[where - 1]
        case 1:
            kept.insert(where, random.choice(_names(model)))
        case 2:
            random.shuffle(kept)
        case _ if kept:
            kept[where - 1] = random.choice(_names(model))
    del edges[:]
    edges.extend(kept)


def _operation(model: Any, random: Random) -> None:
    node = _some(_nodes(model, random), random)
    if node is None:
        return
    if random.random() < 0.8:
        node.op_type = random.choice(OPERATIONS)
    else:
        node.domain = random.choice(("", "ai.onnx", "com.microsoft", "own"))


def _order(model: Any, random: Random) -> None:
    nodes = _nodes(model, random)
    kept = list(nodes)
    if not kept:
        return
    match random.randrange(3):
        case 0:
            kept.pop(random.randrange(len(kept)))
        case 1:
            twice = onnx.NodeProto.FromString(random.choice(kept).SerializeToString())
            kept.insert(random.randrange(len(kept)), twice)
        case _:
            random.shuffle(kept)
    copies = [node.SerializeToString() for node in kept]
    del nodes[:]
    nodes.extend(onnx.NodeProto.FromString(copy) for copy in copies)


def _attribute(model: Any, random: Random) -> None:
    node = _some(_nodes(model, random), random)
    attribute = None if node is None else _some(node.attribute, random)
    if attribute is None:
        return
    match random.randrange(4):
        case 0:
            node.attribute.remove(attribute)
        case 1:
            attribute.type = random.randrange(15)
        case 2:
            attribute.name = random.choice(("axis", "axes", "pads", "perm", "strides", "group"))
        case _:
            _value(attribute, random)


def _value(attribute: Any, random: Random) -> None:
    if attribute.ints:
        where = random.randrange(len(attribute.ints))
        if random.random() < 0.3:
            attribute.ints.extend(random.choices(SIZES, k=random.randint(1, 4)))
        elif random.random() < 0.3:
            del attribute.ints[where]
        else:
            attribute.ints[where] = random.choice((*SIZES, attribute.ints[where] + 1))
    elif attribute.HasField("t"):
        _constant(attribute.t, random)
    elif attribute.HasField("f"):
        attribute.f = random.choice(FLOATS)
    elif attribute.HasField("s"):
        attribute.s = random.choice((b"", b"SAME_UPPER", b"\xff\xfe", b"linear", b"cubic"))
    elif attribute.floats:
        attribute.floats[random.randrange(len(attribute.floats))] = random.choice(FLOATS)
    else:
        attribute.i = random.choice((*SIZES[1:-1], 10, 16))


def _constant(tensor: Any, random: Random) -> None:
    match random.randrange(7):
        case 0 if tensor.dims:
            tensor.dims[random.randrange(len(tensor.dims))] = random.choice(SIZES)
        case 1:
            tensor.dims.append(random.choice((0, 1, 2)))
        case 2:
            tensor.data_type = random.randrange(30)
        case 3:
            tensor.raw_data = tensor.raw_data[: random.randrange(len(tensor.raw_data) + 1)]
        case 4:
            tensor.data_location = onnx.TensorProto.EXTERNAL
            where = random.choice(("../x", "/etc/passwd", "x", ""))
            tensor.external_data.add(key="location", value=where)
        case 5 if tensor.float_data:
            tensor.float_data[0] = random.choice(FLOATS)
        case _ if len(tensor.raw_data) >= 4:
            start = random.randrange(0, len(tensor.raw_data) - 3, 4)
            word = random.choice((b"\xff\xff\xff\x7f", b"\0\0\xc0\x7f", b"\0\0\0\x80", b"\0" * 4))
            tensor.raw_data = tensor.raw_data[:start] + word + tensor.raw_data[start + 4 :]


def _initializer(model: Any, random: Random) -> None:
    tensor = _some(model.graph.initializer, random)
    if tensor is None:
        return
    if random.random() < 0.1:
        model.graph.initializer.remove(tensor)
    else:
        _constant(tensor, random)


def _interface(model: Any, random: Random) -> None:
    graph = model.graph
    values = random.choice((graph.input, graph.input, graph.output, graph.value_info))
    value = _some(values, random)
    if value is None:
        return
    dims = value.type.tensor_type.shape.dim
    dim = _some(dims, random)
    match random.randrange(6):
        case 0:
            values.remove(value)
        case 1:
            value.name = random.choice(_names(model))
        case 2:
            value.type.tensor_type.elem_type = random.randrange(25)
        case 3 if dim is not None:
            dim.dim_param = random.choice(("batch", "n", ""))
        case 4:
            dims.add(dim_value=random.choice((0, 1, 2)))
        case _ if dim is not None:
            dim.dim_value = random.choice(SIZES)


def _header(model: Any, random: Random) -> None:
    opset = _some(model.opset_import, random)
    if opset is not None:
        opset.version = random.choice((*range(30), -1, 2**63 - 1))


_CHANGES: tuple[Callable[[Any, Random], None], ...] = (
    *(_edges, _attribute, _initializer, _interface) * 3,
    *(_operation, _order) * 2,
    _header,
)
