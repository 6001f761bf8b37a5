"""Measuring what kernels, layers and helpers take in flash, from objects that were compiled."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from edge_runtime import api
from edge_runtime.boards import Board
from edge_runtime.device.build import compile_folder
from edge_runtime.device.toolchain import Toolchain, find_toolchain
from edge_runtime.kernels import KERNELS
from edge_runtime.latency.footprint import STREAM, Footprint, KernelSize

_LAYER = re.compile(r"\.(?:text\.model_|rodata\.)layer_(\d+)(?:_operands)?$")
_CONSTANT = re.compile(r"\.rodata\.(?:layer_\d+_(?!operands)|model_constant_)")
_STAGE = re.compile(r"\.(?:text\.model_|rodata\.)stage_")


@dataclass
class SizeSurvey:
    """What was seen so far in images of one board's core."""

    board: Board
    toolchain: Toolchain = field(default_factory=lambda: find_toolchain("zig"))
    kernels: dict[str, dict[str, int]] = field(default_factory=dict)
    """Sections by name and content: the linker folds those of several kernels that are alike."""
    needs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    layers: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    stages: list[float] = field(default_factory=list)
    calls: list[tuple[int, int]] = field(default_factory=list)
    """Layers of an image, and the bytes of model_invoke and the interface."""
    images: list[tuple[int, int]] = field(default_factory=list)
    """Flash and RAM besides the model's."""

    @property
    def _flags(self) -> tuple[str, ...]:
        return self.toolchain.compile_flags(self.board, "speed")

    def see(self, exported: api.Exported) -> None:
        """Take the sizes of an exported folder's objects; compiling it again takes no time."""
        for path in compile_folder(exported.folder, self.toolchain, self._flags):
            if path.name.startswith("er_"):
                self._see_kernels(path)
            elif path.name == "model.o":
                self._see_model(exported, *_read(path))
        image = exported.image
        flash = image.image_flash_bytes - image.flash_bytes
        self.images.append((flash, image.image_ram_bytes - image.ram_bytes))

    def _see_kernels(self, path: Path) -> None:
        """Those that stand in one file, each with what it reaches there; or what is no kernel."""
        beside = [each.name for each in KERNELS if Path(each.source).stem == path.stem]
        for name in dict.fromkeys(beside):
            entry = f".text.{name}"
            self.kernels[name], self.needs[name] = _read(path, by_content=True, entry=entry)
        if not beside:
            self.kernels[path.stem], self.needs[path.stem] = _read(path, by_content=True)

    def _see_model(
        self, exported: api.Exported, sections: Mapping[str, int], undefined: tuple[str, ...]
    ) -> None:
        names = {layer.index: layer for layer in exported.manifest.layers}
        staged = {name for stage in exported.manifest.plan.stages for name in stage.nodes}
        layers: defaultdict[int, int] = defaultdict(int)
        other = tables = 0
        for name, size in sections.items():
            found = _LAYER.match(name)
            if found:
                layers[int(found.group(1))] += size
            elif _STAGE.match(name):
                tables += size
            elif not _CONSTANT.match(name):
                other += size
        extra = [
            size - np.mean(self.layers[names[index].kernel])
            for index, size in layers.items()
            if names[index].name in staged and self.layers[names[index].kernel]
        ]
        if staged and extra:
            self.stages.append(tables / len(staged) + float(np.mean(extra)))
            self.needs[STREAM] = (*self.needs.get(STREAM, ()), *undefined)
        for index, size in layers.items():
            if names[index].name not in staged:
                self.layers[names[index].kernel].append(size)
        self.calls.append((len(layers), other))

    def footprint(self) -> Footprint:
        """All that was seen."""
        found = [key for sections in self.kernels.values() for key in sections]
        shared = {key for key, count in Counter(found).items() if count > 1}
        kernels: dict[str, KernelSize] = {}
        folded: dict[str, dict[str, int]] = {}
        for name, sections in self.kernels.items():
            layers = self.stages if name == STREAM else self.layers[name]
            if layers:
                common = [key for key in sections if key in shared]
                folded |= {key: {key: sections[key]} for key in common}
                code = sum(size for key, size in sections.items() if key not in shared)
                needs = (*self.needs[name], *common)
                kernels[name] = KernelSize(code, round(float(np.mean(layers))), needs)
        needed = {helper for kernel in kernels.values() for helper in kernel.helpers}
        helpers = sorted(needed - folded.keys())
        counts, others = np.array(self.calls, float).T
        call, model = np.polyfit(counts, others, 1) if len(set(counts)) > 1 else (4.0, others[0])
        flash, ram = np.max(np.array(self.images), axis=0)
        return Footprint(
            core=self.board.core,
            compiler=f"{self.toolchain.version} -O3",
            kernels=kernels,
            helpers={**{helper: self._functions(helper) for helper in helpers}, **folded},
            model=round(float(model)),
            call=round(float(call)),
            image_flash=int(flash),
            image_ram=int(ram),
        )

    def _functions(self, helper: str) -> dict[str, int]:
        """The functions that a link with `helper` brings, by size."""
        source = f"extern char {helper}[];\nconst void *entry(void) {{ return {helper}; }}\n"
        with tempfile.TemporaryDirectory() as temporary:
            code, made = Path(temporary) / "helper.c", Path(temporary) / "helper.o"
            code.write_text(source, encoding="utf-8")
            flags = (*self._flags, "-fno-builtin", "-Wno-error")
            self.toolchain.run([*flags, "-c", str(code), "-o", str(made)], what="compile a helper")
            elf = Path(temporary) / "helper.elf"
            link = (*self.toolchain.core_flags(self.board), "-Wl,--gc-sections", "-Wl,-e,entry")
            self.toolchain.run([*link, str(made), "-o", str(elf)], what=f"link {helper}")
            with elf.open("rb") as file:
                return dict(_defined(ELFFile(file)))


