"""What is known of an exported model, gathered for a report."""

from __future__ import annotations

from dataclasses import dataclass

import edge_runtime
from edge_runtime.boards import Board, load_board
from edge_runtime.device.build import Build
from edge_runtime.errors import BoardError, BudgetError
from edge_runtime.export.manifest import Manifest
from edge_runtime.measurement import Measurement
from edge_runtime.report.model import Accuracy, Budget, ReportData, Search
from edge_runtime.report.text import amount


@dataclass(frozen=True)
class Limits:
    """The most that may be used: of RAM and flash in bytes, of time in milliseconds."""

    ram_bytes: int | None = None
    flash_bytes: int | None = None
    latency_ms: float | None = None

    def on(self, board: Board) -> Limits:
        """The same, and what the board has where no budget was given."""
        if board.is_host:
            return self
        ram, flash = self.ram_bytes or board.ram_bytes, self.flash_bytes or board.flash.size
        return Limits(ram, flash, self.latency_ms)


def summarize(
    manifest: Manifest,
    built: Build | None,
    measurement: Measurement,
    *,
    limits: Limits | None = None,
    accuracy: Accuracy | None = None,
    search: Search | None = None,
) -> ReportData:
    """A report's data; RAM and flash have the board's limits where none are given."""
    board = load_board(manifest.board)
    limits = (limits or Limits()).on(board)
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


_TIME = "estimated time"


def hold_budgets(data: ReportData, limits: Limits) -> None:
    """BudgetError where more is used than may be; BoardError where a time is not known."""
    if limits.latency_ms is not None and all(budget.name != _TIME for budget in data.budgets):
        raise BoardError(
            f"{data.board} has no estimated time to hold to {limits.latency_ms:g} ms",
            hint="edge-runtime boards lists boards; those of Cortex-M0+, M4, M7 and M33 have one",
        )
    for budget in data.budgets:
        if budget.limit is not None and budget.over:
            used, limit = (amount(value, budget.unit) for value in (budget.used, budget.limit))
            raise BudgetError(f"{data.model}: {budget.name} {used}; allowed: {limit}")


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
        budget = Budget(_TIME, measurement.estimated_ms, limits.latency_ms, "ms", note)
        found.append(budget)
    if (waiting := measurement.estimated_ms_with_waits) is not None:
        note = f"{measurement.estimated_cycles_with_waits:,} estimated cycles with fitted waits"
        found.append(Budget("estimated with waits", waiting, None, "ms", note))
    return found
