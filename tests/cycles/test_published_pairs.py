"""The cycle models against boards that others measured; docs/cycle-model.md has the figures."""

from __future__ import annotations

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from edge_runtime.cycles import Kind, Line, cycle_model, decode
from edge_runtime.device.toolchain import find_toolchain

SOURCE = Path(__file__).parent / "inner_loop.c"


@pytest.fixture
def loop(tmp_path):
    """loop(cpu): the loop of inner_loop.c, compiled for a core, run a thousand times."""

    def make(cpu):
        path = tmp_path / f"{cpu}.o"
        flags = ["-target", "thumb-freestanding-eabi", f"-mcpu={cpu}", "-O3", "-fno-unroll-loops"]
        own = ["-fno-sanitize=undefined", "-ffunction-sections", "-c", str(SOURCE)]
        find_toolchain("zig").run([*flags, *own, "-o", str(path)], what="compile the loop")
        with path.open("rb") as file:
            code = decode(ELFFile(file).get_section_by_name(".text.block").data(), 0)
        branch = next(i for i in code if i.kind is Kind.BRANCH and target(i) < i.pc and i.size == 2)
        body = tuple(i for i in code if target(branch) <= i.pc <= branch.pc)
        assert sum(i.text.startswith("smlad") for i in body) == 8
        return Line(body, executions=1000, taken=999)

    return make


def target(branch):
    return int(branch.text.split("#")[1], 0)


def cycles(core, line):
    return cycle_model(core).cycles([line])


def test_m7_against_m4(loop):
    # One library took 1.78, 1.92, 1.79 and 1.95 times the cycles on an M4 board as on an M7 board.
    ratio = cycles("cortex-m4", loop("cortex_m4")) / cycles("cortex-m7", loop("cortex_m7"))
    assert 1.75 < ratio < 2.0


def test_m33_against_m4(loop):
    # Kernels took 1.03 to 1.05 times the M4's estimate on an M33 board.
    line = loop("cortex_m4")
    assert 1.03 <= cycles("cortex-m33", line) / cycles("cortex-m4", line) <= 1.05
