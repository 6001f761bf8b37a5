"""The differentiable search: weights on training people, choices on validation people, in turn."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from edge_runtime.nas.batches import BATCH, epoch_batches
from edge_runtime.nas.checkpoint import Checkpoints
from edge_runtime.nas.data import Dataset, Part
from edge_runtime.nas.device import Budget, Progress
from edge_runtime.nas.expected import ExpectedCost
from edge_runtime.nas.prepare import Preparation
from edge_runtime.nas.space import Architecture, Space
from edge_runtime.nas.supernet import Choices, Picks, Supernet

WEIGHT_RATE, CLIP = 1e-3, 5.0
CHOICE_RATE, LAST_CHOICE_RATE = 0.36, 8e-4
WARM_UP = 0.3
"""Share of the epochs in which only weights are trained. Choices made on an untrained supernet
prefer the narrowest layers, whatever they would be worth later."""
TAU, TAU_DECAY, LAST_TAU = 1.0, 0.995, 0.1
"""The temperature falls by TAU_DECAY a step, but not so low that gradients vanish."""


@dataclass(frozen=True)
class Explored:
    """A trained supernet and its choices, with the seconds that took."""

    net: Supernet
    choices: Choices
    seconds: float


class Explorer:
    """One differentiable search; `run` does all epochs, resuming from checkpoints."""

    def __init__(
        self, data: Dataset, space: Space, cost: ExpectedCost, budget: Budget, seed: int
    ) -> None:
        self._prepare, self._cost, self._budget, self._seed = Preparation(data), cost, budget, seed
        self._train, self._validation = tensors(data.train), tensors(data.validation)
        torch.manual_seed(seed)
        self.net = Supernet(space)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.choices = Choices(space)
        self._weights = torch.optim.Adam(self.net.parameters(), WEIGHT_RATE)
        self._arch = torch.optim.SGD(self.choices.parameters(), CHOICE_RATE)

    def run(self, epochs: int, store: Checkpoints, progress: Progress) -> Explored:
        """Search for `epochs`; the same result whether it was interrupted or not."""
        state = store.load("search")
        seconds, done = self._restore(state) if state else (0.0, 0)
        for epoch in range(done, epochs):
            start = time.monotonic()
            torch.manual_seed(hash_seed(self._seed, epoch))
            loss = self._epoch(epoch, epochs)
            seconds += time.monotonic() - start
            store.save("search", self._state(seconds, epoch + 1))
            progress("search", epoch + 1, epochs, f"loss {loss:.3f}")
        return Explored(self.net, self.choices, seconds)

    def architecture_loss(
        self, batch: torch.Tensor, labels: torch.Tensor, tau: float
    ) -> torch.Tensor:
        """Cross-entropy of a sampled network on validation windows, and the cost penalty."""
        picks = self.choices.sample(tau)
        error = functional.cross_entropy(self.net(self._prepare.plain(batch), picks), labels)
        return error + self._cost(picks).penalty(self._budget)

    def _epoch(self, epoch: int, epochs: int) -> float:
        self.net.train()
        windows, labels = self._train
        batches = epoch_batches(len(labels))
        total = 0.0
        for index, batch in enumerate(batches):
            step = epoch * len(batches) + index
            tau = max(LAST_TAU, TAU * TAU_DECAY**step)
            passed = (step / (epochs * len(batches)) - WARM_UP) / (1 - WARM_UP)
            if passed >= 0:
                self._choice_step(tau, passed)
            total += self._weight_step(windows[batch], labels[batch], tau)
        return total / len(batches)

    def _choice_step(self, tau: float, passed: float) -> None:
        windows, labels = self._validation
        batch = torch.randint(len(labels), (BATCH,))
        for group in self._arch.param_groups:
            group["lr"] = cosine(CHOICE_RATE, LAST_CHOICE_RATE, passed)
        self._arch.zero_grad()
        self.architecture_loss(windows[batch], labels[batch], tau).backward()
        self._arch.step()

    def _weight_step(self, windows: torch.Tensor, labels: torch.Tensor, tau: float) -> float:
        with torch.no_grad():
            picks = self.choices.sample(tau)
        self._weights.zero_grad()
        logits = self.net(self._prepare.augmented(windows), picks)
        loss = functional.cross_entropy(logits, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self._weights.step()
        return float(loss.detach())

    def _state(self, seconds: float, epoch: int) -> dict[str, object]:
        return {
            "seconds": seconds,
            "epoch": epoch,
            "net": self.net.state_dict(),
            "choices": self.choices.state_dict(),
            "weights": self._weights.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> tuple[float, int]:
        self.net.load_state_dict(state["net"])
        self.choices.load_state_dict(state["choices"])
        self._weights.load_state_dict(state["weights"])
        return float(state["seconds"]), int(state["epoch"])


def supernet_accuracy(net: Supernet, arch: Architecture, data: Dataset) -> float:
    """Share of validation windows that the supernet classifies right when it computes `arch`."""
    windows, labels = tensors(data.validation)
    net.eval()
    with torch.no_grad():
        logits = net(Preparation(data).plain(windows), Picks.of(arch))
    return float((logits.argmax(1) == labels).float().mean())


def tensors(part: Part) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows and labels as tensors."""
    return torch.from_numpy(part.windows), torch.from_numpy(part.labels)


def cosine(first: float, last: float, passed: float) -> float:
    """From `first` to `last` along half a cosine, `passed` being in 0 ... 1."""
    return last + (first - last) * (1 + math.cos(math.pi * passed)) / 2


def hash_seed(seed: int, epoch: int) -> int:
    """A seed of its own for each epoch, so that no generator's state needs saving."""
    return (seed * 1_000_003 + epoch) % (1 << 63)
