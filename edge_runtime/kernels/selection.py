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
    found = _judged(graph, isas)
    problems = [each for each in found.values() if isinstance(each, Problem)]
    if problems:
        raise ModelError(
            f"model {graph.name} cannot be compiled; no kernel serves {len(problems)} node(s):",
            hint="change these nodes, or quantize the model to int8 first",
            problems=problems,
        )
    return {name: each for name, each in found.items() if isinstance(each, Choice)}


def unserved(graph: Graph, isas: Sequence[str]) -> tuple[Problem, ...]:
    """The nodes of a graph, which may be a part of a model, that no kernel serves, and why."""
    return tuple(each for each in _judged(graph, isas).values() if isinstance(each, Problem))


def _judged(graph: Graph, isas: Sequence[str]) -> dict[str, Choice | Problem]:
    sites = (Site.of(graph, node) for node in graph.nodes if not isinstance(node.op, Reshape))
    return {site.node.name: choose_one(site, isas) for site in sites}


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
    return Problem(site.node.name, site.node.op.NAME, reason, _rewrite(site, refusals, isas))


def _rewrite(site: Site, refusals: dict[str, str], isas: Sequence[str]) -> str:
    """What would help where no kernel serves a node."""
    if not refusals:
        return "write it in other operations, or compute it on the host"
    if all(isinstance(why, OtherType) for why in refusals.values()):
        names = sorted({kernel.name for isa in isas for kernel in _serving(site.node, isa)})
        return f"convert it to types that a kernel takes: {', '.join(names)}"
    return "stay within these limits"


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
