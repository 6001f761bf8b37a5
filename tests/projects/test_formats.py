"""Which files each format writes, and what is said of those that cannot be."""

from __future__ import annotations

import pytest

from edge_runtime import api
from edge_runtime.boards import board_names, load_board
from edge_runtime.errors import BoardError, DataError
from edge_runtime.export.firmware import Origin, compile_graph, generate
from edge_runtime.export.project import ENTRIES, FORMATS

ALWAYS = {"firmware.json", "model", "board", "sources.txt", "build"}


def entries(folder):
    return {path.name for path in folder.iterdir()}


def test_a_format_gives_way_to_another(graph, tmp_path):
    folder = tmp_path / "firmware"
    expected = {
        "plain": set(),
        "cmake": {"CMakeLists.txt", "cmake", "example"},
        "platformio": {"platformio.ini", "platformio_core.py", "example"},
        "arduino": {"library.properties", "src", "examples"},
    }
    assert set(expected) == set(FORMATS)
    for form in (*FORMATS, "plain"):
        api.export(graph, "nucleo_l4r5zi", folder, form=form)
        assert entries(folder) == ALWAYS | expected[form]
        assert expected[form] <= set(ENTRIES)
    (folder / "notes.txt").touch()
    assert api.export(graph, "nucleo_l4r5zi", folder).files  # plain, where nothing is said
    assert entries(folder) == ALWAYS | {"notes.txt"}


def test_sources_are_listed(graph, tmp_path):
    api.export(graph, "rpi_pico", tmp_path / "firmware")
    listed = (tmp_path / "firmware" / "sources.txt").read_text().split()
    there = sorted((tmp_path / "firmware" / "model").glob("*.c"))
    assert listed == [f"model/{path.name}" for path in there] and len(listed) >= 4


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", board_names())
def test_every_board_has_every_format_or_says_why_not(graph, name, form):
    board = load_board(name)
    compiled = compile_graph(graph, board)
    if form == "platformio" and board.platformio is None:
        with pytest.raises(BoardError, match=f"PlatformIO has no board for {name}") as caught:
            generate(compiled, board, Origin.of_graph(graph), form)
        assert "cmake" in caught.value.hint
        return
    made = generate(compiled, board, Origin.of_graph(graph), form)
    assert made.files == generate(compiled, board, Origin.of_graph(graph), form).files
    assert not [name for name, text in made.files.items() if str(text).count("{spdx}")]


def test_an_unknown_format(graph, tmp_path):
    with pytest.raises(DataError, match="unknown format 'keil'") as caught:
        api.export(graph, "rpi_pico", tmp_path / "firmware", form="keil")
    assert "plain, cmake, platformio, arduino" in caught.value.hint
    assert not (tmp_path / "firmware").exists()
