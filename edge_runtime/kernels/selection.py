"""Choosing a kernel for every node, and naming the files that the chosen ones need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import edge_runtime.firmware
from edge_runtime.errors import ModelError, Problem
from edge_runtime.graph import Graph, Node
from edge_runtime.kernels.catalog import KERNELS
from edge_runtime.kernels.kernel import Choice, Kernel, Site
from edge_runtime.kernels.refusals import OtherType
from edge_runtime.ops import Reshape

_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def choose(graph: Graph, isas: Sequence[str]) -> dict[str, Choice]:
    """A kernel for every node but Reshape, by node name: of the first of `isas` that can serve it.

    ModelError: no kernel serves some nodes; all of them are listed.
    """
    choices: dict[str, Choice] = {}
    problems = []
    for node in graph.nodes:
        if isinstance(node.op, Reshape):
            continue
        choice = choose_one(Site.of(graph, node), isas)
        if isinstance(choice, Problem):
            problems.append(choice)
        else:
            choices[node.name] = choice
    if problems:
        raise ModelError(
            f"model {graph.name} cannot be compiled; no kernel serves {len(problems)} node(s):",
            hint="change these nodes, or quantize the model to int8 first",
            problems=problems,
        )
    return choices


def choose_one(site: Site, isas: Sequence[str]) -> Choice | Problem:
    """The kernel for one node, or why there is none."""
    refusals: dict[str, str] = {}
    for isa in isas:
        for kernel in _serving(site.node, isa):
            refused = kernel.refuses(site)
            if refused is None:
                return Choice(kernel, kernel.demand(site), _reason(kernel, refusals))
            if isa not in refusals or not isinstance(refused, OtherType):
                refusals[isa] = refused
    told = [f"{isa} refuses {why}" for isa, why in refusals.items()]
    reason = "; ".join(told) or "there is no kernel for this operation"
    return Problem(site.node.name, site.node.op.NAME, reason)


def _serving(node: Node, isa: str) -> Iterator[Kernel]:
    return (kernel for kernel in KERNELS if kernel.isa == isa and kernel.op is type(node.op))


def _reason(kernel: Kernel, refusals: dict[str, str]) -> str:
    told = "".join(f"; {isa} refuses {why}" for isa, why in refusals.items() if isa != kernel.isa)
    return f"{kernel.isa}: {kernel.reason}{told}"


def kernel_folder() -> Path:
    """The folder that `Kernel.source` and `sources` are relative to: firmware/kernels."""
    return Path(edge_runtime.firmware.__path__[0]) / "kernels"


def sources(kernel: Kernel) -> tuple[str, ...]:
    """The kernel's C file and the headers of this project that it includes, in a stable order."""
    found = {kernel.source: None}
    waiting = [kernel.source]
    while waiting:
        text = (kernel_folder() / waiting.pop()).read_text(encoding="utf-8")
        fresh = [f"include/{name}" for name in _INCLUDE.findall(text)]
        waiting += [name for name in fresh if name not in found]
        found.update(dict.fromkeys(fresh))
    return tuple(found)
