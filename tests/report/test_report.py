from __future__ import annotations

import dataclasses
import io
import itertools
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builder import SOFTMAX, Builder
from rich.console import Console

from edge_runtime.graph import DType
from edge_runtime.graph.names import shorten
from edge_runtime.kernels import choose
from edge_runtime.memory import plan
from edge_runtime.ops import Softmax
from edge_runtime.report import Accuracy, Budget, Candidate, Layer, ReportData, Search
from edge_runtime.report.arena import draw_arena
from edge_runtime.report.page import render, write_report
from edge_runtime.report.pareto import front
from edge_runtime.report.tables import print_report
from edge_runtime.report.text import amount, ticks


def report_data() -> ReportData:
    builder = Builder()
    image = builder.input(1, 12, 12, 3)
    wide = builder.conv(image, 8)
    deep = builder.depthwise(wide)
    more = builder.conv(deep, 8)
    pooled = builder.conv(builder.add(more, deep), 4, (12, 12))
    result = builder.node(Softmax(), [pooled], SOFTMAX, DType.INT8)
    graph = builder.graph(result)
    choices = choose(graph, ["dsp", "ref"])
    layers = tuple(
        Layer(
            node.name,
            node.op.NAME,
            graph.node_output(node).shape,
            choices[node.name].kernel.name,
            choices[node.name].reason,
            graph.macs(node),
            1_234_000 + index,
            2_345_000 + index,
        )
        for index, node in enumerate(graph.nodes)
    )
    return ReportData(
        model="watch <b>&",
        board="NUCLEO-L552ZE-Q, Cortex-M33 at 110 MHz",
        arithmetic="int8",
        command='edge-runtime export "a.tflite" --board nucleo_l552ze_q',
        versions=(("edge-runtime", "0.1.0"), ("zig", "0.15.1")),
        budgets=(
            Budget("RAM", 2000, 1500, "bytes"),
            Budget("flash", 20_480, 131_072, "bytes"),
            Budget("estimated time", 12.34, 20, "ms", "at 110 MHz"),
            Budget("stack", 400, None, "bytes"),
        ),
        plan=plan(graph, choices),
        layers=layers,
        inputs=graph.inputs,
        outputs=graph.outputs,
        accuracy=Accuracy("test people", 0.9012, 0.8954, 1024, 1.0, 50),
        search=Search(
            (
                Candidate("slow", 18, 0.92, 9000, 40_000, chosen=True),
                Candidate("fast", 4, 0.81, 5000, 20_000),
                Candidate("worse", 19, 0.85, 9000, 50_000),
            ),
            20.0,
        ),
    )


@pytest.fixture(scope="module")
def data() -> ReportData:
    return report_data()


class Page(HTMLParser):
    """Checks that tags nest, and collects them with the text."""

    VOID = ("meta", "rect", "circle", "line", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_the_page_is_one_file_that_needs_nothing_else(data: ReportData) -> None:
    page = Page(render(data))
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"src", "href", "srcset", "onclick"} & set(attributes)
    assert not re.search(r"https?:|url\(|@import", render(data))


def test_names_are_shown_as_they_are(data: ReportData) -> None:
    assert "watch <b>& NUCLEO-L552ZE-Q" in Page(render(data)).text
    assert "Arithmetic: int8." in Page(render(data)).text
    layers = (dataclasses.replace(data.layers[0], name="<i>&", reason="1 < 2"), *data.layers[1:])
    assert "<i>" not in render(dataclasses.replace(data, layers=layers))


def test_every_figure_is_there(data: ReportData) -> None:
    words = Page(render(data)).text
    for layer in data.layers:
        assert f"{layer.instructions:,}" in words
        assert f"{layer.estimated_cycles:,}" in words
        assert f"{layer.macs:,}" in words
        assert layer.kernel in words
        assert layer.reason in words
    assert "2,000 bytes of 1,500 bytes, over by 500 bytes" in words
    assert "20,480 bytes of 131,072 bytes, 15.6 %" in words
    assert "12.3 ms of 20.0 ms, 61.7 %" in words
    assert "400 bytes, no limit" in words
    assert "90.12 %" in words
    assert "89.54 %" in words
    assert f"The arena takes {data.plan.arena_bytes:,} bytes" in words
    assert "that is proved" in words
    assert f"{data.plan.peak.bytes:,} bytes alive at step {data.plan.peak.step}" in words


def test_what_was_not_taken_is_a_dash_and_never_zero(data: ReportData) -> None:
    bare = tuple(
        dataclasses.replace(layer, instructions=None, estimated_cycles=None)
        for layer in data.layers
    )
    less = dataclasses.replace(data, layers=bare, accuracy=None, search=None)
    page = Page(render(less))
    table = page.text.split("per MAC estimated cycles")[1]
    rows = re.split(r" \d+ (?=[A-Z_0-9]+ node)", table)[1:]
    assert [row.split()[0] for row in rows] == [layer.op for layer in bare]
    assert all(row.split()[-3:] == ["–"] * 3 for row in rows)
    assert "Accuracy" not in page.text
    assert "Pareto" not in page.text
    assert "measured cycles" not in page.text.lower()


