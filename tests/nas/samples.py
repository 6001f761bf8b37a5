"""A small data set that is easy to learn: each class is a rhythm of its own."""

from __future__ import annotations

import numpy as np

from edge_runtime.nas import Dataset, Part

STEPS, SENSORS, CLASSES = 32, 3, 3


def part(people: list[int], each: int, seed: int) -> Part:
    generator = np.random.default_rng(seed)
    owner = np.repeat(people, each)
    labels = np.tile(np.arange(CLASSES), -(-len(owner) // CLASSES))[: len(owner)]
    phase = generator.uniform(0, 2 * np.pi, (len(owner), 1, SENSORS))
    time = np.arange(STEPS)[None, :, None]
    rhythm = 2 * np.pi * (1 + 2 * labels[:, None, None]) * time / STEPS
    windows = np.sin(rhythm + phase) + 0.1 * generator.standard_normal(phase.shape)
    return Part(windows.astype(np.float32), labels.astype(np.int64), owner.astype(np.int64))


def dataset() -> Dataset:
    names = tuple("abc")
    return Dataset("rhythms", part([1, 2], 48, 0), part([3], 24, 1), part([4], 30, 2), names)
