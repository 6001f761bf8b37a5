"""The board `host`: the exported C as a library of this machine, called in process."""

from __future__ import annotations

import ctypes
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_runtime.device.build import compile_folder, read_board
from edge_runtime.device.toolchain import find_toolchain
from edge_runtime.errors import BoardError, DataError, ToolchainError
from edge_runtime.graph import Array

if sys.platform != "win32":
    from _ctypes import dlclose


def build_host(directory: Path, *, optimize: str = "speed") -> Path:
    """Compile the exported folder `directory` into its build/model.so, by zig; the path of that.

    BoardError: the folder is for a microcontroller. ToolchainError, DataError: as for firmware.
    """
    board = read_board(directory)
    if not board.is_host:
        raise BoardError(f"{directory} is for {board.name}", hint="export it for the board host")
    toolchain = find_toolchain("zig")
    objects = compile_folder(directory, toolchain, toolchain.compile_flags(board, optimize))
    folder = directory / "build"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as temporary:
        library = Path(temporary) / "model.so"
        arguments = [*toolchain.link_flags(board, None), *map(str, objects), "-o", str(library)]
        toolchain.run(arguments, what="link the library")
        return library.replace(folder / library.name)


class HostModel:
    """A model in this process, with arena and state of its own; not for use by several threads."""

    def __init__(self, library: Path) -> None:
        """Load `library`, made by build_host; ToolchainError where it is none.

        A library is loaded once by its file; a private copy gives private variables.
        """
        with tempfile.TemporaryDirectory() as folder:
            try:
                self._model = ctypes.CDLL(shutil.copy(library, folder))
                self._declare()
            except (OSError, AttributeError) as error:
                raise ToolchainError(f"cannot load {library}: {error}") from error
        self._model.model_reset()
        self.input_bytes = tuple(map(self._model.model_input_bytes, range(self._count("inputs"))))
        self.output_bytes = tuple(
            map(self._model.model_output_bytes, range(self._count("outputs")))
        )

    @property
    def name(self) -> str:
        """The model's name."""
        return bytes(self._model.model_name()).decode(errors="replace")

    def reset(self) -> None:
        """Clear the model's state."""
        self._model.model_reset()

    def run(self, inputs: Sequence[bytes], calls: int = 1) -> list[bytes]:
        """One inference: the bytes of every output. DataError: a wrong number or size of inputs.

        Where the model takes its input by rows, `calls` is how many there are.
        """
        given = [np.frombuffer(data, np.uint8) for data in inputs]
        return [made.tobytes() for made in self.run_samples(given, 1, calls)]

    def run_samples(self, inputs: Sequence[Array], samples: int, calls: int = 1) -> list[Array]:
        """So many inferences, one after the other, without Python between them.

        Each of `inputs` holds the samples of an input one behind the other, contiguous and as they
        are stored; the outputs are given likewise, as bytes (samples, bytes of one). State goes on
        from each to the next. DataError and `calls` are as for `run`.
        """
        wanted = tuple(size * samples * calls for size in self.input_bytes)
        if tuple(array.nbytes for array in inputs) != wanted:
            sizes = tuple(array.nbytes // (samples * calls or 1) for array in inputs)
            raise DataError(f"inputs of {sizes} bytes; the model takes {self.input_bytes}")
        made = [np.empty((samples, size), np.uint8) for size in self.output_bytes]
        self._model.host_run(_pointers(inputs), _pointers(made), samples, calls)
        return made

    def close(self) -> None:
        """Unload the library: nothing can be called afterwards."""
        handle = self._model._handle
        del self._model
        if sys.platform != "win32":
            dlclose(handle)

    def _count(self, side: str) -> int:
        return int(getattr(self._model, f"host_{side}")())

    def _declare(self) -> None:
        unsigned, pointer = ctypes.c_uint32, ctypes.c_void_p
        results = {
            **{"model_reset": None, "model_invoke": None},
            **{"model_input": pointer, "model_output": pointer, "model_name": ctypes.c_char_p},
            **{"model_input_bytes": unsigned, "model_output_bytes": unsigned},
            **{"host_inputs": unsigned, "host_outputs": unsigned, "host_run": None},
        }
        for name, result in results.items():
            function = getattr(self._model, name)
            function.restype = result
            takes_index = name.startswith(("model_input", "model_output"))
            function.argtypes = [unsigned] if takes_index else []
        arrays = ctypes.POINTER(pointer)
        self._model.host_run.argtypes = [arrays, arrays, ctypes.c_uint64, unsigned]


def _pointers(arrays: Sequence[Array]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
