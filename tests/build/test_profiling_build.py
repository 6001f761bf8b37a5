"""The profiling build: what it adds, and what it shares with the image that is shipped."""

from __future__ import annotations

import zlib

import pytest
from elftools.elf.elffile import ELFFile
from tiny_model import SOURCE, expected, write_tiny_model

from edge_runtime.boards import load_board
from edge_runtime.device import build as build_module
from edge_runtime.device.build import build
from edge_runtime.device.link import CounterKind, Gather, Refused
from edge_runtime.device.unicorn_target import UnicornTarget

VALUES = bytes([1, 2, 3, 250, 0, 9, 8, 7])


@pytest.fixture(params=["mps2_an386", "rpi_pico", "esp32c3"])
def board(request):
    return load_board(request.param)


def test_checksums_of_layers(tmp_path, board):
    built = build(write_tiny_model(tmp_path, board.name), profile=True)
    assert built.elf.name == "profile.elf" and built.elf.is_file()
    with UnicornTarget(built.elf, board) as target:
        link = target.link
        identity = link.identify()
        assert identity.profiles and not identity.layerwise
        with built.elf.open("rb") as file:
            note = ELFFile(file).get_section_by_name(".note.gnu.build-id").data()
        assert identity.build_id == note[16:24]
        link.reset()
        for call in range(2):
            link.write_input(0, VALUES)
            link.run(Gather.CHECKSUMS)
            first = bytes((value + call) % 256 for value in VALUES)
            wanted = (zlib.crc32(first), zlib.crc32(expected(VALUES, call)), 0)
            assert link.figures(2) == wanted
        link.write_input(0, VALUES)
        link.run(Gather.CHECKSUMS, more=True)
        assert link.figures(2)[1] == zlib.crc32(expected(VALUES, 2), wanted[1])


def test_an_emulator_without_a_counter_gives_no_cycles(tmp_path, board):
    elf = build(write_tiny_model(tmp_path, board.name), profile=True).elf
    with UnicornTarget(elf, board) as target:
        assert target.link.counter(start=True) == (CounterKind.NONE, 0)
        for what in (Gather.TOTAL, Gather.LAYERS):
            with pytest.raises(Refused, match="nothing counts cycles"):
                target.link.run(what)


COUNTER = """
static uint64_t ticks;
uint32_t port_cycles_start(void) { return PORT_CORE_COUNTER; }
uint64_t port_cycles(void) { ticks += 10; return ticks + waited; }
"""


def test_cycles_are_those_of_each_layer(tmp_path):
    """With a counter that moves by 10 a reading, and by what the layers say that they take."""
    board = load_board("mps2_an386")
    source = SOURCE.replace('#include "model.h"', '#include "model.h"\nextern uint64_t waited;')
    for layer, cycles in enumerate((123, 5_000_000_000)):
        source = source.replace(
            f"    MODEL_LAYER_END({layer});",
            f"    waited += {cycles}u;\n    MODEL_LAYER_END({layer});",
        )
    folder = write_tiny_model(tmp_path, board.name, source=source)
    port = folder / "board" / "port.c"
    text = port.read_text().replace('#include "cortex_m_cycles.h"', "uint64_t waited;" + COUNTER)
    port.write_text(text)
    with UnicornTarget(build(folder, profile=True).elf, board) as target:
        link = target.link
        assert link.counter(start=True)[0] is CounterKind.CORE
        link.run(Gather.LAYERS)
        assert link.figures(2) == (123, 5_000_000_000, 0)
        link.run(Gather.LAYERS, more=True)
        assert link.figures(2) == (246, 10_000_000_000, 0)
        link.run(Gather.TOTAL)
        assert link.figures(2) == (0, 0, 5_000_000_123)


def test_kernels_are_the_same_objects(tmp_path, monkeypatch):
    folder = write_tiny_model(tmp_path, "mps2_an386")
    (folder / "model" / "er_kernel.c").write_text(
        "int er_kernel(void);\nint er_kernel(void) { return 3; }\n"
    )
    linked = []

    def link(elf, objects, *rest):
        linked.append(set(objects))
        return original(elf, objects, *rest)

    original = build_module._link
    monkeypatch.setattr(build_module, "_link", link)
    build(folder)
    build(folder, profile=True)
    shared = {path.name for path in linked[0] & linked[1]}
    assert "er_kernel.o" in shared and "model.o" not in shared and "link.o" not in shared
