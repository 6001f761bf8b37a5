"""Flags of the compilers: what every C file gets, and what names a board's core."""

from __future__ import annotations

from edge_runtime.boards import Board
from edge_runtime.errors import ToolchainError

# Contraction to fused multiply-add would round float operations differently from core to core.
COMPILE = (
    *("-std=c99", "-ffp-contract=off", "-fomit-frame-pointer"),
    *("-ffunction-sections", "-fdata-sections"),
    *("-fno-unwind-tables", "-fno-asynchronous-unwind-tables"),
)
"""For every C file, besides the optimization."""

OPTIMIZE = {"speed": "-O3", "size": "-Os"}
"""For the model, by what it is to be optimized for."""

# Small, as it waits for bytes most of the time. memcpy and its like belong to the model's account:
# the runtime must not cause calls of them.
RUNTIME = {
    "zig": ("-Os", "-fno-builtin"),
    "gcc": ("-Os", "-fno-builtin", "-fno-tree-loop-distribute-patterns", "-fno-jump-tables"),
}
"""For the C files of board/, by compiler."""

_LINK = ("-Wl,--gc-sections", "-Wl,-e,Reset_Handler", "-Wl,--build-id=sha1")
_PAGES = {"": 8, "linux": 65536}
"""Segments lie one behind the other in flash; an operating system maps pages, at most so large."""

LIBRARIES = {"zig": (), "gcc": ("-lgcc",)}
"""What stands behind the objects in a link of firmware; zig adds its own."""

_GCC_CORE = {
    "cortex-m0plus": ("-mcpu=cortex-m0plus", "-mfloat-abi=soft"),
    "cortex-m4": ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    "cortex-m7": ("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    "cortex-m33": ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
    "cortex-m55": ("-mcpu=cortex-m55", "-mfloat-abi=hard"),
}
_ZIG_CORE = {
    "cortex-m0plus": ("thumb-freestanding-eabi", "cortex_m0plus"),
    "cortex-m4": ("thumb-freestanding-eabihf", "cortex_m4+vfp4d16sp"),
    "cortex-m7": ("thumb-freestanding-eabihf", "cortex_m7+fp_armv8d16sp"),
    "cortex-m33": ("thumb-freestanding-eabihf", "cortex_m33+fp_armv8d16sp+dsp"),
    "cortex-m55": ("thumb-freestanding-eabihf", "cortex_m55+mve_fp+fp_armv8d16"),
    "cortex-a53": ("aarch64-freestanding-none", "cortex_a53"),
    "cortex-a76": ("aarch64-freestanding-none", "cortex_a76"),
    "rv32imc": ("riscv32-freestanding-none", "generic_rv32+m+c+zicsr"),
}
# Every variable by itself, in .bss: the linker script puts each where it belongs.
_ZIG_ARCHITECTURE = {"riscv": ("-mllvm", "-enable-global-merge=false", "-msmall-data-limit=0")}


def gcc_core_flags(board: Board) -> tuple[str, ...]:
    """The flags of arm-none-eabi-gcc that name the core, for compiling and for linking.

    ToolchainError: that compiler has no such core.
    """
    if board.core not in _GCC_CORE:
        raise ToolchainError(
            f"arm-none-eabi-gcc knows no {board.core}, the core of {board.name}",
            hint="build with zig",
        )
    return ("-mthumb", *_GCC_CORE[board.core])


def zig_core_flags(board: Board) -> tuple[str, ...]:
    """The flags of zig that name the core, for compiling and for linking."""
    target, cpu = _ZIG_CORE[board.core]
    own = _ZIG_ARCHITECTURE.get(board.architecture, ())
    return ("-target", target, f"-mcpu={cpu}", *own)


def link_flags(compiler: str, board: Board) -> tuple[str, ...]:
    """For linking firmware by zig or gcc, besides the core and the linker script."""
    if compiler == "gcc":
        return ("-nostdlib", *_LINK)
    return (f"-Wl,-z,max-page-size={_PAGES[board.system]}", *_LINK)
