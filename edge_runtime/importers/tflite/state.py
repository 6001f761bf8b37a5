"""Resource variables: handles, reading, writing, and their initialization."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edge_runtime.graph import Node
from edge_runtime.importers.tflite.file import File
from edge_runtime.importers.tflite.site import Converter, Site, options_of
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Copy


def _handle(site: Site) -> None:
    options = site.options("VarHandleOptions")
    parts = (options.Container() or b"", options.SharedName() or b"")
    variable = "/".join(part.decode("utf-8", "replace") for part in parts)
    site.build.variables.add_handle(site.output_index(), variable, site.name)


def _read(site: Site) -> None:
    made = site.made()
    state = site.build.variables.state(site.input_index(0), made)
    site.emit(Copy(), [state])


def _assign(site: Site) -> None:
    site.input(1)
    value = site.read(1)
    state = site.build.variables.state(site.input_index(0), value)
    name = site.build.unique(f"{state.name}_assigned")
    site.build.nodes.append(Node(name, Copy(), (value.name,), state.name))


def _initialize(site: Site) -> None:
    """In the initialization: what is assigned is what the variable starts from."""
    name = site.build.variables.named(site.input_index(0))
    site.build.variables.initial[name] = site.values(1)


def _call_once(site: Site) -> None:
    """What it calls has been read before all operators."""
    site.options("CallOnceOptions")


def initializations(file: File) -> Iterator[int]:
    """The subgraphs that CALL_ONCE names."""
    for operator in file.operators:
        if operator.operation == "CALL_ONCE":
            with contextlib.suppress(UnsupportedError):
                yield options_of(operator, "CallOnceOptions").InitSubgraphIndex()


OPERATIONS: dict[str, Converter] = {
    "ASSIGN_VARIABLE": _assign,
    "CALL_ONCE": _call_once,
    "READ_VARIABLE": _read,
    "VAR_HANDLE": _handle,
}
INITIALIZATION: dict[str, Converter] = {"ASSIGN_VARIABLE": _initialize}
"""What is done otherwise in a subgraph that CALL_ONCE names."""
