"""The supernet: every network of a space at once, and choices that can be differentiated.

Dynamic convolution (MicroNAS, arXiv 2310.18384): each layer is one convolution with the most
channels and the largest kernel. Its output is multiplied by the expected channel mask, its kernel
by the expected kernel mask; the expectation is over a Gumbel-softmax sample, so that gradients
reach the choices. Smaller kernels are the middle of the largest one, as SAME padding aligns them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

from edge_runtime.nas.items import Convolution
from edge_runtime.nas.network import pad
from edge_runtime.nas.space import (
    FUSION_CHANNELS,
    KERNELS,
    TIME_CHANNELS,
    Architecture,
    FusionCell,
    Space,
    TimeCell,
    bottleneck_convolution,
    residual_convolution,
    time_convolution,
)

T = TypeVar("T")

OFF, ON = 0, 1


@dataclass(frozen=True)
class TimePicks:
    """Of one time cell, how much each kernel and each number of channels is chosen; sums are 1."""

    kernel: torch.Tensor
    channels: torch.Tensor


@dataclass(frozen=True)
class FusionPicks:
    """Of one fusion cell; `largest` is over (none, 3, 5, 7), the two gates are in 0 ... 1."""

    bottleneck: torch.Tensor
    channels: torch.Tensor
    largest: torch.Tensor
    residual: torch.Tensor
    kept: torch.Tensor


@dataclass(frozen=True)
class Picks:
    """A choice of network, soft or hard."""

    time: tuple[TimePicks, ...]
    fusion: tuple[FusionPicks, ...]

    @staticmethod
    def of(arch: Architecture) -> Picks:
        """The hard picks that make the supernet compute `arch`."""
        return Picks(
            tuple(
                TimePicks(_hot(KERNELS, cell.kernel), _hot(TIME_CHANNELS, cell.channels))
                for cell in arch.time
            ),
            tuple(
                FusionPicks(
                    _hot(FUSION_CHANNELS, cell.bottleneck),
                    _hot(FUSION_CHANNELS, cell.channels),
                    _hot((0, *KERNELS), max(cell.kernels, default=0)),
                    torch.tensor(float(cell.residual)),
                    torch.tensor(float(cell.kept)),
                )
                for cell in arch.fusion
            ),
        )


class TimeChoices(nn.Module):
    """The logits of one time cell."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.zeros(len(KERNELS)))
        self.channels = nn.Parameter(torch.zeros(len(TIME_CHANNELS)))

    def sample(self, tau: float) -> TimePicks:
        """A Gumbel-softmax sample at temperature `tau`."""
        return TimePicks(_gumbel(self.kernel, tau), _gumbel(self.channels, tau))

    def likeliest(self) -> TimeCell:
        """The cell of the largest logits."""
        return TimeCell(_best(KERNELS, self.kernel), _best(TIME_CHANNELS, self.channels))

    def preference(self, cell: TimeCell) -> float:
        """0 for the likeliest cell, the further below the less likely."""
        kernel = _preference(KERNELS, self.kernel, cell.kernel)
        return kernel + _preference(TIME_CHANNELS, self.channels, cell.channels)

    def draw(self) -> TimeCell:
        """A cell drawn from the probabilities."""
        return TimeCell(_draw(KERNELS, self.kernel), _draw(TIME_CHANNELS, self.channels))


