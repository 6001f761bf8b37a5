"""TensorFlow Lite Micro as an oracle, in a process of its own.

A model that it does not like can end the process; then the test fails, and not the whole run.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
ARENA_BYTES = 4 << 20


class Tflm:
    """Runs models in one worker, started when first needed and again after it has died."""

    SCRIPT = __file__

    def __init__(self) -> None:
        self._worker: subprocess.Popen[bytes] | None = None

    def run(
        self, model: bytes, cases: Sequence[Sequence[Values]], outputs: int = 1
    ) -> list[list[Values]]:
        """The outputs of each case, for inputs of each case; AssertionError where it refuses."""
        if self._worker is None or self._worker.poll() is not None:
            self._worker = subprocess.Popen(
                [sys.executable, self.SCRIPT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        _send(self._worker.stdin, (model, [list(case) for case in cases], outputs))
        reply = _receive(self._worker.stdout)
        assert isinstance(reply, list), reply or f"it died with code {self._worker.wait()}"
        return reply

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.communicate()


def _send(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value)
    pipe.write(struct.pack("<I", len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(4)
    return pickle.loads(pipe.read(struct.unpack("<I", head)[0])) if len(head) == 4 else None


def serve(run: Callable[[bytes, list[list[Values]], int], list[list[Values]]]) -> None:
    """The worker: answers models and cases by what `run` makes of them, until there are no more."""
    # What a runtime prints must not come between the replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (job := _receive(sys.stdin.buffer)) is not None:
        try:
            _send(replies, run(*job))
        except (RuntimeError, ValueError) as error:
            _send(replies, f"refused: {error}")


def _run_all(model: bytes, cases: list[list[Values]], outputs: int) -> list[list[Values]]:
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=ARENA_BYTES)
    return [_run(interpreter, case, outputs) for case in cases]


def _run(interpreter: Any, case: list[Values], outputs: int) -> list[Values]:
    for index, value in enumerate(case):
        interpreter.set_input(value, index)
    interpreter.invoke()
    return [np.array(interpreter.get_output(index)) for index in range(outputs)]


if __name__ == "__main__":
    serve(_run_all)
