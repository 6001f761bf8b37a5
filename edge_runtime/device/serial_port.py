"""A transport over a serial port, or what stands for one."""

from __future__ import annotations

import serial

from edge_runtime.errors import LinkError

_MOST = 4096


class SerialPort:
    """A serial port, by pyserial: a device name, or a URL such as socket://localhost:5555.

    Args:
        url: the port.
        baud: bits a second; without meaning for a socket.

    Raises:
        LinkError: the port cannot be opened.
    """

    def __init__(self, url: str, baud: int = 115_200) -> None:
        self._url = url
        try:
            self._port = serial.serial_for_url(url, baudrate=baud, timeout=0)
        except (serial.SerialException, ValueError) as error:
            raise LinkError(
                f"cannot open the port {url}: {error}",
                hint="`edge-runtime boards` says which port each board has",
            ) from error

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except serial.SerialException as error:
            raise self._lost(error) from error

    def read(self, timeout: float) -> bytes:
        try:
            self._port.timeout = timeout
            first: bytes = self._port.read(1)
            self._port.timeout = 0
            return first + self._port.read(_MOST) if first else first
        except serial.SerialException as error:
            raise self._lost(error) from error

    def close(self) -> None:
        self._port.close()

    def _lost(self, error: Exception) -> LinkError:
        return LinkError(f"the port {self._url} is gone: {error}", hint="plug the board in again")
