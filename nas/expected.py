"""What picks are expected to cost: w_out^T L w_in over cells, the most memory at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from edge_runtime.nas.costs import (
    CostTable,
    Family,
    fusion_families,
    head_families,
    time_family,
)
from edge_runtime.nas.device import Budget
from edge_runtime.nas.items import Shape3
from edge_runtime.nas.space import FUSION_CHANNELS, KERNELS, TIME_CHANNELS, Space
from edge_runtime.nas.supernet import FusionPicks, Picks, TimePicks

OVER, UNDER = 4.0, 0.002
"""Weight of the logarithm of a cost over its target, when above it and when below."""


@dataclass(frozen=True)
class Expected:
    """Expected milliseconds, bytes of RAM at the peak, and bytes of weights; scalar tensors."""

    milliseconds: torch.Tensor
    ram_bytes: torch.Tensor
    flash_bytes: torch.Tensor

    def penalty(self, budget: Budget) -> torch.Tensor:
        """Sum over the limits of c * ln(expected / limit)."""
        pairs = (
            (self.milliseconds, budget.latency_ms),
            (self.ram_bytes, budget.ram_bytes),
            (self.flash_bytes, budget.flash_bytes),
        )
        terms = [
            (OVER if float(value.detach()) > limit else UNDER) * (value / limit).log()
            for value, limit in pairs
        ]
        return torch.stack(terms).sum()


class _Layer:
    """One layer's cost matrices (inputs, outputs) as tensors."""

    def __init__(self, table: CostTable, family: Family) -> None:
        matrices = table.layers[family]
        self._all = [
            torch.tensor(matrix, dtype=torch.float32)
            for matrix in (matrices.cycles, matrices.scratch, matrices.flash)
        ]

    def __call__(self, inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """Expected cycles, scratch bytes and flash bytes: (3,)."""
        return torch.stack([inputs @ matrix @ outputs for matrix in self._all])


class _Account:
    """Adds up cycles and flash, and keeps what is live at each operation."""

    def __init__(self) -> None:
        self.cycles = self.flash = torch.zeros(())
        self.peaks: list[torch.Tensor] = []

    def add(self, share: torch.Tensor | float, cost: torch.Tensor, live: torch.Tensor) -> None:
        """One operation that is there to `share`, with `live` bytes of tensors."""
        cycles, scratch, flash = cost.unbind()
        self.cycles = self.cycles + share * cycles
        self.flash = self.flash + share * flash
        self.peaks.append(share * (live + scratch))


@dataclass(frozen=True)
class _Flow:
    """What flows between cells: height x width, and the weight of each number of channels."""

    area: int
    choices: tuple[int, ...]
    weights: torch.Tensor

    @property
    def bytes(self) -> torch.Tensor:
        """Expected size in int8."""
        return self.area * (self.weights @ torch.tensor(self.choices, dtype=torch.float32))


class ExpectedCost:
    """The differentiable cost of picks in one space, from its table."""

    def __init__(self, space: Space, table: CostTable, clock_hz: int) -> None:
        self._space, self._clock_hz = space, clock_hz
        self._layers = {family: _Layer(table, family) for family in table.layers}

    def __call__(self, picks: Picks) -> Expected:
        """Expected cost of `picks`, with gradients to them."""
        account = _Account()
        shape: Shape3 = (*self._space.window, 1)
        flow = _Flow(math.prod(shape), (1,), torch.ones(1))
        for time in picks.time:
            flow, shape = self._time(account, time, flow, shape)
        for fusion, reduces in zip(picks.fusion, self._space.reduces, strict=True):
            flow, shape = self._fusion(account, fusion, reduces, flow, shape)
        for family in head_families(shape, self._space.classes):
            weights = flow.weights if len(family.inputs) > 1 else torch.ones(1)
            account.add(1.0, self._layers[family](weights, torch.ones(1)), flow.bytes)
        milliseconds = account.cycles / self._clock_hz * 1e3
        return Expected(milliseconds, torch.stack(account.peaks).max(), account.flash)

    def _time(
        self, account: _Account, picks: TimePicks, flow: _Flow, shape: Shape3
    ) -> tuple[_Flow, Shape3]:
        families = [time_family(shape, flow.choices, kernel) for kernel in KERNELS]
        costs = torch.stack([self._layers[f](flow.weights, picks.channels) for f in families])
        output = families[0].item.output
        after = _Flow(math.prod(output[:2]), TIME_CHANNELS, picks.channels)
        account.add(1.0, picks.kernel @ costs, flow.bytes + after.bytes)
        return after, output

    def _fusion(
        self, account: _Account, picks: FusionPicks, reduces: bool, flow: _Flow, shape: Shape3
    ) -> tuple[_Flow, Shape3]:
        cell = fusion_families(shape, flow.choices, reduces)
        output = cell.bottleneck.item.output
        area = math.prod(output[:2])
        narrow = _Flow(area, FUSION_CHANNELS, picks.bottleneck)
        wide = _Flow(area, FUSION_CHANNELS, picks.channels)
        some, both = picks.kept * (1 - picks.largest[0]), picks.residual * wide.bytes
        layer = self._layers
        account.add(
            some,
            layer[cell.bottleneck](flow.weights, narrow.weights),
            flow.bytes + narrow.bytes + both,
        )
        for share, mix in zip(picks.largest[1:], cell.mixes, strict=True):
            cost = layer[mix](narrow.weights, wide.weights)
            account.add(picks.kept * share, cost, narrow.bytes + wide.bytes + both)
        account.add(
            picks.kept * picks.residual,
            layer[cell.residual](flow.weights, wide.weights),
            flow.bytes + wide.bytes,
        )
        adding = layer[cell.addition](wide.weights, torch.ones(1))
        account.add(some * picks.residual, adding, 2 * wide.bytes)
        if reduces:
            return wide, output
        weights = picks.kept * wide.weights + (1 - picks.kept) * flow.weights
        return _Flow(area, FUSION_CHANNELS, weights), output
