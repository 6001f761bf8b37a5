"""Images: what is in them, how large they are, and what a build says when it cannot."""

from __future__ import annotations

import json

import pytest
from elftools.elf.elffile import ELFFile
from tiny_model import BOARDS, SOURCE, STATE_BYTES, write_tiny_model

from edge_runtime.boards import load_board
from edge_runtime.device import toolchain as toolchains
from edge_runtime.device.build import build, uf2_file
from edge_runtime.errors import BoardError, BudgetError, DataError, EdgeRuntimeError, ToolchainError
from edge_runtime.export.board_support import RUNTIME_RAM_BYTES

BOARD = "mps2_an386"


def symbols(elf):
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        return {s.name: s["st_value"] for s in table.iter_symbols()}


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_links(built, compiler, name):
    board = load_board(name)
    if compiler == "gcc" and board.architecture == "riscv":
        with pytest.raises(ToolchainError, match="knows no rv32imc"):
            built(name, compiler)
        return
    result = built(name, compiler)
    assert result.ram_bytes == 16 + STATE_BYTES
    found = symbols(result.elf)
    assert found["__model_ram_end"] - found["__model_ram_start"] == result.ram_bytes
    code = found["__model_code_end"] - found["__model_code_start"]
    assert (code < result.flash_bytes) if name == "esp32c3" else (code == result.flash_bytes)
    assert found["__stack_top"] == board.ram.end
    assert found["__stack_top"] - found["__stack_limit"] == 4096
    assert result.flash_bytes < result.image_flash_bytes < 16_000
    runtime = result.image_ram_bytes - 4096 - result.ram_bytes
    assert 500 < runtime <= RUNTIME_RAM_BYTES  # the link's two buffers
    assert compiler in result.compiler and "-O3" in result.flags


def test_emulators_find_their_symbols(built, compiler):
    found = symbols(built(BOARD, compiler).elf)
    needed = {"model_invoke", "model_layer_0", "model_layer_1", "link_run", "port_getc"}
    assert needed <= set(found)


@pytest.mark.parametrize("name", BOARDS)
def test_flash_starts_with_the_vectors(built, name):
    board, result = load_board(name), built(name)
    image = result.elf.with_suffix(".bin").read_bytes()
    assert len(image) == result.image_flash_bytes
    if board.architecture == "riscv":
        magic = 8 * (name == "esp32c3")
        assert image[:magic] == bytes.fromhex("1d04dbae1d04dbae")[:magic]
        assert symbols(result.elf)["Reset_Handler"] == board.flash.start + magic
        return
    vectors = image[256:] if name == "rpi_pico" else image
    stack, reset = (int.from_bytes(vectors[at : at + 4], "little") for at in (0, 4))
    assert stack == board.ram.end
    assert reset == symbols(result.elf)["Reset_Handler"] and reset & 1


def checksum_of_boot2(code):
    total = 0xFFFFFFFF
    for byte in code:
        total ^= byte << 24
        for _ in range(8):
            total = (total << 1 ^ (0x04C11DB7 if total >> 31 else 0)) & 0xFFFFFFFF
    return total


def test_the_picos_boot_code_has_its_checksum(built, compiler):
    assert checksum_of_boot2(b"123456789") == 0x0376E6E7  # CRC-32/MPEG-2's check value
    image = built("rpi_pico", compiler).elf.with_suffix(".bin").read_bytes()
    assert int.from_bytes(image[252:256], "little") == checksum_of_boot2(image[:252])
    assert (load_board("rpi_pico").flash.start + 256).to_bytes(4, "little") in image[:252]


def test_the_pico_2_finds_its_image_definition(built, compiler):
    """pico-sdk picobin.h: a block within the first 4 KiB; the smallest for a secure Arm image."""
    image = built("rpi_pico2", compiler).elf.with_suffix(".bin").read_bytes()
    at = image.index((0xFFFFDED3).to_bytes(4, "little"))
    assert at % 4 == 0 and at + 20 <= 4096
    words = [int.from_bytes(image[at + i : at + i + 4], "little") for i in range(0, 20, 4)]
    kind, size, image_type = words[1] & 0xFF, words[1] >> 8 & 0xFF, words[1] >> 16
    assert (kind, size) == (0x42, 1)
    executable, secure, arm, rp2350 = 1, 2 << 4, 0 << 8, 1 << 12
    assert image_type == executable | secure | arm | rp2350
    assert words[2] == 0xFF | 1 << 8  # the last item, after one word of items
    assert words[3:] == [0, 0xAB123579]  # a loop of itself alone


