"""The kernels: one list that says where each may be used, and what it asks for."""

from edge_runtime.kernels.catalog import KERNELS
from edge_runtime.kernels.kernel import Choice, Demand, Kernel, Site
from edge_runtime.kernels.selection import choose, choose_one, kernel_folder, sources, unserved
from edge_runtime.kernels.struct import Struct

__all__ = [
    "KERNELS",
    "Choice",
    "Demand",
    "Kernel",
    "Site",
    "Struct",
    "choose",
    "choose_one",
    "kernel_folder",
    "sources",
    "unserved",
]
