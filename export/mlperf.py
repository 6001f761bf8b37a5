"""What firmware has to know of a model to speak MLPerf Tiny's protocol: docs/mlperf-tiny.md."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from edge_runtime.errors import DataError
from edge_runtime.export.manifest import Manifest, Port

Protocol = Literal["link", "mlperf-tiny"]

VENDOR = "edge-runtime"


@dataclass(frozen=True)
class Benchmark:
    """One of the benchmark's models: what comes over the wire, and how many results go back.

    A value of the wire stands for (value - zero) * scale; in float32 it is that itself. The one
    that detects anomalies gives a single number, how far its output is from its input.
    """

    id: str
    wire: Literal["int8", "uint8", "float32"]
    elements: int
    outputs: int
    scale: float = 1.0
    zero: int = 0
    anomaly: bool = False


BENCHMARKS = (
    Benchmark("kws01", "int8", 490, 12, scale=0.5847029089927673, zero=83),
    Benchmark("ic01", "uint8", 3072, 10),
    Benchmark("vww01", "uint8", 27648, 2, scale=1 / 255),
    Benchmark("ad01", "float32", 640, 640, anomaly=True),
)
"""Sizes and meaning of the inputs: mlcommons/tiny, evaluation/datasets/README.md and the reference
submissions; quantization of kws01: the reference model's input."""

_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "float32": "float"}
_RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}
_WIRE_BYTES = {"int8": 1, "uint8": 1, "float32": 4}


def parse_protocol(name: str) -> Protocol:
    """The protocol called `name`; DataError where there is none."""
    for known in get_args(Protocol):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise DataError(
        f"unknown protocol {name!r}", hint=f"choose one of {', '.join(get_args(Protocol))}"
    )


def benchmark_of(manifest: Manifest) -> Benchmark:
    """The benchmark whose input and output have the model's sizes; DataError where none has."""
    sizes = tuple(
        [math.prod(port.shape) for port in side] for side in (manifest.inputs, manifest.outputs)
    )
    for known in BENCHMARKS:
        if sizes == ([known.elements], [known.outputs]) and not manifest.input_rows:
            return known
    known_sizes = ", ".join(f"{b.id}: {b.elements} to {b.outputs}" for b in BENCHMARKS)
    raise DataError(
        f"{manifest.model} takes {sizes[0]} values and gives {sizes[1]}, as no model of MLPerf Tiny"
        f" does ({known_sizes})",
        hint="export it without --protocol, or, if it is one of them, without --input-rows",
    )


def mlperf_header(manifest: Manifest) -> str:
    """The header mlperf_model.h; DataError where the model is none of the benchmark's."""
    known = benchmark_of(manifest)
    given, made = manifest.inputs[0], manifest.outputs[0]
    return f"""/* SPDX-License-Identifier: Apache-2.0
 *
 * {manifest.model} as {known.id} of MLPerf Tiny.
 */
#ifndef MLPERF_MODEL_H
#define MLPERF_MODEL_H

#include <stdint.h>

#define MLPERF_VENDOR "{VENDOR}"
#define MLPERF_ID "{known.id}"
#define MLPERF_ELEMENTS {known.elements}u
#define MLPERF_WIRE_BYTES {known.elements * _WIRE_BYTES[known.wire]}u
#define MLPERF_WIRE_IS_FLOAT {known.wire == "float32":d}
#define MLPERF_WIRE_SCALE {known.scale!r}f
#define MLPERF_WIRE_ZERO {known.zero}
#define MLPERF_IS_ANOMALY {known.anomaly:d}
#define MLPERF_RESULTS {1 if known.anomaly else known.outputs}u

typedef {_TYPES[known.wire]} mlperf_wire;
typedef {_TYPES[given.dtype]} mlperf_input;
typedef {_TYPES[made.dtype]} mlperf_output;

static inline mlperf_input mlperf_to_input(float real)
{{
{_to_input(given)}}}

static inline float mlperf_from_output(mlperf_output value)
{{
{_from_output(made)}}}

#endif
"""


def _to_input(port: Port) -> str:
    """Rounded half away from zero, as C's round()."""
    if port.dtype == "float32":
        return "    return real;\n"
    low, high = _RANGES[port.dtype]
    return f"""    const float steps = real / {port.scale!r}f;
    if (!(steps > {low - (port.zero_point or 0)}.0f)) {{
        return {low};
    }}
    if (steps > {high - (port.zero_point or 0)}.0f) {{
        return {high};
    }}
    return (mlperf_input)((int32_t)(steps + (steps < 0 ? -0.5f : 0.5f)) + {port.zero_point});
"""


def _from_output(port: Port) -> str:
    if port.dtype == "float32":
        return "    return value;\n"
    return f"    return (float)((int32_t)value - {port.zero_point}) * {port.scale!r}f;\n"
