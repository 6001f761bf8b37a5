"""What a board adds to the exported model: its C files, its linker script, its compiler flags."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from edge_runtime.boards import CORES, Board, Clock, Uart
from edge_runtime.errors import BoardError

DEFAULT_STACK_BYTES = 4096
"""Room for the stack where the caller knows no better."""

_RUNTIME = ("startup.c", "main.c", "link.c", "frame.c")
_GCC_HELPERS = "freestanding.c"
_INCLUDE = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)
_ELSEWHERE = ("board.h", "model.h")

_GCC_CORE = {
    "cortex-m0plus": ("-mcpu=cortex-m0plus", "-mfloat-abi=soft"),
    "cortex-m4": ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    "cortex-m7": ("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    "cortex-m33": ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
}


def gcc_core_flags(board: Board) -> tuple[str, ...]:
    """The flags of arm-none-eabi-gcc that name the core, for compiling and for linking."""
    return ("-mthumb", *_GCC_CORE[board.core])


def board_files(board: Board, stack_bytes: int = DEFAULT_STACK_BYTES) -> dict[str, str]:
    """The files of the folder board/, by name.

    All C files there are to be compiled, those of model/ as well, with both folders on the include
    path. For the host there are two functions more for a library, and no linker script.
    """
    if board.is_host:
        return _with_headers({"host.c": _text("runtime", "host.c")})
    sources = {name: _text("runtime", name) for name in (*_RUNTIME, _GCC_HELPERS)}
    sources["port.c"] = _text("ports", f"{board.port}.c")
    if board.boot:
        sources["boot.c"] = _text("ports", f"{board.boot}.c")
    return {
        **_with_headers(sources),
        "board.h": board_header(board),
        "linker.ld": linker_script(board, stack_bytes),
    }


def board_header(board: Board) -> str:
    """The header board.h: the board's figures, for the runtime and the port."""
    clock, uart = _equipment(board)
    return f"""/* SPDX-License-Identifier: Apache-2.0
 *
 * {board.title}
 */
#ifndef BOARD_H
#define BOARD_H

#define BOARD_NAME "{board.name}"
#define BOARD_CLOCK_HZ {clock.hz}u
#define BOARD_FALLBACK_HZ {clock.fallback_hz}u
#define BOARD_UART_BASE {uart.base:#010x}u
#define BOARD_BAUD {uart.baud}u
#define BOARD_HAS_FPU {CORES[board.core].fpu:d}
#define BOARD_HAS_FAULT_STATUS {CORES[board.core].fault_status:d}

#endif
"""


def linker_script(board: Board, stack_bytes: int = DEFAULT_STACK_BYTES) -> str:
    """The linker script, with a stack of `stack_bytes`, rounded up to 8, at the end of RAM."""
    boot = "    .boot : { KEEP(*(.boot2)) } > FLASH :code\n" if board.boot else ""
    values = {
        "TITLE": board.title,
        "FLASH_START": f"{board.flash.start:#010x}",
        "FLASH_SIZE": str(board.flash.size),
        "RAM_START": f"{board.ram.start:#010x}",
        "RAM_SIZE": str(board.ram.size),
        "STACK_SIZE": str(-(-stack_bytes // 8) * 8),
        "BOOT": boot,
        "RUNTIME_CODE": _runtime_sections(".text .text.* .rodata .rodata.*"),
        "RUNTIME_DATA": _runtime_sections(".data .data.*"),
        "RUNTIME_BSS": _runtime_sections(".bss .bss.* COMMON"),
    }
    template = _text("linker", "cortex_m.ld.in")
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], template)


def _runtime_sections(sections: str) -> str:
    """Input sections of the runtime's objects, under the names that Make, CMake and SCons give."""
    stems = [name.removesuffix(".c") for name in (*_RUNTIME, "port.c")]
    objects = [f"*/{stem}{suffix}" for stem in stems for suffix in (".o", ".c.o*")]
    return "".join(f"        {name}({sections})\n" for name in objects)


def _with_headers(sources: dict[str, str]) -> dict[str, str]:
    """`sources` and every header of ours that they include, directly or not."""
    found = dict(sources)
    pending = list(sources.values())
    while pending:
        for name in _INCLUDE.findall(pending.pop()):
            if name not in found and name not in _ELSEWHERE:
                found[name] = _header(name)
                pending.append(found[name])
    return found


def _header(name: str) -> str:
    folder = "ports" if (_firmware() / "ports" / name).is_file() else "runtime"
    return _text(folder, name)


def _text(folder: str, name: str) -> str:
    path = _firmware() / folder / name
    if not path.is_file():
        raise BoardError(f"there is no firmware/{folder}/{name}")
    return path.read_text(encoding="utf-8")


def _firmware() -> Traversable:
    return files("edge_runtime.firmware")


def _equipment(board: Board) -> tuple[Clock, Uart]:
    if board.clock is None or board.uart is None:
        raise BoardError(f"board {board.name} has no clock or no serial port")
    return board.clock, board.uart
