"""Boards in Unicorn: right results, exact counts, and every fault told by address and function."""

from __future__ import annotations

import re
import shutil
from collections import Counter

import pytest
import tiny_model
import unicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from unicorn import arm_const

from edge_runtime.boards import load_board
from edge_runtime.cycles import decode
from edge_runtime.cycles.instruction import CONTROL
from edge_runtime.device import machine
from edge_runtime.device.build import build
from edge_runtime.device.counter import FIRST_LAYER, OVERHEAD
from edge_runtime.device.flash_reads import FlashReads
from edge_runtime.device.processor import PROCESSORS
from edge_runtime.device.unicorn_target import UnicornTarget
from edge_runtime.errors import BoardError, DataError, EmulationError, LinkError

BOARDS = [name for name in tiny_model.BOARDS if load_board(name).core in PROCESSORS]
BOARD = "nucleo_l4r5zi"
INPUT = bytes((1, 2, 3, 4, 250, 251, 7, 8))


def on(board, elf, **options):
    return UnicornTarget(elf, load_board(board), **options)


@pytest.mark.parametrize("board", BOARDS)
def test_every_board_runs(firmware, board):
    with on(board, firmware(board)) as target:
        identity = target.identify()
        assert (identity.board, identity.model, identity.layers) == (board, "tiny", 2)
        for _ in range(2):
            target.reset()
            for call in range(3):
                assert target.run([INPUT]) == [tiny_model.expected(INPUT, call)]


class Recorder:
    """Counts instructions one by one, with a hook that Unicorn calls before each.

    It does not call it for one that an IT instruction skips: those are found by the gap.
    """

    def __init__(self, target):
        self.image = target.image
        self.counts = Counter()
        self.inside = None
        self.previous = None
        self.starts = {layer.address: index for index, layer in enumerate(self.image.layers)}
        invoke = self.image.function("model_invoke")
        self.invoke = range(invoke.address, invoke.address + invoke.size)
        target._machine._uc.hook_add(unicorn.UC_HOOK_CODE, self.step)

    def step(self, _uc, address, size, _data):
        if self.previous is not None and self.previous.kind not in CONTROL:
            end = self.previous.pc + self.previous.size
            self.counts[self.inside] += len(decode(self.image.read(end, address - end), end))
        if address not in self.image.model_code:
            self.inside = self.previous = None
            return
        if address in self.invoke:
            self.inside = -1
        self.inside = self.starts.get(address, self.inside)
        self.counts[self.inside] += 1
        (self.previous,) = decode(self.image.read(address, size), address)


@pytest.fixture(params=["zig", pytest.param("gcc", marks=pytest.mark.gcc)])
def compiler(request):
    if request.param == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    return request.param


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "nucleo_l552ze_q", "nucleo_f746zg", "rpi_pico"])
def test_counts_are_exact(firmware, board, compiler):
    with on(board, firmware(board, compiler=compiler)) as target:
        recorder = Recorder(target)
        target.identify()
        target.reset()
        recorder.counts.clear()
        target.run([INPUT])
        del recorder.counts[None]  # of the model, but not called by model_invoke
        profile = target.profile()
    counted = {part.index: part.instructions for part in (*profile.layers, profile.overhead)}
    assert counted == recorder.counts
    assert counted[1] > 500
    assert profile.instructions == sum(counted.values())
    assert profile.estimated_cycles == sum(
        part.estimated_cycles for part in (*profile.layers, profile.overhead)
    )


def test_reads_from_flash_are_counted(firmware):
    board = load_board("nucleo_l4r5zi")
    read = Counter()
    with on(board.name, firmware(board.name)) as target:
        buckets = range(OVERHEAD, FIRST_LAYER + len(target.image.layers))

        def see(_uc, _kind, _address, size, _value, _data):
            read[target.counter._get("bucket")] += size

        target.reset()
        emulator, flash = target._machine._uc, board.flash
        hook = emulator.hook_add(
            unicorn.UC_HOOK_MEM_READ, see, begin=flash.start, end=flash.end - 1
        )
        target.run([INPUT], count_reads=True)
        emulator.hook_del(hook)
        assert [target.reads.of(bucket) for bucket in buckets] == [read[b] for b in buckets]
        profile = target.profile()
        waits = profile.estimated_cycles_with_waits - profile.estimated_cycles
        inside = sum(read[bucket] for bucket in buckets)
        each = board.waits.per_cycle, board.waits.per_flash_byte
        expected = (profile.estimated_cycles * each[0] + inside * each[1]) / 1000
        assert inside > 0 and waits == pytest.approx(expected, abs=len(buckets) / 2)
        target.run([INPUT])
        assert target.profile().estimated_cycles == profile.estimated_cycles
        assert target.profile().estimated_cycles_with_waits is None


