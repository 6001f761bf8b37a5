"""`make coverage`: what the importer makes of the ONNX backend test suite, as a page.

Writes docs/onnx-coverage.md.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import onnx

from edge_runtime.files import write_file
from edge_runtime.onnx_coverage import COARSER, FOLDERS, TOLERANCE, Outcome, cases, run

CLASSES: tuple[tuple[str, str], ...] = (
    (r"training|which only training needs", "training: losses, gradients, statistics of a batch"),
    (
        r"it is (string|a (map|optional|sequence|value))|it casts to a type|is no tensor|Sequence",
        "strings, sequences, optional values, and casts to types that are not stored",
    ),
    (r"it is double", "double precision: firmware computes in single"),
    (
        r"it is (u?int|float)\d+|are (u?int|float)\d+\w*; allowed",
        "unsigned and 4-bit integers and 8-bit floats as activations",
    ),
    (
        r"without a scale|is u?int\d+; allowed|is bool; allowed|and (u?int|float)\d+; allowed",
        "arithmetic on integers that have no scale, or on a type without a kernel",
    ),
    (
        r"computed at run time|is dynamic|are shorter than",
        "shapes, axes, lengths or quantization that only run time would tell",
    ),
    (
        r"chosen at run time|by DynamicQuantizeLinear|by blocks|along an axis|per-channel",
        "quantization other than"
        " one scale a tensor, or one a channel of constant weights, known beforehand",
    ),
    (r"random", "random numbers"),
    (r"repeats a graph", "loops"),
    (r"5\)|\(\d+, \d+, \d+, \d+, \d+\)", "volumes: convolutions and pools over three axes"),
    (r"operator set", "operator sets before 6, and domains other than ONNX's own"),
    (r"nothing is left|shape \(.*\b0\b.*\)|no elements", "tensors without elements"),
    (r"the operation is not supported", "operations that have no kernel"),
    (
        r"fmod|indices are asked|tf_crop|has no axis",
        "modes that have no kernel: fmod, indices of maxima, cropping, flattening before a choice",
    ),
)
"""Patterns of reasons, and what they have in common; the first that fits."""

_PAGE = """\
# ONNX coverage

Made by `make coverage`; run it to make this page again. It runs the backend test suite that the
onnx package ships (version {version}): all node cases, and the folders {folders}.
Every case is imported and run by the reference interpreter, and its outputs are compared with the
suite's: floats to {tolerance:g} of the largest magnitude ({coarser}; to half
of the last of four decimals where the suite has no more), integers exactly, quantized integers to
one step, as ONNX rounds halves to even and TensorFlow Lite away from zero. One case of each
operation is compiled to C and run on the host too (tests/importers/test_onnx_backend.py).

Weights, shapes, axes and the like must be constant for a compiler. The suite gives them as inputs;
those that the importer names as such are turned into initializers before a case is run, as is said
in the table below. Sizes that a case leaves open are taken from its data. At the interface int64
becomes int32, and half precision float32; double precision is refused.

| | cases |
|---|---|
| passed | {passed} |
| refused, with a reason | {refused} |
| differ | {failed} |
| all | {total} |

## Why cases are refused

| reason | cases | operations, most frequent first |
|---|---|---|
{reasons}

## By operation

Cases called "expanded", in which the suite writes an operation in others, count for that operation.

| operation | passed | refused | inputs made constant |
|---|---|---|---|
{operations}

## Not supported in any case

{unsupported}
"""


def page(outcomes: Sequence[Outcome]) -> str:
    """The page about the outcomes of the whole suite."""
    by_operation: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_operation[outcome.operation].append(outcome)
    supported = {
        name: found for name, found in by_operation.items() if any(o.passed for o in found)
    }
    coarser = ", ".join(f"{name} to {limit:.1g}" for name, limit in COARSER.items())
    return _PAGE.format(
        version=onnx.__version__,
        folders=", ".join(FOLDERS),
        tolerance=TOLERANCE,
        coarser=coarser,
        passed=sum(outcome.passed for outcome in outcomes),
        refused=sum(bool(outcome.refused) for outcome in outcomes),
        failed=sum(bool(outcome.failed) for outcome in outcomes),
        total=len(outcomes),
        reasons="\n".join(_reasons(outcomes)),
        operations="\n".join(_operation(name, supported[name]) for name in sorted(supported)),
        unsupported=", ".join(sorted(by_operation.keys() - supported.keys())) + ".",
    )


def _operation(name: str, outcomes: Sequence[Outcome]) -> str:
    passed = sum(outcome.passed for outcome in outcomes)
    refused = sum(bool(outcome.refused) for outcome in outcomes)
    constants = dict.fromkeys(c for o in outcomes if o.passed for c in o.constants)
    return f"| {name} | {passed} | {refused or '–'} | {', '.join(constants) or '–'} |"


def class_of(reason: str) -> str:
    """What a reason is counted as."""
    return next((text for pattern, text in CLASSES if re.search(pattern, reason)), "others")


def _reasons(outcomes: Iterable[Outcome]) -> list[str]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        if outcome.refused:
            found[class_of(outcome.refused)][outcome.operation] += 1
    ordered = sorted(found.items(), key=lambda item: (-item[1].total(), item[0]))
    return [f"| {text} | {counts.total()} | {_most(counts)} |" for text, counts in ordered]


def _most(counts: Counter[str], shown: int = 8) -> str:
    names = sorted(counts, key=lambda name: (-counts[name], name))
    more = ", …" if len(names) > shown else ""
    return ", ".join(f"{name} {counts[name]}" for name in names[:shown]) + more


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the suite, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/onnx-coverage.md"))
    options = parser.parse_args(arguments)
    text = page(run(cases()))
    write_file(options.out, text)
    print(text)


if __name__ == "__main__":
    main()
