"""Memory layout of the parameter structs, and prototypes, read from the headers themselves."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from functools import lru_cache

from edge_runtime.kernels import Struct, kernel_folder

_FORMATS = {
    "int8_t": "b",
    "uint16_t": "H",
    "int16_t": "h",
    "uint32_t": "I",
    "int32_t": "i",
    "float": "f",
}
_TYPEDEF = re.compile(r"typedef struct \{(.*?)\} (\w+);", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Field:
    name: str
    type_name: str
    pointer: bool
    count: int


@lru_cache
def headers() -> str:
    """All headers of the kernels but those of one ISA, which hold no parameters."""
    files = sorted((kernel_folder() / "include").glob("*.h"))
    kept = [file for file in files if not file.stem.endswith(("_dsp", "_mve"))]
    return "\n".join(file.read_text(encoding="utf-8") for file in kept)


@lru_cache
def prototypes() -> dict[str, int]:
    """How many arguments each kernel takes behind its parameters, by its name."""
    declared = re.findall(r"^void (er_\w+)\((.*?)\);", headers(), re.MULTILINE | re.DOTALL)
    return {name: arguments.count(",") for name, arguments in declared}


@lru_cache
def structs() -> dict[str, tuple[Field, ...]]:
    """The fields of every struct of the headers, by its name."""
    found = {}
    for body, name in _TYPEDEF.findall(_COMMENT.sub("", headers())):
        fields: list[Field] = []
        for declaration in filter(None, (part.strip() for part in body.split(";"))):
            type_name, names = declaration.removeprefix("const ").split(None, 1)
            for declarator in names.split(","):
                match = re.fullmatch(r"(\*?)(\w+)(?:\[(\d+)\])?", declarator.strip())
                assert match, declarator
                star, field, count = match.groups()
                fields.append(Field(field, type_name, bool(star), int(count or 1)))
        found[name] = tuple(fields)
    return found


def alignment(type_name: str, pointer_bytes: int) -> int:
    """How a type is aligned, where every scalar is aligned to its size."""
    if type_name in _FORMATS:
        return struct.calcsize(_FORMATS[type_name])
    return max(
        pointer_bytes if field.pointer else alignment(field.type_name, pointer_bytes)
        for field in structs()[type_name]
    )


def pack(value: Struct, addresses: dict[str, int], pointer_bytes: int) -> bytes:
    """The bytes of `value`, little-endian; `addresses` gives its pointers."""
    fields = structs()[value.type_name]
    given = dict(value.fields)
    assert [field.name for field in fields] == [name for name, _ in value.fields]
    data = bytearray()
    for field in fields:
        step = pointer_bytes if field.pointer else alignment(field.type_name, pointer_bytes)
        data += bytes(-len(data) % step)
        data += _field(field, given[field.name], addresses, pointer_bytes)
    data += bytes(-len(data) % alignment(value.type_name, pointer_bytes))
    return bytes(data)


def _field(field: Field, value: object, addresses: dict[str, int], pointer_bytes: int) -> bytes:
    if field.pointer and value == 0:
        return bytes(pointer_bytes)
    if field.pointer:
        assert isinstance(value, str)
        return addresses[value].to_bytes(pointer_bytes, "little")
    if isinstance(value, Struct):
        assert value.type_name == field.type_name
        return pack(value, addresses, pointer_bytes)
    values = value if isinstance(value, tuple) else (value,)
    assert len(values) == field.count
    return struct.pack(f"<{field.count}{_FORMATS[field.type_name]}", *values)
