"""Reductions, softmax and what else works along an axis."""

from __future__ import annotations

from edge_runtime.graph import Op
from edge_runtime.importers.tflite.site import Converter, Site, plain
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import (
    ArgMax,
    ArgMin,
    ArgReduce,
    CumSum,
    L2Normalization,
    LogSoftmax,
    Mean,
    Reduce,
    ReduceAll,
    ReduceAny,
    ReduceMax,
    ReduceMin,
    ReduceProd,
    Softmax,
    Sum,
)


def _reduction(operation: type[Reduce]) -> Converter:
    def convert(site: Site) -> Op:
        rank = len(site.input(0).shape)
        axes = {axis + rank if axis < 0 else axis for axis in site.constant(1)}
        return operation(tuple(sorted(axes)), bool(site.options("ReducerOptions").KeepDims()))

    return plain(1, convert)


def _axis(site: Site) -> int:
    """The only axis that an operator names."""
    axes = site.constant(1)
    if len(axes) != 1:
        raise UnsupportedError(f"axes {axes}; allowed: one")
    return axes[0] + len(site.input(0).shape) if axes[0] < 0 else axes[0]


def _extreme(operation: type[ArgReduce]) -> Converter:
    return plain(1, lambda site: operation(_axis(site)))


def _running_sum(site: Site) -> Op:
    options = site.options("CumsumOptions")
    return CumSum(_axis(site), bool(options.Exclusive()), bool(options.Reverse()))


def _norm(site: Site) -> Op:
    if site.options("L2NormOptions").FusedActivationFunction():
        raise UnsupportedError("a fused activation; allowed: none")
    return L2Normalization()


def _softmax(site: Site) -> Op:
    return Softmax(site.options("SoftmaxOptions").Beta())


OPERATIONS: dict[str, Converter] = {
    "ARG_MAX": _extreme(ArgMax),
    "ARG_MIN": _extreme(ArgMin),
    "CUMSUM": plain(1, _running_sum),
    "L2_NORMALIZATION": plain(1, _norm),
    "LOG_SOFTMAX": plain(1, lambda site: LogSoftmax()),
    "MEAN": _reduction(Mean),
    "REDUCE_ALL": _reduction(ReduceAll),
    "REDUCE_ANY": _reduction(ReduceAny),
    "REDUCE_MAX": _reduction(ReduceMax),
    "REDUCE_MIN": _reduction(ReduceMin),
    "REDUCE_PROD": _reduction(ReduceProd),
    "SOFTMAX": plain(1, _softmax),
    "SUM": _reduction(Sum),
}
