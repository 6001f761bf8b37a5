"""The host's side of the link to firmware: typed requests over framed bytes.

The host speaks first, and every request has one answer. A request whose answer does not come in
time, or comes damaged, is sent again with the same sequence number; the firmware does not run a
model twice for one number. docs/link.md describes the protocol.

    LinkError
    ├── NoAnswer      nothing came back: not powered, not flashed, or the wrong port
    │   └── Hang      nothing came back from firmware that had answered before
    ├── WrongAnswer   something came back that the protocol does not allow
    ├── Refused       the firmware answered that it cannot do it
    ├── Restarted     the firmware has started anew since it was identified
    ├── Fault         the processor took a fault, and the firmware sent its registers
    └── Unplugged     the port is gone
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Protocol

from edge_runtime.device.frames import MAX_BODY, Frame, Reader, encode
from edge_runtime.errors import LinkError

PROTOCOL = 2
_ANSWER = 0x80
_STARTED, _FAULT = 0xFE, 0xFF  # sent unasked
_FIXED = struct.Struct("<HIBBBHB8s")
_PROFILES, _LAYERWISE = 1, 2
_NOT_IDENTIFIED = 7
_GATHER_MORE = 0x80
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
    MAP = 0x10
    COUNTER = 0x11
    FIGURES = 0x12


class Gather(IntEnum):
    """What a run of a profiling build gathers."""

    NOTHING = 0
    TOTAL = 1
    LAYERS = 2
    CHECKSUMS = 3


class CounterKind(IntEnum):
    """What counts cycles: nothing, the core's own counter, or a timer at the core's clock."""

    NONE = 0
    CORE = 1
    TIMER = 2


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
    6: "nothing counts cycles there",
}


class NoAnswer(LinkError):  # noqa: N818 - it is an error by its base
    """Nothing came back in time."""


class Hang(NoAnswer):
    """Firmware that had answered does not answer any more."""


class WrongAnswer(LinkError):  # noqa: N818
    """What came back is not what the protocol allows."""


class Refused(LinkError):  # noqa: N818
    """The firmware answered with a status other than success."""


class Restarted(LinkError):  # noqa: N818
    """The firmware has started anew: what was written to it, and the model's state, are lost."""

    def __init__(self, during: Request) -> None:
        super().__init__(
            f"the board was reset before {during.name}: its inputs and the model's state are lost",
            hint="run the command again; if it happens again, look at the power supply, the reset"
            " button's line, and whether a watchdog is on",
        )


class Unplugged(LinkError):  # noqa: N818
    """The port is gone: the cable, the board, or the emulator's process."""


