"""Passes: functions from graph to graph that keep its meaning. Each verifies what it returns."""

from edge_runtime.passes.activations import fuse_activations
from edge_runtime.passes.affine import fold_affine
from edge_runtime.passes.clamp import clamp, fuse_clamps
from edge_runtime.passes.constants import fold_constants
from edge_runtime.passes.dead_channels import remove_dead_channels
from edge_runtime.passes.dilation import fold_crops, fold_dilations
from edge_runtime.passes.layout import absorb_transposes, merge_reshapes, merge_slices
from edge_runtime.passes.pads import fold_pads
from edge_runtime.passes.quantize import fuse_quantization
from edge_runtime.passes.same import drop_same_quantization
from edge_runtime.passes.simplify import drop_unused, simplify
from edge_runtime.passes.state import settle_state

__all__ = [
    "absorb_transposes",
    "clamp",
    "drop_same_quantization",
    "drop_unused",
    "fold_affine",
    "fold_constants",
    "fold_crops",
    "fold_dilations",
    "fold_pads",
    "fuse_activations",
    "fuse_clamps",
    "fuse_quantization",
    "merge_reshapes",
    "merge_slices",
    "remove_dead_channels",
    "settle_state",
    "simplify",
]
