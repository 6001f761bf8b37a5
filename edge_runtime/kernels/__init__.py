"""The kernels: one list that says where each may be used, and what it asks for."""

from edge_runtime.kernels.kernel import Choice, Demand, Kernel, Site

__all__ = ["Choice", "Demand", "Kernel", "Site"]
