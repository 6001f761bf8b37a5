"""Firmware as a program of 64-bit Arm Linux, in QEMU's user mode."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiny_model
from builder import Builder
from elftools.elf.elffile import ELFFile

from edge_runtime import api
from edge_runtime.boards import load_board
from edge_runtime.cases import Cases
from edge_runtime.device.build import build
from edge_runtime.device.emulator import emulated
from edge_runtime.device.link import CounterKind
from edge_runtime.device.qemu_target import QemuTarget
from edge_runtime.errors import EmulationError, ToolchainError

BOARDS = ("aarch64_linux", "aarch64_linux_dotprod")
INPUT = bytes((1, 2, 3, 4, 250, 251, 7, 8))
LOOP = '__asm__ volatile("mov x9, #1000\\n1: subs x9, x9, #1\\nb.ne 1b" ::: "x9", "cc");'

qemu_user = pytest.mark.skipif(not shutil.which("qemu-aarch64"), reason="no qemu-aarch64")


@pytest.mark.parametrize("board", BOARDS)
def test_what_the_kernel_loads(firmware, board):
    with firmware(board).open("rb") as file:
        elf = ELFFile(file)
        symbols = {s.name: s["st_value"] for s in elf.get_section_by_name(".symtab").iter_symbols()}
        assert (elf.get_machine_arch(), elf.header["e_type"]) == ("AArch64", "ET_EXEC")
        assert elf.header["e_entry"] == symbols["Reset_Handler"]
        kinds = [segment["p_type"] for segment in elf.iter_segments()]
        assert "PT_INTERP" not in kinds
        loaded = list(elf.iter_segments("PT_LOAD"))
    for segment in loaded:
        assert segment["p_vaddr"] % 65536 == segment["p_offset"] % 65536
    top, limit = symbols["__stack_top"], symbols["__stack_limit"]
    assert top - limit == 4096
    assert any(s["p_vaddr"] <= limit and top <= s["p_vaddr"] + s["p_memsz"] for s in loaded)
    assert symbols["__model_ram_end"] - symbols["__model_ram_start"] == 16 + tiny_model.STATE_BYTES


def test_gcc_for_microcontrollers_is_refused(tmp_path):
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc is not installed")
    folder = tiny_model.write_tiny_model(tmp_path, BOARDS[0])
    with pytest.raises(ToolchainError, match="knows no cortex-a53") as caught:
        build(folder, compiler="gcc")
    assert caught.value.hint == "build with zig"


@qemu_user
@pytest.mark.parametrize("board", BOARDS)
def test_it_answers_and_keeps_its_state(firmware, board):
    with emulated(firmware(board), load_board(board)) as target:
        assert isinstance(target, QemuTarget)
        told = target.identify()
        assert (told.model, told.board, told.clock_hz) == ("tiny", board, 0)
        for call in range(3):
            assert target.run([INPUT]) == [tiny_model.expected(INPUT, call)]
        assert 64 + 16 <= target.stack_bytes() <= 320
        target.reset()
        assert target.run([INPUT]) == [tiny_model.expected(INPUT, 0)]
        assert target.profile().estimated_cycles is None
    assert target._qemu._process.poll() is not None


@qemu_user
def test_initialized_data_is_there(tmp_path):
    """Pages of .bss, which are cleared, hold none of it."""
    folder = tiny_model.write_tiny_model(tmp_path, BOARDS[0])
    main = folder / "board" / "main.c"
    start = "    model_reset();\n"
    given = (
        f"{start}    static volatile uint8_t given = 42;\n    if (given != 42) {{ return 1; }}\n"
    )
    main.write_text(main.read_text().replace(start, given))
    with emulated(build(folder).elf, load_board(BOARDS[0])) as target:
        assert target.identify().model == "tiny"


@qemu_user
def test_instructions_are_counted_one_by_one(firmware):
    counts = []
    for statement in ("", LOOP):
        with emulated(firmware(BOARDS[0], statement), load_board(BOARDS[0])) as target:
            target.run([INPUT])
            first = target.profile()
            target.reset()
            target.run([INPUT])
            assert target.profile() == first
            counts.append([layer.instructions for layer in first.layers])
    assert counts[1][0] == counts[0][0]
    assert counts[1][1] - counts[0][1] == 1 + 2 * 1000


@qemu_user
def test_a_fault_is_told(firmware):
    elf = firmware(BOARDS[0], '__asm__ volatile("udf #7");')
    with emulated(elf, load_board(BOARDS[0])) as target:
        target.identify()
        with pytest.raises(EmulationError, match="Illegal instruction"):
            target.run([INPUT])


@qemu_user
def test_it_ends_when_nobody_speaks_to_it_any_more(firmware):
    command = ["qemu-aarch64", str(firmware(BOARDS[0]))]
    done = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=60)
    assert done.returncode == 0
    assert done.stdout.endswith(b"\0")  # it has said that it started


@qemu_user
def test_without_the_kernels_counter_there_are_no_cycles(firmware):
    """QEMU 7.2 has no perf_event_open."""
    elf = firmware(BOARDS[0], profile=True)
    with emulated(elf, load_board(BOARDS[0])) as target:
        target.identify()
        assert target.link.counter(start=True) == (CounterKind.NONE, 0)


@qemu_user
def test_a_profile_tells_no_clock(tmp_path: Path):
    build = Builder()
    graph = build.graph(build.dense(build.input(1, 8), 3))
    folder = api.export(graph, BOARDS[0], tmp_path / "fw").folder
    record = api.profile(folder, "emulated").record
    assert record.measured_clock is None and record.cycles is None
    assert "counts cycles" in record.not_measured
    assert record.layers[0].checksum is not None
    assert record.measurement("zig", "0").clock_hz is None


@qemu_user
@pytest.mark.parametrize("board", BOARDS)
def test_layers_are_compared(tmp_path: Path, board: str):
    build = Builder()
    value = build.conv(build.input(1, 7, 7, 9), 13, (3, 3))
    value = build.depthwise(value)
    graph = build.graph(build.dense(build.reshape(value, 1, build.tensors[value].elements), 5))
    given = {"in0": np.stack([build.values(graph.inputs[0]) for _ in range(2)])}
    cases = Cases.of([graph.tensors[name] for name in graph.inputs], given, streaming=False)
    compared = api.diff(graph, board, cases)
    assert compared.difference is None and compared.layers == 3
    result = api.emulate(api.export(graph, board, tmp_path / "fw").folder, cases, graph=graph)
    assert result.exact == result.compared == 10
    kernels = [layer.kernel for layer in result.measurement.layers if layer.macs]
    assert kernels == ["er_conv_s8_vec", "er_depthwise_s8_vec", "er_linear_s8_vec"]
