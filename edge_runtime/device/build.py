"""From an exported folder to an image for its board, or to a library for the host.

Objects are kept in the user's cache by the hash of all that goes into them, so that building the
same model again compiles nothing.
"""

from __future__ import annotations

import json
import os
import re
import struct
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from edge_runtime.boards import Board, Region, load_board
from edge_runtime.cache import cached, digest
from edge_runtime.device.toolchain import CompilerError, Toolchain, find_toolchain
from edge_runtime.errors import BoardError, BudgetError, DataError, EdgeRuntimeError

_OVERFLOW = re.compile(r"region ['`](\w+)'[:]? overflowed by (\d+) bytes")
_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
_ERASED_FLASH = b"\xff"

FIRMWARE, PROFILE = "firmware", "profile"
"""What images are called in the folder build/, without the ends of their names."""


@dataclass(frozen=True)
class Build:
    """An image and its sizes, in bytes.

    `flash_bytes` and `ram_bytes` are the model's: its code, constants, kernels and the compiler's
    helpers; all of its static RAM. `image_flash_bytes` and `image_ram_bytes` are those of the whole
    firmware, with start-up code, link, and the room kept for the stack.
    """

    elf: Path
    flash_bytes: int
    ram_bytes: int
    image_flash_bytes: int
    image_ram_bytes: int
    compiler: str
    flags: tuple[str, ...]


def build(
    directory: Path,
    *,
    compiler: str = "zig",
    optimize: str | None = None,
    profile: bool = False,
) -> Build:
    """Compile and link the exported folder `directory` into its build/firmware.elf and .bin.

    It optimizes for what the folder was exported for, unless `optimize` names "speed" or "size".
    With `profile` it is build/profile.elf and so on, the image that tells cycles and checksums of
    layers: the same objects of kernels, another model.c and runtime.

    ToolchainError: the compiler is missing or refuses the code. BudgetError: the board's flash or
    RAM does not hold the firmware. BoardError: the folder is for the host. DataError: it is no
    exported folder.
    """
    board = read_board(directory)
    if board.is_host:
        raise BoardError(
            "the host runs no firmware", hint="use edge_runtime.device.host.build_host"
        )
    toolchain = find_toolchain(compiler)
    flags = toolchain.compile_flags(board, optimize or _exported_for(directory))
    objects = compile_folder(directory, toolchain, flags, profile)
    folder = directory / "build"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as temporary:
        elf = Path(temporary) / f"{PROFILE if profile else FIRMWARE}.elf"
        _link(elf, objects, directory / "board" / "linker.ld", toolchain, board)
        result = _measure(elf, board, toolchain.version, flags)
        image = elf.with_suffix(".bin")
        image.write_bytes(_flash_content(elf, board))
        family = board.flashing.uf2_family
        if family is not None:
            uf2 = elf.with_suffix(".uf2")
            uf2.write_bytes(uf2_file(image.read_bytes(), board.flash.start, family))
        for file in Path(temporary).iterdir():
            file.replace(folder / file.name)
    return result


def read_board(directory: Path) -> Board:
    """The board that `directory` was exported for."""
    manifest = directory / "firmware.json"
    try:
        name = json.loads(manifest.read_text(encoding="utf-8"))["board"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{directory} has no readable firmware.json", hint="run edge-runtime export first"
        ) from error
    return load_board(str(name))


def _exported_for(directory: Path) -> str:
    """What the code of `directory`, which has a manifest, is to be optimized for."""
    manifest = json.loads((directory / "firmware.json").read_text(encoding="utf-8"))
    return str(manifest.get("optimize", "speed"))


def compile_folder(
    directory: Path, toolchain: Toolchain, flags: tuple[str, ...], profile: bool = False
) -> list[Path]:
    """Compile all C files of model/ and board/; the objects, in the order of their paths."""
    folders = [directory / "model", directory / "board"]
    sources = [source for folder in folders for source in sorted(folder.glob("*.c"))]
    if not any(source.name == "model.c" for source in sources):
        raise DataError(f"{directory} has no model/model.c", hint="run edge-runtime export first")
    headers = {path.name: path.read_bytes() for folder in folders for path in folder.glob("*.h")}
    includes = tuple(f"-I{folder}" for folder in folders)

    def one(source: Path) -> Path:
        own = toolchain.runtime_flags() if source.parent.name == "board" else ()
        if profile and (source.parent.name == "board" or source.name == "model.c"):
            own = (*own, "-DMODEL_PROFILE")
        content = _with_headers(source.read_bytes(), headers)
        key = digest(toolchain.version, source.name, *content, *flags, *own)
        arguments = [*flags, *own, *includes, "-c", str(source), "-o"]
        what = f"compile {source.parent.name}/{source.name}"
        return cached(
            "objects",
            key,
            f"{source.stem}.o",
            lambda path: toolchain.run([*arguments, str(path)], what=what),
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, sources))


