"""The host's side of the link to firmware: typed requests over framed bytes.

The host speaks first, and every request has one answer. A request whose answer does not come in
time, or comes damaged, is sent again with the same sequence number; the firmware does not run a
model twice for one number. docs/link.md describes the protocol.

    LinkError
    ├── NoAnswer      nothing came back: not powered, not flashed, hung, or the wrong port
    ├── WrongAnswer   something came back that the protocol does not allow
    ├── Refused       the firmware answered that it cannot do it
    └── Fault         the processor took a fault, and the firmware sent its registers
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Protocol

from edge_runtime.device.frames import MAX_BODY, Frame, Reader, encode
from edge_runtime.errors import LinkError

PROTOCOL = 1
_ANSWER = 0x80
_FAULT = 0xFF  # sent unasked, once
_FIXED = struct.Struct("<HIBBBH")
_CHUNK = 240  # bytes of data a frame, with room for its head, below MAX_BODY
assert _CHUNK + 7 <= MAX_BODY


class Request(IntEnum):
    """Kinds of frames that the host sends."""

    IDENTIFY = 1
    WRITE = 2
    RUN = 3
    READ = 4
    RESET = 5
    STACK = 6
    POISON = 7
    RUN_LAYER = 8
    PEEK = 9


# Bits of CFSR: Armv7-M Architecture Reference Manual, B3.2.15.
_FAULTS = (
    (0, "an instruction from memory that may not run"),
    (1, "an access that is not allowed"),
    (8, "an instruction from where there is no memory"),
    (9, "an access to where there is no memory"),
    (10, "an access to where there is no memory, some instructions before"),
    (12, "a full stack"),
    (16, "an undefined instruction"),
    (17, "a jump to what is no Thumb code"),
    (19, "a floating-point instruction while that unit is off"),
    (20, "a stack that overflowed"),
    (24, "an access that is not aligned"),
    (25, "a division by zero"),
)
_REASONS = {
    1: "it does not know this request",
    2: "an argument is wrong",
    3: "it is too long",
    5: "the stack outgrew its room, so the model's memory is not to be trusted",
}


class NoAnswer(LinkError):  # noqa: N818 - it is an error by its base
    """Nothing came back in time."""


class WrongAnswer(LinkError):  # noqa: N818
    """What came back is not what the protocol allows."""


class Refused(LinkError):  # noqa: N818
    """The firmware answered with a status other than success."""


class Fault(LinkError):  # noqa: N818
    """The processor took a fault. `registers` are those it stacked and its fault status."""

    def __init__(self, registers: Registers) -> None:
        self.registers = registers
        super().__init__(f"the firmware took a fault at 0x{registers.pc:08x}: {registers.reason}")


class Transport(Protocol):
    """Bytes to and from firmware."""

    def write(self, data: bytes) -> None:
        """Send all of these bytes."""

    def read(self, timeout: float) -> bytes:
        """What has come in, at least a byte; nothing when none came within `timeout` seconds."""

    def close(self) -> None:
        """Let go of the port."""


@dataclass(frozen=True)
class Identity:
    """What firmware says of itself. `inputs` and `outputs` are sizes in bytes.

    `clock_ok` is False where the clock could not be set up; `clock_hz` is then the slower one.
    """

    protocol: int
    clock_hz: int
    clock_ok: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    layers: int
    stack_size: int
    board: str
    model: str


@dataclass(frozen=True)
class Registers:
    """Registers after a fault: stacked by the core, then the system's. Zero where it has none."""

    r0: int
    r1: int
    r2: int
    r3: int
    r12: int
    lr: int
    pc: int
    xpsr: int
    cfsr: int
    hfsr: int
    mmfar: int
    bfar: int

    @property
    def reason(self) -> str:
        """What the fault status says, in words."""
        reasons = [text for bit, text in _FAULTS if self.cfsr >> bit & 1]
        if self.cfsr >> 15 & 1:
            reasons.append(f"at address 0x{self.bfar:08x}")
        if self.cfsr >> 7 & 1:
            reasons.append(f"at address 0x{self.mmfar:08x}")
        return ", ".join(reasons) or "the core does not say why"


@dataclass(frozen=True)
class Patience:
    """How often to ask, and how many seconds to wait for an answer.

    The first wait for a run is `run` long. An answer that was lost comes at once when asked again.
    """

    attempts: int = 3
    answer: float = 3.0
    run: float = 60.0


