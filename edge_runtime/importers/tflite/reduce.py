"""Reductions and softmax."""

from __future__ import annotations

from edge_runtime.graph import Op
from edge_runtime.importers.tflite.site import Converter, Site, plain
from edge_runtime.ops import Mean, Softmax


def _mean(site: Site) -> Op:
    rank = len(site.input(0).shape)
    axes = {axis + rank if axis < 0 else axis for axis in site.constant(1)}
    return Mean(tuple(sorted(axes)), bool(site.options("ReducerOptions").KeepDims()))


def _softmax(site: Site) -> Op:
    return Softmax(site.options("SoftmaxOptions").Beta())


OPERATIONS: dict[str, Converter] = {
    "MEAN": plain(1, _mean),
    "SOFTMAX": plain(1, _softmax),
}
