"""A bad line between the host and the C of the link: what comes is right, or an error."""

from __future__ import annotations

import random
import zlib

import tiny_model

from edge_runtime.boards import load_board
from edge_runtime.device.link import Gather, Link, Patience
from edge_runtime.device.unicorn_target import UnicornTarget
from edge_runtime.errors import LinkError

EXCHANGES = 40_000
SHARE = 0.01  # of bytes that are changed, dropped or doubled


class NoisyLine:
    """Bytes to and from the emulated serial port, damaged both ways."""

    def __init__(self, port, seed):
        self._port = port
        self._random = random.Random(seed)
        self.damaged = dict.fromkeys(("changed", "dropped", "doubled"), 0)
        self.exchanges = 0

    def write(self, data):
        self.exchanges += 1
        self._port.write(self._damage(data))

    def read(self, timeout):
        return self._damage(self._port.read(timeout))

    def close(self):
        self._port.close()

    def _damage(self, data):
        damaged = bytearray()
        for byte in data:
            if self._random.random() >= SHARE:
                damaged.append(byte)
                continue
            how = self._random.choice(tuple(self.damaged))
            self.damaged[how] += 1
            if how == "changed":
                damaged.append(byte ^ self._random.randrange(1, 256))
            elif how == "doubled":
                damaged += bytes((byte, byte))
        return bytes(damaged)


def infer(link, values, call):
    """The output and its checksum, and what they have to be."""
    expected = tiny_model.expected(values, call)
    link.write_input(0, values)
    link.run(Gather.CHECKSUMS)
    return (link.read_output(0, 8), link.figures(2)[1]), (expected, zlib.crc32(expected))


def test_every_result_is_right_or_an_error(firmware):
    """The model counts its calls, so one that ran twice, or not at all, would give itself away."""
    board = load_board("mps2_an386")
    elf = firmware(board.name, profile=True)
    source = random.Random(5)
    right = errors = 0
    with UnicornTarget(elf, board) as target:
        line = NoisyLine(target.link._transport, seed=11)
        link = Link(line, Patience(attempts=4))
        while line.exchanges < EXCHANGES:
            call = 0
            try:
                link.reset()
                for call in range(5):
                    found, expected = infer(link, bytes(source.choices(range(100), k=8)), call)
                    assert found == expected
                    right += 1
            except LinkError as error:
                assert str(error)
                errors += 1
    assert min(line.damaged.values()) > 3000
    assert right > 4000 and errors > 100, (right, errors)
