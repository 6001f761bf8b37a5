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
from elftools.elf.elffile import ELFFile
from tiny_model import BOARDS, expected

from edge_runtime.boards import load_board

pytestmark = pytest.mark.qemu

VALUES = bytes([1, 2, 3, 250, 0, 9, 8, 7])
EMULATED = [name for name in BOARDS if load_board(name).qemu]
assert len(EMULATED) >= 4
PROGRAMS = {"arm": "qemu-system-arm", "riscv": "qemu-system-riscv32"}


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

    def __init__(self, elf, board, *options):
        command = [PROGRAMS[board.architecture], "-M", board.qemu, "-bios", "none", "-kernel", elf]
        self.process = subprocess.Popen(
            [*command, *options, "-nographic", "-monitor", "none"],
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
    board = load_board(request.param)
    program = PROGRAMS[board.architecture]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return board


@pytest.fixture
def device(built, compiler, board):
    if compiler == "gcc" and board.architecture == "riscv":
        pytest.skip("arm-none-eabi-gcc is for Arm")
    elf = built(board.name, compiler).elf
    device = Device(elf, board)
    with elf.open("rb") as file:
        note = ELFFile(file).get_section_by_name(".note.gnu.build-id").data()
    device.build_id = note[16:24]
    yield device
    device.close()


def test_a_conversation(device, board):
    assert device.ask(6, 0) == (7, b"")  # nothing before it was identified
    _, identity = device.ask(1, 1)
    *fields, build_id, inputs, outputs, stack = struct.unpack_from("<HIBBBHB8sIII", identity)
    fixed = board.name != "stm32f405"
    clock = board.clock.hz if fixed else board.clock.fallback_hz
    assert fields == [2, clock, fixed, 1, 1, 2, 0]
    assert (inputs, outputs, stack) == (8, 8, 4096)
    assert identity[32:] == board.name.encode() + b"\0tiny\0"
    assert build_id == device.build_id

    status, memory = device.ask(0x10, 2)
    *_, model_ram, model_ram_end, stack_limit, stack_top = struct.unpack("<8I", memory)
    assert status == 0 and model_ram_end - model_ram == 20 and stack_top - stack_limit == 4096

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
        (0x11, b"\1", 1),  # of a profiling build
        (0x12, b"\0\0\1\0", 1),
        (3, b"\1", 2),
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

    undefined = {"arm": "udf #7", "riscv": "unimp"}[board.architecture]
    source = SOURCE.replace(
        "    model_layer_1();", f'    __asm__ volatile("{undefined}");\n    model_layer_1();'
    )
    elf = build(write_tiny_model(tmp_path, board.name, source=source)).elf
    device = Device(elf, board)
    try:
        device.ask(1, 1)
        device.send(frame(3, 2))
        report = device.receive(0xFF, 0)
        device.send(frame(1, 3))  # a host that missed it is told again
        assert device.receive(0xFF, 0) == report
        assert report[0] == 4
        registers = struct.unpack("<12I", report[1:])
        assert board.flash.start <= registers[6] < board.flash.end  # pc
        if board.architecture == "riscv":
            assert registers[7] == 2 and registers[8:] == (0, 0, 0, 0)  # mcause
        else:
            assert registers[8] == 1 << 16  # CFSR: undefined instruction
    finally:
        device.close()


CYCLES = """
    if (!port_cycles_start()) {
        return;
    }
    uint64_t before = port_cycles();
    for (volatile uint32_t i = 0; i < 20000u; ++i) {
    }
    uint64_t between = port_cycles() - before;
    for (volatile uint32_t i = 0; i < 80000u; ++i) {
    }
    uint64_t after = port_cycles() - before - between;
    for (uint32_t i = 0; i < 4; ++i) {
        model_arena[i] = (int8_t)(between >> (8 * i));
        model_arena[4 + i] = (int8_t)(after >> (8 * i));
    }
"""


def test_cycles_move_and_add_up(tmp_path, board):
    """A loop four times as long takes four times as long. On QEMU these are ticks of a clock that
    counts instructions, not cycles."""
    from tiny_model import SOURCE, write_tiny_model

    from edge_runtime.device.build import build

    source = SOURCE.replace("    model_layer_1();", CYCLES)
    source = source.replace('#include "model.h"', '#include "model.h"\n#include "port.h"')
    source = source.replace(
        "static __attribute__((noinline)) void model_layer_1", "void model_layer_1"
    )
    source = source.replace("void model_layer_1", "void model_layer_1(void);\nvoid model_layer_1")
    elf = build(write_tiny_model(tmp_path, board.name, source=source)).elf
    device = Device(elf, board, "-icount", "shift=0")
    try:
        device.ask(1, 1)
        assert device.ask(3, 1) == (0, b"")
        _, answer = device.ask(4, 2, struct.pack("<BIH", 0, 0, 8))
        short, long = struct.unpack("<II", answer)
        assert short > 1_000 and long / short == pytest.approx(4, rel=0.01)
    finally:
        device.close()
