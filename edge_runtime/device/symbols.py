"""What an emulator needs to know of a firmware image: where its code is, and what it is called."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from edge_runtime.errors import EmulationError

_LAYER = re.compile(r"model_layer_(\d+)(\..+)?")  # a compiler may clone it: model_layer_3.isra.0
_ARCHITECTURES = {"ARM": "arm", "AArch64": "aarch64", "RISC-V": "riscv"}
_BOUNDS = ("__model_code_start", "__model_code_end")


@dataclass(frozen=True)
class Function:
    """A function: its name, the address of its first instruction, and its size in bytes."""

    name: str
    address: int
    size: int


@dataclass(frozen=True)
class Segment:
    """Bytes that the programmer of the flash writes to an address."""

    address: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """A firmware image: its bytes, the range of its code, and its functions by address.

    `architecture` is arm, aarch64 or riscv. `vectors` is the address of the vector table, or of the
    first instruction where the core has no such table. `model_code` is the part that holds the
    model, its kernels and what a compiler lets them call.
    """

    path: Path
    architecture: str
    segments: tuple[Segment, ...]
    vectors: int
    code: range
    model_code: range
    functions: tuple[Function, ...]

    def where(self, address: int) -> str:
        """An address as people read it: function and offset."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address not in self.code:
            return f"0x{address:08x}"
        function = self.functions[index]
        offset = address - function.address
        return f"{function.name}+0x{offset:x}" if offset else function.name

    def function(self, name: str) -> Function:
        """A function by name, or the clone that a compiler made of it.

        Raises:
            EmulationError: the image has none of this name.
        """
        for function in self.functions:
            if function.name == name or function.name.startswith(f"{name}."):
                return function
        raise EmulationError(
            f"{self.path} has no function {name}: it is no firmware of this package, or stripped",
            hint="build it with `edge-runtime build`",
        )

    @cached_property
    def layers(self) -> tuple[Function, ...]:
        """The functions of the model's layers, in order.

        Raises:
            EmulationError: a layer is missing, or two share their code.
        """
        found = {
            int(match[1]): function
            for function in self.functions
            if (match := _LAYER.fullmatch(function.name))
        }
        if sorted(found) != list(range(len(found))) or not found:
            raise EmulationError(f"{self.path} has layers {sorted(found)}: some are missing")
        if len({function.address for function in found.values()}) != len(found):
            raise EmulationError(f"{self.path}: layers share their code, so none can be measured")
        return tuple(found[index] for index in range(len(found)))

    @property
    def between(self) -> tuple[Function, ...]:
        """What runs between the layers: the model's own function, and what runs stages by rows."""
        names = ("model_invoke", "er_stream_run", "er_stream_feed")
        stages = [f for f in self.functions if f.name.startswith("model_stage_") or f.name in names]
        return tuple(stages) or (self.function("model_invoke"),)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the image at an address."""
        for segment in self.segments:
            offset = address - segment.address
            if offset >= 0 and offset + size <= len(segment.data):
                return segment.data[offset : offset + size]
        raise EmulationError(f"{self.path} holds nothing at 0x{address:08x}")

    @cached_property
    def _starts(self) -> list[int]:
        return [function.address for function in self.functions]


def load_image(path: Path) -> Image:
    """Read an ELF image for a microcontroller.

    Raises:
        EmulationError: it is missing, or no ELF file with code and symbols for Arm or RISC-V.
    """
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            if elf.get_machine_arch() not in _ARCHITECTURES:
                raise EmulationError(
                    f"{path} is for {elf.get_machine_arch()}, not for a microcontroller"
                )
            return _image(path, elf)
    except OSError as error:
        raise EmulationError(
            f"cannot read the firmware image {path}: {error.strerror}",
            hint="build it with `edge-runtime build`",
        ) from error
    except ELFError as error:
        raise EmulationError(f"{path} is no ELF image: {error}") from error


def _image(path: Path, elf: ELFFile) -> Image:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        raise EmulationError(f"{path} has no symbols: it was stripped")
    symbols = list(table.iter_symbols())
    functions = [
        Function(symbol.name, symbol["st_value"] & ~1, symbol["st_size"])
        for symbol in symbols
        if symbol["st_info"]["type"] == "STT_FUNC"
    ]
    vectors = elf.get_section_by_name(".vectors")
    bounds = {symbol.name: symbol["st_value"] for symbol in symbols if symbol.name in _BOUNDS}
    if len(bounds) != len(_BOUNDS) or vectors is None:
        raise EmulationError(
            f"{path} does not say where its vectors and its model are: it is no firmware of ours"
        )
    return Image(
        path,
        _ARCHITECTURES[elf.get_machine_arch()],
        _segments(elf),
        vectors["sh_addr"],
        _code(elf),
        range(*(bounds[name] for name in _BOUNDS)),
        tuple(sorted(functions, key=lambda function: function.address)),
    )


def _segments(elf: ELFFile) -> tuple[Segment, ...]:
    loaded = [s for s in elf.iter_segments("PT_LOAD") if s["p_filesz"]]
    return tuple(Segment(s["p_paddr"], s.data()) for s in loaded)


def _code(elf: ELFFile) -> range:
    sections = [
        s for s in elf.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR and s["sh_size"]
    ]
    starts = [s["sh_addr"] for s in sections]
    ends = [s["sh_addr"] + s["sh_size"] for s in sections]
    return range(min(starts, default=0), max(ends, default=0))
