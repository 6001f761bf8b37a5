"""Data sets of labelled windows: reading them, splitting them by person, normalising them.

A window is (T, S): T time steps of S sensor channels. Nobody who is tested on was trained on or
chosen by, and every statistic is of training people only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.cases import load_arrays
from edge_runtime.errors import DataError
from edge_runtime.graph import Quantization

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

VALIDATION_SHARE = 0.15
"""People are moved from training to validation until they hold this share of the windows."""


@dataclass(frozen=True, eq=False)
class Part:
    """Windows (N, T, S) in physical units, their classes (N,), and whose they are (N,) if known."""

    windows: Floats
    labels: Ints
    people: Ints | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: npt.NDArray[np.generic]) -> Part:
        people = None if self.people is None else self.people[chosen]
        return Part(self.windows[chosen], self.labels[chosen], people)


@dataclass(frozen=True)
class Normalisation:
    """Per sensor: (x - mean) / deviation, clipped to ±limit.

    Sensors differ in unit and range, but an int8 network has one input scale, and convolutions
    before the fusion cells share their weights among sensors. So this step cannot go into the first
    convolution; it goes into how a sample becomes int8, which has to happen anyway and costs one
    multiply-add per sample as its sensor is read: see `conversion`. The firmware takes int8 windows
    and holds no normalisation.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    limit: float = 6.0

    @staticmethod
    def of(windows: Floats) -> Normalisation:
        """The statistics of these windows; a sensor that never changes gets deviation 1."""
        samples = windows.reshape(-1, windows.shape[-1]).astype(np.float64)
        deviation = samples.std(0)
        deviation[deviation == 0] = 1.0
        return Normalisation(tuple(samples.mean(0).tolist()), tuple(deviation.tolist()))

    def apply(self, windows: Floats) -> Floats:
        """What the float network is given, of the same shape."""
        mean = np.asarray(self.mean, np.float32)
        deviation = np.asarray(self.deviation, np.float32)
        normal: Floats = np.clip((windows - mean) / deviation, -self.limit, self.limit)
        return normal

    def conversion(self, quantization: Quantization) -> tuple[Floats, Floats]:
        """Gain and offset per sensor: int8 input = clip(round(gain * physical + offset)).

        The int8 bounds clip at least as tightly as `limit` where calibration saw values up to it.
        """
        gain = 1.0 / (np.asarray(self.deviation) * quantization.scale)
        offset = quantization.zero_point - np.asarray(self.mean) * gain
        return gain.astype(np.float32), offset.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Windows for training, for choosing (validation) and for the final figures (test).

    `triads` are the triples of channels that are x, y and z of one sensor: they rotate together.
    `mirror` has a sign for each channel, by which a movement becomes that of the other hand; empty
    where that means nothing.
    """

    name: str
    train: Part
    validation: Part
    test: Part
    class_names: tuple[str, ...]
    triads: tuple[tuple[int, int, int], ...] = ()
    mirror: tuple[float, ...] = ()

    @property
    def window(self) -> tuple[int, int]:
        """Time steps and sensor channels of one window."""
        _, steps, sensors = self.train.windows.shape
        return steps, sensors

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @cached_property
    def normalisation(self) -> Normalisation:
        """Statistics of the training people; the validation and test people take no part."""
        return Normalisation.of(self.train.windows)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all windows and labels, to recognise the data by."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            digest.update(part.windows.tobytes())
            digest.update(part.labels.tobytes())
        return digest.hexdigest()


def load(path: Path) -> Dataset:
    """The data set in an .npz file.

    `x_train`, `x_test` (N, T, S) and `y_train`, `y_test` (N,) must be there. Validation windows are
    `x_val`, `y_val`; else whole people of `subject_train` (N,); else the last part of each class.
    Optional: `scale` (S,) by which integers are multiplied, `class_names`, `channels` (names; those
    that differ in a last x, y, z are one sensor's axes), `mirror` (S,) of signs (see Dataset),
    `subject_test`, `subject_val`.
    DataError: an array is missing, of another shape, not finite, or a person stands on two sides.
    """
    arrays = load_arrays(path)
    scale = arrays.get("scale")
    train, test = _part(arrays, "train", scale), _part(arrays, "test", scale)
    if "x_val" in arrays:
        validation = _part(arrays, "val", scale)
    else:
        train, validation = split_validation(train)
    names = _class_names(arrays, (train, validation, test))
    triads = find_triads([str(name) for name in arrays.get("channels", np.array([]))])
    mirror = _mirror(arrays, train.windows.shape[2])
    return checked(Dataset(path.stem, train, validation, test, names, triads, mirror))


def split_validation(train: Part, share: float = VALIDATION_SHARE) -> tuple[Part, Part]:
    """Training and validation parts of `train`: whole people where they are known.

    The people with the fewest windows go first, until they hold `share` of all windows. Without
    people, the last `share` of each class goes, in the order of the file: neighbouring windows of
    one recording often overlap, so a random choice would validate on what it trained on.
    """
    if train.people is None:
        held = np.zeros(len(train), bool)
        for label in np.unique(train.labels):
            rows = np.flatnonzero(train.labels == label)
            held[rows[len(rows) - max(1, round(share * len(rows))) :]] = len(rows) > 1
    else:
        people, counts = np.unique(train.people, return_counts=True)
        if len(people) < 2:
            raise DataError(
                "subject_train holds one person only, so nobody is left to validate on",
                hint="give windows of at least two people, or x_val and y_val",
            )
        order = np.argsort(counts, kind="stable")
        before = np.cumsum(counts[order]) - counts[order]
        chosen = order[: len(people) - 1][before[: len(people) - 1] < share * len(train)]
        held = np.isin(train.people, people[chosen])
    return train[~held], train[held]


def find_triads(channels: list[str]) -> tuple[tuple[int, int, int], ...]:
    """Positions of channels whose names are equal but for a last x, y, z: ax, ay, az."""
    found = []
    for name in channels:
        axes = [name[:-1] + axis for axis in "xyz"]
        if name.endswith("x") and all(axis in channels for axis in axes):
            first, second, third = (channels.index(axis) for axis in axes)
            found.append((first, second, third))
    return tuple(found)


def checked(data: Dataset) -> Dataset:
    """`data` unchanged, or DataError when its parts do not fit each other."""
    for name in ("validation", "test"):
        part: Part = getattr(data, name)
        if part.windows.shape[1:] != data.train.windows.shape[1:]:
            raise DataError(
                f"{name} windows are {part.windows.shape[1:]}, training windows"
                f" {data.train.windows.shape[1:]}; allowed: all of one shape (T, S)"
            )
        if not len(part):
            raise DataError(f"{data.name} has no {name} windows")
    missing = set(range(data.classes)) - set(data.train.labels.tolist())
    if missing:
        raise DataError(f"classes {sorted(missing)} have no training window; name: {data.name}")
    _check_people(data)
    return data


def _check_people(data: Dataset) -> None:
    seen: dict[int, str] = {}
    for name in ("train", "validation", "test"):
        people = getattr(data, name).people
        for person in [] if people is None else np.unique(people).tolist():
            if person in seen:
                raise DataError(
                    f"person {person} is in both {seen[person]} and {name}",
                    hint="split by person: figures on people seen in training mean nothing",
                )
            seen[person] = name


def _array(
    arrays: Mapping[str, npt.NDArray[np.generic]], name: str, rank: int
) -> npt.NDArray[np.generic]:
    if name not in arrays:
        raise DataError(
            f"array {name} is missing; given: {', '.join(arrays) or 'none'}",
            hint="needed: x_train, y_train, x_test, y_test (and y_val with x_val)",
        )
    array = arrays[name]
    if array.ndim != rank or array.dtype.kind not in "iufb":
        raise DataError(f"{name} is {array.dtype}{array.shape}; allowed: numbers, {rank} axes")
    if not array.size:
        raise DataError(f"{name} is empty: {array.shape}")
    if not np.isfinite(array).all():
        raise DataError(f"{name} holds values that are not finite (NaN or infinite)")
    return array


def _labels(arrays: Mapping[str, npt.NDArray[np.generic]], name: str, count: int) -> Ints:
    array = _array(arrays, name, 1)
    if len(array) != count:
        raise DataError(f"{name} has {len(array)} entries for {count} windows")
    whole = array.astype(np.int64)
    if (whole != array).any() or whole.min() < 0:
        raise DataError(f"{name} holds values that are no whole numbers from 0 up")
    return whole


def _part(
    arrays: Mapping[str, npt.NDArray[np.generic]],
    name: str,
    scale: npt.NDArray[np.generic] | None,
) -> Part:
    windows = _array(arrays, f"x_{name}", 3).astype(np.float32)
    if scale is not None:
        if scale.shape not in ((), (windows.shape[2],)):
            raise DataError(f"scale is {scale.shape}; allowed: ({windows.shape[2]},) or one number")
        windows = windows * _finite_scale(scale)
    labels = _labels(arrays, f"y_{name}", len(windows))
    known = f"subject_{name}" in arrays
    people = _labels(arrays, f"subject_{name}", len(windows)) if known else None
    return Part(windows, labels, people)


def _finite_scale(scale: npt.NDArray[np.generic]) -> Floats:
    numbers = scale.astype(np.float32)
    if not (np.isfinite(numbers) & (numbers > 0)).all():
        raise DataError(f"scale holds {numbers}; allowed: positive finite numbers")
    return numbers


def _mirror(arrays: Mapping[str, npt.NDArray[np.generic]], sensors: int) -> tuple[float, ...]:
    if "mirror" not in arrays:
        return ()
    signs = arrays["mirror"]
    if signs.shape != (sensors,) or not np.isin(signs, (-1, 1)).all():
        raise DataError(f"mirror is {signs.tolist()}; allowed: {sensors} signs, each 1 or -1")
    return tuple(float(sign) for sign in signs.astype(np.float32))


def _class_names(
    arrays: Mapping[str, npt.NDArray[np.generic]], parts: tuple[Part, ...]
) -> tuple[str, ...]:
    count = 1 + max(int(part.labels.max()) for part in parts if len(part))
    if "class_names" not in arrays:
        return tuple(str(label) for label in range(count))
    names = tuple(str(name) for name in arrays["class_names"])
    if len(names) < count:
        raise DataError(f"class_names has {len(names)} names, but labels go up to {count - 1}")
    return names
