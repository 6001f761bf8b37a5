"""Functions in place of the nodes that call them: the model's own, and those ONNX defines.

A function is a list of nodes with formal inputs, outputs and attributes. Calling it means these
nodes under names of their own, which start with the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
import onnx.defs

from edge_runtime.errors import ModelError
from edge_runtime.importers.onnx.node import PLAIN_DOMAINS, FileNode
from edge_runtime.importers.unsupported import UnsupportedError

DEEPEST = 64
"""Calls within calls; a function that calls itself goes on for ever."""


@dataclass
class Scope:
    """Names and attributes within one call.

    Nodes are named after the node that calls, tensors after its first output, which is unique.
    """

    label: str
    prefix: str
    names: dict[str, str]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    inherits: bool = False
    """Whether names that are not made within stand for the same names outside."""

    def outer(self, name: str) -> str:
        """The model's name for one that a node reads."""
        if not name or name in self.names:
            return self.names.get(name, "")
        return name if self.inherits else self.made(name)

    def made(self, name: str) -> str:
        """The model's name for one that a node makes."""
        if not name:
            return ""
        return self.names.setdefault(name, f"{self.prefix}//{name}")

    def node(self, proto: Any) -> Any:
        """A node of the function as a node of the model."""
        copy = onnx.NodeProto()
        copy.CopyFrom(proto)
        copy.name = f"{self.label}/{proto.name or proto.op_type}"
        copy.input[:] = [self.outer(name) for name in proto.input]
        copy.output[:] = [self.made(name) for name in proto.output]
        del copy.attribute[:]
        for attribute in proto.attribute:
            self._attribute(copy, attribute)
        return copy

    def _attribute(self, copy: Any, attribute: Any) -> None:
        if attribute.ref_attr_name:
            given = self.attributes.get(attribute.ref_attr_name)
            if given is not None:
                copy.attribute.add().CopyFrom(given)
                copy.attribute[-1].name = attribute.name
            return
        made = copy.attribute.add()
        made.CopyFrom(attribute)
        for graph in ([made.g] if made.HasField("g") else []) + list(made.graphs):
            inner = Scope(
                copy.name,
                copy.output[0] if copy.output else copy.name,
                dict(self.names),
                self.attributes,
                inherits=True,
            )
            for value in (*graph.input, *graph.initializer):
                value.name = inner.made(value.name)
            nodes = [inner.node(node) for node in graph.node]
            del graph.node[:]
            graph.node.extend(nodes)
            for value in graph.output:
                value.name = inner.outer(value.name)


OWN_DOMAIN = "edge_runtime"
"""Of functions that our own exporter writes, which mean more than their nodes say."""


class Functions:
    """The functions that a model brings along."""

    def __init__(self, model: Any, most: int) -> None:
        found = [function for function in model.functions if function.domain != OWN_DOMAIN]
        self._by_name = {(_domain(f), f.name, _overload(f)): f for f in found}
        self._left = self._most = most

    def flatten(
        self, protos: Iterable[Any], opsets: Mapping[str, int], depth: int = 0
    ) -> Iterator[FileNode]:
        """The nodes with every call of a function replaced; ModelError if there are too many."""
        for proto in protos:
            self._left -= 1
            if self._left < 0:
                raise ModelError(f"the model has more than {self._most} nodes")
            function = self._by_name.get((_domain(proto), proto.op_type, _overload(proto)))
            if function is None:
                yield FileNode.of(proto, opsets)
            elif depth >= DEEPEST:
                raise ModelError(f"function {function.name} is called {DEEPEST} levels deep")
            else:
                yield from self.flatten(call(function, proto), opsets_of(function), depth + 1)


def call(function: Any, proto: Any) -> list[Any]:
    """The nodes that a call of `function` by a node stands for."""
    names = dict.fromkeys(function.input, "")
    names.update(zip(function.input, proto.input, strict=False))
    made = [pair for pair in zip(function.output, proto.output, strict=False) if pair[1]]
    names.update((formal, name) for formal, name in made if formal not in function.input)
    given = {attribute.name: attribute for attribute in function.attribute_proto}
    given.update((attribute.name, attribute) for attribute in proto.attribute)
    scope = Scope(*_called(proto), names, given)
    passed = [
        onnx.helper.make_node("Identity", [names[formal]], [name])
        for formal, name in made
        if formal in function.input
    ]
    return [scope.node(node) for node in function.node] + passed


