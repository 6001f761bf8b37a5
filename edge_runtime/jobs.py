"""Whole jobs, made of the API's steps: from data and a budget to measured firmware."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from edge_runtime import api
from edge_runtime.cases import Cases, save_arrays
from edge_runtime.emulation import Emulation
from edge_runtime.errors import BudgetError
from edge_runtime.evaluate import stored
from edge_runtime.export.firmware import Origin
from edge_runtime.export.onnx_agreement import Agreement, onnx_agreement
from edge_runtime.files import write_file
from edge_runtime.measure import EmulatedDevice
from edge_runtime.nas import Budget, BudgetNotMet, Dataset, SearchResult, load
from edge_runtime.nas import search as search_network
from edge_runtime.nas.pipeline import EPOCHS, graph_input
from edge_runtime.progress import StageProgress
from edge_runtime.report import Accuracy, Candidate, ReportData, Search
from edge_runtime.report.page import write_report
from edge_runtime.summary import Limits

EMULATED_WINDOWS = 64
"""Test windows that are run through the emulated image."""


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search wrote into `folder`, and what was measured of it.

    `error` says which limit is missed, and by how much, where the budget could not be met; the
    closest network is then what was written.
    """

    folder: Path
    board: str
    network: SearchResult
    exported: api.Exported
    emulation: Emulation
    onnx: Agreement
    summary: ReportData
    test_windows: int
    latency_source: str
    """What the search took the cycles of networks from."""
    error: BudgetError | None

    def to_json(self) -> str:
        """The object that `search --json` prints, and result.json holds."""
        graph = self.network.int8_graph
        quantization = graph.tensors[graph.inputs[0]].quant
        gain, offset = self.network.normalisation.conversion(quantization)
        return json.dumps(
            {
                "board": self.board,
                **self.network.figures(),
                "budget": dataclasses.asdict(self.network.budget),
                "within_budget": self.error is None,
                "test_windows": self.test_windows,
                "latency_source": self.latency_source,
                "emulated_windows": self.emulation.cases,
                "emulated_exact": self.emulation.exact,
                "emulated_compared": self.emulation.compared,
                "instructions": self.emulation.measurement.instructions,
                "estimated_cycles": self.emulation.measurement.estimated_cycles,
                "stack_bytes": self.emulation.measurement.stack_bytes,
                "onnx_exact": self.onnx.exact,
                "onnx_largest_difference": self.onnx.largest,
                "architecture": dataclasses.asdict(self.network.architecture),
                # int8 input = clip(round(gain * physical + offset)), for each sensor
                "input_gain": gain.tolist(),
                "input_offset": offset.tolist(),
                "candidates": [
                    {
                        "estimated_ms": candidate.estimated_ms,
                        "ram_bytes": candidate.ram_bytes,
                        "accuracy": candidate.accuracy,
                    }
                    for candidate in self.network.candidates
                ],
            }
        )


def search(
    data: Dataset | Path,
    board: str,
    budget: Budget,
    folder: Path,
    *,
    epochs: int | None = None,
    seed: int = 0,
    command: str = "edge_runtime.jobs.search",
    progress: StageProgress,
) -> Searched:
    """Search, train, quantize, export and emulate a network for `data` on `board`.

    Writes model.onnx, model.tflite, firmware/, inputs.npz (the test windows that were emulated, as
    the firmware takes them), result.json and report.html into `folder`; an interrupted call with
    the same arguments resumes from the checkpoints there.
    """
    dataset = data if isinstance(data, Dataset) else load(data)
    error = None
    device = EmulatedDevice(board)
    try:
        network = search_network(
            dataset,
            budget,
            device,
            epochs=EPOCHS if epochs is None else epochs,
            seed=seed,
            out=folder / "checkpoints",
            progress=progress,
        )
    except BudgetNotMet as missed:
        network, error = missed.result, missed
    searched = _write(dataset, device, board, network, folder, command, error, progress)
    write_file(folder / "result.json", searched.to_json() + "\n")
    return searched


def _write(
    data: Dataset,
    device: EmulatedDevice,
    board: str,
    network: SearchResult,
    folder: Path,
    command: str,
    error: BudgetError | None,
    progress: StageProgress,
) -> Searched:
    graph = network.int8_graph
    api.write_model(graph, folder / "model.tflite")
    api.write_model(graph, folder / "model.onnx")
    origin = Origin.of_file(folder / "model.tflite", command)
    exported = api.export(graph, board, folder / "firmware", origin=origin)
    tensor = graph.tensors[graph.inputs[0]]
    windows = graph_input(data.test.windows[_spread(data)], network.normalisation)
    cases = Cases.of([tensor], {"in0": stored(tensor, windows)}, streaming=False)
    save_arrays(folder / "inputs.npz", {"in0": cases.arrays[0][:, 0]})
    emulation = api.emulate(
        exported.folder,
        cases,
        graph=graph,
        progress=lambda done, total: progress("emulate", done, total, ""),
    )
    summary = api.summary(
        exported.folder,
        limits=Limits(*dataclasses.astuple(network.budget)),
        accuracy=_accuracy(data, network, emulation),
        search=_considered(network),
    )
    write_report(summary, folder / "report.html")
    return Searched(
        folder=folder,
        board=board,
        network=network,
        exported=exported,
        emulation=emulation,
        onnx=onnx_agreement(folder / "model.onnx", graph, {tensor.name: cases.arrays[0][:, 0]}),
        summary=summary,
        test_windows=len(data.test),
        latency_source=device.latency_source,
        error=error,
    )


def _accuracy(data: Dataset, network: SearchResult, emulation: Emulation) -> Accuracy:
    compared = emulation.compared or 0
    return Accuracy(
        data=f"{data.name}: all {len(data.test):,} test windows; agreement in output values",
        float_accuracy=network.accuracy_float,
        int8_accuracy=network.accuracy_int8,
        cases=len(data.test),
        agreement=(emulation.exact or 0) / compared if compared else None,
        agreement_cases=emulation.cases,
    )


def _considered(network: SearchResult) -> Search:
    candidates = (
        Candidate(
            name=str(number),
            estimated_ms=candidate.estimated_ms,
            accuracy=candidate.accuracy,
            ram_bytes=candidate.ram_bytes,
            flash_bytes=candidate.architecture.parameters,
            chosen=candidate.architecture == network.architecture,
        )
        for number, candidate in enumerate(network.candidates)
    )
    return Search(tuple(candidates), network.budget.latency_ms)


def _spread(data: Dataset) -> slice:
    """Test windows evenly spread, as neighbours are of one person and exercise."""
    return slice(None, None, max(1, len(data.test) // EMULATED_WINDOWS))
