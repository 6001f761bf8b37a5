"""Decoding: every kind of instruction, and the registers that timing depends on."""

from __future__ import annotations

import pytest
from snippets import ENCODINGS, code, one

from edge_runtime.cycles import Kind, decode
from edge_runtime.errors import EmulationError

R0, R1, R2, R3 = (1 << number for number in range(4))
LR, SP, PC = 1 << 14, 1 << 13, 1 << 15

KINDS = {
    Kind.ALU: ["movs r0, #1", "adds r0, r0, r1", "cmp r0, r1", "subs r0, #1"],
    Kind.SHIFTED: ["add.w r0, r1, r2, lsl #3"],
    Kind.PARALLEL: ["sxtb16 r0, r1", "uxtb r0, r1", "bfi r0, r1, #4, #8", "ssat r0, #8, r1"],
    Kind.MULTIPLY: ["mul r0, r1, r2", "smull r0, r1, r2, r3", "smlad r0, r1, r2, r0"],
    Kind.DIVIDE: ["sdiv r0, r1, r2"],
    Kind.LOAD: ["ldr r0, [r1]", "ldrb r0, [r1]", "ldr r0, [r1], #4"],
    Kind.LOAD_PC: ["ldr.w pc, [r0]"],
    Kind.LOAD_PAIR: ["ldrd r0, r1, [r2]"],
    Kind.LOAD_MULTIPLE: ["ldm r0!, {r1, r2, r3}", "pop {r4, r5}"],
    Kind.LOAD_MULTIPLE_PC: ["pop {r4, r5, pc}"],
    Kind.STORE: ["str r0, [r1]", "strb r0, [r1]"],
    Kind.STORE_PAIR: ["strd r0, r1, [r2]"],
    Kind.STORE_MULTIPLE: ["stm r0!, {r1, r2, r3}", "push {r4, r5, lr}"],
    Kind.BRANCH: ["b", "bne", "cbz"],
    Kind.CALL: ["bl"],
    Kind.JUMP: ["bx lr", "mov pc, r0"],
    Kind.TABLE: ["tbb [pc, r0]"],
    Kind.IT: ["it eq"],
    Kind.NOP: ["nop"],
    Kind.SYSTEM: ["mrs r0, primask"],
    Kind.BARRIER: ["dsb sy"],
    Kind.FP: ["vmul.f32 s0, s1, s2"],
    Kind.FP_MOVE: ["vmov r0, s0"],
    Kind.FP_ACCUMULATE: ["vmla.f32 s0, s1, s2"],
    Kind.FP_DIVIDE: ["vdiv.f32 s0, s1, s2"],
    Kind.FP_MOVE_PAIR: ["vmov r0, r1, s0, s1"],
    Kind.FP_LOAD: ["vldr s0, [r1]"],
    Kind.FP_STORE: ["vstr s0, [r1]"],
    Kind.FP_STORE_MULTIPLE: ["vpush {d8, d9}"],
}


@pytest.mark.parametrize("text", ENCODINGS)
def test_text(text):
    assert one(text).text.startswith(text)


@pytest.mark.parametrize(("kind", "text"), [(k, t) for k, texts in KINDS.items() for t in texts])
def test_kind(kind, text):
    assert one(text).kind is kind


@pytest.mark.parametrize(
    ("text", "reads", "writes", "address"),
    [
        ("adds r0, r0, r1", R0 | R1, R0, 0),
        ("subs r0, #1", R0, R0, 0),
        ("cmp r0, r1", R0 | R1, 0, 0),
        ("bfi r0, r1, #4, #8", R0 | R1, R0, 0),
        ("ssat r0, #8, r1", R1, R0, 0),
        ("umlal r0, r1, r2, r3", R0 | R1 | R2 | R3, R0 | R1, 0),
        ("ldr r0, [r1], #4", R1, R0 | R1, R1),
        ("str r0, [r1]", R0 | R1, 0, R1),
        ("strd r0, r1, [r2]", R0 | R1 | R2, 0, R2),
        ("ldm r0!, {r1, r2, r3}", R0, R0 | R1 | R2 | R3, R0),
        ("stm r0!, {r1, r2, r3}", R0 | R1 | R2 | R3, R0, R0),
        ("pop {r4, r5, pc}", SP, SP | 1 << 4 | 1 << 5 | PC, SP),
        ("bx lr", LR, PC, 0),
    ],
)
def test_registers(text, reads, writes, address):
    found = one(text)
    assert (found.reads, found.writes, found.address) == (reads, writes, address)


def test_what_a_multiplication_adds_to():
    assert one("smlad r3, r4, r5, r0").accumulates == R0
    assert one("umlal r0, r1, r2, r3").accumulates == R0 | R1
    assert one("mul r0, r1, r2").accumulates == 0


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("ldr r0, [r1]", 1),
        ("ldrd r0, r1, [r2]", 2),
        ("ldm r0!, {r1, r2, r3}", 3),
        ("push {r4, r5, lr}", 3),
        ("vldr s0, [r1]", 1),
        ("vpush {d8, d9}", 4),
    ],
)
def test_words_moved(text, count):
    assert one(text).count == count


def test_addresses_follow_each_other():
    found = decode(code("movs r0, #1", "smlad r0, r1, r2, r0", "nop"), 0x8000)
    assert [item.pc for item in found] == [0x8000, 0x8002, 0x8006]


def test_what_is_no_code_is_refused():
    with pytest.raises(EmulationError, match="0x00008002"):
        decode(code("nop") + b"\xff\xff\xff\xff", 0x8000)