def branch(graph: Any, proto: Any) -> list[Any]:
    """The nodes of a graph that `proto` has as an attribute and makes its outputs by."""
    names = {
        value.name: name
        for value, name in zip(graph.output, proto.output, strict=False)
        if value.name and name
    }
    scope = Scope(*_called(proto), names, inherits=True)
    constants = []
    for tensor in graph.initializer:
        name = scope.made(tensor.name)
        constants.append(onnx.helper.make_node("Constant", [], [name], value=tensor))
    inner = {output for node in graph.node for output in node.output}
    inner.update(tensor.name for tensor in graph.initializer)
    passed = [
        onnx.helper.make_node("Identity", [outside], [made])
        for outside, made in names.items()
        if outside not in inner
    ]
    for outside in names.keys() - inner:
        del scope.names[outside]
    return constants + [scope.node(node) for node in graph.node] + passed


def _schema(node: FileNode, opset: int | None = None) -> Any | None:
    domain, _, operation = node.operation.rpartition(".")
    try:
        return onnx.defs.get_schema(operation, opset or node.opset, domain)
    except (onnx.defs.SchemaError, TypeError):  # the latter for a version of more than 32 bits
        return None


def misfit(node: FileNode) -> str:
    """How the number of inputs or outputs differs from what ONNX defines; empty if it does not."""
    schema = _schema(node) or _schema(node, onnx.defs.onnx_opset_version())
    if schema is None:
        return ""
    for what, names, fewest, most in (
        ("inputs", node.inputs, schema.min_input, schema.max_input),
        ("outputs", node.outputs, schema.min_output, schema.max_output),
    ):
        if not fewest <= len(names) <= most:
            return f"it has {len(names)} {what}; ONNX defines at least {fewest}, at most {most}"
    parts = node.attributes.get("num_outputs", len(node.outputs))
    if node.operation == "Split" and parts != len(node.outputs):
        return f"it has {len(node.outputs)} outputs, but num_outputs is {parts}"
    return ""


def is_defined(node: FileNode) -> bool:
    """Whether ONNX itself defines the operation by others."""
    schema = _schema(node)
    return bool(schema and (schema.has_function or schema.has_context_dependent_function))


def defined(
    node: FileNode, opsets: Mapping[str, int], type_of: Callable[[str], Any]
) -> tuple[FileNode, ...] | None:
    """What ONNX itself defines an operation by, as nodes; None where it is primitive.

    `type_of` gives the TypeProto of an input.
    """
    schema = _schema(node)
    if schema is None:
        return None
    if schema.has_context_dependent_function:
        types = [type_of(name).SerializeToString() for name in node.inputs]
        version = _version(schema.context_dependent_function_opset_versions, node.opset)
        try:
            function = schema.get_context_dependent_function_with_opset_version(
                version, node.proto.SerializeToString(), types
            )
        except ValueError as error:
            raise UnsupportedError(f"ONNX cannot define it: {error}") from error
    elif schema.has_function:
        version = _version(schema.function_opset_versions, node.opset)
        function = schema.get_function_with_opset_version(version)
    else:
        return None
    if isinstance(function, bytes):
        function = onnx.FunctionProto.FromString(function)
    protos = call(function, _with_defaults(node.proto, schema))
    return tuple(FileNode.of(proto, {**opsets, **opsets_of(function)}) for proto in protos)


def _with_defaults(proto: Any, schema: Any) -> Any:
    """The node with every attribute that it leaves out and that has a default."""
    given = {attribute.name for attribute in proto.attribute}
    full = onnx.NodeProto()
    full.CopyFrom(proto)
    for name, attribute in schema.attributes.items():
        if name not in given and attribute.default_value.type:
            full.attribute.add().CopyFrom(attribute.default_value)
    return full


def opsets_of(source: Any) -> dict[str, int]:
    """The version of each domain that a model or function imports."""
    return {
        ("" if entry.domain in PLAIN_DOMAINS else entry.domain): entry.version
        for entry in source.opset_import
    }


def _version(versions: Sequence[int], opset: int) -> int:
    """The newest of the versions that a function is written for, up to `opset` if there is one."""
    return max((version for version in versions if version <= opset), default=min(versions))


def _called(proto: Any) -> tuple[str, str]:
    """Label and prefix of a scope."""
    first = next((name for name in proto.output if name), proto.op_type)
    return proto.name or first, first


def _overload(source: Any) -> str:
    return str(getattr(source, "overload", ""))


def _domain(source: Any) -> str:
    return "" if source.domain in PLAIN_DOMAINS else str(source.domain)
