"""QEMU with an image, its serial port a pseudo-terminal or a TCP server, as a board's would be."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest


@contextmanager
def qemu_port(elf, board, kind):
    """The port's name, as --port takes it, and QEMU's process; `kind` is pty or tcp."""
    program = shutil.which("qemu-system-arm")
    if program is None:
        pytest.skip("qemu-system-arm is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
    serial = "pty" if kind == "pty" else f"tcp:127.0.0.1:{number},server=on,wait=off,nodelay=on"
    options = ["-M", board.qemu, "-kernel", elf, "-display", "none", "-monitor", "none"]
    process = subprocess.Popen(
        [program, *options, "-serial", serial],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        if kind == "pty":
            name = re.search(r"/dev/\S+", process.stdout.readline())[0]
        else:
            name = f"socket://127.0.0.1:{number}"
            _wait_for(number)
        yield name, process
    finally:
        process.kill()
        process.communicate()


def _wait_for(number):
    """Until the server listens: QEMU's takes one host after the other."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", number)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("QEMU does not listen")
