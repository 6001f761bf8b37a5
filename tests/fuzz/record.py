"""The record of a run, and the page that it becomes."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from trial import Trial


@dataclass
class Record:
    """What a run has seen so far."""

    first: int
    commit: str
    originals: Mapping[str, int]
    began: float = field(default_factory=time.monotonic)
    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    slowest: tuple[float, int, str] = (0.0, 0, "")
    largest: tuple[int, int, str] = (0, 0, "")

    @staticmethod
    def begun(first: int, originals: Mapping[str, bytes]) -> Record:
        """The record of a run that begins now."""
        kinds = Counter(f"{name.split('/')[0]} {name[name.rindex('.') :]}" for name in originals)
        return Record(first, _commit(), kinds)

    def take(self, seed: int, name: str, trial: Trial) -> None:
        """Count one input."""
        self.inputs += 1
        self.formats[name[name.rindex(".") :]] += 1
        self.outcomes[trial.outcome] += 1
        self.slowest = max(self.slowest, (trial.seconds, seed, name))
        self.largest = max(self.largest, (trial.bytes, seed, name))
        if trial.finding:
            self.findings.append(f"{seed}, {name}: {trial.finding}")

    def line(self) -> str:
        """How far it has come."""
        pace = self.inputs / (time.monotonic() - self.began)
        return (
            f"{self.inputs} inputs, {pace:.0f} a second, {len(self.findings)} findings, slowest"
            f" {self.slowest[0]:.2f} s, largest {self.largest[0] >> 20} MB"
        )


def _commit() -> str:
    changed = _git("status", "--porcelain", "-uno")
    return _git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def write(record: Record, path: Path) -> None:
    """Write the page."""
    path.write_text(_page(record), encoding="utf-8")


def _page(record: Record) -> str:
    damaged = {k: n for k, n in record.outcomes.items() if k.startswith("damaged")}
    told = Counter({k: n for k, n in record.outcomes.items() if k not in damaged})
    told["refused as damaged or cut off"] = sum(damaged.values())
    seconds, slow, slow_name = record.slowest
    size, big, big_name = record.largest
    minutes = (time.monotonic() - record.began) / 60
    findings = [f"- seed {finding}" for finding in record.findings] or ["Nothing."]
    if record.findings:
        findings += ["", "Seeds that found something are kept in tests/fuzz/test_found.py."]
    return "\n".join(
        [
            "# Fuzzing",
            "",
            "`make fuzz` changes real and small model files and compiles each as far as the C",
            "compiler: import, verification, passes, choice of kernels, memory plan",
            f"({BOARD_NAME}). Bytes are flipped, overwritten, cut, moved and mixed between files;",
            "fields are changed with the file still decodable: shapes, types, scales, indices,",
            "edges, options, order. A seed makes one input; each is tried in a worker with limits:",
            "10 s of processor time, 2 GB of memory. Anything but a compiled model or an",
            "`EdgeRuntimeError` with a message is a finding. Written by `tests/fuzz/fuzz.py`.",
            "",
            f"- {record.inputs:,} inputs ({_counts(record.formats)}), seeds {record.first} to"
            f" {record.first + record.inputs - 1}",
            f"- {time.strftime('%Y-%m-%d', time.gmtime())}, commit {record.commit}, {minutes:.0f}"
            f" minutes in one process; {_machine()}",
            f"- originals: {_counts(record.originals)}",
            f"- longest: {seconds:.2f} s of processor time (seed {slow}, {slow_name})",
            f"- largest: {size >> 20} MB of memory in the worker, of which the interpreter and the"
            f" originals take most (seed {big}, {big_name})",
            "",
            "## Outcomes",
            "",
            "| outcome | inputs |",
            "|---|---:|",
            *(f"| {outcome} | {count:,} |" for outcome, count in told.most_common()),
            "",
            "## Findings of this run",
            "",
            *findings,
            "",
            "## Where damage shows",
            "",
            'Exceptions of the decoders that the importer turns into "damaged or cut off":',
            "",
            "| exception, and the innermost function of ours | inputs |",
            "|---|---:|",
            *(
                f"| {outcome.removeprefix('damaged: ')} | {count:,} |"
                for outcome, count in Counter(damaged).most_common()
            ),
            "",
        ]
    )


BOARD_NAME = "nucleo_l4r5zi"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


def _machine() -> str:
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, onnx {onnx.__version__}"
    )
    return f"{platform.machine()} with {os.cpu_count()} cores, {versions}"