class Link:
    """A conversation with firmware.

    Args:
        transport: how bytes get there and back.
        patience: how long to wait.
    """

    def __init__(self, transport: Transport, patience: Patience | None = None) -> None:
        self._transport = transport
        self._patience = patience or Patience()
        self._sequence = 0

    def identify(self) -> Identity:
        """Ask what is at the other end.

        Raises:
            LinkError: no answer, or one of another protocol.
        """
        body = self._ask(Request.IDENTIFY)
        try:
            return _identity(body)
        except (struct.error, ValueError) as error:
            raise WrongAnswer(f"the firmware's description of itself is broken: {error}") from error

    def write_input(self, index: int, data: bytes) -> None:
        """Fill an input of the model."""
        for start in range(0, len(data), _CHUNK):
            head = struct.pack("<BI", index, start)
            self._ask(Request.WRITE, head + data[start : start + _CHUNK])

    def run(self) -> None:
        """Run the model once."""
        self._ask(Request.RUN)

    def read_output(self, index: int, size: int) -> bytes:
        """All `size` bytes of an output of the model."""
        return self._read(Request.READ, index, 0, size)

    def poison(self, value: int) -> None:
        """Fill the arena with one byte. Refused: the firmware's layers cannot be run one by one."""
        self._ask(Request.POISON, bytes([value]))

    def run_layer(self, index: int) -> None:
        """Run one layer of the model; Refused: as `poison`."""
        self._ask(Request.RUN_LAYER, struct.pack("<H", index))

    def peek(self, area: int, offset: int, size: int) -> bytes:
        """Bytes of the arena (area 0) or of the state (area 1); Refused: as `poison`."""
        return self._read(Request.PEEK, area, offset, size)

    def _read(self, kind: Request, index: int, start: int, size: int) -> bytes:
        data = b""
        while len(data) < size:
            length = min(_CHUNK, size - len(data))
            piece = self._ask(kind, struct.pack("<BIH", index, start + len(data), length))
            if len(piece) != length:
                raise WrongAnswer(f"{kind.name} {index}: {len(piece)} bytes came, not {length}")
            data += piece
        return data

    def reset(self) -> None:
        """Put the model's state back to its start."""
        self._ask(Request.RESET)

    def stack_bytes(self) -> int:
        """The most stack that the last run used, in bytes."""
        body = self._ask(Request.STACK)
        if len(body) != 4:
            raise WrongAnswer(f"a stack size of {len(body)} bytes came, not of 4")
        return int.from_bytes(body, "little")

    def close(self) -> None:
        """Let go of the transport."""
        self._transport.close()

    def _ask(self, kind: Request, body: bytes = b"") -> bytes:
        self._sequence = (self._sequence + 1) % 256
        request = encode(Frame(kind, self._sequence, body))
        reader = Reader()
        for attempt in range(self._patience.attempts):
            # After silence a zero ends what the firmware may hold of an earlier, damaged request.
            self._transport.write(b"\0" + request if attempt else request)
            running = kind in {Request.RUN, Request.RUN_LAYER} and attempt == 0
            wait = self._patience.run if running else self._patience.answer
            answer = self._wait(reader, wait)
            if answer is not None:
                return _result(kind, answer)
            reader.give_up()
        raise self._silence(kind, reader)

    def _wait(self, reader: Reader, seconds: float) -> Frame | None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            data = self._transport.read(left)
            if not data:
                return None
            for frame in reader.feed(data):
                if frame.kind == _FAULT:
                    raise _fault(frame.body)
                if frame.sequence == self._sequence:  # others are late answers to an earlier try
                    return frame
        return None

    def _silence(self, kind: Request, reader: Reader) -> LinkError:
        tries = f"{kind.name}, asked {self._patience.attempts} times"
        if reader.dropped:
            return WrongAnswer(
                f"{reader.dropped} bytes came in answer to {tries}, but no valid frame",
                hint="check the baud rate, and that the firmware is this package's",
            )
        return NoAnswer(
            f"no answer to {tries}",
            hint="check that the board is powered and flashed, and that this is its port",
        )


def _fault(body: bytes) -> LinkError:
    words = body[1:]
    if len(words) != 4 * len(fields(Registers)):
        return WrongAnswer(f"the firmware reports a fault in {len(words)} bytes")
    return Fault(Registers(*struct.unpack(f"<{len(fields(Registers))}I", words)))


def _result(kind: Request, answer: Frame) -> bytes:
    if answer.kind != kind | _ANSWER or not answer.body:
        raise WrongAnswer(f"{kind.name} was answered by a frame of kind 0x{answer.kind:02x}")
    status = answer.body[0]
    if status:
        raise Refused(f"the firmware refused {kind.name}: {_REASONS.get(status, status)}")
    return answer.body[1:]


def _identity(body: bytes) -> Identity:
    protocol = int.from_bytes(body[:2], "little")
    if protocol != PROTOCOL:
        raise WrongAnswer(
            f"the firmware speaks version {protocol} of the link, this tool version {PROTOCOL}",
            hint="export, build and flash it again",
        )
    protocol, clock_hz, clock_ok, inputs, outputs, layers = _FIXED.unpack_from(body)
    *sizes, stack_size = struct.unpack_from(f"<{inputs + outputs + 1}I", body, _FIXED.size)
    names = body[_FIXED.size + 4 * (inputs + outputs + 1) :].split(b"\0")
    board, model, rest = names
    if rest:
        raise ValueError(f"{len(rest)} bytes are left over")
    return Identity(
        protocol,
        clock_hz,
        bool(clock_ok),
        tuple(sizes[:inputs]),
        tuple(sizes[inputs:]),
        layers,
        stack_size,
        board.decode(),
        model.decode(),
    )
