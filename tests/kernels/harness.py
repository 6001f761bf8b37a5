"""Running kernels by themselves: on the host under sanitizers, and on emulated cores.

A Call is one kernel call with everything it touches. Both machines run a list of them and give what
each wrote; both check that it wrote nothing else.
"""

from __future__ import annotations

import itertools
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from struct_layout import pack, prototypes
from unicorn import Uc, arm_const, riscv_const, unicorn_const

from edge_runtime.boards import load_board
from edge_runtime.cache import cached, digest
from edge_runtime.cycles.count import sizes
from edge_runtime.device.processor import PROCESSORS
from edge_runtime.device.toolchain import find_toolchain
from edge_runtime.graph import Array
from edge_runtime.kernels import KERNELS, Choice, Kernel, Site, Struct, kernel_folder

HERE = Path(__file__).parent
NULL = 0xFFFFFFFF
ISAS = tuple(dict.fromkeys(kernel.isa for kernel in KERNELS))
_GUARD = b"\xa5" * 64


@dataclass(frozen=True)
class Call:
    """One call: the parameters with the arrays they point to, operands, and what is written."""

    kernel: Kernel
    struct: Struct
    constants: dict[str, Array]
    operands: tuple[Array, ...]
    output_bytes: tuple[int, ...]
    scratch_bytes: int
    over: int | None
    """The operand in whose buffer the first output goes, if any."""

    @staticmethod
    def of(site: Site, choice: Choice, values: Sequence[Array], over: int | None = None) -> Call:
        """The call that `choice` makes at `site`, of whose inputs these are the values.

        `over` is the index of the input that the first output goes over.
        """
        operands = choice.demand.operands
        return Call(
            choice.kernel,
            choice.parameters(site),
            choice.demand.constants,
            tuple(values[index] for index in operands),
            tuple(tensor.bytes for tensor in (site.output, *site.also)),
            choice.demand.scratch_bytes,
            None if over is None else operands.index(over),
        )

    def buffers(self) -> list[bytes]:
        """Constants, operands, outputs, scratch and the table of operands, in this order.

        Buffer 0 is the struct's. The table is blank here, and filled in with addresses.
        """
        read = [
            np.ascontiguousarray(a).tobytes() for a in (*self.constants.values(), *self.operands)
        ]
        if self.over is not None:
            place = len(self.constants) + self.over
            read[place] = read[place].ljust(self.output_bytes[0], b"\x5a")
        own = self.output_bytes if self.over is None else self.output_bytes[1:]
        made = [b"\x5a" * size for size in own]
        scratch = [b"\xc3" * self.scratch_bytes] if self.scratch_bytes else []
        table = [bytes(8 * len(self.operands))] if self.kernel.by_table else []
        return [*read, *made, *scratch, *table]

    def arguments(self) -> list[int]:
        """The buffers of the arguments behind the parameters."""
        last = len(self.buffers())
        operands = [last] if self.kernel.by_table else self.operand_buffers()
        scratch = last - self.kernel.by_table if self.scratch_bytes else NULL
        return [*operands, *self.outputs(), scratch]

    def operand_buffers(self) -> list[int]:
        """The buffers that the operands lie in."""
        first = 1 + len(self.constants)
        return [first + i for i in range(len(self.operands))]

    def outputs(self) -> list[int]:
        """The buffers that the outputs go to."""
        first = 1 + len(self.constants)
        after = first + len(self.operands)
        if self.over is None:
            return [after + i for i in range(len(self.output_bytes))]
        return [first + self.over, *(after + i for i in range(len(self.output_bytes) - 1))]

    def written(self, after: Sequence[bytes]) -> bytes:
        """The outputs, of all buffers as they are after the call; others must be unchanged."""
        outputs, scratch = self.outputs(), self.arguments()[-1]
        table = self.arguments()[0] if self.kernel.by_table else NULL
        for index, (old, new) in enumerate(zip(self.buffers(), after, strict=True), 1):
            free = index in (*outputs, scratch, table)
            assert free or old == new, f"buffer {index} was written"
        made = zip(outputs, self.output_bytes, strict=True)
        return b"".join(after[output - 1][:size] for output, size in made)


