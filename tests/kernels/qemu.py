"""Running kernels on a core that only QEMU emulates: many calls a boot."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from harness import HERE, Call, Laid, kernel_fingerprint, link_kernels

from edge_runtime.boards import load_board
from edge_runtime.cache import cached, digest
from edge_runtime.device.toolchain import find_toolchain
from edge_runtime.kernels import kernel_folder

_RUN_START, _STACK_TOP = 0x6000_0000, 0x2000_8000  # DDR and DTCM of mps3-an547
_ARGUMENTS = 12
_SCRIPT = """
SECTIONS {
    .text 0 : { KEEP(*(.vectors)) *(.text*) *(.rodata*) }
    .data 0x20000000 : { *(.data*) *(.bss*) *(COMMON) }
    /DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) *(.comment*) }
}
ASSERT(SIZEOF(.text) <= 0x80000, "the kernels do not fit")
ASSERT(SIZEOF(.data) == 0, "a kernel keeps data in RAM")
"""
_SECONDS = 300


class QemuCore:
    """The machine of a board in QEMU, with all kernels of the board's ISAs.

    Tests that use it are skipped where QEMU is not installed.
    """

    def __init__(self, board: str, compiler: str = "zig") -> None:
        described = load_board(board)
        program = shutil.which("qemu-system-arm")
        if program is None:
            pytest.skip("qemu-system-arm is not installed")
        self.isas = described.isas
        driver = HERE / "qemu_driver.c"
        self._elf = cached(
            "kernel-tests",
            digest(
                *(kernel_fingerprint(), driver.read_bytes(), _SCRIPT, board, *self.isas),
                find_toolchain(compiler).version,
            ),
            f"qemu-{compiler}.elf",
            lambda path: _build(board, compiler, path),
        )
        with self._elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            self._symbols = {s.name: s["st_value"] for s in table.iter_symbols()}
        self._command = [
            *(program, "-M", str(described.qemu), "-kernel", str(self._elf)),
            *("-display", "none", "-monitor", "none", "-serial", "none"),
            *("-semihosting-config", "enable=on,target=native"),
            *("-device", f"loader,file=given,addr={_RUN_START:#x},force-raw=on"),
        ]

    def run(self, calls: Sequence[Call]) -> list[bytes]:
        """What each call wrote; that it wrote nothing else is checked."""
        head = 12 + 4 * (1 + _ARGUMENTS) * len(calls)
        laid: list[Laid] = []
        end = _RUN_START + head
        for call in calls:
            laid.append(Laid.at(end, call))
            end += len(laid[-1].image)
        table = b"".join(
            struct.pack(
                f"<{1 + _ARGUMENTS}I",
                self._symbols[one.call.kernel.name] | 1,
                *one.arguments,
                *[0] * (_ARGUMENTS - len(one.arguments)),
            )
            for one in laid
        )
        numbers = struct.pack("<3I", end - _RUN_START, len(calls), 0)
        given = b"".join([numbers, table, *(one.image for one in laid)])
        made = self._boot(given)
        done = struct.unpack_from("<I", made, 8)[0]
        assert done == len(calls), f"a fault in {calls[done].kernel.name} at {calls[done].struct}"
        assert made[12:head] == table, "the table of calls was written"
        return [one.written(made[one.start - _RUN_START :][: len(one.image)]) for one in laid]

    def _boot(self, given: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "given").write_bytes(given)
            ended = subprocess.run(
                self._command,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
            made = Path(folder) / "made"
            assert made.exists(), ended.stderr
            return made.read_bytes()


def _build(board: str, compiler: str, elf: Path) -> None:
    freestanding = kernel_folder().parent / "runtime/freestanding.c"
    with tempfile.TemporaryDirectory() as folder:
        driver = Path(folder) / "driver.c"
        defines = f"#define RUN_START {_RUN_START:#x}u\n#define STACK_TOP {_STACK_TOP:#x}u\n"
        driver.write_text(defines + (HERE / "qemu_driver.c").read_text())
        link_kernels(board, compiler, _SCRIPT, "Reset_Handler", [freestanding, driver], elf)