def _with_headers(code: bytes, headers: Mapping[str, bytes]) -> list[bytes]:
    """`code` and what it includes: kernels and start-up code are the same for many models."""
    found: dict[str, bytes] = {}
    pending = [code]
    while pending:
        for name in _INCLUDE.findall(pending.pop()):
            header = name.decode()
            if header in headers and header not in found:
                found[header] = headers[header]
                pending.append(headers[header])
    return [code, *(part for name in sorted(found) for part in (name.encode(), found[name]))]


def build_id(elf: Path) -> bytes:
    """The first eight bytes of the linker's hash of an image, by which firmware names itself."""
    with elf.open("rb") as file:
        note = ELFFile(file).get_section_by_name(".note.gnu.build-id")
        return bytes(note.data()[16:24]) if note is not None else b""


def _link(
    elf: Path, objects: Sequence[Path], script: Path, toolchain: Toolchain, board: Board
) -> None:
    arguments = [*toolchain.link_flags(board, script), *map(str, objects), *toolchain.libraries]
    try:
        toolchain.run([*arguments, "-o", str(elf)], what=f"link the firmware for {board.name}")
    except CompilerError as failure:
        raise _explain(failure, board) from failure


def _explain(failure: CompilerError, board: Board) -> EdgeRuntimeError:
    """A BudgetError where the link failed for want of room; else the failure itself."""
    excess: dict[str, int] = {}
    for region, count in _OVERFLOW.findall(failure.output):
        excess[region] = max(int(count), excess.get(region, 0))
    if not excess:
        return failure
    sizes = {"FLASH": board.flash.size, "RAM": board.ram.size}
    sizes |= {f"RAM{i}": space.size for i, space in enumerate(board.ram_spaces) if i}
    lacks = [f"{count:,} bytes of {name}" for name, count in excess.items()]
    has = ", ".join(f"{sizes[name]:,} of {name}" for name in excess)
    ways = {
        "FLASH": "optimize for size, quantize to fewer bits, or take a smaller model",
        "RAM": "take smaller inputs or layers where the report shows the peak",
    }
    hint = "; ".join(
        [*(ways[name.rstrip("0123456789")] for name in excess), "or choose a larger board"]
    )
    return BudgetError(f"{board.name} lacks {' and '.join(lacks)} (it has {has})", hint=hint)


def _measure(elf: Path, board: Board, compiler: str, flags: tuple[str, ...]) -> Build:
    with elf.open("rb") as file:
        sections = list(ELFFile(file).iter_sections())
    sizes = {section.name: int(section["sh_size"]) for section in sections}
    spans = [(int(section["sh_addr"]), int(section["sh_size"])) for section in sections]
    return Build(
        elf=elf.parent.parent / elf.name,
        flash_bytes=_total(sizes, ".model_code", ".model_constants"),
        ram_bytes=_total(sizes, ".model_ram", ".model_arena"),
        image_flash_bytes=len(_flash_content(elf, board)),
        image_ram_bytes=sum(_used(space, spans) for space in board.ram_spaces),
        compiler=compiler,
        flags=flags,
    )


def _total(sizes: Mapping[str, int], *prefixes: str) -> int:
    return sum(size for name, size in sizes.items() if name.startswith(prefixes))


def _used(space: Region, spans: Sequence[tuple[int, int]]) -> int:
    """Bytes from the start of a RAM to the end of what is linked into it."""
    ends = [at + size for at, size in spans if space.start <= at and at + size <= space.end]
    return max(ends, default=space.start) - space.start


def _flash_content(elf: Path, board: Board) -> bytes:
    """The bytes of the image from the start of the flash, by load address."""
    content = b""
    with elf.open("rb") as file:
        segments = [(int(s["p_paddr"]), s.data()) for s in ELFFile(file).iter_segments("PT_LOAD")]
    for address, data in sorted(segments):
        if data:
            offset = address - board.flash.start
            content = content.ljust(offset, _ERASED_FLASH)[:offset] + data
    return content


def uf2_file(image: bytes, start: int, family: int) -> bytes:
    """The UF2 file that writes `image` to address `start` (layout: microsoft/uf2 README)."""
    chunks = [image[offset : offset + 256] for offset in range(0, len(image), 256)]
    blocks = [
        struct.pack(
            "<8I476sI",
            *(0x0A324655, 0x9E5D5157, 0x2000, start + 256 * index, 256, index, len(chunks), family),
            *(chunk.ljust(256, _ERASED_FLASH), 0x0AB16F30),
        )
        for index, chunk in enumerate(chunks)
    ]
    return b"".join(blocks)
