"""A microcontroller in Unicorn: the board's memories and nothing else, and the faults this gives.

Flash can be read and executed, RAM read and written, and the registers that the board lists
answer with what was last written to them. Any other access stops the emulation with an error.
"""

from __future__ import annotations

import ctypes

from unicorn import unicorn_const
from unicorn.unicorn_py3.unicorn import Uc, UcError, uclib

from edge_runtime import boards
from edge_runtime.boards import Board, Region
from edge_runtime.device.counter import Counter
from edge_runtime.device.flash_reads import FlashReads
from edge_runtime.device.native_library import library
from edge_runtime.device.peripherals import LAYOUTS, Port, register_memory
from edge_runtime.device.processor import PROCESSORS, UNKNOWN, skip_vendor_register
from edge_runtime.device.symbols import Image, Segment
from edge_runtime.errors import BoardError, EmulationError

_PERMISSIONS = {
    "flash": unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC,
    "ram": unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_WRITE,
}
_FETCHES = (unicorn_const.UC_MEM_FETCH_UNMAPPED, unicorn_const.UC_MEM_FETCH_PROT)
_WRITES = (unicorn_const.UC_MEM_WRITE_UNMAPPED, unicorn_const.UC_MEM_WRITE_PROT)
_SLICE = 64 << 20  # bytes of code between looks at the keyboard, some 50 ms
_NOWHERE = 0xFFFFFFFF  # never reached
_UNSET = b"\xa5"  # RAM at power-up holds anything
_ERASED = b"\xff"


class _Watch(ctypes.Structure):
    _fields_ = (("counter", ctypes.c_void_p), ("stop", ctypes.c_void_p))