class Fault(LinkError):  # noqa: N818
    """The processor took a fault. `registers` are those it stacked and its fault status."""

    def __init__(self, registers: Registers) -> None:
        self.registers = registers
        super().__init__(
            f"the firmware took a fault at 0x{registers.pc:08x}: {registers.reason}",
            hint="it stands still until it is reset; `edge-runtime diff` finds the layer that goes"
            " wrong, a debugger shows how it came there",
        )


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
    `profiles` and `layerwise` say which requests it knows besides. `build_id` is the beginning of
    the linker's hash of the image.
    """

    protocol: int
    clock_hz: int
    clock_ok: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    layers: int
    profiles: bool
    layerwise: bool
    build_id: bytes
    stack_size: int
    board: str
    model: str


@dataclass(frozen=True)
class MemoryMap:
    """Parts of the device's memory, each by its first address and the one behind its last."""

    model: tuple[int, int]
    """Code and constants of the model."""
    data: tuple[int, int]
    model_ram: tuple[int, int]
    stack: tuple[int, int]


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
        self._identity: Identity | None = None

    def identify(self) -> Identity:
        """Ask what is at the other end; every other request does so first, once.

        Raises:
            LinkError: no answer, or one of another protocol.
        """
        body = self._exchange(Request.IDENTIFY)
        try:
            self._identity = _identity(body)
        except (struct.error, ValueError) as error:
            raise WrongAnswer(f"the firmware's description of itself is broken: {error}") from error
        return self._identity

    def write_input(self, index: int, data: bytes) -> None:
        """Fill an input of the model."""
        for start in range(0, len(data), _CHUNK):
            head = struct.pack("<BI", index, start)
            self._ask(Request.WRITE, head + data[start : start + _CHUNK])

    def run(self, gather: Gather = Gather.NOTHING, *, more: bool = False) -> None:
        """Run the model once. A profiling build gathers figures, or `more` of them.

        Refused: it is no profiling build, or nothing counts cycles there.
        """
        what = gather | _GATHER_MORE if more else gather
        self._ask(Request.RUN, bytes([what]) if gather else b"")

    def figures(self, layers: int) -> tuple[int, ...]:
        """What the last run gathered of each layer, and behind them the inference's cycles."""
        found: list[int] = []
        while len(found) <= layers:
            count = min(_CHUNK // 8, layers + 1 - len(found))
            body = self._ask(Request.FIGURES, struct.pack("<HH", len(found), count))
            if len(body) != 8 * count:
                raise WrongAnswer(f"{len(body)} bytes of figures came, not {8 * count}")
            found += struct.unpack(f"<{count}Q", body)
        return tuple(found)

    def counter(self, *, start: bool = False) -> tuple[CounterKind, int]:
        """What counts cycles, and how many there were since the start. Refused: as `run`."""
        body = self._ask(Request.COUNTER, bytes([start]))
        if len(body) != 9 or body[0] not in list(CounterKind):
            raise WrongAnswer(f"a broken count of cycles came: {body.hex()}")
        return CounterKind(body[0]), int.from_bytes(body[1:], "little")

    def memory_map(self) -> MemoryMap:
        """Where things lie in the memory of the device."""
        body = self._ask(Request.MAP)
        if len(body) != 32:
            raise WrongAnswer(f"a memory map of {len(body)} bytes came, not of 32")
        words = struct.unpack("<8I", body)
        return MemoryMap(*zip(words[::2], words[1::2], strict=True))

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
        if self._identity is None:
            self.identify()
        return self._exchange(kind, body)

    def _exchange(self, kind: Request, body: bytes = b"") -> bytes:
        self._sequence = (self._sequence + 1) % 256
        request = encode(Frame(kind, self._sequence, body))
        reader = Reader()
        for attempt in range(self._patience.attempts):
            # After silence a zero ends what the firmware may hold of an earlier, damaged request.
            self._transport.write(b"\0" + request if attempt else request)
            running = kind in {Request.RUN, Request.RUN_LAYER} and attempt == 0
            wait = self._patience.run if running else self._patience.answer
            answer = self._wait(kind, reader, wait)
            if answer is not None:
                return _result(kind, answer)
            reader.give_up()
        raise self._silence(kind, reader)

    def _wait(self, kind: Request, reader: Reader, seconds: float) -> Frame | None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            data = self._transport.read(left)
            if not data:
                return None
            for frame in reader.feed(data):
                if frame.kind == _FAULT:
                    raise _fault(frame.body)
                if frame.kind == _STARTED and kind is not Request.IDENTIFY:
                    self._identity = None
                    raise Restarted(kind)
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
        if self._identity is not None:
            return Hang(
                f"no answer to {tries}, by firmware that had answered before",
                hint="it hangs, or the board lost its power: reset the board and try again; a"
                " debugger, or `edge-runtime emulate`, shows where it hangs",
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
    if status == _NOT_IDENTIFIED:
        raise Restarted(kind)
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
    protocol, clock_hz, clock_ok, inputs, outputs, layers, flags, build_id = _FIXED.unpack_from(
        body
    )
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
        bool(flags & _PROFILES),
        bool(flags & _LAYERWISE),
        build_id,
        stack_size,
        board.decode(),
        model.decode(),
    )
