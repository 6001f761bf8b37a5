"""Files that can be made again: kept in one folder of the user, named by what they were made from.

The folder is $EDGE_RUNTIME_CACHE, else $XDG_CACHE_HOME/edge-runtime, else ~/.cache/edge-runtime.
It may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import EdgeRuntimeError


def cache_dir() -> Path:
    """The folder, made if need be; EdgeRuntimeError where it cannot be."""
    named = os.environ.get("EDGE_RUNTIME_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(base) / "edge-runtime"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise EdgeRuntimeError(
            f"the cache folder {folder} cannot be written",
            hint="set EDGE_RUNTIME_CACHE to a folder that can",
        )
    return folder.resolve()


def digest(*parts: str | bytes) -> str:
    """A name for content: other parts, or parts split elsewhere, give another name."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()[:40]


def cached(kind: str, key: str, name: str, make: Callable[[Path], None]) -> Path:
    """The file `name` made for `key`; `make(path)` writes it where it is not there yet.

    Processes may race: each writes a file of its own, and the last rename wins.
    """
    folder = cache_dir() / kind / key[:2] / key
    path = folder / name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder) as temporary:
        fresh = Path(temporary) / name
        make(fresh)
        fresh.replace(path)
    return path