class FusionChoices(nn.Module):
    """The logits of one fusion cell; gates are (off, on)."""

    def __init__(self, reduces: bool) -> None:
        super().__init__()
        self.reduces = reduces
        self.bottleneck = nn.Parameter(torch.zeros(len(FUSION_CHANNELS)))
        self.channels = nn.Parameter(torch.zeros(len(FUSION_CHANNELS)))
        self.kernels = nn.Parameter(torch.zeros(len(KERNELS), 2))
        self.residual = nn.Parameter(torch.zeros(2))
        self.kept = nn.Parameter(torch.zeros(2), requires_grad=not reduces)

    def sample(self, tau: float) -> FusionPicks:
        """A Gumbel-softmax sample at temperature `tau`."""
        return FusionPicks(
            _gumbel(self.bottleneck, tau),
            _gumbel(self.channels, tau),
            _largest(_gumbel(self.kernels, tau)[:, ON]),
            _gumbel(self.residual, tau)[ON],
            torch.ones(()) if self.reduces else _gumbel(self.kept, tau)[ON],
        )

    def likeliest(self) -> FusionCell:
        """The cell of the largest logits; of its parts at least the likeliest is on."""
        on = [_best((False, True), gate) for gate in (*self.kernels, self.residual)]
        return self._cell(
            on,
            _best(FUSION_CHANNELS, self.bottleneck),
            _best(FUSION_CHANNELS, self.channels),
            self.reduces or _best((False, True), self.kept),
        )

    def preference(self, cell: FusionCell) -> float:
        """0 for the likeliest cell, the further below the less likely; only what matters counts."""
        kept = 0.0 if self.reduces else _preference((False, True), self.kept, cell.kept)
        if not cell.kept:
            return kept
        total = kept + _preference(FUSION_CHANNELS, self.channels, cell.channels)
        total += _preference((False, True), self.residual, cell.residual)
        for kernel, gate in zip(KERNELS, self.kernels, strict=True):
            total += _preference((False, True), gate, kernel in cell.kernels)
        if cell.kernels:
            total += _preference(FUSION_CHANNELS, self.bottleneck, cell.bottleneck)
        return total

    def draw(self) -> FusionCell:
        """A cell drawn from the probabilities."""
        on = [_draw((False, True), gate) for gate in (*self.kernels, self.residual)]
        return self._cell(
            on,
            _draw(FUSION_CHANNELS, self.bottleneck),
            _draw(FUSION_CHANNELS, self.channels),
            self.reduces or _draw((False, True), self.kept),
        )

    def _cell(self, on: list[bool], bottleneck: int, channels: int, kept: bool) -> FusionCell:
        # With every part off the cell would hand on nothing: the likeliest is switched on.
        if not any(on):
            gates = torch.cat([self.kernels, self.residual[None]])
            on[int((gates[:, ON] - gates[:, OFF]).argmax())] = True
        kernels = tuple(compress(KERNELS, on))
        return FusionCell(self.reduces, bottleneck, channels, kernels, on[-1], kept)


class Choices(nn.Module):
    """The architecture parameters of a space: what is learned on validation people."""

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space
        self.time_cells = tuple(TimeChoices() for _ in range(space.time_cells))
        self.fusion_cells = tuple(FusionChoices(reduces) for reduces in space.reduces)
        self.time, self.fusion = nn.ModuleList(self.time_cells), nn.ModuleList(self.fusion_cells)

    def sample(self, tau: float) -> Picks:
        """Soft picks at temperature `tau`, with gradients to the logits."""
        return Picks(
            tuple(cell.sample(tau) for cell in self.time_cells),
            tuple(cell.sample(tau) for cell in self.fusion_cells),
        )

    def likeliest(self) -> Architecture:
        """The network of the largest logits."""
        time = tuple(cell.likeliest() for cell in self.time_cells)
        fusion = tuple(cell.likeliest() for cell in self.fusion_cells)
        return Architecture(self.space.window, self.space.classes, time, fusion)

    def preference(self, arch: Architecture) -> float:
        """0 for the likeliest network, the further below the less likely it is drawn."""
        time = zip(self.time_cells, arch.time, strict=True)
        fusion = zip(self.fusion_cells, arch.fusion, strict=True)
        of_time = sum(choices.preference(cell) for choices, cell in time)
        return of_time + sum(choices.preference(cell) for choices, cell in fusion)

    def draw(self) -> Architecture:
        """A network drawn from the probabilities, by PyTorch's global generator."""
        time = tuple(cell.draw() for cell in self.time_cells)
        fusion = tuple(cell.draw() for cell in self.fusion_cells)
        return Architecture(self.space.window, self.space.classes, time, fusion)


class _Dynamic(nn.Module):
    """A convolution with batch norm at its largest; statistics are always the batch's own."""

    def __init__(self, item: Convolution) -> None:
        super().__init__()
        self.item = item
        self.convolution = nn.Conv2d(
            item.shape[2], item.channels, item.kernel, item.stride, bias=False
        )
        self.norm = nn.BatchNorm2d(item.channels, track_running_stats=False)

    def forward(self, values: torch.Tensor, taps: torch.Tensor | None = None) -> torch.Tensor:
        kernel = self.convolution.weight
        if taps is not None:
            kernel = kernel * taps[:, None]
        padded = pad(values, self.item.window)
        result: torch.Tensor = self.norm(functional.conv2d(padded, kernel, stride=self.item.stride))
        return result


