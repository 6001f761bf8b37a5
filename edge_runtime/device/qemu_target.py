"""A board emulated by QEMU: the whole image boots, and answers over the emulated serial port.

A program for an operating system runs in QEMU's user mode, and answers by its standard output.

QEMU's machines have more memory than the boards they stand for, so they do not show an access
beyond a board's RAM; UnicornTarget does.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from edge_runtime.boards import Board
from edge_runtime.device.counter import Counter, counter_bytes
from edge_runtime.device.link import Link, Patience
from edge_runtime.device.native_library import library
from edge_runtime.device.processor import PROCESSORS
from edge_runtime.device.target import Target
from edge_runtime.errors import BoardError, EmulationError, ToolchainError

_PROGRAMS = {
    "arm": "qemu-system-arm",
    "aarch64": "qemu-aarch64",
    "riscv": "qemu-system-riscv32",
}
_PACKAGES = {  # of Debian
    "arm": "qemu-system-arm",
    "aarch64": "qemu-user",
    "riscv": "qemu-system-misc",
}
_START = 10.0  # seconds that QEMU may take to open its serial port
_STOP = 5.0
# What is sent before the firmware has turned its port on is lost, so ask again soon.
_PATIENCE = Patience(attempts=50, answer=0.2)


class QemuTarget(Target):
    """Firmware on a board that QEMU emulates, in a process of its own.

    Args:
        elf: the image.
        board: the board it was built for; its file names the QEMU machine.

    Raises:
        BoardError: QEMU has no machine for the board.
        ToolchainError: QEMU is not installed.
        EmulationError: it does not start.
    """

    def __init__(self, elf: Path, board: Board) -> None:
        super().__init__(elf, board)
        if board.qemu is None:
            raise BoardError(f"QEMU has no machine for board {board.name}")
        program = _find(board)
        plugin = library("qemu_plugin", f"PLUGIN_VERSION={_plugin_version(program)}")
        self._folder = tempfile.TemporaryDirectory()
        try:
            counts = Path(self._folder.name) / "counts"
            size = counter_bytes(self.image)
            self.counter = Counter(self.image, np.memmap(counts, np.uint8, "w+", shape=(size,)))
            counting = [program, "-plugin", f"{plugin},counts={counts}"]
            self._qemu: _Qemu = (
                _Program([*counting, "-cpu", board.qemu, str(elf)])
                if board.system
                else _Machine([*counting, "-M", board.qemu, "-bios", "none", "-kernel", str(elf)])
            )
        except BaseException:
            self._folder.cleanup()
            raise
        self.link = Link(self._qemu, _PATIENCE)

    def close(self) -> None:
        self.link.close()
        self._folder.cleanup()


class _Qemu:
    """The process, and the socket by which what it runs sends and receives bytes."""

    _process: subprocess.Popen[str]
    _socket: socket.socket

    def write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise self._gone() from error

    def read(self, timeout: float) -> bytes:
        self._socket.settimeout(max(timeout, 0.001))
        try:
            data = self._socket.recv(4096)
        except TimeoutError:
            return b""
        except OSError as error:
            raise self._gone() from error
        if not data:
            raise self._gone()
        return data

    def close(self) -> None:
        self._socket.close()
        self._stop()

    def _gone(self) -> EmulationError:
        said = self._stop().strip()
        return EmulationError(f"QEMU ended: {said or 'it does not say why'}")

    def _stop(self) -> str:
        """End the process; what it had to say."""
        self._process.terminate()
        try:
            return self._process.communicate(timeout=_STOP)[1]
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.communicate()[1]


class _Machine(_Qemu):
    """A machine that boots the image; its serial port is a socket that QEMU connects to."""

    def __init__(self, command: list[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            serial = f"tcp:127.0.0.1:{port},nodelay=on"
            self._process = subprocess.Popen(
                [*command, "-display", "none", "-monitor", "none", "-serial", serial],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._socket = self._accept(server)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _accept(self, server: socket.socket) -> socket.socket:
        """The connection, unless QEMU ends first."""
        server.settimeout(0.1)
        end = time.monotonic() + _START
        while time.monotonic() < end and self._process.poll() is None:
            try:
                return server.accept()[0]
            except TimeoutError:
                continue
        raise self._gone()


class _Program(_Qemu):
    """A program of an operating system, which QEMU runs in its user mode."""

    def __init__(self, command: list[str]) -> None:
        self._socket, its = socket.socketpair()
        with its:
            end = its.fileno()
            self._process = subprocess.Popen(
                command, stdin=end, stdout=end, stderr=subprocess.PIPE, text=True
            )


def _find(board: Board) -> str:
    name = _PROGRAMS[board.architecture]
    program = shutil.which(name)
    if program is None:
        hint = f"install it (Debian: {_PACKAGES[board.architecture]})"
        if board.core in PROCESSORS:
            hint += ", or emulate without it, by Unicorn"
        raise ToolchainError(f"{name} is not installed", hint=hint)
    return program


def _plugin_version(program: str) -> int:
    """The version of QEMU's plugin interface: 9.0 began to refuse version 1, 8 knows no other."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    match = re.search(r"version (\d+)", said.stdout)
    if match is None:
        raise ToolchainError(f"{program} does not say its version")
    return 2 if int(match[1]) >= 9 else 1
