"""PlatformIO with no registry: a platform in a folder, and the installed SCons as its package.

PlatformIO runs SCons from a package of its registry. Here that package is made of what pip has
installed, in a core directory of its own. Everything else is PlatformIO as it is.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PLATFORM = Path(__file__).parent / "platform"


def core_dir(folder: Path) -> Path:
    """A core directory with SCons in it."""
    from platformio.dependencies import get_core_dependencies

    wanted = get_core_dependencies()["tool-scons"].lstrip("~")
    package = folder / "packages" / "tool-scons"
    package.mkdir(parents=True)
    about = {"name": "tool-scons", "version": wanted, "description": "SCons, as pip installed it"}
    (package / "package.json").write_text(json.dumps(about))
    (package / ".piopm").write_text(
        json.dumps(
            {
                "type": "tool",
                "name": "tool-scons",
                "version": wanted,
                "spec": {
                    "owner": "platformio",
                    "id": 1,
                    "name": "tool-scons",
                    "requirements": None,
                },
            }
        )
    )
    (package / "scons.py").write_text("import SCons.Script\n\nSCons.Script.main()\n")
    return folder


def localize(project: Path, cpu: str) -> None:
    """Point an exported project to the platform of this folder; its board gets the core `cpu`."""
    path = project / "platformio.ini"
    text = path.read_text()
    text, count = re.subn(r"^platform = .*$", f"platform = symlink://{PLATFORM}", text, flags=re.M)
    assert count == 1
    text, count = re.subn(r"^platform_packages = .*\n", "", text, flags=re.M)
    assert count == 1
    board = re.search(r"^board = (.*)$", text, flags=re.M)
    assert board is not None
    path.write_text(text)
    boards = project / "boards"
    boards.mkdir(exist_ok=True)
    described = {
        "build": {"cpu": cpu, "mcu": cpu},
        "frameworks": ["none"],
        "name": board[1],
        "upload": {"maximum_size": 1 << 22, "maximum_ram_size": 1 << 22},
        "url": "local",
        "vendor": "local",
    }
    (boards / f"{board[1]}.json").write_text(json.dumps(described))


def run(project: Path, core: Path, *arguments: str) -> str:
    """`pio run` in a project; what it said. AssertionError where it fails."""
    environment = {
        **os.environ,
        "PLATFORMIO_CORE_DIR": str(core),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "No",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_NO_ANSI": "true",
    }
    done = subprocess.run(
        [sys.executable, "-m", "platformio", "run", "-d", str(project), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
