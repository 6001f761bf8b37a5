"""The link: requests, repeats, and each way in which an answer can fail to come."""

from __future__ import annotations

import struct

import pytest
from device_double import Device
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.device.frames import Frame, encode
from edge_runtime.device.link import (
    Fault,
    Hang,
    Identity,
    Link,
    NoAnswer,
    Patience,
    Refused,
    Restarted,
    WrongAnswer,
)
from edge_runtime.errors import LinkError

QUICK = Patience(attempts=3, answer=0.05, run=0.05)


def once(damage):
    """Damage to the first answer alone."""
    left = [damage]
    return lambda sent: left.pop()(sent) if left else sent


def flip(sent):
    return bytes((sent[0], sent[1] ^ 0x40)) + sent[2:]


def test_identity():
    assert Link(Device(), QUICK).identify() == Identity(
        protocol=2,
        clock_hz=64_000_000,
        clock_ok=True,
        inputs=(300,),
        outputs=(300,),
        layers=2,
        profiles=True,
        layerwise=False,
        build_id=b"build-id",
        stack_size=4096,
        board="double",
        model="model",
    )


@pytest.mark.parametrize("size", [0, 1, 240, 241, 1000])
def test_an_inference(size):
    device = Device(size)
    link = Link(device, QUICK)
    data = bytes(index % 251 for index in range(size))
    link.write_input(0, data)
    link.run()
    assert link.read_output(0, size) == bytes((value + 1) % 256 for value in data)
    assert all(len(request.body) <= 256 for request in device.requests)
    assert [request.kind for request in device.requests].count(1) == 1  # identified first, once


def test_the_rest():
    device = Device()
    link = Link(device, QUICK)
    link.reset()
    assert device.resets == 1
    assert link.stack_bytes() == 1234
    link.close()
    assert device.closed


@pytest.mark.parametrize("damage", [flip, lambda sent: b"", lambda sent: sent[:-3]])
def test_a_lost_answer_is_asked_for_again(damage):
    device = Device()
    link = Link(device, QUICK)
    link.identify()
    device.damage = once(damage)
    link.run()
    assert device.runs == 1
    assert len(device.requests) == 3
    assert device.requests[1] == device.requests[2]


def test_a_lost_request_is_sent_again():
    device = Device(lose_requests=2)
    Link(device, QUICK).run()
    assert device.runs == 1


def test_sequences_wrap():
    device = Device()
    link = Link(device, QUICK)
    for _ in range(600):
        link.run()
    assert device.runs == 600


def test_late_answers_are_passed_over():
    late = encode(Frame(0x83, 200, b"\0"))
    device = Device(damage=lambda sent: late + sent)
    assert Link(device, QUICK).stack_bytes() == 1234


def test_silence():
    with pytest.raises(NoAnswer, match="IDENTIFY, asked 3 times") as error:
        Link(Device(damage=lambda sent: b""), QUICK).identify()
    assert "powered" in error.value.hint


def test_noise():
    with pytest.raises(WrongAnswer, match="no valid frame") as error:
        Link(Device(damage=lambda sent: b"\xf0garbage\0"), QUICK).identify()
    assert "baud" in error.value.hint


@pytest.mark.parametrize(("status", "said"), [(1, "does not know"), (2, "argument"), (9, "9")])
def test_refusal(status, said):
    device = Device()
    link = Link(device, QUICK)
    link.identify()
    device.status = status
    with pytest.raises(Refused, match=said):
        link.run()


def test_another_protocol():
    with pytest.raises(WrongAnswer, match="version 3 of the link, this tool version 2"):
        Link(Device(protocol=3), QUICK).identify()


def test_an_answer_to_something_else():
    def other(sent):
        return encode(Frame(0x86, 1, b"\0\0\0\0\0"))

    with pytest.raises(WrongAnswer, match="IDENTIFY was answered by a frame of kind 0x86"):
        Link(Device(damage=other), QUICK).run()


def test_a_fault():
    words = [0] * 12
    words[6] = 0x0800_1234  # pc
    words[8] = 1 << 9 | 1 << 15  # a bus fault, with its address
    words[11] = 0x6000_0000
    body = b"\4" + struct.pack("<12I", *words)
    device = Device(damage=lambda sent: encode(Frame(0xFF, 0, body)))
    with pytest.raises(Fault, match=r"0x08001234.*no memory.*0x60000000") as error:
        Link(device, QUICK).run()
    assert error.value.registers.pc == 0x0800_1234


def test_a_hang_is_no_missing_board():
    device = Device()
    link = Link(device, QUICK)
    link.identify()
    device.damage = lambda sent: b""
    with pytest.raises(Hang, match="RUN, asked 3 times, by firmware that had answered") as error:
        link.run()
    assert "reset the board" in error.value.hint


STARTED = encode(Frame(0xFE, 0, b"\0"))


def test_a_start_before_the_first_answer_is_as_it_should_be():
    assert Link(Device(damage=lambda sent: STARTED + sent), QUICK).identify().board == "double"


@pytest.mark.parametrize("sent", [STARTED, None])
def test_a_reset_is_told(sent):
    """By the frame that says so or, where that was lost, by the answer to the next request."""
    device = Device()
    link = Link(device, QUICK)
    link.identify()
    if sent is None:
        device.status = 7
    else:
        device.damage = lambda _: sent
    with pytest.raises(Restarted, match="was reset before RUN") as error:
        link.run()
    assert "power supply" in error.value.hint


@pytest.mark.parametrize("cut", [0, 1, 5, 20, 28, 42])
def test_a_short_description(cut):
    class Short(Device):
        def _answer(self, frame):
            return super()._answer(frame)[:cut]

    with pytest.raises(WrongAnswer):
        Link(Short(), QUICK).identify()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(0, 255))
def test_whatever_comes_is_an_answer_or_a_link_error(pieces, sequence):
    class Babble(Device):
        def read(self, timeout):
            return pieces.pop() if pieces else super().read(timeout)

    pieces.append(encode(Frame(sequence, sequence, bytes(pieces[0] if pieces else b""))))
    try:
        assert Link(Babble(), QUICK).identify().board == "double"
    except LinkError as error:
        assert str(error)
