"""The native code of this package, compiled once a machine by the compiler that pip brings."""

from __future__ import annotations

import platform
from pathlib import Path

from edge_runtime.cache import cached, digest
from edge_runtime.device.toolchain import find_toolchain

_SOURCES = Path(__file__).parent / "native"
_FLAGS = ("-shared", "-fPIC", "-O2", "-mcpu=baseline", "-fno-sanitize=undefined")


def library(name: str, *defines: str) -> Path:
    """The shared library of `native/<name>.c`, compiled unless the cache has it.

    Args:
        name: of the source, without its ending.
        defines: macros, as NAME=VALUE.

    Raises:
        ToolchainError: the compiler is missing, or refused the code.
    """
    toolchain = find_toolchain("zig")
    flags = [*_FLAGS, *(f"-D{define}" for define in defines)]
    source = _SOURCES / f"{name}.c"
    contents = [path.read_bytes() for path in sorted([*_SOURCES.glob("*.h"), source])]
    key = digest(toolchain.version, platform.machine(), platform.system(), *flags, *contents)

    def compile_to(path: Path) -> None:
        toolchain.run([*flags, str(source), "-o", str(path)], what=f"compile {source.name}")

    return cached("native", key, f"{name}.so", compile_to)
