"""The memory planner: order of nodes, in-place results and offsets in one static arena."""

from edge_runtime.memory.planner import plan, plan_by_rows
from edge_runtime.memory.result import LiveTensor, Peak, PlacedStage, Placement, Plan
from edge_runtime.memory.spread import spread

__all__ = [
    "LiveTensor",
    "Peak",
    "PlacedStage",
    "Placement",
    "Plan",
    "plan",
    "plan_by_rows",
    "spread",
]
