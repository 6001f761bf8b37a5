"""All simplifications in the order in which each finds its work done by the one before."""

from __future__ import annotations

from functools import partial

from edge_runtime.graph import Graph, Rounding
from edge_runtime.graph.verify import verify
from edge_runtime.passes.activations import fuse_activations
from edge_runtime.passes.affine import fold_affine
from edge_runtime.passes.clamp import fuse_clamps
from edge_runtime.passes.draft import Draft
from edge_runtime.passes.layout import absorb_transposes, merge_reshapes
from edge_runtime.passes.pads import fold_pads
from edge_runtime.passes.quantize import fuse_quantization


def drop_unused(graph: Graph) -> Graph:
    """Without the nodes and tensors that no output and no state needs; inputs stay."""
    return verify(Draft(graph).finish())


def simplify(graph: Graph, rounding: Rounding = Rounding.TWICE) -> Graph:
    """The same function of the same inputs and outputs, in fewer nodes.

    `rounding` is that of the integer operations with weights that come of float ones.
    """
    for step in (
        drop_unused,
        merge_reshapes,
        fuse_activations,
        fuse_clamps,
        fold_affine,
        merge_reshapes,
        partial(fuse_quantization, rounding=rounding),
        fold_pads,
        absorb_transposes,
        merge_reshapes,
    ):
        graph = step(graph)
    return graph
