"""What an epoch is: enough batches to learn from, however few windows there are."""

from __future__ import annotations

import torch

BATCH = 64
LEAST_BATCHES = 24
"""In an epoch: small data sets are gone through several times, so that an epoch means as much."""


def epoch_batches(count: int) -> list[torch.Tensor]:
    """Indices below `count` in random order, in batches, each equally often."""
    batches: list[torch.Tensor] = []
    while len(batches) < LEAST_BATCHES:
        batches += torch.split(torch.randperm(count), BATCH)
    return batches
