"""Writing a folder so that nothing is ever seen half-written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_runtime.errors import DataError
from edge_runtime.files import write_file


def write_folder(
    folder: Path, files: Mapping[str, str | bytes], marker: str, stale: Sequence[str] = ()
) -> None:
    """Write `files` (by path relative to `folder`) all together.

    They are written to a temporary folder first; then each top-level entry takes the place of the
    one of that name, and those called as in `stale` go. Others are left alone. DataError: `folder`
    is no directory, or holds files but not `marker`, so it is not one that this package made.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; the output is a folder", hint="name another folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).exists():
        raise DataError(
            f"{folder} is not empty and holds no {marker}, so it was not made by an export",
            hint="name a new folder, or empty this one",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        fresh = Path(temporary) / "new"
        for name, content in files.items():
            write_file(fresh / name, content)
        folder.mkdir(exist_ok=True)
        for name in stale:
            if (folder / name).exists() and not (fresh / name).exists():
                shutil.move(folder / name, Path(temporary) / f"old-{name}")
        for entry in sorted(fresh.iterdir()):
            target = folder / entry.name
            if target.is_dir() and not target.is_symlink():
                shutil.move(target, Path(temporary) / f"old-{entry.name}")
            entry.replace(target)
