"""ONNX's shape inference in a process of its own: malformed models end its process, or hang it."""

from __future__ import annotations

import atexit
import os
import struct
import subprocess
import sys
import threading
from typing import IO, Any

import onnx
import onnx.shape_inference

_HEAD = struct.Struct("<?I")
"""Whether it was done, and how many bytes follow: the model, or what is wrong with it."""


SECONDS = 30.0
"""What a model may take; the largest that fit a board take a fraction of a second."""


class InferenceError(Exception):
    """The shapes of a model cannot be inferred."""


class _Worker:
    """A process that infers, started when it is first needed and again where it has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def infer(self, model: bytes) -> bytes:
        """The model with all shapes that were found; InferenceError where there are none."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        guard = threading.Timer(SECONDS, process.kill)
        guard.start()
        try:
            _send(process.stdin, True, model)
            reply = _receive(process.stdout)
        except BrokenPipeError:
            reply = None
        finally:
            in_time = guard.is_alive()
            guard.cancel()
        if reply is None:
            self.close()
            told = "ended its process" if in_time else f"took more than {SECONDS:g} seconds"
            raise InferenceError(f"ONNX's shape inference {told}")
        done, content = reply
        if not done:
            raise InferenceError(content.decode("utf-8", "replace"))
        return content

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._owner != os.getpid():
            # -P: the modules beside this file are no packages of the worker's.
            command = [sys.executable, "-P", __file__]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
            )
            self._owner = os.getpid()
        return self._process

    def close(self) -> None:
        """End the process, if it is this one's."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.communicate()
        self._process = None


_WORKER = _Worker()
atexit.register(_WORKER.close)


def infer_shapes(model: Any) -> Any:
    """A copy of a ModelProto with the shapes that follow; InferenceError where none can be had."""
    return onnx.ModelProto.FromString(_WORKER.infer(model.SerializeToString()))


def _send(pipe: IO[bytes], done: bool, content: bytes) -> None:
    pipe.write(_HEAD.pack(done, len(content)) + content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[bool, bytes] | None:
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    done, size = _HEAD.unpack(head)
    content = pipe.read(size)
    return (done, content) if len(content) == size else None


def _serve() -> None:
    """The worker: infers until there are no more models."""
    while (job := _receive(sys.stdin.buffer)) is not None:
        try:
            inferred = onnx.shape_inference.infer_shapes(onnx.ModelProto.FromString(job[1]))
            _send(sys.stdout.buffer, True, inferred.SerializeToString())
        except Exception as error:  # The checks of every operation, and of the model around it.
            _send(sys.stdout.buffer, False, str(error).encode())


if __name__ == "__main__":
    _serve()