def test_a_port_without_a_counter_does_not_link(tmp_path, compiler):
    folder = write_tiny_model(tmp_path, BOARD)
    port = folder / "board" / "port.c"
    port.write_text(port.read_text().replace('#include "cortex_m_cycles.h"\n', ""))
    with pytest.raises(ToolchainError, match="undefined port_cycles"):
        build(folder, compiler=compiler)


def test_the_pico_gets_a_uf2(built):
    elf = built("rpi_pico").elf
    uf2, image = elf.with_suffix(".uf2").read_bytes(), elf.with_suffix(".bin").read_bytes()
    blocks = [uf2[at : at + 512] for at in range(0, len(uf2), 512)]
    assert b"".join(block[32:288] for block in blocks).rstrip(b"\xff") == image.rstrip(b"\xff")
    assert [int.from_bytes(block[12:16], "little") for block in blocks] == [
        0x1000_0000 + 256 * index for index in range(len(blocks))
    ]
    assert uf2_file(b"", 0, 1) == b""


def test_two_builds_give_the_same_image(built, tmp_path):
    first = built(BOARD)
    second = build(write_tiny_model(tmp_path / "elsewhere" / "model", BOARD))
    image = first.elf.with_suffix(".bin").read_bytes()
    assert second.elf.with_suffix(".bin").read_bytes() == image
    assert second.flash_bytes == first.flash_bytes


PLAIN = SOURCE.replace(
    "(int64_t)scaled * 6 / (model_arena[8 + i] == 0 ? 7 : 12)", "(int32_t)scaled"
).replace("model_state[0] % (sizeof table - 1)", "model_state[0] & 7u")


def test_the_runtime_adds_nothing_to_the_model(tmp_path, compiler):
    """Not even helpers of the compiler: on a core with an FPU this model calls none."""
    result = build(write_tiny_model(tmp_path, BOARD, source=PLAIN), compiler=compiler)
    with result.elf.open("rb") as file:
        elf = ELFFile(file)
        index = elf.get_section_index(".model_code")
        table = elf.get_section_by_name(".symtab").iter_symbols()
        names = {symbol.name for symbol in table if symbol["st_shndx"] == index}
    ours = ("model_", "__model_code", "weights", "table", "$", ".L", "switch.table")
    assert {name for name in names if name and not name.startswith(ours)} == set()


def test_optimizing_for_size_keeps_the_symbols(tmp_path, built):
    result = build(write_tiny_model(tmp_path, BOARD), optimize="size")
    assert "model_layer_1" in symbols(result.elf)
    assert result.flash_bytes < built(BOARD).flash_bytes
    with pytest.raises(ToolchainError, match="cannot optimize for 'beauty'"):
        build(tmp_path, optimize="beauty")


def test_a_folder_is_built_for_what_it_was_exported_for(tmp_path):
    folder = write_tiny_model(tmp_path, BOARD)
    manifest = folder / "firmware.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "optimize": "size"}))
    assert "-O3" not in build(folder).flags
    assert "-O3" in build(folder, optimize="speed").flags


def test_ram_fits_to_the_byte(tmp_path, compiler):
    board = load_board("stm32f405")
    small = build(write_tiny_model(tmp_path / "a", board.name, arena=16), compiler=compiler)
    spare = (board.ram.size - small.image_ram_bytes) // 8 * 8
    full = build(write_tiny_model(tmp_path / "b", board.name, arena=16 + spare), compiler=compiler)
    assert full.ram_bytes == 16 + spare + STATE_BYTES
    assert full.image_ram_bytes <= board.ram.size
    with pytest.raises(BudgetError, match=r"lacks [48] bytes of RAM \(it has 131,072") as caught:
        build(write_tiny_model(tmp_path / "c", board.name, arena=24 + spare), compiler=compiler)
    assert "larger board" in caught.value.hint
    assert not list((tmp_path / "c" / "build").iterdir())


