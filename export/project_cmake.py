"""A CMake project: the model as a library, the firmware and an example, with GCC for Arm or zig."""

from __future__ import annotations

from collections.abc import Sequence

from edge_runtime.boards import Board
from edge_runtime.export.compiler_flags import (
    COMPILE,
    LIBRARIES,
    OPTIMIZE,
    RUNTIME,
    gcc_core_flags,
    link_flags,
    zig_core_flags,
)
from edge_runtime.export.example_c import bare_example
from edge_runtime.export.manifest import Manifest

_LISTS = """\
# SPDX-License-Identifier: Apache-2.0
#
# In your own project: add_subdirectory() this folder and link edge_model.
#
# By itself, with one of the toolchain files, it makes the board's firmware and an example:
#
#     cmake -B build-cmake -DCMAKE_TOOLCHAIN_FILE=cmake/{compiler}.cmake
#     cmake --build build-cmake
cmake_minimum_required(VERSION 3.13)
project(edge_model C)

add_library(edge_model STATIC
{sources})
target_include_directories(edge_model PUBLIC model)
target_compile_features(edge_model PUBLIC c_std_99)
target_compile_options(edge_model PRIVATE {optimize} {compile})
"""

_FIRMWARE = """
if(NOT EDGE_CORE)
    return()
endif()

# The linker script knows the files of board/ by their names; all others are the model's.
file(GLOB board_sources board/*.c)
set_source_files_properties(${{board_sources}} PROPERTIES COMPILE_OPTIONS "${{EDGE_RUNTIME}}")
set(board_main ${{CMAKE_CURRENT_SOURCE_DIR}}/board/main.c)
set(board_support ${{board_sources}})
list(REMOVE_ITEM board_support ${{board_main}})

function(edge_firmware name)
    add_executable(${{name}} ${{ARGN}} ${{board_support}})
    set_target_properties(${{name}} PROPERTIES SUFFIX .elf)
    target_include_directories(${{name}} PRIVATE board)
    target_compile_options(${{name}} PRIVATE {optimize} {compile})
    target_link_libraries(${{name}} PRIVATE edge_model ${{EDGE_LIBRARIES}})
    target_link_options(${{name}} PRIVATE ${{EDGE_CORE}} ${{EDGE_LINK}}
        -Wl,-T,${{CMAKE_CURRENT_SOURCE_DIR}}/board/linker.ld)
endfunction()

edge_firmware(firmware ${{board_main}})
edge_firmware(example example/main.c)
"""

_TOOLCHAIN = """\
# SPDX-License-Identifier: Apache-2.0
#
# {title}
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR {architecture})
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

{compiler}
set(EDGE_CORE {core})
set(EDGE_RUNTIME {runtime})
set(EDGE_LINK {link})
set(EDGE_LIBRARIES {libraries})
string(JOIN " " CMAKE_C_FLAGS_INIT ${{EDGE_CORE}} -ffreestanding{own})
"""

_GCC = "set(CMAKE_C_COMPILER arm-none-eabi-gcc)\n"

_ZIG = """\
find_program(EDGE_ZIG zig)
if(NOT EDGE_ZIG) # the one that `pip install ziglang` brings
    execute_process(
        COMMAND python3 -c "import os, ziglang; print(os.path.dirname(ziglang.__file__) + '/zig')"
        OUTPUT_VARIABLE EDGE_ZIG OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
set(CMAKE_C_COMPILER ${EDGE_ZIG} cc)
set(CMAKE_AR ${EDGE_ZIG})
set(CMAKE_C_ARCHIVE_CREATE "<CMAKE_AR> ar qc <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_APPEND "<CMAKE_AR> ar q <TARGET> <OBJECTS>")
set(CMAKE_C_ARCHIVE_FINISH "<CMAKE_AR> ranlib <TARGET>")
"""


def cmake_files(board: Board, manifest: Manifest, sources: Sequence[str]) -> dict[str, str]:
    """The project's files; for the host there is no firmware, the library alone."""
    compile_flags = " ".join(COMPILE)
    lists = _LISTS.format(
        sources="".join(f"    {name}\n" for name in sources),
        optimize=OPTIMIZE[manifest.optimize],
        compile=compile_flags,
        compiler="gcc" if board.architecture == "arm" else "zig",
    )
    if board.is_host:
        return {"CMakeLists.txt": lists}
    files = {
        "CMakeLists.txt": lists
        + _FIRMWARE.format(optimize=OPTIMIZE[manifest.optimize], compile=compile_flags),
        "cmake/zig.cmake": _toolchain(board, "zig", _ZIG, zig_core_flags(board)),
        "example/main.c": bare_example(manifest.inputs, manifest.outputs),
    }
    if board.architecture == "arm":
        files["cmake/gcc.cmake"] = _toolchain(board, "gcc", _GCC, gcc_core_flags(board))
    return files


def _toolchain(board: Board, name: str, compiler: str, core: Sequence[str]) -> str:
    return _TOOLCHAIN.format(
        title=board.title,
        architecture=board.architecture,
        compiler=compiler,
        core=" ".join(core),
        runtime=" ".join(RUNTIME[name]),
        link=" ".join(link_flags(name, board)),
        libraries=" ".join(LIBRARIES[name]),
        own=" -fno-sanitize=undefined" if name == "zig" else "",
    )
