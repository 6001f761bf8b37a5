"""An emulated board behind a TCP port, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager

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
