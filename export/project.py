"""Project files around the generated C: a source list, CMake, PlatformIO, an Arduino library."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.boards import Board
from edge_runtime.export.board_support import gcc_core_flags
from edge_runtime.export.manifest import Manifest

_SPDX = "SPDX-License-Identifier: Apache-2.0"

_CMAKE = """\
# {spdx}
# The model as a static library: add_subdirectory() this folder and link edge_model.
# sources.txt is the same list without CMake.
cmake_minimum_required(VERSION 3.13)
project(edge_model C)

add_library(edge_model STATIC
{sources})
target_include_directories(edge_model PUBLIC model)
target_compile_features(edge_model PUBLIC c_std_99)
target_compile_options(edge_model PRIVATE -O3 -ffunction-sections -fdata-sections)
"""

_PLATFORMIO = """\
; {spdx}
; The profiling firmware, without a framework. Build: pio run. Flash: pio run -t upload.
[platformio]
src_dir = .

[env:{board}]
platform = {platform}
board = {name}
build_unflags = -Os
build_flags = -O3 -Imodel -Iboard -ffunction-sections -fdata-sections
build_src_filter = +<model/*.c> +<board/*.c>
board_build.ldscript = board/linker.ld
extra_scripts = pre:platformio_core.py
"""

# The platforms pass no FPU flags without a framework, and only a script that runs before theirs
# reaches the linker.
_PLATFORMIO_CORE = """\
# {spdx}
Import("env")
core = {core!r}
env.Append(CCFLAGS=core, ASFLAGS=core, LINKFLAGS=[*core, "-nostartfiles", "-Wl,--gc-sections"])
"""

_ARDUINO = """\
name=edge_model
version={version}
author=edge-runtime
maintainer=edge-runtime
sentence=A neural network compiled to C.
paragraph=The model {model}, made by edge-runtime {version} for {board}.
category=Data Processing
url=https://pypi.org/project/edge-runtime/
architectures=*
includes=model.h
"""


def project_files(board: Board, manifest: Manifest, sources: Sequence[str]) -> dict[str, str]:
    """Project files by path relative to the exported folder; `sources` are the C files of model/.

    The Arduino library keeps its sources under src/, as that format demands: a one-line file there
    includes each one of model/.
    """
    listed = [f"model/{name}" for name in sources]
    files = {
        "sources.txt": "".join(f"{name}\n" for name in listed),
        "CMakeLists.txt": _CMAKE.format(
            spdx=_SPDX, sources="".join(f"    {name}\n" for name in listed)
        ),
        "library.properties": _ARDUINO.format(
            version=manifest.version, model=manifest.model, board=board.name
        ),
        "src/model.h": f'/* {_SPDX} */\n#include "../model/model.h"\n',
    }
    for name in sources:
        files[f"src/{name}"] = f'/* {_SPDX} */\n#include "../model/{name}"\n'
    if board.platformio is not None:
        files["platformio.ini"] = _PLATFORMIO.format(
            spdx=_SPDX,
            board=board.name,
            platform=board.platformio.platform,
            name=board.platformio.board,
        )
        core = list(gcc_core_flags(board))
        files["platformio_core.py"] = _PLATFORMIO_CORE.format(spdx=_SPDX, core=core)
    return files
