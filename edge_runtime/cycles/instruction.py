"""Thumb instructions, decoded to what a timing model needs to know of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

import capstone
from capstone import arm

from edge_runtime.errors import EmulationError


class Kind(Enum):
    """What an instruction asks of the core."""

    ALU = auto()  # move, add, logic, compare, shift
    SHIFTED = auto()  # the same with an operand shifted on the way: add r0, r1, r2, lsl #3
    PARALLEL = auto()  # extend, pack, bit field, saturate, reverse, count zeros, SIMD add
    MULTIPLY = auto()  # with or without accumulation, any width
    DIVIDE = auto()
    LOAD = auto()  # one register
    LOAD_PC = auto()  # a jump by ldr
    LOAD_PAIR = auto()
    LOAD_MULTIPLE = auto()  # ldm, pop
    LOAD_MULTIPLE_PC = auto()  # a return by ldm or pop
    STORE = auto()
    STORE_PAIR = auto()
    STORE_MULTIPLE = auto()  # stm, push
    BRANCH = auto()  # to a label, with or without condition
    CALL = auto()  # bl
    JUMP = auto()  # to a register: bx, blx, mov pc
    TABLE = auto()  # tbb, tbh
    IT = auto()
    NOP = auto()
    SYSTEM = auto()  # mrs, msr, cps, wfi, svc
    BARRIER = auto()
    FP = auto()  # add, multiply, compare, convert, move among its own registers
    FP_ACCUMULATE = auto()
    FP_DIVIDE = auto()  # and square root
    FP_MOVE = auto()  # to or from a core register
    FP_MOVE_PAIR = auto()  # two at once
    FP_LOAD = auto()
    FP_STORE = auto()
    FP_LOAD_MULTIPLE = auto()
    FP_STORE_MULTIPLE = auto()


JUMPS = frozenset({Kind.BRANCH, Kind.CALL, Kind.JUMP, Kind.TABLE, Kind.LOAD_PC})
CONTROL = JUMPS | {Kind.LOAD_MULTIPLE_PC}


@dataclass(frozen=True)
class Instruction:
    """One instruction. Registers are bits of an integer; `address` registers form an address."""

    pc: int
    size: int
    text: str
    kind: Kind
    reads: int
    writes: int
    address: int = 0
    accumulates: int = 0  # registers that a multiplication adds to
    count: int = 1  # registers moved by a load or store of many
    narrow: bool = False  # a load or store of a byte or halfword


_LONG_MULTIPLIES = "SMULL UMULL"
_LONG_ACCUMULATES = (
    "SMLAL UMLAL UMAAL SMLALD SMLALDX SMLSLD SMLSLDX SMLALBB SMLALBT SMLALTB SMLALTT"
)
_ACCUMULATES = (
    "MLA MLS SMLABB SMLABT SMLATB SMLATT SMLAWB SMLAWT SMLAD SMLADX SMLSD SMLSDX "
    "SMMLA SMMLAR SMMLS SMMLSR USADA8"
)
_NAMES = {
    Kind.PARALLEL: (
        "SXTB SXTH UXTB UXTH SXTB16 UXTB16 SXTAB SXTAH SXTAB16 UXTAB UXTAH UXTAB16 PKHBT PKHTB "
        "BFI BFC SBFX UBFX SEL SSAT USAT SSAT16 USAT16 REV REV16 REVSH RBIT CLZ USAD8 "
        "SADD8 SADD16 SSUB8 SSUB16 SASX SSAX UADD8 UADD16 USUB8 USUB16 UASX USAX "
        "QADD QSUB QDADD QDSUB QADD8 QADD16 QSUB8 QSUB16 QASX QSAX "
        "UQADD8 UQADD16 UQSUB8 UQSUB16 UQASX UQSAX SHADD8 SHADD16 SHSUB8 SHSUB16 SHASX SHSAX "
        "UHADD8 UHADD16 UHSUB8 UHSUB16 UHASX UHSAX"
    ),
    Kind.MULTIPLY: (
        f"{_LONG_MULTIPLIES} {_LONG_ACCUMULATES} {_ACCUMULATES} MUL SMULBB SMULBT SMULTB SMULTT "
        "SMULWB SMULWT SMUAD SMUADX SMUSD SMUSDX SMMUL SMMULR"
    ),
    Kind.DIVIDE: "SDIV UDIV",
    Kind.LOAD: ("LDR LDRB LDRH LDRSB LDRSH LDRT LDRBT LDRHT LDRSBT LDRSHT LDREX LDREXB LDREXH PLD"),
    Kind.LOAD_PAIR: "LDRD",
    Kind.LOAD_MULTIPLE: "LDM LDMDB POP",
    Kind.STORE: "STR STRB STRH STRT STRBT STRHT STREX STREXB STREXH",
    Kind.STORE_PAIR: "STRD",
    Kind.STORE_MULTIPLE: "STM STMDB PUSH",
    Kind.BRANCH: "B CBZ CBNZ",
    Kind.CALL: "BL",
    Kind.JUMP: "BX BLX BXNS BLXNS",
    Kind.TABLE: "TBB TBH",
    Kind.IT: "IT",
    Kind.NOP: "NOP YIELD HINT",
    Kind.SYSTEM: "MRS MSR CPS SVC BKPT WFI WFE SEV CLREX UDF",
    Kind.BARRIER: "DMB DSB ISB",
    Kind.FP: "FMSTAT VMRS VMSR",
    Kind.FP_ACCUMULATE: "VMLA VMLS VNMLA VNMLS VFMA VFMS VFNMA VFNMS",
    Kind.FP_DIVIDE: "VDIV VSQRT",
    Kind.FP_LOAD: "VLDR",
    Kind.FP_STORE: "VSTR",
    Kind.FP_LOAD_MULTIPLE: "VLDMIA VLDMDB VPOP",
    Kind.FP_STORE_MULTIPLE: "VSTMIA VSTMDB VPUSH",
}


def _ids(names: str) -> frozenset[int]:
    return frozenset(getattr(arm, f"ARM_INS_{name}") for name in names.split())


_KINDS = {number: kind for kind, names in _NAMES.items() for number in _ids(names)}
_ACCUMULATE = _ids(_ACCUMULATES)
_ACCUMULATE_LONG = _ids(_LONG_ACCUMULATES)
_LONG = _ids(_LONG_MULTIPLIES) | _ACCUMULATE_LONG
_COMPARES = _ids("CMP CMN TST TEQ")
_NARROW = _ids("LDRB LDRH LDRSB LDRSH STRB STRH LDREXB LDREXH STREXB STREXH")
_ON_STACK = _ids("PUSH POP")
_SPECIAL = (arm.ARM_REG_SP, arm.ARM_REG_LR, arm.ARM_REG_PC)


def decode(code: bytes, pc: int) -> tuple[Instruction, ...]:
    """The instructions of a piece of Thumb code that starts at address `pc`.

    Raises:
        EmulationError: a part of it is no instruction that is known.
    """
    decoder = _decoder()
    found = tuple(_instruction(decoder, item) for item in decoder.disasm(code, pc))
    end = pc + sum(item.size for item in found)
    if end != pc + len(code):
        raise EmulationError(
            f"the code at 0x{end:08x} is no known instruction: {code[end - pc :][:4].hex(' ')}"
        )
    return found


@cache
def _decoder() -> capstone.Cs:
    decoder = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    decoder.detail = True
    return decoder


def _instruction(decoder: capstone.Cs, item: capstone.CsInsn) -> Instruction:
    reads, writes = _registers(item)
    kind = _kind(decoder, item, writes)
    accumulates = 0
    if item.id in _ACCUMULATE:
        accumulates = _bit(item.operands[3].reg)
    elif item.id in _ACCUMULATE_LONG:
        accumulates = _bits(operand.reg for operand in item.operands[:2])
    return Instruction(
        pc=item.address,
        size=item.size,
        text=f"{item.mnemonic} {item.op_str}".strip(),
        kind=kind,
        reads=reads | accumulates,
        writes=writes,
        address=_address(item, kind),
        accumulates=accumulates,
        count=_count(item, kind),
        narrow=item.id in _NARROW,
    )


def _kind(decoder: capstone.Cs, item: capstone.CsInsn, writes: int) -> Kind:
    kind = _KINDS.get(item.id)
    jumps = bool(writes & _bit(arm.ARM_REG_PC))
    if kind is None and decoder.insn_name(item.id).startswith("v"):
        core = [o for o in item.operands if o.type == arm.ARM_OP_REG and _is_core(o.reg)]
        return (Kind.FP, Kind.FP_MOVE, Kind.FP_MOVE_PAIR)[len(core)]
    if kind is Kind.LOAD and jumps:
        return Kind.LOAD_PC
    if kind is Kind.LOAD_MULTIPLE and jumps:
        return Kind.LOAD_MULTIPLE_PC
    if kind is not None:
        return kind
    if jumps:
        return Kind.JUMP
    shifted = any(operand.shift.type for operand in item.operands)
    return Kind.SHIFTED if shifted else Kind.ALU


def _registers(item: capstone.CsInsn) -> tuple[int, int]:
    """Registers read and written: the decoder's answer, and the operands that it forgets."""
    read, written = (_bits(registers) for registers in item.regs_access())
    results = 0 if item.id in _COMPARES else 2 if item.id in _LONG else 1
    if _KINDS.get(item.id) in (None, Kind.PARALLEL, Kind.MULTIPLY):
        read |= _bits(o.reg for o in item.operands[results:] if o.type == arm.ARM_OP_REG)
    if item.writeback:
        written |= _bit(_base(item))
    return read, written


