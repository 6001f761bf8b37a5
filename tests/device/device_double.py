"""Firmware's side of the link in Python, with a line that can be made to fail."""

from __future__ import annotations

import struct

from edge_runtime.device.frames import Frame, Reader, encode


class Device:
    """A model that adds one to every byte of its input; answers come at once.

    `damage(bytes)` is applied to everything that the device sends; `lose_requests` drops so many.
    """

    def __init__(self, size=300, damage=lambda sent: sent, lose_requests=0, protocol=2):
        self.input = bytearray(size)
        self.output = b""
        self.runs = 0
        self.resets = 0
        self.closed = False
        self.damage = damage
        self.lose_requests = lose_requests
        self.protocol = protocol
        self.status = 0
        self.requests = []
        self._reader = Reader()
        self._last = None
        self._sent = b""

    def write(self, data):
        for frame in self._reader.feed(data):
            self.requests.append(frame)
            if self.lose_requests:
                self.lose_requests -= 1
                continue
            body = bytes((self.status,)) + (b"" if self.status else self._answer(frame))
            answer = encode(Frame(frame.kind | 0x80, frame.sequence, body))
            self._sent += self.damage(answer)

    def read(self, timeout):
        data, self._sent = self._sent, b""
        return data

    def close(self):
        self.closed = True

    def _answer(self, frame):
        if frame.kind == 1:
            size = len(self.input)
            fixed = struct.pack("<HIBBBHB", self.protocol, 64_000_000, 1, 1, 1, 2, 1) + b"build-id"
            return fixed + struct.pack("<III", size, size, 4096) + b"double\0model\0"
        if frame.kind == 2:
            index, offset = struct.unpack_from("<BI", frame.body)
            data = frame.body[5:]
            assert index == 0 and offset + len(data) <= len(self.input)
            self.input[offset : offset + len(data)] = data
        elif frame.kind == 3 and frame.sequence != self._last:
            self.runs += 1
            self._last = frame.sequence
            self.output = bytes((value + 1) % 256 for value in self.input)
        elif frame.kind == 4:
            _, offset, length = struct.unpack("<BIH", frame.body)
            return self.output[offset : offset + length]
        elif frame.kind == 5:
            self.resets += 1
        elif frame.kind == 6:
            return (1234).to_bytes(4, "little")
        return b""
