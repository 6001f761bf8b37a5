"""Serial ports, by way of a socket that stands for one."""

from __future__ import annotations

import socket
import threading

import pytest

from edge_runtime.device.serial_port import SerialPort
from edge_runtime.errors import LinkError


@pytest.fixture
def peer():
    """The URL of a port, and a function that gives the other end of it."""
    server = socket.create_server(("127.0.0.1", 0))
    accepted = []
    thread = threading.Thread(target=lambda: accepted.append(server.accept()[0]), daemon=True)
    thread.start()

    def other_end():
        thread.join(5)
        return accepted[0]

    yield f"socket://127.0.0.1:{server.getsockname()[1]}", other_end
    for connection in accepted:
        connection.close()
    server.close()


def test_bytes_both_ways(peer):
    url, other_end = peer
    port = SerialPort(url)
    port.write(b"request")
    assert other_end().recv(100) == b"request"
    other_end().sendall(b"answer")
    received = b""
    while len(received) < 6:
        received += port.read(5)
    assert received == b"answer"
    port.close()


def test_nothing_comes(peer):
    port = SerialPort(peer[0])
    assert port.read(0.01) == b""
    port.close()


def test_the_other_end_goes_away(peer):
    url, other_end = peer
    port = SerialPort(url)
    other_end().close()
    with pytest.raises(LinkError, match="is gone") as error:
        port.read(5)
    assert error.value.hint
    port.close()


@pytest.mark.parametrize("url", ["/dev/there-is-no-such-port", "nonsense://x"])
def test_no_such_port(url):
    with pytest.raises(LinkError, match="cannot open") as error:
        SerialPort(url)
    assert url in str(error.value)