def _base(item: capstone.CsInsn) -> int:
    memory = [o.mem.base for o in item.operands if o.type == arm.ARM_OP_MEM]
    return int(memory[0] if memory else item.operands[0].reg)


def _address(item: capstone.CsInsn, kind: Kind) -> int:
    memory = [o.mem for o in item.operands if o.type == arm.ARM_OP_MEM]
    if memory:
        return _bit(memory[0].base) | _bit(memory[0].index)
    if kind in (Kind.LOAD_MULTIPLE, Kind.LOAD_MULTIPLE_PC, Kind.STORE_MULTIPLE):
        return _bit(arm.ARM_REG_SP if item.id in _ON_STACK else item.operands[0].reg)
    return 0


def _count(item: capstone.CsInsn, kind: Kind) -> int:
    """Words that a load or store moves."""
    if kind in (Kind.LOAD_PAIR, Kind.STORE_PAIR):
        return 2
    registers = [o.reg for o in item.operands if o.type == arm.ARM_OP_REG]
    if kind in (Kind.FP_LOAD, Kind.FP_STORE, Kind.FP_LOAD_MULTIPLE, Kind.FP_STORE_MULTIPLE):
        return sum(2 if _is_double(register) else 1 for register in registers if _is_fp(register))
    if kind in (Kind.LOAD_MULTIPLE, Kind.LOAD_MULTIPLE_PC, Kind.STORE_MULTIPLE):
        return len(registers) - (item.id not in _ON_STACK)
    return 1


def _is_core(register: int) -> bool:
    return arm.ARM_REG_R0 <= register <= arm.ARM_REG_R12 or register in _SPECIAL


def _is_double(register: int) -> bool:
    return bool(arm.ARM_REG_D0 <= register <= arm.ARM_REG_D31)


def _is_fp(register: int) -> bool:
    return _is_double(register) or arm.ARM_REG_S0 <= register <= arm.ARM_REG_S31


def _bits(registers: Iterable[int]) -> int:
    bits = 0
    for register in registers:
        bits |= _bit(register)
    return bits


def _bit(register: int) -> int:
    """A double register is its two singles; the flags and no register at all have no bit."""
    bits: int = 0
    if _is_double(register):
        bits = 0b11 << (32 + 2 * (register - arm.ARM_REG_D0))
    elif arm.ARM_REG_S0 <= register <= arm.ARM_REG_S31:
        bits = 1 << (32 + register - arm.ARM_REG_S0)
    elif arm.ARM_REG_R0 <= register <= arm.ARM_REG_R12:
        bits = 1 << (register - arm.ARM_REG_R0)
    elif register in _SPECIAL:
        bits = 1 << (13 + _SPECIAL.index(register))
    return bits
