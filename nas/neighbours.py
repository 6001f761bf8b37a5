"""Networks that differ from a given one by a single, cheaper choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from edge_runtime.nas.space import (
    FUSION_CHANNELS,
    KERNELS,
    TIME_CHANNELS,
    Architecture,
    FusionCell,
    TimeCell,
)


def reductions(arch: Architecture) -> Iterator[Architecture]:
    """Every network with one choice made cheaper; none for the smallest of the space."""
    for index, time in enumerate(arch.time):
        for cell in _cheaper_time(time):
            cells = (*arch.time[:index], cell, *arch.time[index + 1 :])
            yield dataclasses.replace(arch, time=cells)
    for index, fusion in enumerate(arch.fusion):
        if fusion.kept:
            for changed in _cheaper_fusion(fusion):
                others = (*arch.fusion[:index], changed, *arch.fusion[index + 1 :])
                yield dataclasses.replace(arch, fusion=others)


def _cheaper_time(cell: TimeCell) -> Iterator[TimeCell]:
    if cell.kernel > KERNELS[0]:
        yield dataclasses.replace(cell, kernel=_below(KERNELS, cell.kernel))
    if cell.channels > TIME_CHANNELS[0]:
        yield dataclasses.replace(cell, channels=_below(TIME_CHANNELS, cell.channels))


def _cheaper_fusion(cell: FusionCell) -> Iterator[FusionCell]:
    if cell.kernels and cell.bottleneck > FUSION_CHANNELS[0]:
        yield dataclasses.replace(cell, bottleneck=_below(FUSION_CHANNELS, cell.bottleneck))
    if cell.channels > FUSION_CHANNELS[0]:
        yield dataclasses.replace(cell, channels=_below(FUSION_CHANNELS, cell.channels))
    if cell.kernels and (cell.residual or len(cell.kernels) > 1):
        yield dataclasses.replace(cell, kernels=cell.kernels[:-1])
    if len(cell.kernels) == 1 and cell.kernels[0] > KERNELS[0]:
        yield dataclasses.replace(cell, kernels=(_below(KERNELS, cell.kernels[0]),))
    if cell.kernels and not cell.residual:
        yield dataclasses.replace(cell, kernels=(), residual=True)
    if cell.kernels and cell.residual:
        yield dataclasses.replace(cell, residual=False)
    if not cell.reduces:
        yield dataclasses.replace(cell, kept=False)


def _below(choices: tuple[int, ...], chosen: int) -> int:
    return choices[choices.index(chosen) - 1]
