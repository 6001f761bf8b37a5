"""From windows in physical units to what a network is given, plain or augmented."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from edge_runtime.nas.data import Dataset


@dataclass(frozen=True)
class Augmentation:
    """How much training windows are varied, as other people and other days would vary them."""

    rotation: float = 0.2
    """Standard deviation, in radians a axis, of how a sensor with three axes is turned."""
    mirror: float = 0.5
    """How often a window is mirrored, where the data set says how."""
    scale: float = 0.1
    """Standard deviation of a factor on each sensor channel."""
    warp: float = 0.2
    """Largest relative change of speed, about the middle of the window."""
    jitter: float = 0.05
    """Standard deviation of noise, in standard deviations of the channel."""


class Preparation:
    """Normalises windows (N, T, S) to network inputs (N, 1, T, S); may augment them before."""

    def __init__(self, data: Dataset, augmentation: Augmentation | None = None) -> None:
        self._augmentation = augmentation or Augmentation()
        self._mean = torch.tensor(data.normalisation.mean, dtype=torch.float32)
        self._deviation = torch.tensor(data.normalisation.deviation, dtype=torch.float32)
        self._limit = data.normalisation.limit
        self._triads = data.triads
        self._mirror = torch.tensor(data.mirror or (1.0,) * data.window[1])

    def plain(self, windows: torch.Tensor) -> torch.Tensor:
        """The windows as they are, normalised."""
        normal = (windows - self._mean) / self._deviation
        return normal.clamp(-self._limit, self._limit).unsqueeze(1)

    def augmented(self, windows: torch.Tensor) -> torch.Tensor:
        """The windows varied at random (PyTorch's global generator), then normalised."""
        how = self._augmentation
        mirrored = torch.rand(len(windows), 1, 1) < how.mirror
        windows = torch.where(mirrored, windows * self._mirror, windows)
        for triad in self._triads:
            windows = _rotate(windows, triad, how.rotation)
        windows = _warp(windows, how.warp)
        factors = 1 + how.scale * torch.randn(len(windows), 1, windows.shape[2])
        noise = how.jitter * self._deviation * torch.randn_like(windows)
        return self.plain(windows * factors + noise)


def _rotate(windows: torch.Tensor, triad: tuple[int, int, int], amount: float) -> torch.Tensor:
    """Each window's triad of axes turned by a small random rotation vector."""
    x, y, z = (amount * torch.randn(len(windows), 3)).unbind(1)
    zero = torch.zeros_like(x)
    generator = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3)
    turned = windows.clone()
    turned[:, :, list(triad)] = windows[:, :, list(triad)] @ torch.matrix_exp(generator)
    return turned


def _warp(windows: torch.Tensor, amount: float) -> torch.Tensor:
    """Each window played faster or slower about its middle; its ends are held where needed."""
    count, steps, sensors = windows.shape
    if steps < 2:
        return windows
    speed = 1 + amount * (2 * torch.rand(count, 1) - 1)
    middle = (steps - 1) / 2
    times = ((torch.arange(steps) - middle) * speed + middle).clamp(0, steps - 1)
    before = times.floor().long().clamp(max=steps - 2)
    share = (times - before).unsqueeze(2)
    index = before.unsqueeze(2).expand(-1, -1, sensors)
    return windows.gather(1, index) * (1 - share) + windows.gather(1, index + 1) * share
