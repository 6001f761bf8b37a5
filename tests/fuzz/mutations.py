"""Mutations of files: of their bytes, or of what stands in them."""

from __future__ import annotations

from functools import cache
from random import Random

import mutations_onnx
import mutations_tflite
from originals import originals

MOST = 4
"""Mutations of one file."""
HOSTILE = (
    b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\xc0\x7f",
    b"\0\0\x80\x7f", b"\xff", b"\0", b"\x7f", b"\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
)  # fmt: skip


def mutated(name: str, seed: int) -> bytes:
    """The original `name`, changed as `seed` says."""
    random = Random(seed)
    content = originals()[name]
    # A flipped bit leaves hardly any protobuf that can be decoded, and most FlatBuffers.
    tflite = name.endswith(".tflite")
    if random.random() < (0.6 if tflite else 0.85):
        change = mutations_tflite.change if tflite else mutations_onnx.change
        content = change(content, random, random.choice((1, 1, 2, MOST)))
        if random.random() < 0.95:
            return content
    return _damage(content, random, name)


def chosen(seed: int) -> str:
    """The name of the original that `seed` changes."""
    random = Random(f"original {seed}")
    return random.choice(random.choice((tuple(originals()), random.choice(groups()))))


@cache
def groups() -> tuple[tuple[str, ...], ...]:
    """The names by where they come from and by format.

    Half of the inputs are of any group alike, half of any original alike.
    """
    found: dict[str, list[str]] = {}
    for name in originals():
        found.setdefault(name.split("/")[0] + name[name.rindex(".") :], []).append(name)
    return tuple(tuple(names) for names in found.values())


def _damage(content: bytes, random: Random, name: str) -> bytes:
    """Bytes cut, flipped, overwritten, moved, lost, added, or taken from another file."""
    data = bytearray(content)
    for _ in range(random.randint(1, 2 * MOST)):
        place = random.randrange(max(1, len(data)))
        length = random.randint(1, 32)
        match random.choice(["cut", "flip", "flip", "word", "word", "move", "lose", "add", "mix"]):
            case "cut" if random.random() < 0.3:
                del data[place:]
            case "flip" if data:
                data[place] ^= 1 << random.randrange(8)
            case "word":
                word = random.choice(HOSTILE)
                data[place : place + len(word)] = word
            case "move":
                source = random.randrange(max(1, len(data)))
                data[place : place + length] = data[source : source + length]
            case "lose":
                del data[place : place + length]
            case "add":
                data[place:place] = random.randbytes(length)
            case "mix":
                suffix = name[name.rindex(".") :]
                other = originals()[random.choice(_alike(suffix))]
                start = random.randrange(len(other))
                data[place : place + length] = other[start : start + 8 * length]
    return bytes(data)


def _alike(suffix: str) -> list[str]:
    return [name for name in originals() if name.endswith(suffix)]
