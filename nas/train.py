"""Training networks from scratch: shortly, to choose among some; fully, the one that was chosen.

The full training is on training and validation people together. Once the architecture is chosen,
the validation people have nothing left to decide: the number of epochs is fixed, and the averaged
weights of the last one are used. So they join, as each person more helps with people never seen.
Normalisation stays that of the training people, and the test people take no part.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from edge_runtime.nas.batches import epoch_batches
from edge_runtime.nas.checkpoint import Checkpoints
from edge_runtime.nas.data import Dataset, Part
from edge_runtime.nas.device import Progress
from edge_runtime.nas.explore import hash_seed, tensors
from edge_runtime.nas.network import Network
from edge_runtime.nas.prepare import Preparation
from edge_runtime.nas.space import Architecture

RATE, WARM_UP, DECAY, CLIP = 3e-3, 0.15, 1e-2, 5.0
SMOOTHING = 0.1
AVERAGING = 0.99
"""Decay a step of the average of weights over time; the average is what is used."""


class Trainer:
    """One training; `run` does all epochs, resuming from checkpoints."""

    def __init__(self, arch: Architecture, data: Dataset, seed: int, parts: Sequence[Part]) -> None:
        """Training on `parts` of `data`; its normalisation is that of the training people."""
        self._prepare, self._seed = Preparation(data), seed
        pairs = zip(*(tensors(part) for part in parts), strict=True)
        self._windows, self._labels = (torch.cat(pair) for pair in pairs)
        torch.manual_seed(hash_seed(seed, -1))
        self._network = Network(arch)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = copy.deepcopy(self._network).requires_grad_(False).eval()
        self._optimizer = torch.optim.AdamW(self._network.parameters(), RATE, weight_decay=DECAY)

    def run(self, epochs: int, store: Checkpoints, progress: Progress) -> Network:
        """The network with the averaged weights of the last epoch."""
        for epoch in range(self._restore(store.load("train")), epochs):
            torch.manual_seed(hash_seed(self._seed, epoch))
            loss = self._epoch(epoch, epochs)
            store.save("train", self._state(epoch + 1))
            progress("train", epoch + 1, epochs, f"loss {loss:.3f}")
        return self._average

    def accuracy(self, part: Part) -> float:
        """The share of windows that the averaged weights classify right."""
        windows, labels = tensors(part)
        with torch.no_grad():
            logits = self._average(self._prepare.plain(windows))
        return float((logits.argmax(1) == labels).float().mean())

    def _epoch(self, epoch: int, epochs: int) -> float:
        """The mean loss of one epoch, of `epochs` in all."""
        self._network.train()
        batches = epoch_batches(len(self._labels))
        total = 0.0
        for index, batch in enumerate(batches):
            passed = (epoch + index / len(batches)) / epochs
            for group in self._optimizer.param_groups:
                group["lr"] = RATE * one_cycle(passed)
            self._optimizer.zero_grad()
            logits = self._network(self._prepare.augmented(self._windows[batch]))
            loss = functional.cross_entropy(logits, self._labels[batch], label_smoothing=SMOOTHING)
            loss.backward()
            nn.utils.clip_grad_norm_(self._network.parameters(), CLIP)
            self._optimizer.step()
            self._follow()
            total += float(loss.detach())
        return total / len(batches)

    def _follow(self) -> None:
        """Move the average, batch statistics included, towards the present weights."""
        present = self._network.state_dict()
        for name, value in self._average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(present[name], 1 - AVERAGING)

    def _state(self, epoch: int) -> dict[str, object]:
        return {
            "epoch": epoch,
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> int:
        if not state:
            return 0
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        return int(state["epoch"])


def one_cycle(passed: float) -> float:
    """Share of the full rate: rises to 1 over the warm-up, then falls to 0 along half a cosine."""
    if passed < WARM_UP:
        return 0.04 + 0.96 * passed / WARM_UP
    return (1 + math.cos(math.pi * (passed - WARM_UP) / (1 - WARM_UP))) / 2
