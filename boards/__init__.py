"""The boards: what each one has, as strict data with the document behind every figure."""

from edge_runtime.boards.board import (
    CORES,
    Board,
    Clock,
    Core,
    Counter,
    Emulation,
    Flashing,
    Method,
    PlatformIO,
    Region,
    Uart,
    UsbId,
    Waits,
)
from edge_runtime.boards.loader import board_names, load_board, parse_board

__all__ = [
    "CORES",
    "Board",
    "Clock",
    "Core",
    "Counter",
    "Emulation",
    "Flashing",
    "Method",
    "PlatformIO",
    "Region",
    "Uart",
    "UsbId",
    "Waits",
    "board_names",
    "load_board",
    "parse_board",
]
