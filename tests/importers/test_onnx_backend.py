"""The backend test suite of the onnx package, through the importer, the reference and C."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime import api
from edge_runtime.cases import Cases
from edge_runtime.graph import Array, Graph, Node
from edge_runtime.onnx_coverage import Case, Imported, Outcome, cases, difference, judge, take

PAGE = Path(__file__).parents[2] / "docs" / "onnx-coverage.md"
TOGETHER = 24
"""Cases that are compiled as one model."""


@pytest.fixture(scope="module")
def suite() -> list[Case]:
    return list(cases())


@pytest.fixture(scope="module")
def outcomes(suite: list[Case], tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    folder = tmp_path_factory.mktemp("cases")
    return [judge(case, folder) for case in suite]


def test_every_case_passes_or_is_refused(outcomes: list[Outcome]) -> None:
    assert [outcome for outcome in outcomes if outcome.failed] == []


def test_the_page_claims_no_more(outcomes: list[Outcome]) -> None:
    """Operations pass as many cases as docs/onnx-coverage.md says, or more."""
    claimed = dict(re.findall(r"^\| (\S+) \| (\d+) \| [\d–]+ \| ", PAGE.read_text(), re.MULTILINE))
    assert len(claimed) > 100
    passed = dict.fromkeys(claimed, 0)
    for outcome in outcomes:
        if outcome.passed and outcome.operation in passed:
            passed[outcome.operation] += 1
    assert {name for name, count in claimed.items() if passed[name] < int(count)} == set()


def test_every_refusal_has_a_reason_of_a_sentence(outcomes: list[Outcome]) -> None:
    vague = [o for o in outcomes if o.refused and ("damaged" in o.refused or "Error" in o.refused)]
    assert vague == []


def _one_of_each(
    suite: list[Case], outcomes: list[Outcome], folder: Path
) -> Iterator[tuple[Case, Imported]]:
    """The first case of each operation that passes and leaves something to compute.

    Inputs that are not finite are no data that `emulate` takes.
    """
    seen = set()
    for case, outcome in zip(suite, outcomes, strict=True):
        if case.operation in seen or not outcome.passed:
            continue
        found = take(case, folder)
        if not isinstance(found, Imported) or not found.graph.inputs:
            continue
        if all(np.isfinite(array).all() for array in found.inputs.values()):
            seen.add(case.operation)
            yield case, found


def _together(parts: Sequence[Imported]) -> tuple[Graph, dict[str, Array]]:
    """All graphs side by side as one, with every name behind the number of its graph."""
    tensors, nodes, inputs, outputs, arrays = [], [], [], [], {}
    for index, part in enumerate(parts):

        def named(name: str, index: int = index) -> str:
            return f"{index}.{name}"

        graph = part.graph
        tensors += [replace(t, name=named(t.name)) for t in graph.tensors.values()]
        nodes += [
            Node(
                named(node.name),
                node.op,
                tuple(map(named, node.inputs)),
                named(node.output),
                tuple(map(named, node.also)),
            )
            for node in graph.nodes
        ]
        inputs += map(named, graph.inputs)
        outputs += map(named, graph.outputs)
        arrays.update({named(name): array[None] for name, array in part.inputs.items()})
    return Graph.build("cases", tensors, nodes, inputs, outputs), arrays


def test_c_on_the_host_gives_the_same(
    suite: list[Case], outcomes: list[Outcome], tmp_path: Path
) -> None:
    chosen = list(_one_of_each(suite, outcomes, tmp_path))
    assert len(chosen) > 100
    for start in range(0, len(chosen), TOGETHER):
        group = chosen[start : start + TOGETHER]
        graph, arrays = _together([part for _, part in group])
        exported = api.export(graph, "host", tmp_path / f"firmware{start}")
        tensors = [graph.tensors[name] for name in graph.inputs]
        emulated = api.emulate(exported.folder, Cases.of(tensors, arrays, streaming=False))
        made = dict(zip(graph.outputs, emulated.outputs.values(), strict=True))
        for index, (case, part) in enumerate(group):
            values = {name: made[f"{index}.{name}"][0] for name in part.graph.outputs}
            assert difference(part.graph, values, case.outputs) == "", case.name
