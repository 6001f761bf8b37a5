"""Normalization, written in means, products and roots.

Statistics are taken over ONNX's axes wherever they lie, so that no order of elements is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_runtime.importers.onnx.steps import Recipe, Steps
from edge_runtime.importers.onnx.values import axis_in
from edge_runtime.importers.unsupported import UnsupportedError


def _lp_normalization(steps: Steps) -> None:
    source, p = steps.node.inputs[0], steps.node.integer("p", 2)
    axes = steps.integers([steps.axis("axis", -1)])
    operation = "ReduceL2" if p == 2 else "ReduceL1"
    norm = steps(
        "Max", steps(operation, source, axes), steps.number(float(np.finfo(np.float32).tiny))
    )
    steps("Div", source, norm, output=steps.node.outputs[0])


def _normalized(steps: Steps, source: str, axes: Sequence[int], epsilon: float) -> str:
    """Values less their mean over `axes`, over the square root of their variance."""
    return _moments(steps, source, axes, epsilon)[0]


def _moments(
    steps: Steps, source: str, axes: Sequence[int], epsilon: float
) -> tuple[str, str, str]:
    """Normalized values, their mean and their standard deviation."""
    over = steps.integers(axes)
    mean = steps("ReduceMean", source, over)
    centred = steps("Sub", source, mean)
    variance = steps("ReduceMean", steps("Mul", centred, centred), over)
    deviation = steps("Sqrt", steps("Add", variance, steps.number(epsilon)))
    return steps("Div", centred, deviation), mean, deviation


def _scaled(steps: Steps, source: str, scale: str, bias: str) -> None:
    """source * scale + bias as the output of the node, where there is a bias."""
    if bias:
        source = steps("Mul", source, scale)
        steps("Add", source, bias, output=steps.node.outputs[0])
    else:
        steps("Mul", source, scale, output=steps.node.outputs[0])


def layer_normalization(
    steps: Steps, source: str, axes: Sequence[int], epsilon: float, scale: str, bias: str
) -> tuple[str, str]:
    """The node's output: `source` normalized over `axes`; gives its mean and its deviation."""
    normalized, mean, deviation = _moments(steps, source, axes, epsilon)
    _scaled(steps, normalized, scale, bias)
    return mean, deviation


def _layer_normalization(steps: Steps) -> None:
    node = steps.node
    axes = range(steps.axis("axis", -1), len(steps.shape()))
    epsilon = node.number("epsilon", 1e-5)
    mean, deviation = layer_normalization(
        steps, node.inputs[0], axes, epsilon, node.inputs[1], node.input(2)
    )
    if node.output(1):
        steps("Identity", mean, output=node.output(1))
    if node.output(2):
        steps("Reciprocal", deviation, output=node.output(2))


def rms_normalization(
    steps: Steps, source: str, axes: Sequence[int], epsilon: float, scale: str
) -> None:
    """The node's output: `source` over the root of the mean of its squares along `axes`."""
    power = steps("ReduceMean", steps("Mul", source, source), steps.integers(axes))
    root = steps("Sqrt", steps("Add", power, steps.number(epsilon)))
    _scaled(steps, steps("Div", source, root), scale, "")


def _rms_normalization(steps: Steps) -> None:
    node = steps.node
    axes = range(steps.axis("axis", -1), len(steps.shape()))
    rms_normalization(steps, node.inputs[0], axes, node.number("epsilon", 1e-5), node.inputs[1])


def _along_channels(steps: Steps, name: str, rank: int) -> str:
    """A constant of one value a channel, to be multiplied with a value of so many axes."""
    return steps("Reshape", name, steps.integers((-1, *(1,) * (rank - 2))))


def _instance_normalization(steps: Steps) -> None:
    node, rank = steps.node, len(steps.shape())
    epsilon = node.number("epsilon", 1e-5)
    normalized = _normalized(steps, node.inputs[0], range(2, rank), epsilon)
    scale, bias = (_along_channels(steps, name, rank) for name in node.inputs[1:3])
    _scaled(steps, normalized, scale, bias)


def _group_normalization(steps: Steps) -> None:
    node, given = steps.node, steps.shape()
    groups = node.integer("num_groups", 0)
    if len(given) < 3 or groups < 1 or given[1] % groups:
        raise UnsupportedError(f"{groups} groups of the shape {given}")
    split = (given[0], groups, given[1] // groups, *given[2:])
    apart = steps("Reshape", node.inputs[0], steps.integers(split))
    axes = range(2, len(split))
    normalized = _normalized(steps, apart, axes, node.number("epsilon", 1e-5))
    scale, bias = node.inputs[1:3]
    if steps.shape(1) == (groups,) != (given[1],):
        # Before operator set 21 there was one value a group.
        scale, bias = (
            steps("Reshape", name, steps.integers((groups, *(1,) * (len(split) - 2))))
            for name in (scale, bias)
        )
        normalized = steps("Add", steps("Mul", normalized, scale), bias)
        steps("Reshape", normalized, steps.integers(given), output=node.outputs[0])
        return
    together = steps("Reshape", normalized, steps.integers(given))
    scale, bias = (_along_channels(steps, name, len(given)) for name in (scale, bias))
    _scaled(steps, together, scale, bias)


def _mean_variance_normalization(steps: Steps) -> None:
    axes = [axis_in(a, len(steps.shape())) for a in steps.node.integers("axes", (0, 2, 3))]
    normalized = _normalized(steps, steps.node.inputs[0], axes, 1e-9)
    steps("Identity", normalized, output=steps.node.outputs[0])


def _lrn(steps: Steps) -> None:
    """Local response normalization: squares are averaged over neighbouring channels."""
    node, given = steps.node, steps.shape()
    size = node.integer("size", 1)
    if len(given) < 3:
        raise UnsupportedError(f"input has the shape {given}; allowed: 3 or more dimensions")
    source = node.inputs[0]
    behind = (0, *range(2, len(given)), 1)
    moved = steps("Transpose", steps("Mul", source, source), perm=behind)
    rows = steps("Reshape", moved, steps.integers((-1, 1, given[1], 1)))
    mean = steps(
        "AveragePool",
        rows,
        kernel_shape=(size, 1),
        pads=((size - 1) // 2, 0, size // 2, 0),
        count_include_pad=1,
    )
    pixels = steps("Reshape", mean, steps.integers(tuple(given[axis] for axis in behind)))
    back = steps("Transpose", pixels, perm=(0, len(given) - 1, *range(1, len(given) - 1)))
    scaled = steps("Mul", back, steps.number(node.number("alpha", 1e-4)))
    base = steps("Add", scaled, steps.number(node.number("bias", 1.0)))
    divisor = steps("Pow", base, steps.number(node.number("beta", 0.75)))
    steps("Div", source, divisor, output=node.outputs[0])


RECIPES: dict[str, Recipe] = {
    "GroupNormalization": _group_normalization,
    "InstanceNormalization": _instance_normalization,
    "LRN": _lrn,
    "LayerNormalization": _layer_normalization,
    "LpNormalization": _lp_normalization,
    "MeanVarianceNormalization": _mean_variance_normalization,
    "RMSNormalization": _rms_normalization,
    "SimplifiedLayerNormalization": _rms_normalization,  # ONNX Runtime's, from before ONNX had it.
}
