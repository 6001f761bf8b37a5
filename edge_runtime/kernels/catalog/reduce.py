"""Mean and softmax."""

from __future__ import annotations

from edge_runtime.kernels.kernel import Site, declare, nothing, over_input
from edge_runtime.kernels.refusals import MOST_SUMMED, int8, int8_axes
from edge_runtime.kernels.struct import Struct, aligned_shape, multiplier, zeros
from edge_runtime.ops import Mean, Softmax, SoftmaxScaling

_MOST_SOFTMAX_TERMS = 4095


def _mean(site: Site) -> str | None:
    refused = int8_axes(site)
    op = site.node.op
    assert isinstance(op, Mean)
    if refused is None and op.count(site.inputs) > MOST_SUMMED:
        return f"a mean of {op.count(site.inputs)} elements (at most {MOST_SUMMED})"
    return refused


def _softmax(site: Site) -> str | None:
    refused = int8(site)
    if refused is None and site.inputs[0].shape[-1] > _MOST_SOFTMAX_TERMS:
        return f"{site.inputs[0].shape[-1]} classes (at most {_MOST_SOFTMAX_TERMS})"
    return refused


def _mean_struct(site: Site) -> Struct:
    op, image = site.node.op, site.inputs[0]
    assert isinstance(op, Mean)
    added = 4 - len(image.shape)
    return Struct(
        "er_mean_s8",
        (
            ("shape", aligned_shape(image.shape)),
            ("reduce", sum(1 << axis + added for axis in op.axes)),
            *zeros(site.inputs[0], site.output),
            ("count", op.count(site.inputs)),
            ("factor", multiplier(op.multiplier(site.inputs, site.output))),
        ),
    )


def _softmax_struct(site: Site) -> Struct:
    op, image = site.node.op, site.inputs[0]
    assert isinstance(op, Softmax)
    scaling = SoftmaxScaling.of(op.beta, image.quant.scale)
    return Struct(
        "er_softmax_s8",
        (
            ("rows", image.elements // image.shape[-1]),
            ("depth", image.shape[-1]),
            ("factor", multiplier(scaling.multiplier)),
            ("smallest", scaling.smallest),
        ),
    )


KERNELS = (
    declare("er_mean_s8_ref", Mean, "portable C", _mean, nothing, _mean_struct),
    declare("er_softmax_s8_ref", Softmax, "portable C", _softmax, over_input, _softmax_struct),
)
"""In order of preference within an ISA and an operation."""
