"""The board `host`: the exported C as a library of this machine, called in process."""

from __future__ import annotations

import ctypes
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.device.build import compile_folder, read_board
from edge_runtime.device.toolchain import find_toolchain
from edge_runtime.errors import BoardError, DataError, ToolchainError


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
        sizes = tuple(len(data) // calls for data in inputs)
        if sizes != self.input_bytes:
            raise DataError(f"inputs of {sizes} bytes; the model takes {self.input_bytes}")
        for call in range(calls):
            for index, (data, size) in enumerate(zip(inputs, sizes, strict=True)):
                part = data[call * size : (call + 1) * size]
                ctypes.memmove(self._model.model_input(index), part, size)
            self._model.model_invoke()
        return [
            ctypes.string_at(self._model.model_output(index), size)
            for index, size in enumerate(self.output_bytes)
        ]

    def _count(self, side: str) -> int:
        return int(getattr(self._model, f"host_{side}")())

    def _declare(self) -> None:
        unsigned, pointer = ctypes.c_uint32, ctypes.c_void_p
        results = {
            **{"model_reset": None, "model_invoke": None},
            **{"model_input": pointer, "model_output": pointer, "model_name": ctypes.c_char_p},
            **{"model_input_bytes": unsigned, "model_output_bytes": unsigned},
            **{"host_inputs": unsigned, "host_outputs": unsigned},
        }
        for name, result in results.items():
            function = getattr(self._model, name)
            function.restype = result
            takes_index = name.startswith(("model_input", "model_output"))
            function.argtypes = [unsigned] if takes_index else []
