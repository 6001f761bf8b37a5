"""Reading board files: unknown keys, wrong types and impossible figures are refused by name."""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
import types
import typing
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from edge_runtime.boards.board import CORES, Board
from edge_runtime.errors import BoardError

_FOLDER = Path(__file__).parent


def board_names() -> tuple[str, ...]:
    """The names of all boards, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_board(name: str) -> Board:
    """The board called `name`; BoardError: there is none, or its file is wrong."""
    if name not in board_names():
        known = f"known boards: {', '.join(board_names())}"
        raise BoardError(f"there is no board {name!r}", hint=_nearest(name, board_names()) + known)
    return parse_board(name, (_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def parse_board(name: str, text: str) -> Board:
    """The board that the TOML `text` describes; BoardError says which key is wrong, and why."""
    where = f"{name}.toml"
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"{where} is not TOML: {error}") from error
    board: Board = _record(Board, {"name": name, **raw}, where)
    _check(board, where)
    return board


def _nearest(word: str, words: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(words), 1)
    return f"did you mean {close[0]}? " if close else ""


def _record(cls: type, raw: object, where: str) -> Any:
    """An instance of the dataclass `cls` from a TOML table; `where` is its path in messages."""
    if not isinstance(raw, dict):
        raise BoardError(f"{where}: a table is expected, not {raw!r}")
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in raw:
        if key not in fields:
            allowed = f"allowed: {', '.join(fields)}"
            raise BoardError(f"{where}: unknown key {key}", hint=_nearest(key, fields) + allowed)
    for name, field in fields.items():
        if name not in raw and field.default is dataclasses.MISSING:
            raise BoardError(f"{where}: the key {name} is missing")
    hints = typing.get_type_hints(cls)
    return cls(**{key: _value(hints[key], value, f"{where}: {key}") for key, value in raw.items()})


def _value(hint: Any, raw: object, where: str) -> object:
    """`raw` as the type `hint`: a scalar, a Literal, a record, or a tuple or optional of those."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return _value(arguments[0], raw, where)
    if origin is tuple:
        if not isinstance(raw, list):
            raise BoardError(f"{where}: a list is expected, not {raw!r}")
        return tuple(
            _value(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(raw)
        )
    if origin is Literal:
        if raw not in arguments:
            raise BoardError(f"{where} is {raw!r}", hint=f"allowed: {', '.join(arguments)}")
        return raw
    if dataclasses.is_dataclass(hint):
        return _record(typing.cast(type, hint), raw, where)
    if type(raw) is not hint:
        raise BoardError(f"{where}: {hint.__name__} expected, not {raw!r}")
    return raw


def _check(board: Board, where: str) -> None:
    """What no type can say. Name and title go into C as they are."""
    if not re.fullmatch("[a-z0-9_]+", board.name) or "*/" in board.title:
        raise BoardError(f"{where}: a name has the characters a-z, 0-9 and _; a title no */")
    if board.core not in CORES:
        hint = f"{_nearest(board.core, CORES)}known cores: {', '.join(CORES)}"
        raise BoardError(f"{where}: unknown core {board.core}", hint=hint)
    if board.waits is not None and min(board.waits.per_cycle, board.waits.per_flash_byte) < 0:
        raise BoardError(f"{where}: waits must not be negative")
    if not all(source.strip() for source in board.sources):
        raise BoardError(f"{where}: a figure has no source")
    if board.is_host:
        return
    if not board.port or not board.counter:
        raise BoardError(f"{where}: a board needs a port and a counter")
    _check_flashing(board, where)
    if not board.system:
        _check_equipment(board, where)
    _check_map(board, where)


def _check_equipment(board: Board, where: str) -> None:
    if board.clock is None or board.uart is None:
        raise BoardError(f"{where}: a microcontroller needs clock and uart")
    if min(board.clock.hz, board.clock.fallback_hz, board.uart.baud) <= 0:
        raise BoardError(f"{where}: clock.hz, clock.fallback_hz and uart.baud must be positive")
    base = board.uart.base
    if not any(window.start <= base < window.end for window in board.peripherals):
        raise BoardError(f"{where}: no peripheral holds the uart's base {base:#x}")


_NEEDS = {"uf2": "uf2_family and drive"}


def _check_flashing(board: Board, where: str) -> None:
    flashing = board.flashing
    needed = {
        "platformio": board.platformio,
        "pyocd": flashing.pyocd,
        "esptool": flashing.esptool,
        "uf2": flashing.uf2_family and flashing.drive,
        "openocd": flashing.openocd,
    }
    for method in flashing.methods:
        if not needed[method]:
            raise BoardError(f"{where}: flashing by {method} needs {_NEEDS.get(method, method)}")


def _check_map(board: Board, where: str) -> None:
    everything = (*board.regions, *board.peripherals)
    for region in everything:
        if region.start < 0 or region.size <= 0 or region.end > 1 << 32:
            raise BoardError(f"{where}: {region.name} does not lie in 32-bit addresses")
    names = {region.name for region in board.regions}
    for region in board.regions:
        if region.mirrors and region.mirrors not in names:
            raise BoardError(f"{where}: {region.name} mirrors {region.mirrors}, which is no region")
    for one, other in combinations(everything, 2):
        if one.overlaps(other):
            raise BoardError(f"{where}: {one.name} and {other.name} overlap")
    for kind in ("flash", "ram"):
        if not any(region.kind == kind for region in board.regions):
            raise BoardError(f"{where}: no region has the kind {kind}")
