"""Printing C: comments, arrays, initializers."""

from __future__ import annotations

import math
import textwrap

import numpy as np

from edge_runtime.graph import Array

LICENSE = "/* SPDX-License-Identifier: Apache-2.0 */\n"

_C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t",
            "int32": "int32_t", "int64": "int64_t", "bool": "uint8_t",
            "float32": "float"}  # fmt: skip


def c_type(dtype: str) -> str:
    """The C type that holds one element."""
    return _C_TYPES[dtype]


def comment(text: str, indent: str = "") -> str:
    """A block comment of at most 100 columns; `text` cannot end it."""
    safe = text.replace("*/", "* /").replace("/*", "/ *")
    printable = "".join(char if char.isprintable() else " " for char in safe)
    lines = textwrap.wrap(printable, 94 - len(indent), break_on_hyphens=False)
    return f"{indent}/* " + f"\n{indent} * ".join(lines) + " */\n"


def array(name: str, values: Array) -> str:
    """A constant array of all elements of `values`, in C order."""
    flat = np.ravel(values)
    if values.dtype.kind == "f":
        numbers = ", ".join(map(single, flat.tolist()))
    else:
        numbers = ",".join(map(_integer, map(int, flat.tolist())))
    declaration = f"static const {c_type(values.dtype.name)} {name}[{flat.size}]"
    return f"{declaration} = {{\n{_fold(numbers)}}};\n"


def single(value: float) -> str:
    """A float as a constant expression, infinities included."""
    if math.isinf(value):
        return "(1.0f / 0.0f)" if value > 0 else "(-1.0f / 0.0f)"
    return f"{value!r}f"


def _integer(value: int) -> str:
    # The least number of a type is a unary minus on one too large for it.
    return f"({value + 1} - 1)" if value in (-(1 << 31), -(1 << 63)) else str(value)


def _fold(numbers: str, width: int = 96) -> str:
    """Break a comma-separated list after commas near `width`."""
    lines, start = [], 0
    while len(numbers) - start > width:
        cut = numbers.find(",", start + width - 14) + 1
        if cut == 0:
            break
        lines.append(numbers[start:cut].strip())
        start = cut
    return "\n".join([*lines, numbers[start:].strip()])


def string(text: str) -> str:
    """A C string literal of the printable ASCII of `text`."""
    safe = "".join(char if " " <= char <= "~" else "?" for char in text)
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'
