"""Why a layer loses precision, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_runtime.graph import Array, DType, Graph, Node, Tensor
from edge_runtime.ops import DepthwiseConv2D, Linear
from edge_runtime.quant.samples import noise

INHERITED = 4.0
"""A layer whose whole noise is this many times that of its own has it from before."""
OUTLIER = 4.0
"""Values this many times as far out as 99.9 % of all."""
SPREAD = 8.0
"""A channel this many times as large as the median one."""
NARROW = 4.0
"""Typical values of fewer steps than this."""
CLIPPED = 0.5
"""Of the noise; what is cut off is the cause where it makes more."""


@dataclass(frozen=True)
class Evidence:
    """One layer on the same samples: exact, and as the integer graph has it.

    `own` is its noise over signal when it is fed exactly, `whole` that of the network up to it.
    """

    node: Node
    graph: Graph
    output: Tensor
    exact: Array
    own: float
    whole: float
    equalized: bool

    @property
    def hint(self) -> str:
        """The likeliest cause, and the next step."""
        for cause in (self._inherited, self._weights, self._clipped, self._outlier, self._spread):
            told = cause()
            if told:
                return told
        return self._narrow()

    def _inherited(self) -> str:
        if self.own * INHERITED >= self.whole:
            return ""
        return "the noise comes from the layers before: mend those first"

    def _weights(self) -> str:
        if not isinstance(self.node.op, Linear):
            return ""
        weights = self.graph.node_inputs(self.node)[1]
        if weights.dtype is not DType.INT4:
            return ""
        return "its 4-bit weights: leave it at int8 (--recipe auto with more --flash does)"

    def _held(self) -> Array:
        quantization, dtype = self.output.quant, self.output.dtype
        return quantization.dequantize(quantization.quantize(self.exact, dtype))

    def _clipped(self) -> str:
        if self.output.dtype.is_float:
            return ""
        low, high = (
            (bound - self.output.quant.zero_point) * self.output.quant.scale
            for bound in self.output.dtype.range
        )
        step = self.output.quant.scale / 2
        outside = (self.exact < low - step) | (self.exact > high + step)
        held = np.where(outside, self._held(), self.exact)
        if noise(self.exact, held) < CLIPPED * self.own or not outside.any():
            return ""
        return (
            f"saturates: {outside.mean():.2%} of its values lie outside {low:.4g} ... {high:.4g};"
            " calibrate on more typical samples, or try --observer min-max"
        )

    def _outlier(self) -> str:
        size = np.abs(self.exact)
        usual = float(np.quantile(size, 0.999))
        if not usual or size.max() < OUTLIER * usual:
            return ""
        return (
            f"its largest value is {size.max() / usual:.1f} times the 99.9th percentile: remove odd"
            " samples from the calibration, or try --observer percentile"
        )

    def _spread(self) -> str:
        if self.exact.ndim < 3:
            return ""
        channels = np.abs(self.exact).reshape(-1, self.exact.shape[-1]).max(0)
        middle = float(np.median(channels[channels > 0])) if channels.any() else 0.0
        if not middle or channels.max() < SPREAD * middle:
            return ""
        kind = "depthwise channels" if isinstance(self.node.op, DepthwiseConv2D) else "channels"
        told = f"{kind} of unlike ranges: number {int(channels.argmax())} is"
        told += f" {channels.max() / middle:.1f} times the median"
        if self.equalized:
            return f"{told}, equalised as far as it goes; try --recipe int8x16"
        return f"{told}; nothing equalises it, as other layers read it: try --recipe int8x16"

    def _narrow(self) -> str:
        if self.output.dtype is not DType.INT8:
            return "ordinary rounding"
        steps = float(np.sqrt(np.mean(np.square(self.exact)))) / self.output.quant.scale
        if steps < NARROW:
            return (
                f"typical values span {steps:.1f} of 256 steps: try --observer entropy, or"
                " --recipe int8x16"
            )
        return "ordinary rounding; --recipe int8x16 holds it in 16 bits if it matters"
