"""Cortex-M33: no manual gives its timings, so the Cortex-M4's stand in, scaled to measurements.

The CMSIS-NN kernels of 2022 took 1.03 to 1.05 times the Cortex-M4 estimate on a Cortex-M33
(nRF5340 at 128 MHz, the four MLPerf Tiny models); the middle of that is the scale. What the core
does otherwise, such as issuing two 16-bit instructions at once, is in it only on average.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from edge_runtime.cycles.m4 import M4

M33 = replace(
    M4,
    core="cortex-m33",
    manual=f"none; 1.04 times the timings of the {M4.manual}",
    scale=Fraction(104, 100),
)
