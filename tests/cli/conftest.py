"""Running the command line in process."""

from __future__ import annotations

import pytest
from command import Outcome, Run

from edge_runtime import cli


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call `edge-runtime ARGUMENTS`; an exception that escapes fails the test."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["edge-runtime", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call