def test_measured_cycles_have_a_column_of_their_own(data: ReportData) -> None:
    assert "measured cycles" not in Page(render(data)).text
    layers = (dataclasses.replace(data.layers[0], measured_cycles=777_777), *data.layers[1:])
    words = Page(render(dataclasses.replace(data, layers=layers))).text
    assert "measured cycles" in words
    assert "777,777" in words
    assert f"{layers[0].estimated_cycles:,}" in words


def test_a_plan_that_is_not_proved_says_so(data: ReportData) -> None:
    loose = dataclasses.replace(data.plan, optimal=False, lower_bound=1_111)
    words = Page(render(dataclasses.replace(data, plan=loose))).text
    assert "smallest found; no plan takes less than 1,111 bytes" in words
    assert "proved" not in words


def test_tables_and_pictures_can_be_read_aloud(data: ReportData) -> None:
    page = Page(render(data))
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all("aria-hidden" in a or a.get("role") == "img" for a in pictures)
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert ("html", {"lang": "en"}) in page.tags
    names = {a["aria-labelledby"] for tag, a in page.tags if tag == "section"}
    assert names == {a["id"] for tag, a in page.tags if tag == "h2"}
    assert "prefers-color-scheme: dark" in render(data)


def rectangles(svg: str) -> list[tuple[str, tuple[float, float, float, float]]]:
    found = []
    for rect in ElementTree.fromstring(svg).iter("rect"):
        x, y, width, height = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        if rect.attrib["class"].startswith("box"):
            found.append((rect.findtext("title") or "", (x, y, x + width, y + height)))
    return found


def test_the_arena_shows_each_tensor_and_no_two_over_each_other(data: ReportData) -> None:
    boxes = rectangles(draw_arena(data))
    places = data.plan.placements
    assert len(boxes) == len(places) + len(data.plan.scratch)
    assert data.plan.aliases, "something is overwritten, or this shows little"
    for (_, one), (_, two) in itertools.combinations(boxes, 2):
        across = min(one[2], two[2]) - max(one[0], two[0])
        along = min(one[3], two[3]) - max(one[1], two[1])
        assert across < 0.05 or along < 3.1, (one, two)
    tallest = max(places, key=lambda name: places[name].bytes)
    box = next(box for tip, box in boxes if tip.startswith(f"{tallest}\n"))
    assert box[3] - box[1] == pytest.approx(
        300 * places[tallest].bytes / data.plan.arena_bytes, abs=0.1
    )


def test_the_front(data: ReportData) -> None:
    assert data.search is not None
    assert [one.name for one in front(data.search.candidates)] == ["fast", "slow"]


def test_writing_leaves_one_file(data: ReportData, tmp_path: Path) -> None:
    write_report(data, tmp_path / "report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render(data)


def printed(data: ReportData, width: int) -> str:
    stream = io.StringIO()
    print_report(data, Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 200])
def test_the_terminal_cuts_no_figure(data: ReportData, width: int) -> None:
    text = printed(data, width)
    assert max(map(len, text.splitlines())) <= width
    assert "Arithmetic: int8." in text
    for layer in data.layers:
        for word in (layer.op, layer.kernel, f"{layer.macs:,}", f"{layer.instructions:,}"):
            assert word in text
        assert f"{layer.estimated_cycles:,}" in text
    assert f"{sum(layer.macs for layer in data.layers):,}" in text
    assert f"{sum(layer.instructions or 0 for layer in data.layers):,}" in text
    assert "133.3 % over" in text
    assert "proved minimal" in text
    assert all(layer.reason in text for layer in data.layers)


def test_the_terminal_has_no_total_of_unknown_figures(data: ReportData) -> None:
    bare = (dataclasses.replace(data.layers[0], instructions=None), *data.layers[1:])
    text = printed(dataclasses.replace(data, layers=bare), 100)
    totals = next(line for line in text.splitlines() if line.strip().startswith("total"))
    assert totals.split()[2] == "–"
    assert f"{sum(layer.estimated_cycles or 0 for layer in bare):,}" in totals


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1234, "bytes", "1,234 bytes"),
        (0.0123, "ms", "0.012 ms"),
        (1.2345, "ms", "1.23 ms"),
        (123.45, "ms", "123 ms"),
        (0, "ms", "0 ms"),
    ],
)
def test_amounts(value: float, unit: str, words: str) -> None:
    assert amount(value, unit) == words


def test_ticks_and_names() -> None:
    assert ticks(0, 8852) == [0, 2000, 4000, 6000, 8000]
    assert ticks(0.71, 0.93, 5) == pytest.approx([0.75, 0.8, 0.85, 0.9])
    assert ticks(3, 3) == [3]
    assert shorten("model/conv1", 20) == "model/conv1"
    assert shorten("model/block/conv1", 8) == "…k/conv1"