@pytest.mark.parametrize(("compared", "loaded"), [(1, 4), (0, 0)])
def test_counting_reads_does_not_change_what_follows_an_it_block(firmware, compared, loaded):
    code = (0x2800, 0xBF14, 0x6811, 0x2101, 0xE7FF, 0x3301, 0x3401)
    # cmp r0, #0; ite ne; ldrne r1, [r2]; moveq r1, #1; b to the next; adds r3, #1; adds r4, #1
    board, start = load_board(BOARD), 0x2000_0000
    with on(BOARD, firmware(BOARD)) as target:
        core = target._machine._processor.emulator()
        core.mem_map(board.flash.start, 0x1000)
        core.mem_map(start, 0x1000)
        core.mem_write(start, b"".join(each.to_bytes(2, "little") for each in code))
        core.reg_write(arm_const.UC_ARM_REG_R0, compared)
        core.reg_write(arm_const.UC_ARM_REG_R2, board.flash.start)
        reads = FlashReads(target._machine._native, core, board.flash, target.counter, 0)
        with reads.counting():
            core.emu_start(start | 1, start + 2 * len(code))
        for register in (arm_const.UC_ARM_REG_R3, arm_const.UC_ARM_REG_R4):
            assert core.reg_read(register) == 1
        assert sum(reads.of(bucket) for bucket in range(FIRST_LAYER)) == loaded


def test_waits_are_unknown_where_no_times_were_published(firmware):
    with on("rpi_pico", firmware("rpi_pico")) as target:
        target.reset()
        target.run([INPUT], count_reads=True)
        assert target.profile().estimated_cycles_with_waits is None


@pytest.mark.parametrize("board", ["nucleo_l4r5zi", "nucleo_l552ze_q", "rpi_pico"])
def test_stopping_at_every_block_changes_nothing(firmware, board, monkeypatch):
    def measure():
        with on(board, firmware(board)) as target:
            target.reset()
            return target.run([INPUT]), target.profile(), target.stack_bytes()

    whole = measure()
    monkeypatch.setattr(machine, "_SLICE", 1)
    assert measure() == whole


def test_profiles_are_of_the_last_run(firmware):
    with on(BOARD, firmware(BOARD)) as target:
        with pytest.raises(EmulationError, match="before the first run"):
            target.profile()
        target.run([INPUT])
        first = target.profile()
        assert target.profile() == first
        target.reset()
        target.run([INPUT])
        assert target.profile() == first
        assert target.instructions() == first.instructions


def test_layers_are_counted_apart(firmware):
    work = "for (volatile uint32_t i = 0; i < 1000; ++i) { }"
    with on(BOARD, firmware(BOARD)) as plain, on(BOARD, firmware(BOARD, work)) as busy:
        plain.run([INPUT])
        busy.run([INPUT])
        before, after = plain.profile(), busy.profile()
    assert after.layers[0].instructions == before.layers[0].instructions
    assert after.overhead == before.overhead
    extra = after.layers[1].instructions - before.layers[1].instructions
    assert 4000 <= extra <= 10_000
    assert after.layers[1].estimated_cycles - before.layers[1].estimated_cycles > extra


def test_stack_high_water(firmware):
    with on(BOARD, firmware(BOARD)) as little, on(BOARD, firmware(BOARD, "", 1064)) as much:
        little.run([INPUT])
        much.run([INPUT])
        assert much.stack_bytes() - little.stack_bytes() == 1000
        assert little.stack_bytes() < 300


def test_a_stack_that_outgrows_its_room_is_told(firmware):
    with on(BOARD, firmware(BOARD, "", 4200)) as target, pytest.raises(LinkError, match="outgrew"):
        target.run([INPUT])


FAULTS = [
    (
        "*(volatile uint8_t *)0x200A0000u = 1;",
        r"model_layer_1\S* wrote 1 byte at 0x200a0000, where nucleo_l4r5zi has nothing \(layer 1",
    ),
    (
        "*(volatile uint32_t *)0x1FFFFFFCu = 1;",
        r"model_layer_1\S* wrote 4 bytes at 0x1ffffffc, where nucleo_l4r5zi has nothing",
    ),
    (
        "(void)*(volatile uint16_t *)0x60000000u;",
        r"model_layer_1\S* read 2 bytes at 0x60000000, where",
    ),
    (
        "*(volatile uint32_t *)0x08000010u = 1;",
        r"model_layer_1\S* wrote 4 bytes at 0x08000010, in flash, which cannot be written",
    ),
    (
        "((void (*)(void))0x20000101u)();",
        r"model_layer_1\S* jumped to 0x20000100, in \S+, which cannot hold code",
    ),
    (
        "((void (*)(void))0x60000001u)();",
        r"model_layer_1\S* jumped to 0x60000000, where nucleo_l4r5zi has nothing",
    ),
    ('__asm__ volatile("bkpt 0");', r"model_layer_1\S* ran a breakpoint instruction \(layer 1"),
    ('__asm__ volatile("svc 0");', r"model_layer_1\S* made a supervisor call"),
    ('__asm__ volatile("udf 0");', r"model_layer_1\S* ran an instruction that the core does not"),
]


