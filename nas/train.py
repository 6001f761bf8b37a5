"""Training a network from scratch on the training people, stopping by the validation people."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from edge_runtime.nas.batches import epoch_batches
from edge_runtime.nas.checkpoint import Checkpoints
from edge_runtime.nas.data import Dataset
from edge_runtime.nas.device import Progress
from edge_runtime.nas.explore import hash_seed, tensors
from edge_runtime.nas.network import Network
from edge_runtime.nas.prepare import Preparation
from edge_runtime.nas.space import Architecture

RATE, WARM_UP, DECAY, CLIP = 3e-3, 0.15, 1e-2, 5.0
SMOOTHING = 0.1
AVERAGING = 0.99
"""Decay a step of the average of weights over time; the average is what is used."""


@dataclass(frozen=True)
class Score:
    """How the averaged weights do on the validation people."""

    accuracy: float
    loss: float


class Trainer:
    """One training; `run` does all epochs, resuming from checkpoints."""

    def __init__(self, arch: Architecture, data: Dataset, seed: int) -> None:
        self._prepare, self._seed = Preparation(data), seed
        self._train, self._validation = tensors(data.train), tensors(data.validation)
        torch.manual_seed(hash_seed(seed, -1))
        self._network = Network(arch)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = copy.deepcopy(self._network).requires_grad_(False).eval()
        self._best = copy.deepcopy(self._average.state_dict())
        self._score = Score(0.0, math.inf)
        self._optimizer = torch.optim.AdamW(self._network.parameters(), RATE, weight_decay=DECAY)

    def run(self, epochs: int, store: Checkpoints, progress: Progress) -> Network:
        """The network of the epoch that did best on the validation people."""
        for epoch in range(self._restore(store.load("train")), epochs):
            torch.manual_seed(hash_seed(self._seed, epoch))
            self._epoch(epoch, epochs)
            score = self.score()
            if score.loss < self._score.loss:
                self._score, self._best = score, copy.deepcopy(self._average.state_dict())
            store.save("train", self._state(epoch + 1))
            progress("train", epoch + 1, epochs, f"validation accuracy {score.accuracy:.3f}")
        self._average.load_state_dict(self._best)
        return self._average

    def score(self) -> Score:
        """Accuracy and loss of the averaged weights on the validation people."""
        windows, labels = self._validation
        with torch.no_grad():
            logits = self._average(self._prepare.plain(windows))
        accuracy = float((logits.argmax(1) == labels).float().mean())
        return Score(accuracy, float(functional.cross_entropy(logits, labels)))

    def _epoch(self, epoch: int, epochs: int) -> None:
        self._network.train()
        windows, labels = self._train
        batches = epoch_batches(len(labels))
        for index, batch in enumerate(batches):
            passed = (epoch + index / len(batches)) / epochs
            for group in self._optimizer.param_groups:
                group["lr"] = RATE * one_cycle(passed)
            self._optimizer.zero_grad()
            logits = self._network(self._prepare.augmented(windows[batch]))
            functional.cross_entropy(logits, labels[batch], label_smoothing=SMOOTHING).backward()
            nn.utils.clip_grad_norm_(self._network.parameters(), CLIP)
            self._optimizer.step()
            self._follow()

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
            "best": self._best,
            "accuracy": self._score.accuracy,
            "loss": self._score.loss,
        }

    def _restore(self, state: dict[str, Any]) -> int:
        if not state:
            return 0
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]
        self._score = Score(float(state["accuracy"]), float(state["loss"]))
        return int(state["epoch"])


def one_cycle(passed: float) -> float:
    """Share of the full rate: rises to 1 over the warm-up, then falls to 0 along half a cosine."""
    if passed < WARM_UP:
        return 0.04 + 0.96 * passed / WARM_UP
    return (1 + math.cos(math.pi * (passed - WARM_UP) / (1 - WARM_UP))) / 2
