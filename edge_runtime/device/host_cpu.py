"""What the processor of this machine can do, as the compiler calls it."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")

# The third level of the x86-64 psABI, by Linux's words; and SDOT.
_X86_64_V3 = frozenset(["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"])
_DOT_PRODUCT = "asimddp"


@lru_cache
def host_cpu() -> str:
    """The -mcpu of zig for code that runs on this machine.

    Objects are cached by their flags, so it names what is used of the processor, and not `native`.
    """
    words = _CPUINFO.read_text(encoding="utf-8").split() if _CPUINFO.is_file() else []
    return cpu_of(platform.machine(), frozenset(words))


def cpu_of(machine: str, features: frozenset[str]) -> str:
    """The same for a machine that has these `features`, by the words of Linux's /proc/cpuinfo."""
    if machine in {"x86_64", "AMD64"} and features >= _X86_64_V3:
        return "x86_64_v3"
    if machine in {"aarch64", "arm64"} and _DOT_PRODUCT in features:
        return "baseline+dotprod"
    return "baseline"
