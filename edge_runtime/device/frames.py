"""Frames of the link: COBS around a body with its kind, sequence number and checksum.

    COBS( kind u8 | sequence u8 | body | crc32 u32 little-endian ) 0x00

The checksum is zlib's, of all that precedes it. No byte of an encoded frame is zero, so a reader
that joins in the middle finds the next frame at the next zero.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

MAX_BODY = 256
_OVERHEAD = 6  # kind, sequence, checksum
_LONGEST = 2 * (MAX_BODY + _OVERHEAD)  # without a zero in so many bytes, it is noise


@dataclass(frozen=True)
class Frame:
    """One message in either direction."""

    kind: int
    sequence: int
    body: bytes


def encode(frame: Frame) -> bytes:
    """The bytes to send, the closing zero included."""
    content = bytes((frame.kind, frame.sequence)) + frame.body
    return cobs_encode(content + zlib.crc32(content).to_bytes(4, "little")) + b"\0"


def decode(data: bytes) -> Frame | None:
    """The frame in the bytes between two zeros, or None where that is no frame."""
    content = cobs_decode(data)
    if content is None or not _OVERHEAD <= len(content) <= MAX_BODY + _OVERHEAD:
        return None
    if zlib.crc32(content[:-4]) != int.from_bytes(content[-4:], "little"):
        return None
    return Frame(content[0], content[1], content[2:-4])


def cobs_encode(data: bytes) -> bytes:
    """Consistent overhead byte stuffing: the same bytes without a zero."""
    encoded = bytearray()
    for group in data.split(b"\0"):
        rest = group
        while len(rest) >= 254:
            encoded += b"\xff" + rest[:254]
            rest = rest[254:]
        encoded += bytes((len(rest) + 1,)) + rest
    return bytes(encoded)


def cobs_decode(data: bytes) -> bytes | None:
    """What was encoded, or None where these bytes were not."""
    decoded = bytearray()
    at = 0
    while at < len(data):
        length = data[at]
        group = data[at + 1 : at + length]
        if length == 0 or len(group) != length - 1 or 0 in group:
            return None
        decoded += group
        at += length
        if length < 255 and at < len(data):
            decoded.append(0)
    return bytes(decoded)


class Reader:
    """Collects frames from bytes as they come in."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self.dropped = 0  # bytes that belonged to no valid frame

    def give_up(self) -> None:
        """Drop a frame that has begun: its end is not coming."""
        self.dropped += len(self._pending)
        self._pending.clear()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes complete; broken ones are dropped."""
        self._pending += data
        *complete, rest = bytes(self._pending).split(b"\0")
        if len(rest) > _LONGEST:
            self.dropped += len(rest)
            rest = b""
        self._pending = bytearray(rest)
        frames = []
        for piece in complete:
            frame = decode(piece)
            if frame is not None:
                frames.append(frame)
            else:
                self.dropped += len(piece)
        return frames
