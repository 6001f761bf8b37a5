"""Encodings of the instructions that the cycle tests use; what they decode to is tested as well."""

from __future__ import annotations

from edge_runtime.cycles import Instruction, Line, decode

ENCODINGS = {
    "movs r0, #1": "0120",
    "adds r0, r0, r1": "4018",
    "adds r2, r0, r0": "0218",
    "adds r2, r3, r3": "da18",
    "adds r4, r3, r3": "dc18",
    "subs r0, #1": "0138",
    "cmp r0, r1": "8842",
    "add.w r0, r0, #1": "00f10100",
    "add.w r0, r1, r2, lsl #3": "01ebc200",
    "add.w r3, r4, r5, lsl #1": "04eb4503",
    "sxtb16 r0, r1": "2ffa81f0",
    "sxtb16 r2, r3": "2ffa83f2",
    "uxtb r0, r1": "c8b2",
    "bfi r0, r1, #4, #8": "61f30b10",
    "ssat r0, #8, r1": "01f30700",
    "mul r0, r1, r2": "01fb02f0",
    "muls r0, r1, r0": "4843",
    "smull r0, r1, r2, r3": "82fb0301",
    "umlal r0, r1, r2, r3": "e2fb0301",
    "smlad r0, r1, r2, r0": "21fb0200",
    "smlad r3, r4, r5, r3": "24fb0533",
    "smlad r3, r4, r5, r0": "24fb0503",
    "sdiv r0, r1, r2": "91fbf2f0",
    "ldr r0, [r1]": "0868",
    "ldr r2, [r3]": "1a68",
    "ldr r2, [r0]": "0268",
    "ldr r0, [r1], #4": "51f8040b",
    "ldr r2, [r1], #4": "51f8042b",
    "ldrb r0, [r1]": "0878",
    "ldrd r0, r1, [r2]": "d2e90001",
    "ldm r0!, {r1, r2, r3}": "0ec8",
    "ldr.w pc, [r0]": "d0f800f0",
    "pop {r4, r5}": "30bc",
    "pop {r4, r5, pc}": "30bd",
    "str r0, [r1]": "0860",
    "str r2, [r3]": "1a60",
    "str r0, [r0]": "0060",
    "strb r0, [r1]": "0870",
    "strd r0, r1, [r2]": "c2e90001",
    "stm r0!, {r1, r2, r3}": "0ec0",
    "push {r4, r5, lr}": "30b5",
    "b": "fee7",
    "bne": "fed1",
    "cbz": "10b1",
    "bl": "fff7feff",
    "bx lr": "7047",
    "mov pc, r0": "8746",
    "tbb [pc, r0]": "dfe800f0",
    "it eq": "08bf",
    "nop": "00bf",
    "mrs r0, primask": "eff31080",
    "dsb sy": "bff34f8f",
    "vmul.f32 s0, s1, s2": "20ee810a",
    "vmla.f32 s0, s1, s2": "00ee810a",
    "vdiv.f32 s0, s1, s2": "80ee810a",
    "vldr s0, [r1]": "91ed000a",
    "vstr s0, [r1]": "81ed000a",
    "vpush {d8, d9}": "2ded048b",
    "vmov r0, s0": "10ee100a",
    "vmov r0, r1, s0, s1": "51ec100a",
}


def code(*texts: str) -> bytes:
    return b"".join(bytes.fromhex(ENCODINGS[text]) for text in texts)


def one(text: str) -> Instruction:
    (instruction,) = decode(code(text), 0)
    return instruction


def line(*texts: str, executions: int = 1, taken: int = 0) -> Line:
    return Line(decode(code(*texts), 0x100), executions, taken)
