"""A transport over a serial port, or what stands for one."""

from __future__ import annotations

import serial

from edge_runtime.device.link import Unplugged
from edge_runtime.device.port_lock import PortLock
from edge_runtime.errors import LinkError

_MOST = 4096


class SerialPort:
    """A serial port, by pyserial: a device name, or a URL such as socket://localhost:5555.

    It is this process's alone while it is open.

    Args:
        url: the port.
        baud: bits a second; without meaning for a socket.

    Raises:
        LinkError: the port cannot be opened, or another process has it.
    """

    def __init__(self, url: str, baud: int = 115_200) -> None:
        self._url = url
        self._lock = PortLock(url)
        try:
            self._port = serial.serial_for_url(url, baudrate=baud, timeout=0, do_not_open=True)
            self._port.exclusive = True  # where other programs look for that
            self._port.open()
        except (OSError, ValueError) as error:
            self._lock.release()
            raise LinkError(
                f"cannot open the port {url}: {error}",
                hint="check its name, that no other program (a monitor, a debugger) has it open,"
                " and that this user may open it",
            ) from error

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:  # pyserial's are of this kind too
            raise self._lost(error) from error

    def read(self, timeout: float) -> bytes:
        try:
            self._port.timeout = timeout
            first: bytes = self._port.read(1)
            self._port.timeout = 0
            return first + self._port.read(_MOST) if first else first
        except OSError as error:
            raise self._lost(error) from error

    def close(self) -> None:
        socket = getattr(self._port, "_socket", None)
        self._port.close()
        if socket is not None:
            socket.close()  # pyserial does not where the other end has gone
        self._lock.release()

    def _lost(self, error: Exception) -> LinkError:
        return Unplugged(
            f"the port {self._url} is gone: {error}",
            hint="plug the board in again, or start the emulator; the port may get another name",
        )
