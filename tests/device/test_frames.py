"""Frames: what goes in comes out, and what was damaged does not."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_runtime.device.frames import (
    MAX_BODY,
    Frame,
    Reader,
    cobs_decode,
    cobs_encode,
    decode,
    encode,
)

FIRMWARE_BUFFER = 264  # FRAME_BUFFER of firmware/runtime/frame.h

frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=MAX_BODY))


@given(st.binary(max_size=800))
@example(b"")
@example(b"\0")
@example(b"\1" * 254)
@example(b"\1" * 254 + b"\0")
@example(b"\1" * 255)
def test_cobs(data):
    encoded = cobs_encode(data)
    assert 0 not in encoded
    assert cobs_decode(encoded) == data


@pytest.mark.parametrize(
    ("data", "encoded"),
    [("", "01"), ("00", "0101"), ("0000", "010101"), ("11220033", "0311220233")],
)
def test_cobs_by_hand(data, encoded):
    assert cobs_encode(bytes.fromhex(data)).hex() == encoded


@given(st.binary(max_size=600))
def test_cobs_decodes_or_says_no(data):
    decoded = cobs_decode(data)
    assert decoded is None or cobs_decode(cobs_encode(decoded)) == decoded


@given(frames)
def test_frame(frame):
    sent = encode(frame)
    assert sent[-1] == 0 and 0 not in sent[:-1]
    assert len(sent) - 1 <= FIRMWARE_BUFFER
    assert decode(sent[:-1]) == frame


def test_checksum_is_of_all_that_precedes_it():
    content = cobs_decode(encode(Frame(3, 7, b"body"))[:-1])
    assert content == b"\3\7body" + zlib.crc32(b"\3\7body").to_bytes(4, "little")


@given(frames, st.data())
def test_a_damaged_frame_is_none(frame, data):
    sent = bytearray(encode(frame)[:-1])
    at = data.draw(st.integers(0, len(sent) - 1))
    sent[at] ^= data.draw(st.integers(1, 255))
    assert decode(bytes(sent)) in (None, frame)
    assert decode(bytes(sent)) is None or cobs_decode(bytes(sent)) == cobs_decode(
        encode(frame)[:-1]
    )


@given(st.lists(frames, max_size=5), st.data())
def test_reader_takes_any_pieces(sent, data):
    stream = b"".join(encode(frame) for frame in sent)
    reader = Reader()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == sent
    assert reader.dropped == 0


@given(st.binary(max_size=100), frames)
def test_reader_finds_a_frame_behind_noise(noise, frame):
    assert Reader().feed(noise + b"\0" + encode(frame))[-1] == frame


def test_reader_keeps_no_endless_noise():
    reader = Reader()
    for _ in range(100):
        assert reader.feed(b"\xaa" * 1000) == []
    assert reader.dropped > 90_000
    assert len(reader._pending) < 1000
