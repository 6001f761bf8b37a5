"""The smart-watch recordings of the package seglearn: seven exercises of ten people at 50 Hz."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
from pathlib import Path

import numpy as np

from edge_runtime.errors import DataError
from edge_runtime.nas.data import Dataset, Part, checked, find_triads, split_validation

RATE_HZ = 50
WINDOW, STRIDE = 128, 64
TEST_PEOPLE = (8, 9, 10)
MIRROR = (-1.0, 1.0, 1.0, 1.0, -1.0, -1.0)
"""The other arm moves as in a mirror across the watch's x axis: accelerations along x change sign,
and so do turns about y and z."""

_FILE = "watch_dataset.npy"
_SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"


def watch_windows() -> Dataset:
    """Windows of 128 x 6 (accelerometer in g, gyroscope in rad/s), one every 64 samples.

    Test people are 8, 9 and 10; validation people are taken out of 1 to 7. DataError: the package
    is not installed, or its file is another one. Source: seglearn 1.2.5 (BSD-3-Clause).
    """
    # The file is a pickle, which can run code: nothing of it is read before the hash is right.
    recordings = np.load(
        io.BytesIO(_verified(_find())), allow_pickle=True, encoding="latin1"
    ).item()
    windows, labels, people = [], [], []
    for series, label, person in zip(
        recordings["X"], recordings["y"], recordings["subject"], strict=True
    ):
        cut = np.lib.stride_tricks.sliding_window_view(series, WINDOW, axis=0)[::STRIDE]
        windows.append(cut.transpose(0, 2, 1).astype(np.float32))
        labels += [label] * len(cut)
        people += [person] * len(cut)
    everyone = Part(np.concatenate(windows), np.array(labels, np.int64), np.array(people, np.int64))
    tested = np.isin(people, TEST_PEOPLE)
    train, validation = split_validation(everyone[~tested])
    names = tuple(str(name) for name in recordings["y_labels"])
    triads = find_triads([str(name) for name in recordings["X_labels"]])
    return checked(Dataset("watch", train, validation, everyone[tested], names, triads, MIRROR))


def _find() -> Path:
    try:
        files = importlib.metadata.files("seglearn") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == _FILE:
            return Path(str(file.locate()))
    raise DataError(
        f"{_FILE} of the package seglearn is not installed",
        hint="pip install --no-deps seglearn==1.2.5",
    )


def _verified(path: Path) -> bytes:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != _SHA256:
        raise DataError(
            f"{path} has SHA-256 {digest}, not {_SHA256}",
            hint="pip install --force-reinstall --no-deps seglearn==1.2.5",
        )
    return content
