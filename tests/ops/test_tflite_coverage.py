"""The page of TFLite operators says what is so."""

from __future__ import annotations

import pytest
from tflite_coverage import FORMS, PAGE, SAMPLES, WHY, measured, unexplained

from edge_runtime.importers.tflite.convert import OPERATORS


def test_every_form_compares_as_the_page_says() -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro is not installed")
    table = measured()
    assert unexplained(table) == []
    assert {form for row in table.values() for form in row} == set(FORMS)
    written = PAGE.read_text()
    for name, row in table.items():
        (line,) = (line for line in written.splitlines() if line.startswith(f"| {name} |"))
        cells = [cell.strip() for cell in line.split("|")[2:-1]]
        assert [cell == "–" for cell in cells] == [form not in row for form in FORMS], name


def test_every_operator_that_is_read_is_on_the_page() -> None:
    words = set(PAGE.read_text().replace(",", " ").replace(".", " ").split())
    assert OPERATORS.keys() <= words
    assert SAMPLES.keys() <= OPERATORS.keys()
    assert {name for name, _ in WHY} <= SAMPLES.keys()
