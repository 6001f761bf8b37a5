"""MicroNAS's search space for time series (arXiv 2310.18384), for windows of any size.

A network halves the time axis by k x 1 convolutions that do not mix sensors, then fuses the
sensors, then classifies. Differences from the paper, both exact in arithmetic:

- Batch norm stands before the ReLU, so that it folds into its convolution.
- The convolutions of a fusion cell's {3, 5, 7} x 1 subset are linear and read the same tensor, so
  their sum is one convolution, of the largest kernel. That one is trained, measured and deployed.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass

from edge_runtime.nas.items import (
    Addition,
    Average,
    Convolution,
    Item,
    Probabilities,
    Shape3,
    Step,
)

KERNELS = (3, 5, 7)
TIME_CHANNELS = (4, 8, 12, 16)
FUSION_CHANNELS = tuple(range(8, 65, 8))
SHORTEST, NARROWEST = 16, 5
"""Time steps and sensors below which an axis is not halved any further."""


@dataclass(frozen=True)
class TimeCell:
    """A kernel x 1 convolution that halves the time axis."""

    kernel: int
    channels: int


@dataclass(frozen=True)
class FusionCell:
    """A bottleneck over all sensors, a sum of k x 1 convolutions, and perhaps a residual.

    A cell that is not `kept` hands its input on; only those that do not reduce may be left out.
    """

    reduces: bool
    bottleneck: int
    channels: int
    kernels: tuple[int, ...]
    residual: bool
    kept: bool = True


@dataclass(frozen=True)
class Architecture:
    """One network of the space: for windows (T, S) and a number of classes."""

    window: tuple[int, int]
    classes: int
    time: tuple[TimeCell, ...]
    fusion: tuple[FusionCell, ...]

    def __post_init__(self) -> None:
        for cell in self.fusion:
            if cell.kept and not cell.kernels and not cell.residual:
                raise ValueError("a fusion cell needs a kernel or a residual")
            if cell.reduces and not cell.kept:
                raise ValueError("a fusion cell that reduces cannot be left out")

    def to_json(self) -> str:
        """One line of text that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Architecture:
        """The architecture that `to_json` wrote."""
        fields = json.loads(text)
        steps, sensors = fields["window"]
        return Architecture(
            (steps, sensors),
            fields["classes"],
            tuple(TimeCell(**cell) for cell in fields["time"]),
            tuple(FusionCell(**{**c, "kernels": tuple(c["kernels"])}) for c in fields["fusion"]),
        )

    def steps(self) -> tuple[Step, ...]:
        """Its operations in order; the first reads `window`, the last writes `probabilities`."""
        wiring = _Wiring((*self.window, 1))
        for index, cell in enumerate(self.time):
            wiring.add(f"time{index}", time_convolution(wiring.shape, cell.kernel, cell.channels))
        for index, fusion in enumerate(self.fusion):
            if fusion.kept:
                _wire_fusion(wiring, f"fusion{index}", fusion)
        wiring.add("head", Convolution(wiring.shape, self.classes, (1, 1)))
        wiring.add("average", Average(wiring.shape))
        wiring.add("probabilities", Probabilities(wiring.shape))
        return tuple(wiring.steps)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        convolutions = [s.item for s in self.steps() if isinstance(s.item, Convolution)]
        return sum(math.prod(item.output[:2]) * item.weights for item in convolutions)

    @property
    def parameters(self) -> int:
        """Weights and biases, with batch norm folded."""
        convolutions = [s.item for s in self.steps() if isinstance(s.item, Convolution)]
        return sum(item.weights + item.channels for item in convolutions)


@dataclass(frozen=True)
class Space:
    """All networks for windows (T, S) and a number of classes."""

    window: tuple[int, int]
    classes: int

    @property
    def time_cells(self) -> int:
        """How many cells halve the time axis."""
        return max(1, halvings(self.window[0], SHORTEST))

    @property
    def reducing_cells(self) -> int:
        """How many fusion cells halve the sensor axis."""
        return max(1, halvings(self.window[1], NARROWEST))

    @property
    def reduces(self) -> tuple[bool, ...]:
        """For each fusion cell, whether it reduces: two that do not follow each that does."""
        return (True, False, False) * self.reducing_cells

    @property
    def size(self) -> int:
        """How many combinations of choices there are, as the paper counts them."""
        time = (len(KERNELS) * len(TIME_CHANNELS)) ** self.time_cells
        cell = len(FUSION_CHANNELS) ** 2 * 2 ** len(KERNELS) * 2
        fusion = [cell if reduces else 2 * cell for reduces in self.reduces]
        total: int = time * math.prod(fusion)
        return total

    def smallest(self) -> Architecture:
        """The network with the fewest channels, the shortest kernels and no optional cell."""
        return Architecture(
            self.window,
            self.classes,
            (TimeCell(KERNELS[0], TIME_CHANNELS[0]),) * self.time_cells,
            tuple(
                FusionCell(reduces, FUSION_CHANNELS[0], FUSION_CHANNELS[0], (), True, kept=reduces)
                for reduces in self.reduces
            ),
        )


def halvings(size: int, limit: int) -> int:
    """How often `size` can be halved, rounding up, while it stays at least `limit`."""
    count = 0
    while size > 1 and -(-size // 2) >= limit:
        size, count = -(-size // 2), count + 1
    return count


def time_convolution(shape: Shape3, kernel: int, channels: int) -> Convolution:
    """The convolution of a time cell."""
    return Convolution(shape, channels, (kernel, 1), (2, 1), relu=True)


def bottleneck_convolution(shape: Shape3, reduces: bool, channels: int) -> Convolution:
    """The convolution over all sensors that opens a fusion cell."""
    return Convolution(shape, channels, (1, shape[1]), (1, 1 + reduces), relu=True)


def residual_convolution(shape: Shape3, reduces: bool, channels: int, relu: bool) -> Convolution:
    """The convolution that goes round a fusion cell."""
    return Convolution(shape, channels, (1, 1 + reduces), (1, 1 + reduces), relu=relu)


class _Wiring:
    """Steps in the making, and the shape and name of the last."""

    def __init__(self, shape: Shape3) -> None:
        self.steps: list[Step] = []
        self.shape, self.last = shape, "window"

    def add(self, name: str, item: Item, *inputs: str) -> None:
        """Append an item that reads `inputs`, or the last output."""
        self.steps.append(Step(name, item, inputs or (self.last,)))
        self.shape, self.last = item.output, name


def _wire_fusion(wiring: _Wiring, name: str, cell: FusionCell) -> None:
    shape, source = wiring.shape, wiring.last
    alone = not (cell.residual and cell.kernels)
    if cell.residual:
        item = residual_convolution(shape, cell.reduces, cell.channels, relu=alone)
        wiring.add(f"{name}.residual", item)
    if cell.kernels:
        narrow = bottleneck_convolution(shape, cell.reduces, cell.bottleneck)
        wiring.add(f"{name}.bottleneck", narrow, source)
        kernel = (max(cell.kernels), 1)
        wiring.add(f"{name}.mix", Convolution(narrow.output, cell.channels, kernel, relu=alone))
    if not alone:
        wiring.add(name, Addition(wiring.shape), f"{name}.residual", f"{name}.mix")
