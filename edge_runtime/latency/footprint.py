"""The flash and RAM that firmware takes, from sizes that were measured once for each core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_runtime.graph import Graph, Kind
from edge_runtime.kernels import Choice
from edge_runtime.memory import Plan

STREAM = "er_stream"
"""What runs stages, among the kernels."""


@dataclass(frozen=True)
class KernelSize:
    """Bytes of a kernel's code, and of each layer that calls it; the helpers that it needs.

    Helpers are functions of the compiler's library, by name.
    """

    code: int
    layer: int
    helpers: tuple[str, ...]


@dataclass(frozen=True)
class Footprint:
    """Sizes on one core, in bytes, as one compiler makes them.

    `helpers` are the functions, with their sizes, that come with each helper. `model` is what every
    model takes besides, and `call` each layer's share of its list. `image_flash` and `image_ram`
    are of start-up, link and stack.
    """

    core: str
    compiler: str
    kernels: Mapping[str, KernelSize]
    helpers: Mapping[str, Mapping[str, int]]
    model: int
    call: int
    image_flash: int
    image_ram: int

    def flash(
        self, graph: Graph, choices: Mapping[str, Choice], plan: Plan
    ) -> tuple[int, tuple[str, ...]]:
        """Flash of the model, and the kernels whose size is not known and is left out."""
        working = {name: choice for name, choice in choices.items() if name not in plan.free}
        names = dict.fromkeys(choice.kernel.name for choice in working.values())
        if plan.stages:
            names[STREAM] = None
        known = [self.kernels[name] for name in names if name in self.kernels]
        functions: dict[str, int] = {}
        for kernel in known:
            for helper in kernel.helpers:
                functions.update(self.helpers.get(helper, {}))
        layers = sum(
            self.kernels[choice.kernel.name].layer
            for choice in working.values()
            if choice.kernel.name in self.kernels
        )
        stages = sum(len(stage.nodes) for stage in plan.stages)
        layers += stages * self.kernels[STREAM].layer if stages and STREAM in self.kernels else 0
        code = sum(kernel.code for kernel in known) + sum(functions.values())
        total = self.model + code + layers + self.call * len(working)
        unknown = tuple(name for name in names if name not in self.kernels)
        return total + constant_bytes(graph, working), unknown


def constant_bytes(graph: Graph, choices: Mapping[str, Choice]) -> int:
    """Packed constants of all layers, and constants that kernels read as operands."""
    packed = sum(
        -(-array.nbytes // 4) * 4
        for choice in choices.values()
        for array in choice.demand.constants.values()
    )
    nodes = [node for node in graph.nodes if node.name in choices]
    read = {name for node in nodes for name in choices[node.name].operands(node)}
    tensors = (graph.tensors[name] for name in read)
    return packed + sum(tensor.bytes for tensor in tensors if tensor.kind is Kind.CONSTANT)
