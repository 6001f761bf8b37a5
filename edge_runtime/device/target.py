"""Emulated boards: one way to run firmware on them, and the profile of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_runtime.boards import Board
from edge_runtime.cycles import Line, Tracer, cycle_model, has_cycle_model, instructions, with_waits
from edge_runtime.device.counter import FIRST_LAYER, OVERHEAD, Counter
from edge_runtime.device.flash_reads import FlashReads
from edge_runtime.device.link import Fault, Identity, Link, NoAnswer
from edge_runtime.device.symbols import load_image
from edge_runtime.errors import BoardError, DataError, EmulationError


@dataclass(frozen=True)
class LayerProfile:
    """What one layer did: instructions counted, and the cycles that the core's model makes of them.

    `index` is the layer's place in the model; -1 is what lies between the layers. There are no
    estimated cycles where the core has no model, and none with waits where the board's waits are
    not known or reads from flash were not counted.
    """

    index: int
    instructions: int
    estimated_cycles: int | None
    estimated_cycles_with_waits: int | None = None


@dataclass(frozen=True)
class Profile:
    """The last inference, layer by layer; `overhead` is model_invoke itself."""

    layers: tuple[LayerProfile, ...]
    overhead: LayerProfile

    @property
    def instructions(self) -> int:
        """Instructions of the whole inference."""
        return sum(part.instructions for part in (*self.layers, self.overhead))

    @property
    def estimated_cycles(self) -> int | None:
        """Estimated cycles of the whole inference; None where the core has no cycle model."""
        return _sum(part.estimated_cycles for part in (*self.layers, self.overhead))

    @property
    def estimated_cycles_with_waits(self) -> int | None:
        """The same with waits; None where they are not known."""
        return _sum(part.estimated_cycles_with_waits for part in (*self.layers, self.overhead))


def _sum(parts: Iterable[int | None]) -> int | None:
    """The sum; None where a part is unknown."""
    total = 0
    for part in parts:
        if part is None:
            return None
        total += part
    return total


class Target(ABC):
    """A board in an emulator, running a firmware image. Use it in a `with` statement.

    Args:
        elf: the image.
        board: the board it was built for.

    Raises:
        EmulationError: the image cannot be read, is not for the board's core, or does not fit.
        BoardError: the board is the host.
    """

    link: Link
    counter: Counter
    reads: FlashReads | None = None
    """What counts reads from flash, if the board waits for them and the emulator can."""

    def __init__(self, elf: Path, board: Board) -> None:
        self.board = board
        self.image = load_image(elf)
        if board.is_host:
            raise BoardError(f"{board.name} is no board to emulate")
        if self.image.architecture != board.architecture:
            raise EmulationError(
                f"{elf} is for {self.image.architecture}, {board.name} is {board.architecture}"
            )
        self._model = cycle_model(board.core) if has_cycle_model(board.core) else None
        self._tracer = Tracer(self.image.read)
        self._identity: Identity | None = None
        self._ran = False
        self._read: FlashReads | None = None

    def identify(self) -> Identity:
        """What the firmware says of itself; asked once."""
        if self._identity is None:
            self._identity = self.link.identify()
        return self._identity

    def reset(self) -> None:
        """Put the model's state back to its start."""
        self.link.reset()

    def run(
        self, inputs: Sequence[bytes], calls: int = 1, *, count_reads: bool = False
    ) -> list[bytes]:
        """One inference: the bytes of every input in, the bytes of every output out.

        Where the model takes its input by rows, `calls` is how many there are. `count_reads` counts
        reads from flash too, which takes about twice as long.

        Raises:
            DataError: the inputs are not those of the model.
            EmulationError: the firmware faulted or hung.
        """
        identity = self.identify()
        sizes = [len(data) // calls for data in inputs]
        if sizes != list(identity.inputs):
            raise DataError(
                f"the inputs have {sizes} bytes, the firmware takes {list(identity.inputs)}"
            )
        self.counter.clear()
        reads = self.reads if count_reads else None
        with reads.counting() if reads else nullcontext():
            for call in range(calls):
                for index, (data, size) in enumerate(zip(inputs, sizes, strict=True)):
                    self.link.write_input(index, data[call * size : (call + 1) * size])
                self._invoke()
        self._ran, self._read = True, reads
        return [self.link.read_output(i, size) for i, size in enumerate(identity.outputs)]

    def stack_bytes(self) -> int:
        """The most stack that the last inference used, in bytes."""
        return self.link.stack_bytes()

    def instructions(self) -> int:
        """Instructions of the last inference."""
        return self.profile().instructions

    def profile(self) -> Profile:
        """The last inference, layer by layer.

        Raises:
            EmulationError: there was none.
        """
        if not self._ran:
            raise EmulationError("there is no profile before the first run")
        layers = range(len(self.image.layers))
        return Profile(
            tuple(self._part(index, FIRST_LAYER + index) for index in layers),
            self._part(-1, OVERHEAD),
        )

    def lines(self, index: int) -> list[Line]:
        """The code that a layer ran in the last inference; of -1, what lies between the layers."""
        bucket = OVERHEAD if index < 0 else FIRST_LAYER + index
        return self._tracer.lines(self.counter.blocks(bucket))

    def _part(self, index: int, bucket: int) -> LayerProfile:
        blocks = self.counter.blocks(bucket)
        count = instructions(blocks, self.image.read, self.image.architecture)
        if self._model is None:
            return LayerProfile(index, count, None)
        cycles = self._model.cycles(self._tracer.lines(blocks))
        if self._read is None or self.board.waits is None:
            return LayerProfile(index, count, cycles)
        waiting = with_waits(self.board.waits, cycles, self._read.of(bucket))
        return LayerProfile(index, count, cycles, waiting)

    def _invoke(self) -> None:
        try:
            self.link.run()
        except Fault as fault:
            registers = fault.registers
            raise EmulationError(
                f"{self.image.where(registers.pc)} took a fault: {registers.reason}"
            ) from fault
        except NoAnswer as error:
            where = self.image.where(self.counter.pc)
            raise EmulationError(
                f"no answer: it hangs in {where} ({self.counter.activity} was running)"
            ) from error

    @abstractmethod
    def close(self) -> None:
        """End the emulation."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
