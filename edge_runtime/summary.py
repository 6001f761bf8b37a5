"""What is known of an exported model, gathered for a report."""

from __future__ import annotations

from dataclasses import dataclass

import edge_runtime
from edge_runtime.boards import Board, load_board
from edge_runtime.device.build import Build
from edge_runtime.export.manifest import Manifest
from edge_runtime.measurement import Measurement
from edge_runtime.report.model import Accuracy, Budget, ReportData, Search


@dataclass(frozen=True)
class Limits:
    """The most that may be used: of RAM and flash in bytes, of time in milliseconds."""

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    latency_ms: float | None = None

    @staticmethod
    def of_board(board: Board) -> Limits:
        """What the board has, where no budget was given."""
        return Limits() if board.is_host else Limits(board.ram_bytes, board.flash.size)


def summarize(
    manifest: Manifest,
    built: Build | None,
    measurement: Measurement,
    *,
    limits: Limits | None = None,
    accuracy: Accuracy | None = None,
    search: Search | None = None,
) -> ReportData:
    """A report's data; `limits` are the board's own where none are given."""
    board = load_board(manifest.board)
    limits = limits or Limits.of_board(board)
    clock = "" if measurement.clock_hz is None else f" at {measurement.clock_hz / 1e6:g} MHz"
    versions = [("edge-runtime", edge_runtime.__version__), ("compiler", measurement.compiler)]
    return ReportData(
        model=manifest.model,
        board=f"{board.title}, {board.core}{clock}",
        arithmetic=manifest.type,
        command=manifest.command,
        versions=tuple(versions),
        budgets=tuple(_budgets(manifest, built, measurement, limits)),
        plan=manifest.plan,
        layers=tuple(layer for layer in measurement.layers if layer.kernel != "none"),
        inputs=tuple(port.name for port in manifest.inputs),
        outputs=tuple(port.name for port in manifest.outputs),
        accuracy=accuracy,
        search=search,
    )


def _budgets(
    manifest: Manifest, built: Build | None, measurement: Measurement, limits: Limits
) -> list[Budget]:
    plan = manifest.plan
    proved = "proved minimal" if plan.optimal else f"at least {plan.lower_bound:,} are needed"
    found = [Budget("RAM", manifest.ram_bytes, limits.ram_bytes, "bytes", f"arena {proved}")]
    if built is not None:
        note = f"weights and biases {manifest.weights_bytes:,}"
        found.append(Budget("flash", built.flash_bytes, limits.flash_bytes, "bytes", note))
    if measurement.stack_bytes is not None:
        found.append(Budget("stack", measurement.stack_bytes, None, "bytes", "high-water mark"))
    if measurement.estimated_ms is not None:
        note = f"{measurement.estimated_cycles:,} estimated cycles, no wait states"
        budget = Budget("estimated time", measurement.estimated_ms, limits.latency_ms, "ms", note)
        found.append(budget)
    if (waiting := measurement.estimated_ms_with_waits) is not None:
        note = f"{measurement.estimated_cycles_with_waits:,} estimated cycles with fitted waits"
        found.append(Budget("estimated with waits", waiting, None, "ms", note))
    return found