def sources(isa: str) -> list[Path]:
    """The C files of one ISA."""
    names = dict.fromkeys(kernel.source for kernel in KERNELS if kernel.isa == isa)
    return [kernel_folder() / name for name in names]


def kernel_fingerprint() -> str:
    """Changes with any kernel."""
    return _fingerprint(kernel_folder())


def _fingerprint(*folders: Path) -> str:
    files = sorted(path for folder in folders for path in folder.rglob("*.[ch]"))
    return digest(*(path.read_bytes() for path in files))


class Host:
    """The machine itself. Kernels run under the address and undefined-behaviour sanitizers."""

    def __init__(self) -> None:
        key = _fingerprint(kernel_folder(), HERE)
        self._program = cached("kernel-tests", key, "driver", _build_host)

    def run(self, calls: Sequence[Call]) -> list[bytes]:
        """What each call wrote."""
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder) / "in", Path(folder) / "out"
            given.write_bytes(b"".join([struct.pack("<I", len(calls)), *map(_record, calls)]))
            command = [str(self._program), str(given), str(made)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-4000:]
            data = made.read_bytes()
        results, position = [], 0
        for call in calls:
            after = []
            for buffer in call.buffers():
                after.append(data[position : position + len(buffer)])
                position += len(buffer)
            results.append(call.written(after))
        return results


def _names() -> list[str]:
    return list(dict.fromkeys(kernel.name for kernel in KERNELS))


def _record(call: Call) -> bytes:
    """A call in the form that host_driver.c reads."""
    buffers = call.buffers()
    numbers = {field: index for index, field in enumerate(call.constants, 1)}
    blank = pack(call.struct, dict.fromkeys(call.constants, 0), 8)
    fixes = [(0, _offset(call.struct, field), index) for field, index in numbers.items()]
    if call.kernel.by_table:
        table = call.arguments()[0]
        fixes += [(table, 8 * i, index) for i, index in enumerate(call.operand_buffers())]
    arguments = call.arguments()
    parts = [struct.pack("<II", _names().index(call.kernel.name), 1 + len(buffers))]
    parts += [struct.pack("<I", len(buffer)) + buffer for buffer in (blank, *buffers)]
    parts.append(struct.pack(f"<{1 + 3 * len(fixes)}I", len(fixes), *itertools.chain(*fixes)))
    parts.append(struct.pack(f"<{1 + len(arguments)}I", len(arguments), *arguments))
    return b"".join(parts)


def _offset(value: Struct, field: str) -> int:
    """Where the pointer `field` is on the host."""
    data = pack(value, dict.fromkeys(_pointers(value), 0) | {field: _MARK}, 8)
    return data.index(_MARK.to_bytes(8, "little"))


_MARK = 0xA5B6_C7D8_E9FA_8C9D


def _pointers(value: Struct) -> list[str]:
    """The fields that are pointers, also of structs within."""
    inner = [content for _, content in value.fields if isinstance(content, Struct)]
    own = [name for name, content in value.fields if isinstance(content, str)]
    return [*own, *itertools.chain.from_iterable(map(_pointers, inner))]


def _wrapper(name: str) -> str:
    arguments = ", ".join(f"argument[{index}]" for index in range(prototypes()[name]))
    return f"static void run_{name}(const void *p)\n{{\n    {name}(p, {arguments});\n}}\n"


def _build_host(program: Path) -> None:
    names = _names()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        (made / "host_wrappers.h").write_text("".join(map(_wrapper, names)))
        (made / "host_table.h").write_text("".join(f"run_{name},\n" for name in names))
        compiler = shutil.which("cc")
        # zig has the undefined-behaviour sanitizer, but no run-time library for the other.
        command = [compiler] if compiler else [sys.executable, "-m", "ziglang", "cc"]
        checks = "address,undefined" if compiler else "undefined"
        subprocess.run(
            [
                *(*command, f"-fsanitize={checks}", "-fno-sanitize-recover=all"),
                *("-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wconversion"),
                *("-I", str(kernel_folder() / "include"), "-I", str(HERE / "shim"), "-I", folder),
                *(
                    str(HERE / "host_driver.c"),
                    *itertools.chain.from_iterable(map(str, sources(isa)) for isa in ISAS),
                ),
                *("-o", str(program)),
            ],
            check=True,
        )