@pytest.mark.parametrize(("statement", "told"), FAULTS, ids=[told[15:45] for _, told in FAULTS])
def test_faults(firmware, statement, told):
    with on(BOARD, firmware(BOARD, statement)) as target:
        target.identify()
        with pytest.raises(EmulationError, match=told) as error:
            target.run([INPUT])
        assert "layer 1 was running" in str(error.value)


def test_a_fault_lists_what_memory_there_is(firmware):
    with on(BOARD, firmware(BOARD, FAULTS[0][0])) as target:
        with pytest.raises(EmulationError) as error:
            target.run([INPUT])
        assert re.search(r"flash 0x08000000-0x081fffff, .*0x2009ffff", error.value.hint)
        assert "lpuart1" in error.value.hint
        with pytest.raises(EmulationError, match="0x200a0000"):
            target.run([INPUT])


def test_the_last_byte_of_ram_is_there(firmware):
    # The stack begins there, so it is written back.
    statement = "volatile uint8_t *last = (uint8_t *)0x2009FFFFu; *last = *last;"
    with on(BOARD, firmware(BOARD, statement)) as target:
        target.reset()
        assert target.run([INPUT]) == [tiny_model.expected(INPUT, 0)]


def test_m0plus_accesses_must_be_aligned(firmware):
    statement = "(void)*(volatile uint32_t *)0x20000001u;"
    told = pytest.raises(EmulationError, match=r"model_layer_1.*not aligned")
    with on("rpi_pico", firmware("rpi_pico", statement)) as target, told:
        target.run([INPUT])


def test_a_hang_is_told(firmware):
    elf = firmware(BOARD, 'for (;;) { __asm__ volatile(""); }')
    told = pytest.raises(EmulationError, match=r"2,000,000 instr.*in model_layer_1\S* \(layer 1")
    with on(BOARD, elf, max_instructions=2_000_000) as target, told:
        target.run([INPUT])


@pytest.mark.parametrize("inputs", [[], [b"short"], [INPUT, INPUT], [INPUT + b"\0"]])
def test_inputs_must_fit(firmware, inputs):
    told = pytest.raises(DataError, match=r"the firmware takes \[8\]")
    with on(BOARD, firmware(BOARD)) as target, told:
        target.run(inputs)


def test_an_image_for_another_board(firmware):
    with pytest.raises(EmulationError, match="has no flash"):
        on("rpi_pico", firmware(BOARD))


def test_an_image_for_another_architecture(firmware):
    with pytest.raises(EmulationError, match="is for arm, esp32c3 is riscv"):
        on("esp32c3", firmware(BOARD))


def test_a_core_that_unicorn_lacks(firmware):
    with pytest.raises(
        BoardError, match=r"mps3_an547 \(cortex-m55\) cannot be emulated by Unicorn"
    ):
        on("mps3_an547", firmware("mps3_an547"))


ESP_COUNTER = "uint32_t moved = (uint32_t)port_cycles_start(); model_arena[8] += (int8_t)moved;"


def test_the_esp32c3s_counter_does_not_move_here(tmp_path):
    source = tiny_model.SOURCE.replace(
        '#include "model.h"', '#include "model.h"\n#include "port.h"'
    )
    source = source.replace("model_layer_0();", f"model_layer_0();\n    {ESP_COUNTER}")
    folder = tiny_model.write_tiny_model(tmp_path, "esp32c3", source=source)
    with on("esp32c3", build(folder).elf) as target:
        target.reset()
        assert target.run([INPUT]) == [tiny_model.expected(INPUT, 0)]


def test_what_a_risc_v_core_does_not_have_is_told(firmware):
    elf = firmware("esp32c3", '__asm__ volatile("unimp");')
    told = pytest.raises(EmulationError, match=r"model_layer_1\S* ran an instruction that the core")
    with on("esp32c3", elf) as target, told:
        target.run([INPUT])


def test_the_host_is_no_board_to_emulate(firmware):
    with pytest.raises(BoardError, match="host"):
        on("host", firmware(BOARD))


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF" + bytes(200), b"text" * 100])
def test_what_is_no_image(tmp_path, content):
    path = tmp_path / "firmware.elf"
    path.write_bytes(content)
    with pytest.raises(EmulationError, match="no ELF image"):
        on(BOARD, path)


def test_a_missing_image(tmp_path):
    with pytest.raises(EmulationError, match="cannot read") as error:
        on(BOARD, tmp_path / "firmware.elf")
    assert "build" in error.value.hint


@pytest.fixture(scope="module")
def running(firmware):
    with on(BOARD, firmware(BOARD), max_instructions=50_000_000) as target:
        yield target


@settings(deadline=None, max_examples=100)
@given(noise=st.lists(st.binary(max_size=600), max_size=4))
def test_firmware_survives_noise(running, noise):
    for piece in noise:
        running._machine.feed(piece)
        running._machine.run()
    running._machine.feed(b"\0")
    running.reset()
    assert running.run([INPUT]) == [tiny_model.expected(INPUT, 0)]
