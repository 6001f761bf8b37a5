"""Emulated boards behind TCP ports and pseudo-terminals, in a thread of this process."""

from __future__ import annotations

import os
import socket
import threading
import tty
from contextlib import contextmanager

from unicorn.unicorn_const import UC_HOOK_MEM_READ

from edge_runtime.device.unicorn_target import UnicornTarget


@contextmanager
def served(elf, board):
    """The port's URL; hosts may come and go, one at a time."""
    with UnicornTarget(elf, board) as target, socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, target.link._transport), daemon=True)
        thread.start()
        yield f"socket://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _serve(server, board):
    while True:
        try:
            host, _ = server.accept()
        except OSError:
            return
        with host:
            while data := host.recv(4096):
                board.write(data)
                host.sendall(board.read(1.0))


class BoardOnPty:
    """An emulated board at a pseudo-terminal, which can be flashed; for a `with` statement."""

    def __init__(self, elf, board):
        self._board = board
        self._main, other = os.openpty()
        tty.setraw(other)
        self._other = other
        self.port = os.ttyname(other)
        self.flash(elf)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def flash(self, elf):
        self._target = UnicornTarget(elf, self._board)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.close(self._other)
        self._thread.join(5)
        os.close(self._main)

    def _serve(self):
        while True:
            try:
                data = os.read(self._main, 4096)
            except OSError:  # the last to have it open has closed it
                return
            board = self._target.link._transport
            board.write(data)
            os.write(self._main, board.read(1.0))


class CountingBoard(BoardOnPty):
    """One whose DWT counts: each cycle stands for two bytes of code that ran.

    Its registers are plain memory to the emulator, which no cycle passes in.
    """

    _CYCCNT = 0xE0001004

    def flash(self, elf):
        super().flash(elf)
        machine = self._target._machine
        (registers,) = (
            kept
            for kept, region in zip(machine._kept, _plain(self._board), strict=True)
            if self._CYCCNT in range(region.start, region.end)
        )
        counter, uc, start = machine._counter, machine._uc, self._CYCCNT & ~0xFFF
        fuel, cycles = counter.fuel, 0

        def on_read(*_):
            nonlocal fuel, cycles
            cycles += max(0, fuel - counter.fuel) // 2
            fuel = counter.fuel
            registers[(self._CYCCNT - start) // 4] = cycles & 0xFFFFFFFF

        uc.hook_add(UC_HOOK_MEM_READ, on_read, begin=self._CYCCNT, end=self._CYCCNT)


def _plain(board):
    """The regions of registers, but for the serial port's."""
    return [r for r in board.peripherals if not r.start <= board.uart.base < r.end]
