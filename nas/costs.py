"""The cost table: every operation of a space, measured alone, once.

Channel counts of the space lie on a grid. Cycles of a convolution are close to bilinear in its
input and output channels, so that of eight choices four are measured and those between are
interpolated. The table only guides the search; what is returned is measured whole.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from edge_runtime.nas.device import Cost, Device, Progress, silent
from edge_runtime.nas.items import (
    Addition,
    Average,
    Convolution,
    Item,
    Probabilities,
    Shape3,
    int8_graph,
)
from edge_runtime.nas.space import (
    FUSION_CHANNELS,
    KERNELS,
    TIME_CHANNELS,
    Architecture,
    Space,
    bottleneck_convolution,
    residual_convolution,
    time_convolution,
)

Matrix = npt.NDArray[np.float64]

MEASURED_POINTS = 4
"""How many of a layer's channel choices are measured, ends included."""


@dataclass(frozen=True)
class Family:
    """One layer of the supernet: an item for each choice of input and output channels."""

    item: Item
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def member(self, inputs: int, outputs: int) -> Item:
        """The item with these channels."""
        shape = (*self.item.shape[:2], inputs)
        if isinstance(self.item, Convolution):
            return dataclasses.replace(self.item, shape=shape, channels=outputs)
        return dataclasses.replace(self.item, shape=shape)

    @property
    def measured(self) -> tuple[Item, ...]:
        """The members that are measured; the others lie between them."""
        pairs = product(_points(self.inputs), _points(self.outputs))
        return tuple(self.member(*pair) for pair in pairs)


@dataclass(frozen=True)
class Matrices:
    """Of one layer, (inputs, outputs): estimated cycles, scratch bytes, flash bytes."""

    cycles: Matrix
    scratch: Matrix
    flash: Matrix


@dataclass(frozen=True, eq=False)
class CostTable:
    """The costs of every layer of a space's supernet."""

    layers: Mapping[Family, Matrices]
    digest: str
    """A hash of all that was measured, to know a search on other figures by."""

    @staticmethod
    def measure(space: Space, device: Device, progress: Progress = silent) -> CostTable:
        """Measure what the table of `space` needs, in one call of the device."""
        items = list(dict.fromkeys(i for family in families(space) for i in family.measured))
        text = f"{len(items)} operations"
        progress("measure", 0, len(items), text)
        measured = device.measure_ops([int8_graph(item) for item in items])
        progress("measure", len(items), len(items), text)
        costs = dict(zip(items, measured, strict=True))
        layers = {family: _matrices(family, costs) for family in families(space)}
        return CostTable(layers, hashlib.sha256(repr(costs).encode()).hexdigest())

    def cycles(self, arch: Architecture) -> float:
        """Estimated cycles of a network: the sum over its operations."""
        return sum(self._cycles_of(step.item) for step in arch.steps())

    def _cycles_of(self, item: Item) -> float:
        outputs = item.channels if isinstance(item, Convolution) else 0
        for family, matrices in self.layers.items():
            fits = item.shape[2] in family.inputs and outputs in family.outputs
            if fits and _place(family.item) == _place(item):
                row, column = family.inputs.index(item.shape[2]), family.outputs.index(outputs)
                return float(matrices.cycles[row, column])
        raise ValueError(f"{item} is in no layer of the space")


def _matrices(family: Family, costs: Mapping[Item, Cost]) -> Matrices:
    members = [[family.member(i, o) for o in family.outputs] for i in family.inputs]
    measured = [costs[item] for item in family.measured]
    return Matrices(
        _interpolated(family, [cost.estimated_cycles for cost in measured]),
        _interpolated(family, [cost.scratch_bytes for cost in measured]),
        np.array([[item.flash_bytes for item in row] for row in members], np.float64),
    )


def _interpolated(family: Family, measured: Sequence[float]) -> Matrix:
    """All (inputs, outputs) from the measured ones, linearly along each axis."""
    rows, columns = _points(family.inputs), _points(family.outputs)
    known = np.reshape(np.asarray(measured, np.float64), (len(rows), len(columns)))
    wide = np.array([np.interp(family.outputs, columns, row) for row in known])
    return np.array([np.interp(family.inputs, rows, column) for column in wide.T]).T


def _place(item: Item) -> Item:
    """What an item has in common with all members of its family."""
    shape = (*item.shape[:2], 0)
    if isinstance(item, Convolution):
        return dataclasses.replace(item, shape=shape, channels=0, relu=False)
    return dataclasses.replace(item, shape=shape)


def families(space: Space) -> tuple[Family, ...]:
    """Every layer of the supernet of `space`, those of equal shapes once."""
    found: dict[Family, None] = {}
    shape: Shape3 = (*space.window, 1)
    inputs: tuple[int, ...] = (1,)
    for _ in range(space.time_cells):
        for kernel in KERNELS:
            found[time_family(shape, inputs, kernel)] = None
        shape, inputs = time_convolution(shape, 3, 1).output, TIME_CHANNELS
    for reduces in space.reduces:
        cell = fusion_families(shape, inputs, reduces)
        found.update(dict.fromkeys((cell.bottleneck, *cell.mixes, cell.residual, cell.addition)))
        shape, inputs = cell.bottleneck.item.output, FUSION_CHANNELS
    found.update(dict.fromkeys(head_families(shape, space.classes)))
    return tuple(found)


@dataclass(frozen=True)
class FusionFamilies:
    """The layers of one fusion cell; `mixes` one for each kernel, from the smallest up.

    The ReLU is taken to be fused into a convolution or done by the addition at no difference.
    """

    bottleneck: Family
    mixes: tuple[Family, ...]
    residual: Family
    addition: Family


def time_family(shape: Shape3, inputs: tuple[int, ...], kernel: int) -> Family:
    """A time cell's convolution of one kernel."""
    return Family(time_convolution(shape, kernel, 1), inputs, TIME_CHANNELS)


def fusion_families(shape: Shape3, inputs: tuple[int, ...], reduces: bool) -> FusionFamilies:
    """The layers of a fusion cell that reads (height, width, one of `inputs`)."""
    narrow = bottleneck_convolution(shape, reduces, 1)
    mixes = [Convolution(narrow.output, 1, (kernel, 1)) for kernel in KERNELS]
    residual = residual_convolution(shape, reduces, 1, relu=False)
    return FusionFamilies(
        Family(narrow, inputs, FUSION_CHANNELS),
        tuple(Family(mix, FUSION_CHANNELS, FUSION_CHANNELS) for mix in mixes),
        Family(residual, inputs, FUSION_CHANNELS),
        Family(Addition(narrow.output), FUSION_CHANNELS, (0,)),
    )


def head_families(shape: Shape3, classes: int) -> tuple[Family, ...]:
    """The classifier: convolution, average, softmax."""
    convolution = Convolution(shape, classes, (1, 1))
    return (
        Family(convolution, FUSION_CHANNELS, (classes,)),
        Family(Average(convolution.output), (classes,), (0,)),
        Family(Probabilities((1, 1, classes)), (classes,), (0,)),
    )


def _points(choices: Sequence[int]) -> tuple[int, ...]:
    """The choices that are measured: all where they are few, else some, evenly spread."""
    if len(choices) <= MEASURED_POINTS:
        return tuple(choices)
    chosen = np.linspace(0, len(choices) - 1, MEASURED_POINTS).round().astype(int)
    return tuple(choices[index] for index in chosen)
