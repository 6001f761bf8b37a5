"""One process at a time has a port: a lock file in the user's cache, which names the process."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

from edge_runtime.cache import cache_dir
from edge_runtime.errors import LinkError


class PortLock:
    """Held from its making to `release`, or to the end of the process.

    Args:
        url: the port: a device, by any of its names, or a URL.

    Raises:
        LinkError: another process, or another part of this one, has the port.
    """

    def __init__(self, url: str) -> None:
        name = url if "://" in url else str(Path(url).resolve())
        folder = cache_dir() / "ports"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._file, 32).decode() or "another"
            os.close(self._file)
            raise LinkError(
                f"process {holder} has the port {url}",
                hint="wait until it is done, or end it: two hosts would mix up their requests",
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let others have the port; more than once does no harm."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
