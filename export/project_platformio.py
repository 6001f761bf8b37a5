"""A PlatformIO project: bare where the board needs no framework, else one with Arduino's."""

from __future__ import annotations

from edge_runtime.boards import Board, PlatformIO
from edge_runtime.errors import BoardError
from edge_runtime.export.compiler_flags import COMPILE, OPTIMIZE, gcc_core_flags
from edge_runtime.export.example_c import arduino_example, bare_example
from edge_runtime.export.manifest import Manifest

_SPDX = "SPDX-License-Identifier: Apache-2.0"

_BARE = """\
; {spdx}
; Without a framework. `pio run` builds the firmware that answers edge-runtime, `pio run -e example`
; the example; `-t upload` flashes either, and `pio device monitor` shows what the example prints.
[platformio]
src_dir = .
default_envs = firmware

[env]
platform = {platform}
platform_packages = {package}
board = {board}
build_unflags = -Os
build_flags = {optimize} {compile} -Imodel -Iboard
board_build.ldscript = board/linker.ld
extra_scripts = pre:platformio_core.py
monitor_speed = {baud}

[env:firmware]
build_src_filter = +<model/*.c> +<board/*.c>

[env:example]
build_src_filter = +<model/*.c> +<board/*.c> -<board/main.c> +<example/*.c>
"""

# The platforms pass no FPU flags without a framework, and only a script that runs before theirs
# reaches the linker.
_CORE = """\
# {spdx}
Import("env")
core = {core!r}
link = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,--build-id=sha1"]
env.Append(CCFLAGS=core, ASFLAGS=core, LINKFLAGS=[*core, *link])
"""

_FRAMEWORK = """\
; {spdx}
; The model as part of a sketch. `pio run -t upload` flashes it, `pio device monitor` shows what it
; prints.
[platformio]
src_dir = .

[env:example]
platform = {platform}
board = {board}
framework = {framework}
build_flags = {compile} -Imodel
build_src_filter = +<model/*.c> +<example/*.cpp>
monitor_speed = {baud}
"""


def platformio_files(board: Board, manifest: Manifest) -> dict[str, str]:
    """The project's files. BoardError: PlatformIO does not know the board."""
    known = board.platformio
    if known is None or board.uart is None:
        raise BoardError(
            f"PlatformIO has no board for {board.name}", hint="export it as plain or cmake"
        )
    optimize = OPTIMIZE[manifest.optimize]
    text = _ini(known, _FRAMEWORK if known.framework else _BARE, board.uart.baud, optimize)
    ports = manifest.inputs, manifest.outputs
    if known.framework:
        sketch = arduino_example(*ports, sketch=False)
        return {"platformio.ini": text, "example/main.cpp": sketch}
    core = _CORE.format(spdx=_SPDX, core=list(gcc_core_flags(board)))
    return {
        "platformio.ini": text,
        "platformio_core.py": core,
        "example/main.c": bare_example(*ports),
    }


def _ini(known: PlatformIO, template: str, baud: int, optimize: str) -> str:
    c_only = {"-std=c99"} if known.framework else set()
    return template.format(
        spdx=_SPDX,
        platform=known.platform,
        package=known.package,
        board=known.board,
        framework=known.framework,
        compile=" ".join(flag for flag in COMPILE if flag not in c_only),
        baud=baud,
        optimize=optimize,
    )