class _TimeLayer(nn.Module):
    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.layer = _Dynamic(time_convolution(shape, max(KERNELS), max(TIME_CHANNELS)))

    def forward(self, values: torch.Tensor, picks: TimePicks) -> torch.Tensor:
        found: torch.Tensor = self.layer(values, picks.kernel @ _taps()).relu()
        return found * _mask(picks.channels, TIME_CHANNELS)


class _FusionLayer(nn.Module):
    def __init__(self, shape: tuple[int, int, int], reduces: bool) -> None:
        super().__init__()
        widest = max(FUSION_CHANNELS)
        narrow = bottleneck_convolution(shape, reduces, widest)
        self.bottleneck = _Dynamic(narrow)
        self.mix = _Dynamic(Convolution(narrow.output, widest, (max(KERNELS), 1)))
        self.residual = _Dynamic(residual_convolution(shape, reduces, widest, relu=False))
        self.output = narrow.output

    def forward(self, values: torch.Tensor, picks: FusionPicks, reduces: bool) -> torch.Tensor:
        narrow = self.bottleneck(values).relu() * _mask(picks.bottleneck, FUSION_CHANNELS)
        some = 1 - picks.largest[0]
        # Batch norm undoes any common factor of the taps, so the share of "none" comes after it.
        mixed = some * self.mix(narrow, picks.largest[1:] @ _taps())
        total = (mixed + picks.residual * self.residual(values)).relu()
        result: torch.Tensor = total * _mask(picks.channels, FUSION_CHANNELS)
        return result if reduces else picks.kept * result + (1 - picks.kept) * values


class Supernet(nn.Module):
    """All networks of a space. Input (N, 1, T, S), normalised, and picks; output logits."""

    def __init__(self, space: Space) -> None:
        super().__init__()
        shape = (*space.window, 1)
        self.time = nn.ModuleList()
        for _ in range(space.time_cells):
            cell = _TimeLayer(shape)
            self.time.append(cell)
            shape = cell.layer.item.output
        self.reduces = space.reduces
        self.fusion = nn.ModuleList()
        for reduces in space.reduces:
            fusion = _FusionLayer(shape, reduces)
            self.fusion.append(fusion)
            shape = fusion.output
        self.head = nn.Conv2d(shape[2], space.classes, 1)

    def forward(self, windows: torch.Tensor, picks: Picks) -> torch.Tensor:
        values = windows
        for layer, time in zip(self.time, picks.time, strict=True):
            values = layer(values, time)
        for layer, fusion, reduces in zip(self.fusion, picks.fusion, self.reduces, strict=True):
            values = layer(values, fusion, reduces)
        logits: torch.Tensor = self.head(values).mean((2, 3))
        return logits


def _largest(on: torch.Tensor) -> torch.Tensor:
    """How likely no kernel, or 3, 5 or 7, is the largest that is on; `on` is over (3, 5, 7)."""
    off = 1 - on
    return torch.stack([off[0] * off[1] * off[2], on[0] * off[1] * off[2], on[1] * off[2], on[2]])


def _taps() -> torch.Tensor:
    """For each kernel, which taps of the largest it has: (3, 7)."""
    reach = max(KERNELS) // 2
    rows = [[abs(tap - reach) <= kernel // 2 for tap in range(2 * reach + 1)] for kernel in KERNELS]
    return torch.tensor(rows, dtype=torch.float32)


def _mask(weights: torch.Tensor, choices: tuple[int, ...]) -> torch.Tensor:
    """The expected mask of channels for NCHW: channel c is kept by every choice above c."""
    kept = weights.flip(0).cumsum(0).flip(0)  # the weight of this choice and all wider ones
    widths = torch.tensor([choices[0], *(b - a for a, b in pairwise(choices))])
    return kept.repeat_interleave(widths)[None, :, None, None]


def _gumbel(logits: torch.Tensor, tau: float) -> torch.Tensor:
    return functional.gumbel_softmax(logits, tau)


def _hot(choices: tuple[int, ...], chosen: int) -> torch.Tensor:
    return torch.tensor([float(choice == chosen) for choice in choices])


def _best(choices: tuple[T, ...], logits: torch.Tensor) -> T:
    return choices[int(logits.argmax())]


def _draw(choices: tuple[T, ...], logits: torch.Tensor) -> T:
    return choices[int(torch.multinomial(logits.detach().softmax(0), 1))]


def _preference(choices: tuple[T, ...], logits: torch.Tensor, chosen: T) -> float:
    return float((logits[choices.index(chosen)] - logits.max()).detach())
