"""Checkpoints: how interrupted work goes on where it was."""

from __future__ import annotations

import hashlib
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


class Checkpoints:
    """States of one piece of work under `out`/KEY; nowhere when `out` is None.

    KEY is a hash of all that decides the result (data, budget, seed, costs …), so that a changed
    setting starts anew beside the old files and never goes on from them.
    """

    def __init__(self, out: Path | None, *settings: object) -> None:
        key = hashlib.sha256("\n".join(map(repr, settings)).encode()).hexdigest()[:16]
        self._directory = None if out is None else out / key

    def save(self, name: str, state: Mapping[str, object]) -> None:
        """Write a state whole, or leave the former one as it is."""
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._directory, delete=False) as file:
            temporary = Path(file.name)
            try:
                torch.save(dict(state), file)
                file.close()
                temporary.replace(self._directory / f"{name}.pt")
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def load(self, name: str) -> dict[str, Any]:
        """The state that was saved under `name`; empty where there is none that can be read."""
        path = None if self._directory is None else self._directory / f"{name}.pt"
        if path is None or not path.exists():
            return {}
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            return {}  # a damaged file costs time, not the result
        return state
