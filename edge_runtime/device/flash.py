"""Writing an image to a board, by the tools that exist for it.

Nothing is written here but a UF2 file to a drive; all else is a command of pyOCD, OpenOCD, esptool
or PlatformIO. Where a tool is missing, the error says how to get it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from edge_runtime.boards import Board, Method
from edge_runtime.device.build import FIRMWARE
from edge_runtime.device.drives import find_drive
from edge_runtime.device.port_search import SeenPort, find_port, seen_ports
from edge_runtime.errors import BoardError, DataError, FlashError, ToolchainError


@dataclass(frozen=True)
class Tool:
    """A program that writes flash: on the PATH, or a module of this Python."""

    program: str
    module: str
    get: str

    def command(self) -> tuple[str, ...] | None:
        """How it is started; None where it is not installed."""
        found = shutil.which(self.program)
        if found is not None:
            return (found,)
        if self.module and importlib.util.find_spec(self.module) is not None:
            return (sys.executable, "-m", self.module)
        return None


TOOLS: dict[Method, Tool] = {
    "platformio": Tool("platformio", "platformio", "pip install platformio"),
    "pyocd": Tool("pyocd", "pyocd", "pip install pyocd"),
    "esptool": Tool("esptool", "esptool", "pip install esptool"),
    "openocd": Tool("openocd", "", "install it (Debian: openocd)"),
}


@dataclass(frozen=True)
class Flashed:
    """What was done: the image, the method, where the board was, and the command (none for UF2)."""

    board: str
    image: Path
    method: Method
    place: str
    command: tuple[str, ...]


def flash(
    folder: Path,
    board: Board,
    *,
    port: str | None = None,
    method: str | None = None,
    image: str = FIRMWARE,
    say: Callable[[str], None] = lambda text: None,
) -> Flashed:
    """Write the image that was built in the exported folder to the board.

    The method is the first of the board's whose tool is installed, unless one is named. PlatformIO
    builds for itself, so it writes no other `image` than the firmware. `say` is told what will be
    done, before it is.

    Raises:
        BoardError: the board cannot be flashed, or not by that method.
        ToolchainError: a tool is not installed.
        FlashError: the board is not found, or the tool failed.
        DataError: there is no image, or no project that the method needs.
    """
    chosen = _method(board, method, image)
    if chosen == "uf2":
        return _copy(_image(folder, f"{image}.uf2"), board, port, say)
    start = TOOLS[chosen].command()
    if start is None:
        raise ToolchainError(f"{TOOLS[chosen].program} is not installed", hint=TOOLS[chosen].get)
    path = _image(folder, f"{image}.{'bin' if chosen == 'esptool' else 'elf'}")
    where = _port(board, chosen, port)
    command = (*start, *_ARGUMENTS[chosen](board, folder, path, where))
    place = "the only probe" if where is None else str(where)
    say(f"{board.name} at {place}, by {chosen}: {' '.join(command)}")
    _run(command, board, chosen)
    return Flashed(board.name, path, chosen, place, command)


def _method(board: Board, name: str | None, image: str) -> Method:
    allowed = tuple(m for m in board.flashing.methods if m != "platformio" or image == FIRMWARE)
    if not allowed:
        raise BoardError(f"{board.name} cannot be flashed: {board.flashing.by_hand}")
    if name is None:
        return _first_installed(board, allowed)
    for method in allowed:
        if method == name:
            return method
    known = f"{board.name} is flashed by {', '.join(allowed)}"
    if name not in get_args(Method):
        raise BoardError(f"unknown method {name!r}", hint=known)
    raise BoardError(f"{board.name} cannot be flashed by {name}", hint=known)


def _first_installed(board: Board, allowed: Sequence[Method]) -> Method:
    for method in allowed:
        if method == "uf2" or TOOLS[method].command() is not None:
            return method
    ways = "; ".join(f"{method}: {TOOLS[method].get}" for method in allowed)
    raise ToolchainError(
        f"no tool that flashes {board.name} is installed",
        hint=f"{ways}; or by hand: {board.flashing.by_hand}",
    )


def _image(folder: Path, name: str) -> Path:
    image = folder / "build" / name
    if not image.is_file():
        raise DataError(f"there is no {image}", hint=f"run edge-runtime build {folder} first")
    return image


def _port(board: Board, method: Method, wanted: str | None) -> SeenPort | None:
    """Where the board is; None where its probe has no serial port, and the tool has to look."""
    if wanted is None and method != "esptool" and not any(u.port for u in board.flashing.usb):
        return None
    return find_port(board, seen_ports(), wanted)


def _platformio(board: Board, folder: Path, image: Path, port: SeenPort | None) -> tuple[str, ...]:
    if not (folder / "platformio.ini").is_file():
        raise DataError(
            f"{folder} is no PlatformIO project",
            hint=f"export it with --format platformio --board {board.name}",
        )
    where = () if port is None else ("--upload-port", port.device)
    return ("run", "-d", str(folder), "-t", "upload", *where)


def _pyocd(board: Board, folder: Path, image: Path, port: SeenPort | None) -> tuple[str, ...]:
    serial = () if port is None or not port.serial_number else ("--uid", port.serial_number)
    return ("flash", "--no-wait", "--target", board.flashing.pyocd, *serial, str(image))


def _openocd(board: Board, folder: Path, image: Path, port: SeenPort | None) -> tuple[str, ...]:
    files = [word for name in board.flashing.openocd for word in ("-f", name)]
    if port is not None and port.serial_number:
        files[2:2] = ["-c", f"adapter serial {port.serial_number}"]  # behind the interface
    return (*files, "-c", f"program {{{image.resolve()}}} verify reset exit")


def _esptool(board: Board, folder: Path, image: Path, port: SeenPort | None) -> tuple[str, ...]:
    assert port is not None
    chip = ("--chip", board.flashing.esptool, "--port", port.device)
    return (*chip, "write_flash", "0x0", str(image))


_ARGUMENTS: dict[Method, Callable[[Board, Path, Path, SeenPort | None], tuple[str, ...]]] = {
    "platformio": _platformio,
    "pyocd": _pyocd,
    "esptool": _esptool,
    "openocd": _openocd,
}


def _run(command: Sequence[str], board: Board, method: Method) -> None:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    raise FlashError(
        "\n  ".join([f"{method} failed ({done.returncode}):", *lines[-8:]]),
        hint=_next_step(board, method),
    )


def _next_step(board: Board, method: Method) -> str:
    flashing = board.flashing
    steps = []
    if method == "pyocd" and flashing.pack:
        steps.append(f"pyocd pack install {flashing.pyocd}")
    if method in {"pyocd", "openocd"} and sys.platform == "linux":
        steps.append(
            "if the probe may not be opened, install the udev rules that come with the tool"
        )
    if flashing.boot:
        steps.append(flashing.boot)
    others = [other for other in flashing.methods if other != method]
    if others:
        steps.append(f"or try --method {others[0]}")
    return "; ".join([*steps, f"by hand: {flashing.by_hand}"])


def _copy(image: Path, board: Board, port: str | None, say: Callable[[str], None]) -> Flashed:
    drive = find_drive(board, None if port is None else Path(port))
    say(f"{board.name} at {drive}, by uf2: copy {image}")
    target = drive / image.name
    try:
        with target.open("wb") as file:
            file.write(image.read_bytes())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FlashError(
            f"cannot write {target}: {error.strerror}", hint=board.flashing.boot
        ) from error
    return Flashed(board.name, image, "uf2", str(drive), ())