class Machine:
    """A board with a firmware image in its flash, just powered up.

    Args:
        image: the firmware.
        board: what memory there is, the core, and the serial port.
        counter: takes the counts of what runs.
        max_instructions: that may run without an answer; past it the firmware is said to hang.

    Raises:
        BoardError: the board cannot be emulated.
        EmulationError: the image does not fit the board.
    """

    def __init__(self, image: Image, board: Board, counter: Counter, max_instructions: int) -> None:
        if board.core not in PROCESSORS or board.uart is None:
            raise BoardError(f"board {board.name} ({board.core}) cannot be emulated by Unicorn")
        self._processor = PROCESSORS[board.core]
        self._image = image
        self._board = board
        self._counter = counter
        self._max_instructions = max_instructions
        self._fault = ""
        self._native = ctypes.CDLL(str(library("unicorn")))
        self._stop = ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p)
        self._kept: list[ctypes.Array[ctypes.c_uint32]] = []
        self._uc = self._processor.emulator()
        self._map()
        self._port = self._map_port(board.uart)
        self._load()
        self._watch()
        layers = len(image.layers)
        self.reads = FlashReads(self._native, self._uc, board.flash, counter, layers)
        self._processor.power_up(self._uc, image)

    def feed(self, data: bytes) -> None:
        """Send bytes to the serial port."""
        self._port.feed(data)

    def run(self) -> bytes:
        """Run until the firmware waits for the serial port; what it sent there.

        Raises:
            EmulationError: it touched what the board does not have, faulted, or does not answer.
        """
        self._port.resume()
        left = 4 * self._max_instructions  # in bytes of code: no instruction is longer
        while not self._port.waiting:
            if left <= 0:
                raise self._hang()
            fuel = min(left, _SLICE)
            self._counter.fuel = fuel
            self._resume()
            left -= fuel - self._counter.fuel
        return self._port.drain()

    def _resume(self) -> None:
        try:
            self._uc.emu_start(self._pc() | self._processor.thumb, _NOWHERE)
        except UcError as error:
            unknown = error.errno == unicorn_const.UC_ERR_INSN_INVALID
            self._fault = self._fault or f"{self._here()} {UNKNOWN if unknown else error}"
        if self._fault:
            raise EmulationError(
                f"{self._fault} ({self._counter.activity} was running)", hint=self._memories()
            )

    def _pc(self) -> int:
        return int(self._uc.reg_read(self._processor.pc))

    def _here(self) -> str:
        return self._image.where(self._pc())

    def _hang(self) -> EmulationError:
        return EmulationError(
            f"no answer within {self._max_instructions:,} instructions: "
            f"it hangs in {self._here()} ({self._counter.activity} was running)"
        )

    def _map(self) -> None:
        for region in self._board.regions:
            try:
                self._uc.mem_map(region.start, region.size, _PERMISSIONS[region.kind])
            except UcError as error:
                raise self._unmapped(region, str(error)) from error

    def _map_port(self, uart: boards.Uart) -> Port:
        port = None
        for region in self._board.peripherals:
            if region.start <= uart.base < region.end:
                port = Port(LAYOUTS[uart.kind], region, uart.base, self._stop)
                self._map_registers(region, "er_port", ctypes.addressof(port.memory))
            else:
                self._kept.append(register_memory(region))
                self._map_registers(region, "er", ctypes.addressof(self._kept[-1]))
        if port is None:
            raise BoardError(
                f"board {self._board.name}: no peripherals at 0x{uart.base:08x}, where its uart is"
            )
        return port

    def _map_registers(self, region: Region, prefix: str, memory: int) -> None:
        read, write = (
            ctypes.cast(self._native[f"{prefix}_{name}"], ctypes.c_void_p)
            for name in ("read", "write")
        )
        code = uclib.uc_mmio_map(
            self._uc._uch, region.start, region.size, read, memory, write, memory
        )
        if code != unicorn_const.UC_ERR_OK:
            raise self._unmapped(region, str(UcError(code)))

    def _unmapped(self, region: Region, reason: str) -> BoardError:
        return BoardError(f"board {self._board.name}: cannot map {_span(region)}: {reason}")

    def _load(self) -> None:
        for region in self._board.regions:
            filler = _ERASED if region.kind == "flash" else _UNSET
            self._uc.mem_write(region.start, filler * region.size)
        for segment in self._image.segments:
            self._program(segment)

    def _program(self, segment: Segment) -> None:
        """Write to the flash, and so to what mirrors it."""
        end = segment.address + len(segment.data)
        flash = [region for region in self._board.regions if region.kind == "flash"]
        for home in flash:
            if home.start <= segment.address and end <= home.end:
                break
        else:
            raise EmulationError(
                f"{self._image.path} has {len(segment.data)} bytes at "
                f"0x{segment.address:08x}, where {self._board.name} has no flash",
                hint=self._memories(),
            )
        for region in flash:
            if home.name in {region.name, region.mirrors}:
                self._uc.mem_write(segment.address - home.start + region.start, segment.data)

    def _watch(self) -> None:
        self._uc.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, self._on_access)
        self._uc.hook_add(unicorn_const.UC_HOOK_INTR, self._on_exception)
        self._watched = _Watch(self._counter.memory.ctypes.data, self._stop)
        code = uclib.uc_hook_add(
            self._uc._uch,  # Unicorn's own way in is for Python functions alone
            ctypes.byref(ctypes.c_size_t()),
            unicorn_const.UC_HOOK_BLOCK,
            ctypes.cast(self._native.er_on_block, ctypes.c_void_p),
            ctypes.byref(self._watched),
            ctypes.c_uint64(1),  # from 1 to 0: everywhere
            ctypes.c_uint64(0),
        )
        if code != unicorn_const.UC_ERR_OK:
            raise EmulationError(f"Unicorn refuses the counter: {UcError(code)}")

    def _on_access(
        self, _uc: Uc, kind: int, address: int, size: int, _value: int, _data: object
    ) -> bool:
        if kind in _FETCHES:
            where, did = self._image.where(self._counter.pc), "jumped to"
        else:
            where = self._here()
            verb = "wrote" if kind in _WRITES else "read"
            did = f"{verb} {size} byte{'s' * (size != 1)} at"
        self._fault = f"{where} {did} 0x{address:08x}, {self._what(address)}"
        return False

    def _on_exception(self, uc: Uc, number: int, _data: object) -> None:
        cause = self._processor.traps.get(number, f"took exception {number}")
        if self._board.architecture == "riscv" and cause is UNKNOWN and skip_vendor_register(uc):
            return
        self._fault = f"{self._here()} {cause}"
        self._uc.emu_stop()

    def _what(self, address: int) -> str:
        """What an address is that was touched and must not be."""
        for region in self._board.regions:
            if region.start <= address < region.end:
                cannot = "be written" if region.kind == "flash" else "hold code"
                return f"in {region.name}, which cannot {cannot}"
        return f"where {self._board.name} has nothing"

    def _memories(self) -> str:
        spans = ", ".join(_span(region) for region in self._board.regions)
        names = ", ".join(region.name for region in self._board.peripherals)
        return f"{self._board.name} has {spans}, and the registers of {names}"


def _span(region: Region) -> str:
    return f"{region.name} 0x{region.start:08x}-0x{region.end - 1:08x}"