def test_flash_overflow(tmp_path, compiler):
    folder = write_tiny_model(tmp_path, "nucleo_l552ze_q", flash=600_000)
    with pytest.raises(BudgetError, match=r"lacks [\d,]+ bytes of FLASH .it has 524,288") as caught:
        build(folder, compiler=compiler)
    assert "optimize for size" in caught.value.hint


def test_a_larger_stack_takes_ram(tmp_path):
    folder = write_tiny_model(tmp_path, "stm32f405", stack=200_001)
    with pytest.raises(BudgetError, match="bytes of RAM"):
        build(folder)
    result = build(write_tiny_model(tmp_path, "stm32f405", stack=8_001))
    found = symbols(result.elf)
    assert found["__stack_top"] - found["__stack_limit"] == 8_008


def test_initialized_variables_are_refused(tmp_path, compiler):
    source = SOURCE.replace("model_state[1];", "model_state[1] = {7};")
    with pytest.raises(ToolchainError, match="initialized variables"):
        build(write_tiny_model(tmp_path, BOARD, source=source), compiler=compiler)


def test_wrong_code_gives_the_compilers_words(tmp_path, compiler):
    folder = write_tiny_model(tmp_path, BOARD)
    before = build(folder, compiler=compiler).elf.read_bytes()
    (folder / "model" / "model.c").write_text(SOURCE.replace("index;", "indx;"))
    with pytest.raises(ToolchainError, match=r"cannot compile model/model\.c\n.*error:"):
        build(folder, compiler=compiler)
    assert (folder / "build" / "firmware.elf").read_bytes() == before
    assert len(list((folder / "build").iterdir())) == 2


def test_a_warning_is_an_error(tmp_path, compiler):
    source = SOURCE.replace("return model_arena;", "int unused; return model_arena;", 1)
    with pytest.raises(ToolchainError, match="unused"):
        build(write_tiny_model(tmp_path, BOARD, source=source), compiler=compiler)


def test_a_missing_compiler(tmp_path, monkeypatch):
    folder = write_tiny_model(tmp_path, BOARD)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="arm-none-eabi-gcc is not on the PATH") as caught:
        build(folder, compiler="gcc")
    assert "zig" in caught.value.hint
    monkeypatch.setattr(toolchains.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolchainError, match="zig is not installed") as caught:
        build(folder)
    assert caught.value.hint == "pip install ziglang"
    with pytest.raises(ToolchainError, match="unknown compiler 'tcc'"):
        build(folder, compiler="tcc")


def test_what_is_no_exported_folder(tmp_path):
    with pytest.raises(DataError, match=r"no readable firmware\.json"):
        build(tmp_path)
    folder = write_tiny_model(tmp_path, BOARD)
    (folder / "model" / "model.c").unlink()
    with pytest.raises(DataError, match=r"no model/model\.c"):
        build(folder)
    (folder / "firmware.json").write_text('{"board": "toaster"}')
    with pytest.raises(BoardError, match="no board 'toaster'"):
        build(folder)


def test_a_second_build_compiles_nothing(tmp_path, monkeypatch):
    folder = write_tiny_model(tmp_path, BOARD)
    build(folder)
    ran = []
    real = toolchains.Toolchain.run
    monkeypatch.setattr(
        toolchains.Toolchain,
        "run",
        lambda self, arguments, *, what: (ran.append(what), real(self, arguments, what=what))[1],
    )
    build(folder)
    assert ran == [f"link the firmware for {BOARD}"]
    header = folder / "model" / "model.h"
    header.write_text(header.read_text() + f"/* {tmp_path} */\n")
    build(folder)
    assert "compile board/link.c" in ran and "compile board/startup.c" not in ran


def test_a_cache_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGE_RUNTIME_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EdgeRuntimeError, match="cannot be written") as caught:
        build(write_tiny_model(tmp_path / "folder", BOARD))
    assert "EDGE_RUNTIME_CACHE" in caught.value.hint
