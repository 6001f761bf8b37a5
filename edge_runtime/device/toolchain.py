"""Compilers: finding them, their flags for every core, and running them.

zig is Clang with its linker and runtime library for every core, installed by pip; gcc is
arm-none-eabi-gcc where the machine has it. Both get the same C, and no C library.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from edge_runtime.boards import Board
from edge_runtime.cache import cache_dir
from edge_runtime.device.host_cpu import host_cpu
from edge_runtime.errors import ToolchainError
from edge_runtime.export import compiler_flags

COMPILERS = ("zig", "gcc")
_WARNINGS = ("-Wall", "-Wextra", "-Werror")
OPTIMIZE = ("speed", "size")
_OPTIMIZE: dict[str, dict[str, tuple[str, ...]]] = {
    "zig": {"speed": ("-O3",), "size": ("-Os", "-Xclang", "-Oz")},
    "gcc": {"speed": ("-O3",), "size": ("-Os",)},
}
"""zig takes -Oz for -Os; Clang itself makes less of it."""

_COMPLAINT = re.compile(r"(?<!collect2: )error: |undefined|overflowed|initialized variables")


@dataclass(frozen=True)
class Toolchain:
    """A compiler that was found: `command` starts it, `version` names it for records."""

    name: str
    command: tuple[str, ...]
    version: str

    def core_flags(self, board: Board) -> tuple[str, ...]:
        """The flags that name the board's core, for compiling and for linking.

        For the host they name what its processor can do: objects in a shared cache that others
        take run there too.
        """
        if board.is_host:
            return (f"-mcpu={host_cpu()}",)
        if self.name == "gcc":
            return compiler_flags.gcc_core_flags(board)
        return compiler_flags.zig_core_flags(board)

    def compile_flags(self, board: Board, optimize: str) -> tuple[str, ...]:
        """All flags for a C file of the model. ToolchainError: `optimize` is none of ours."""
        if optimize not in OPTIMIZE:
            raise ToolchainError(
                f"cannot optimize for {optimize!r}", hint=f"choose one of {', '.join(OPTIMIZE)}"
            )
        kind = ("-fPIC",) if board.is_host else ("-ffreestanding",)
        own = ("-fno-sanitize=undefined",) if self.name == "zig" else ()
        common = (*compiler_flags.COMPILE, *_WARNINGS)
        return (*self.core_flags(board), *_OPTIMIZE[self.name][optimize], *common, *kind, *own)

    def runtime_flags(self) -> tuple[str, ...]:
        """What the C files of the board's folder are compiled with besides."""
        return compiler_flags.RUNTIME[self.name]

    def link_flags(self, board: Board, script: Path | None) -> tuple[str, ...]:
        """All flags for the link. No -O: with -Os zig would strip the symbols."""
        if script is None:
            return (*self.core_flags(board), "-shared")
        linked = compiler_flags.link_flags(self.name, board)
        return (*self.core_flags(board), *linked, f"-Wl,-T,{script}")

    @property
    def libraries(self) -> tuple[str, ...]:
        """What stands behind the objects in a link of firmware."""
        return compiler_flags.LIBRARIES[self.name]

    def run(self, arguments: Sequence[str], *, what: str) -> None:
        """Run the compiler; ToolchainError with its first complaints where it fails."""
        completed = subprocess.run(
            [*self.command, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            env=_environment(),
            check=False,
        )
        if completed.returncode:
            raise CompilerError(f"{self.name} cannot {what}", completed.stderr)


class CompilerError(ToolchainError):
    """A compiler refused; `output` is all that it said."""

    def __init__(self, message: str, output: str) -> None:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        errors = [line for line in lines if _COMPLAINT.search(line)]
        super().__init__("\n  ".join([message, *(errors or lines)[:5]]))
        self.output = output


def find_toolchain(name: str) -> Toolchain:
    """The compiler called `name`; ToolchainError where it is unknown or not installed."""
    if name == "zig":
        return _find_zig()
    if name == "gcc":
        return _find_gcc(shutil.which("arm-none-eabi-gcc"))
    raise ToolchainError(f"unknown compiler {name!r}", hint=f"choose one of {', '.join(COMPILERS)}")


def _find_zig() -> Toolchain:
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise ToolchainError("the compiler zig is not installed", hint="pip install ziglang")
    # `python -m ziglang` does nothing but start this program; without it a start is 50 ms faster.
    program = Path(spec.origin).parent / ("zig.exe" if os.name == "nt" else "zig")
    if not program.is_file():
        raise ToolchainError(
            f"the package ziglang has no {program.name}",
            hint="pip install --force-reinstall ziglang",
        )
    version = importlib.metadata.version("ziglang")
    return Toolchain("zig", (str(program), "cc"), f"zig {version}")


@lru_cache
def _find_gcc(program: str | None) -> Toolchain:
    if program is None:
        raise ToolchainError(
            "arm-none-eabi-gcc is not on the PATH",
            hint="install it (Debian: gcc-arm-none-eabi), or build with zig",
        )
    try:
        version = subprocess.run(
            [program, "-dumpfullversion"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolchainError(f"cannot run {program}: {error}") from error
    return Toolchain("gcc", (program,), f"arm-none-eabi-gcc {version.strip()}")


def _environment() -> dict[str, str]:
    """The caller's environment with zig's caches in ours, and messages in English."""
    caches = {f"ZIG_{kind}_CACHE_DIR": str(cache_dir() / "zig") for kind in ("GLOBAL", "LOCAL")}
    return {**os.environ, **caches, "LC_ALL": "C"}
