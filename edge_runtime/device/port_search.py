"""Which serial port a board is at: by the USB ids in its file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

from edge_runtime.boards import Board, UsbId
from edge_runtime.errors import FlashError


@dataclass(frozen=True)
class SeenPort:
    """A serial port of this machine; USB ids and serial number where it has any."""

    device: str
    vid: int | None = None
    pid: int | None = None
    description: str = ""
    serial_number: str | None = None

    def __str__(self) -> str:
        usb = "" if self.vid is None or self.pid is None else f", {self.vid:04x}:{self.pid:04x}"
        return f"{self.device} ({self.description or 'no description'}{usb})"


def seen_ports() -> tuple[SeenPort, ...]:
    """The serial ports of this machine, by name."""
    found = [
        SeenPort(port.device, port.vid, port.pid, port.description or "", port.serial_number)
        for port in list_ports.comports()
    ]
    return tuple(sorted(found, key=lambda port: port.device))


def find_port(board: Board, seen: Sequence[SeenPort], wanted: str | None = None) -> SeenPort:
    """The port that the board is at: `wanted`, or the only one with a USB id of the board's.

    FlashError: there is none, there are several, or this user may not open it. The message lists
    what was seen, the hint says what to do.
    """
    if wanted is not None:
        port = next((port for port in seen if port.device == wanted), SeenPort(wanted))
        _check_access(port)
        return port
    fits = [port for port in seen if usb_id(board, port) is not None]
    if len(fits) == 1:
        _check_access(fits[0])
        return fits[0]
    if fits:
        raise FlashError(
            f"{len(fits)} ports may be {board.name}:{_list(fits)}", hint="name one with --port"
        )
    raise FlashError(
        f"no port of {board.name} ({_ids(board)}) is there; seen:{_list(seen)}",
        hint=_nothing(board),
    )


def usb_id(board: Board, port: SeenPort) -> UsbId | None:
    """The entry of the board's file that the port's USB ids are in."""
    for usb in board.flashing.usb:
        if (usb.vid, usb.pid) == (port.vid, port.pid):
            return usb
    return None


def _list(ports: Sequence[SeenPort]) -> str:
    return "".join(f"\n  {port}" for port in ports) or " none"


def _ids(board: Board) -> str:
    return ", ".join(
        f"{usb.vid:04x}:{usb.pid:04x} {usb.what}" for usb in board.flashing.usb if usb.port
    )


def _nothing(board: Board) -> str:
    """What to do where nothing was found."""
    steps = ["plug the board in, by a cable that carries data", "or name its port with --port"]
    if any(usb.vid == _SILICON_LABS for usb in board.flashing.usb):
        steps.append("on Windows and macOS install the CP210x driver")
    if any(usb.vid == _ST for usb in board.flashing.usb):
        steps.append("on Windows install the ST-LINK driver")
    if board.flashing.boot:
        steps.append(f"if it does not show up: {board.flashing.boot}")
    return "; ".join(steps)


_SILICON_LABS, _ST = 0x10C4, 0x0483


def _check_access(port: SeenPort) -> None:
    path = Path(port.device)
    if os.name == "posix" and path.exists() and not os.access(path, os.R_OK | os.W_OK):
        group = _group(path)
        raise FlashError(
            f"{port} may not be opened by this user",
            hint=f"sudo usermod -aG {group} $USER, then log in again; or add a udev rule for it",
        )


def _group(path: Path) -> str:
    try:
        return path.group()
    except (KeyError, OSError):
        return "dialout"
