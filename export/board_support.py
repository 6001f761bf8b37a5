"""What a board adds to the exported model: its C files and its linker script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

from edge_runtime.boards import CORES, Board
from edge_runtime.errors import BoardError

DEFAULT_STACK_BYTES = 4096
"""Room for the stack where the caller knows no better."""

RUNTIME_RAM_BYTES = 1024
"""What link and start-up take of RAM besides the stack, at most."""

_RUNTIME = ("startup.c", "main.c", "link.c", "frame.c", "profile.c")
_STARTUP = {"arm": "startup.c", "riscv": "startup_riscv.c", "aarch64": "startup_linux.c"}
_GCC_HELPERS = "freestanding.c"
_PROTOCOL = "mlperf.c"
_INCLUDE = re.compile(r'^#include "([^"]+)"$', re.MULTILINE)
_ELSEWHERE = ("board.h", "model.h", "mlperf_model.h")


def board_files(
    board: Board,
    stack_bytes: int = DEFAULT_STACK_BYTES,
    elsewhere: Mapping[str, int] = MappingProxyType({}),
    protocol_header: str = "",
) -> dict[str, str]:
    """The files of the folder board/, by name.

    All C files there are to be compiled, those of model/ as well, with both folders on the include
    path. For the host there are two functions more for a library, and no linker script.
    `elsewhere` is as for `linker_script`. With a `protocol_header` (`export.mlperf`) the firmware
    speaks MLPerf Tiny's protocol too.
    """
    if board.is_host:
        return _with_headers({"host.c": _text("runtime", "host.c")})
    sources = {name: _text("runtime", name) for name in (*_RUNTIME, _GCC_HELPERS)}
    sources["startup.c"] = _text("runtime", _STARTUP[board.architecture])
    sources["port.c"] = _text("ports", f"{board.port}.c")
    if board.boot:
        sources["boot.c"] = _text("ports", f"{board.boot}.c")
    if protocol_header:
        sources[_PROTOCOL] = _text("runtime", _PROTOCOL)
        sources["mlperf_model.h"] = protocol_header
    return {
        **_with_headers(sources),
        "board.h": board_header(board),
        "linker.ld": linker_script(board, stack_bytes, elsewhere),
    }


def board_header(board: Board) -> str:
    """The header board.h: the board's figures, for the runtime and the port."""
    return f"""/* SPDX-License-Identifier: Apache-2.0
 *
 * {board.title}
 */
#ifndef BOARD_H
#define BOARD_H

#define BOARD_NAME "{board.name}"
{_equipment(board)}#define BOARD_HAS_FPU {CORES[board.core].fpu:d}
#define BOARD_HAS_FAULT_STATUS {CORES[board.core].fault_status:d}

#endif
"""


def linker_script(
    board: Board,
    stack_bytes: int = DEFAULT_STACK_BYTES,
    elsewhere: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """The linker script, with a stack of `stack_bytes`, rounded up to 8, at the end of RAM.

    `elsewhere` maps variables of the model to the index of the RAM (`board.ram_spaces`) that each
    has to itself; all others lie in the first.
    """
    window = next((region for region in board.regions if region.mirrors), None)
    memory = [("RAM", "rwx", board.ram)]
    memory += [(f"RAM{space}", "rw", board.ram_spaces[space]) for space in elsewhere.values()]
    if window is not None:
        memory.append(("CONSTANTS", "r", window))
    pieces = ["__bss_start", "__bss_end"]
    for variable in elsewhere:
        pieces += [f"__{variable}_start", f"__{variable}_end"]
    values = {
        "TITLE": board.title,
        "FLASH_START": f"{board.flash.start:#010x}",
        "FLASH_SIZE": str(board.flash.size),
        "MEMORY": "".join(
            f"    {name} ({rights}) : ORIGIN = {region.start:#010x}, LENGTH = {region.size}\n"
            for name, rights, region in memory
        ),
        "PHDRS": "".join(
            f"    {segment} PT_LOAD FLAGS({flags});\n"
            for segment, flags in (
                *((_segment(variable), 6) for variable in elsewhere),
                *([("constants", 4)] if window is not None else []),
            )
        ),
        "STACK_TOP": _STACK_TOP[board.system],
        "BSS_ALIGNMENT": _BSS_ALIGNMENT[board.system],
        "STACK_SIZE": str(-(-stack_bytes // 8) * 8),
        "ZERO_TABLE": "".join(f"        LONG({piece})\n" for piece in pieces),
        "RUNTIME_CODE": _runtime_sections(_CODE if window else f"{_CODE} {_CONSTANTS}"),
        "CODE": _CODE if window else f"{_CODE} {_CONSTANTS}",
        "CONSTANTS": _constants() if window else "",
        "RUNTIME_DATA": _runtime_sections(".data .data.*"),
        "RUNTIME_BSS": _runtime_sections(".bss .bss.* COMMON"),
        "ELSEWHERE": "".join(_elsewhere(*item) for item in elsewhere.items()),
    }
    template = _text("linker", "firmware.ld.in")
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], template)


# An operating system maps what is in the image, and nothing at the end of the region.
_STACK_TOP = {"": "ORIGIN(RAM) + LENGTH(RAM)", "linux": "ADDR(.stack) + __stack_size"}

# It clears whole pages, and so none may hold initialized data as well.
_BSS_ALIGNMENT = {"": "8", "linux": "65536"}

_CODE = ".text .text.*"
_CONSTANTS = ".rodata .rodata.*"


def _segment(variable: str) -> str:
    return f"zero_{variable}"


def _elsewhere(variable: str, space: int) -> str:
    """The output section of a variable that has a RAM to itself."""
    return f"""
    .{variable} (NOLOAD) : ALIGN(8) {{
        __{variable}_start = .;
        *(.bss.{variable})
        __{variable}_end = ALIGN(4);
    }} > RAM{space} AT > RAM{space} :{_segment(variable)}
"""


def _constants() -> str:
    """Output sections of constants that are read through another window of the flash than code.

    Both windows show the same bytes, so offsets in one are those in the other.
    """
    return f"""
    .code_end : {{ BYTE(0) . = ALIGN(16); __code_end = .; }} > FLASH :code

    .runtime_constants (ORIGIN(CONSTANTS) + __code_end - ORIGIN(FLASH)) : {{
{_runtime_sections(_CONSTANTS)}        . = ALIGN(16);
    }} > CONSTANTS AT > FLASH :constants

    .model_constants : {{ *({_CONSTANTS}) }} > CONSTANTS AT > FLASH :constants
    ASSERT(LOADADDR(.model_constants) - ORIGIN(FLASH) == ADDR(.model_constants) - ORIGIN(CONSTANTS),
        "code and constants are not where the two windows of the flash show the same")
"""


def _runtime_sections(sections: str) -> str:
    """Input sections of the runtime's objects, under the names that Make, CMake and SCons give."""
    stems = [name.removesuffix(".c") for name in (*_RUNTIME, _PROTOCOL, "port.c")]
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


def _equipment(board: Board) -> str:
    """Clock and serial port; an operating system keeps both to itself, and 0 is no clock."""
    if board.system:
        return "#define BOARD_CLOCK_HZ 0u\n#define BOARD_FALLBACK_HZ 0u\n"
    clock, uart = board.clock, board.uart
    if clock is None or uart is None:
        raise BoardError(f"board {board.name} has no clock or no serial port")
    return f"""#define BOARD_CLOCK_HZ {clock.hz}u
#define BOARD_FALLBACK_HZ {clock.fallback_hz}u
#define BOARD_UART_BASE {uart.base:#010x}u
#define BOARD_BAUD {uart.baud}u
"""
