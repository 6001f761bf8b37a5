"""The memory planner: order of nodes, in-place results and offsets in one static arena."""

from edge_runtime.memory.planner import plan
from edge_runtime.memory.result import LiveTensor, Peak, Placement, Plan

__all__ = ["LiveTensor", "Peak", "Placement", "Plan", "plan"]