_CODE, _RAM = 0x0800_0000, 0x2000_0000
_CODE_BYTES, _RAM_BYTES = 1 << 20, 1 << 24
_STACK_BYTES = 4096
_SCRIPT = f"""
SECTIONS {{
    .text {_CODE} : {{ *(.text*) *(.rodata*) }}
    .data {_RAM} : {{ *(.data*) *(.bss*) *(COMMON) }}
    /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) *(.comment*) }}
}}
ASSERT(SIZEOF(.data) == 0, "a kernel keeps data in RAM")
"""
_ARGUMENTS = {  # the registers that arguments are passed in, and the return address
    "arm": ([arm_const.UC_ARM_REG_R0 + i for i in range(4)], arm_const.UC_ARM_REG_LR),
    "riscv": ([riscv_const.UC_RISCV_REG_A0 + i for i in range(8)], riscv_const.UC_RISCV_REG_RA),
}


@dataclass(frozen=True)
class Run:
    """What a call wrote, all outputs together, and its instructions (None where not counted)."""

    output: bytes
    instructions: int | None
    stack_bytes: int


@dataclass(frozen=True)
class Laid:
    """A call laid out in memory from `start` on, with a guard round each buffer."""

    call: Call
    start: int
    image: bytes
    addresses: tuple[int, ...]
    """Of the buffers."""
    arguments: tuple[int, ...]

    @staticmethod
    def at(start: int, call: Call) -> Laid:
        """`call` from the address `start` on, which is a multiple of four."""
        buffers = call.buffers()
        addresses: list[int] = []
        image = bytearray()
        for buffer in buffers:
            image += _GUARD
            addresses.append(start + len(image))
            image += buffer.ljust(-(-len(buffer) // 4) * 4, b"\xa5")
        pointers = dict(zip(call.constants, addresses, strict=False))
        if call.kernel.by_table:
            given = [addresses[index - 1] for index in call.operand_buffers()]
            at = addresses[-1] - start
            image[at : at + 4 * len(given)] = struct.pack(f"<{len(given)}I", *given)
        image += _GUARD
        at = start + len(image)
        image += pack(call.struct, pointers, 4) + _GUARD
        image += bytes(-len(image) % 4)
        passed = (0 if i == NULL else addresses[i - 1] for i in call.arguments())
        return Laid(call, start, bytes(image), tuple(addresses), (at, *passed))

    def written(self, after: bytes) -> bytes:
        """The outputs, of this memory as it is after the call; guards must be unchanged."""
        place, results = 0, []
        for address, buffer in zip(self.addresses, self.call.buffers(), strict=True):
            at = address - self.start
            assert after[place:at] == self.image[place:at], "written beside a buffer"
            place = at + len(buffer)
            results.append(after[at:place])
        assert after[place:] == self.image[place:], "written behind the last buffer"
        return self.call.written(results)


class Core:
    """An emulated core with all kernels of its ISAs in flash, called one at a time."""

    def __init__(self, board: str, compiler: str = "zig") -> None:
        described = load_board(board)
        self.isas = described.isas
        self._architecture = described.architecture
        self._processor = PROCESSORS[described.core]
        elf = cached(
            "kernel-tests",
            digest(kernel_fingerprint(), _SCRIPT, board, find_toolchain(compiler).version),
            f"{compiler}.elf",
            lambda path: _build_core(board, compiler, path),
        )
        self._uc = self._processor.emulator()
        self._uc.mem_map(
            _CODE, _CODE_BYTES, unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC
        )
        self._uc.mem_map(_RAM, _RAM_BYTES, unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_WRITE)
        with elf.open("rb") as file:
            image = ELFFile(file)
            text = image.get_section_by_name(".text")
            self._uc.mem_write(text["sh_addr"], text.data())
            self.symbols = {
                s.name: s["st_value"] for s in image.get_section_by_name(".symtab").iter_symbols()
            }
        self._end = _CODE + _CODE_BYTES - 4
        self._blocks: dict[int, int] = {}
        self._counts: dict[tuple[int, int], int] = {}

    def run(self, call: Call, *, count: bool = False) -> Run:
        """Run `call`, with guards round each buffer and below the stack."""
        laid = Laid.at(_RAM + _STACK_BYTES, call)
        stack = b"\xa5" * _STACK_BYTES
        self._uc.mem_write(_RAM, stack + laid.image)
        function = self.symbols[call.kernel.name]
        instructions = self._call(function, laid.arguments, count)
        after = bytes(self._uc.mem_read(_RAM, len(stack) + len(laid.image)))
        free = next(i for i, byte in enumerate(after) if byte != 0xA5)
        assert free > 64, "stack overflow"
        return Run(laid.written(after[_STACK_BYTES:]), instructions, _STACK_BYTES - free)

    def _call(self, function: int, arguments: Sequence[int], count: bool) -> int | None:
        uc, processor = self._uc, self._processor
        registers, link = _ARGUMENTS[self._architecture]
        stack = _RAM + _STACK_BYTES - 8 * max(0, len(arguments) - len(registers))
        for register, argument in zip(registers, arguments, strict=False):
            uc.reg_write(register, argument)
        for i, argument in enumerate(arguments[len(registers) :]):
            uc.mem_write(stack + 4 * i, argument.to_bytes(4, "little"))
        uc.reg_write(processor.sp, stack)
        uc.reg_write(link, self._end | processor.thumb)
        self._counts.clear()
        hook = None
        if count:
            hook = uc.hook_add(unicorn_const.UC_HOOK_BLOCK, self._count_block)
            uc.ctl_flush_tb()
        try:
            uc.emu_start(function | processor.thumb, self._end, timeout=120_000_000)
        finally:
            if hook is not None:
                uc.hook_del(hook)
        assert uc.reg_read(processor.pc) & ~1 == self._end, "did not return"
        if not count:
            return None
        return sum(times * self._length(*block) for block, times in self._counts.items())

    def _count_block(self, uc: Uc, address: int, size: int, _data: object) -> None:
        self._counts[address, size] = self._counts.get((address, size), 0) + 1

    @lru_cache  # noqa: B019
    def _length(self, address: int, size: int) -> int:
        """How many instructions a block has."""
        return len(list(sizes(bytes(self._uc.mem_read(address, size)), self._architecture)))


def _build_core(board: str, compiler: str, elf: Path) -> None:
    freestanding = kernel_folder().parent / "runtime/freestanding.c"
    link_kernels(board, compiler, _SCRIPT, "er_conv_s8_ref", [freestanding], elf)


def link_kernels(
    board_name: str, compiler: str, script: str, entry: str, others: Sequence[Path], elf: Path
) -> None:
    """All kernels of a board in one program, with `others`: what compilers call, and more."""
    board = load_board(board_name)
    toolchain = find_toolchain(compiler)
    with tempfile.TemporaryDirectory() as folder:
        linker = Path(folder) / "image.ld"
        linker.write_text(script)
        flags = [*toolchain.compile_flags(board, "speed"), "-I", str(kernel_folder() / "include")]
        objects = []
        for source in [*itertools.chain.from_iterable(map(sources, board.isas)), *others]:
            made = Path(folder) / f"{source.stem}.o"
            toolchain.run([*flags, "-c", str(source), "-o", str(made)], what=f"compile {source}")
            objects.append(str(made))
        own = ["-nostdlib"] if compiler == "gcc" else []
        kept = [f"-Wl,-u,{kernel.name}" for kernel in KERNELS if kernel.isa in board.isas]
        toolchain.run(
            [
                *(*toolchain.core_flags(board), *own, f"-Wl,-T,{linker}"),
                *(
                    f"-Wl,-e,{entry}",
                    "-Wl,--gc-sections",
                    *dict.fromkeys(kept),
                    *objects,
                    *toolchain.libraries,
                    "-o",
                    str(elf),
                ),
            ],
            what="link the kernels",
        )