def _defined(elf: ELFFile) -> Iterable[tuple[str, int]]:
    """Functions of an image with their sizes, several names of one counted once."""
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    seen = set()
    for symbol in table.iter_symbols():
        place, size = int(symbol["st_value"]), int(symbol["st_size"])
        if symbol["st_info"]["type"] == "STT_FUNC" and size and symbol.name != "entry":
            if place not in seen:
                yield symbol.name, _rounded(size)
            seen.add(place)


def _reached(elf: ELFFile, entry: str) -> set[int]:
    """The sections that a link keeps for the sake of one, by index."""
    uses: defaultdict[int, set[int]] = defaultdict(set)
    for section in elf.iter_sections():
        if isinstance(section, RelocationSection):
            symbols = elf.get_section(section["sh_link"])
            assert isinstance(symbols, SymbolTableSection)
            for relocation in section.iter_relocations():
                target = symbols.get_symbol(relocation["r_info_sym"])["st_shndx"]
                if isinstance(target, int):
                    uses[section["sh_info"]].add(target)
    found: set[int] = set()
    waiting = [i for i, section in enumerate(elf.iter_sections()) if section.name == entry]
    while waiting:
        index = waiting.pop()
        found.add(index)
        waiting += uses[index] - found
    return found


def _read(
    path: Path, *, by_content: bool = False, entry: str = ""
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Sizes of the sections that go to flash, and the functions of libraries that are called.

    Sections are named by themselves, or also by what they hold; with `entry`, only those are taken
    that a link keeps for this one.
    """
    with path.open("rb") as file:
        elf = ELFFile(file)
        sections: dict[str, int] = {}
        kept = _reached(elf, entry) if entry else set(range(elf.num_sections()))
        for index, section in enumerate(elf.iter_sections()):
            loaded = (
                index in kept
                and section["sh_flags"] & SH_FLAGS.SHF_ALLOC
                and section["sh_type"] == "SHT_PROGBITS"
            )
            if loaded and not section.name.startswith(".ARM.ex"):
                name = section.name
                if by_content:
                    name += " " + hashlib.sha256(section.data()).hexdigest()[:12]
                sections[name] = sections.get(name, 0) + _rounded(int(section["sh_size"]))
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        undefined = {
            symbol.name
            for symbol in table.iter_symbols()
            if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name
        }
    outside = sorted(n for n in undefined if not n.startswith(("er_", "model_", "link_")))
    return sections, tuple(outside)


def _rounded(size: int) -> int:
    return -(-size // 4) * 4
