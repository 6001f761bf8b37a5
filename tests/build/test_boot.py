"""The whole image on QEMU, spoken to over its serial port with frames made by hand."""

from __future__ import annotations

import queue
import shutil
import struct
import subprocess
import threading
import zlib
from itertools import groupby

import pytest
from tiny_model import BOARDS, expected

from edge_runtime.boards import load_board

pytestmark = pytest.mark.qemu

VALUES = bytes([1, 2, 3, 250, 0, 9, 8, 7])
EMULATED = [name for name in BOARDS if load_board(name).qemu]
assert len(EMULATED) >= 2


def cobs(data):
    """Each run up to a zero (or of 254 bytes) behind its length plus one."""
    coded, rest = b"", data + b"\0"
    while rest:
        run = rest[: rest.index(0)][:254]
        coded += bytes([len(run) + 1]) + run
        rest = rest[len(run) + (len(run) < 254) :]
    return coded


def uncobs(coded):
    data, at = b"", 0
    while at < len(coded):
        code = coded[at]
        data += coded[at + 1 : at + code] + (b"\0" if code < 255 else b"")
        at += code
    return data[:-1]


def frame(kind, sequence, body=b""):
    raw = bytes([kind, sequence]) + body
    return cobs(raw + struct.pack("<I", zlib.crc32(raw))) + b"\0"


class Device:
    """QEMU with the image; `ask` sends a request until it is answered."""

    def __init__(self, elf, machine):
        self.process = subprocess.Popen(
            ["qemu-system-arm", "-M", machine, "-kernel", elf, "-nographic", "-monitor", "none"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.frames = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for ended, group in groupby(iter(lambda: self.process.stdout.read(1), b""), b"\0".__eq__):
            if not ended:
                self.frames.put(uncobs(b"".join(group)))

    def send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def receive(self, kind, sequence, timeout=10.0):
        """The body of the next frame of this kind and number; answers to repeats go by."""
        while True:
            data = self.frames.get(timeout=timeout)
            assert zlib.crc32(data[:-4]) == struct.unpack("<I", data[-4:])[0]
            if data[:2] == bytes([kind, sequence]):
                return data[2:-4]

    def ask(self, kind, sequence, body=b""):
        for _ in range(20):
            self.send(frame(kind, sequence, body))
            try:
                answer = self.receive(kind | 0x80, sequence, timeout=1.0)
            except queue.Empty:  # what comes before the serial port is set up is lost
                continue
            return answer[0], answer[1:]
        raise AssertionError("no answer")

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(params=EMULATED)
def board(request):
    if shutil.which("qemu-system-arm") is None:
        pytest.skip("qemu-system-arm is not installed")
    return load_board(request.param)


@pytest.fixture
def device(built, compiler, board):
    device = Device(built(board.name, compiler).elf, board.qemu)
    yield device
    device.close()


def test_a_conversation(device, board):
    _, identity = device.ask(1, 1)
    fields = struct.unpack_from("<HIBBBHIII", identity)
    mps2 = board.name == "mps2_an386"
    clock = board.clock.hz if mps2 else board.clock.fallback_hz
    assert fields == (1, clock, mps2, 1, 1, 2, 8, 8, 4096)
    assert identity[23:] == board.name.encode() + b"\0tiny\0"

    write = b"\0" + struct.pack("<I", 0) + VALUES
    read = struct.pack("<BIH", 0, 0, 8)
    assert device.ask(2, 2, write) == (0, b"")
    assert device.ask(3, 3) == (0, b"")
    assert device.ask(4, 4, read) == (0, expected(VALUES, 0))
    used = int.from_bytes(device.ask(6, 5)[1], "little")
    assert 64 + 8 <= used <= 320  # an array of 64 bytes, and registers

    # The same request again is answered from what is known; another one runs.
    device.ask(2, 6, write)
    assert device.ask(3, 7) == device.ask(3, 7) == (0, b"")
    assert device.ask(4, 8, read) == (0, expected(VALUES, 1))
    device.ask(2, 9, write)
    device.ask(5, 10)
    device.ask(3, 11)
    assert device.ask(4, 12, read) == (0, expected(VALUES, 0))

    refused = [
        (9, b"", 1),
        (2, b"\1" + struct.pack("<I", 0), 2),  # no such input
        (2, b"\0" + struct.pack("<I", 1) + VALUES, 2),  # beyond its end
        (2, b"\0" + struct.pack("<I", 0xFFFFFFFF) + VALUES, 2),
        (2, b"\0\0\0", 2),
        (4, struct.pack("<BIH", 1, 0, 1), 2),
        (4, struct.pack("<BIH", 0, 8, 1), 2),
        (4, struct.pack("<BIH", 0, 0xFFFFFFFF, 2), 2),
        (4, b"\0", 2),
    ]
    for sequence, (kind, body, status) in enumerate(refused, 20):
        assert device.ask(kind, sequence, body) == (status, b"")
    assert device.ask(2, 40, bytes(256)) == (2, b"")  # the longest body

    good = frame(6, 50)
    noise = [
        b"\0\0\0",
        b"\5abc\0",  # a group longer than the frame
        b"\7" * 5000 + b"\0",
        frame(6, 51)[:-3] + b"\1\0",  # a wrong CRC
        cobs(b"\6") + b"\0",
        cobs(bytes(300)) + b"\0",
    ]
    device.send(b"".join(noise) + good)
    assert device.receive(0x86, 50)[0] == 0
    assert device.frames.empty()


def test_a_fault_is_reported_with_its_registers(tmp_path, board):
    from tiny_model import SOURCE, write_tiny_model

    from edge_runtime.device.build import build

    source = SOURCE.replace("MODEL_LAYER_HOOK(1);", '__asm__ volatile("udf #7");')
    elf = build(write_tiny_model(tmp_path, board.name, source=source)).elf
    device = Device(elf, board.qemu)
    try:
        device.ask(1, 1)
        device.send(frame(3, 2))
        report = device.receive(0xFF, 0)
        assert report[0] == 4
        registers = struct.unpack("<12I", report[1:])
        assert board.flash.start <= registers[6] < board.flash.end  # pc
        assert registers[8] == 1 << 16  # CFSR: undefined instruction
    finally:
        device.close()
