"""A device that answers by formulas: quick, and easy to reason about."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.graph import Graph, Kind
from edge_runtime.nas import Cost, Measured


class StandIn:
    """Cycles are linear in MACs and elements; memory is the most that one operation needs."""

    clock_hz = 100_000_000

    def __init__(self, code_bytes: int = 5000, slower: float = 1.0) -> None:
        self.code_bytes, self.slower = code_bytes, slower
        self.asked: list[Graph] = []
        self.measured: list[Graph] = []

    def measure_ops(self, graphs: Sequence[Graph]) -> list[Cost]:
        self.asked += graphs
        return [Cost(self._cycles(graph), 16) for graph in graphs]

    def plan_memory(self, graph: Graph) -> int:
        return max(
            sum(t.bytes for t in graph.node_inputs(node) if t.kind is Kind.ACTIVATION)
            + graph.node_output(node).bytes
            for node in graph.nodes
        )

    def measure(self, graph: Graph) -> Measured:
        self.measured.append(graph)
        constants = sum(tensor.bytes for tensor in graph.of_kind(Kind.CONSTANT))
        milliseconds = self.slower * self._cycles(graph) / self.clock_hz * 1e3
        return Measured(self.plan_memory(graph), self.code_bytes + constants, milliseconds)

    def _cycles(self, graph: Graph) -> int:
        return sum(
            2 * graph.macs(node) + 4 * graph.node_output(node).elements + 300
            for node in graph.nodes
        )
