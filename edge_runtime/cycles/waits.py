"""What a core waits for its board's memories: fitted to published times, added to estimates.

No part of a core's timings: docs/cycle-model.md says what the two terms stand for, how well they
fit, and what they leave out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.boards import Waits

_THOUSANDTHS = 1000


@dataclass(frozen=True)
class Pair:
    """A model on a board by the same kernels, once estimated and once measured, in milliseconds.

    `flash_bytes` are the weights that its loads read from flash.
    """

    model: str
    estimated_ms: float
    measured_ms: float
    flash_bytes: int


def _weights_read(rows: int, pixels: int, depthwise: int) -> int:
    """Bytes that CMSIS-NN of 2022 reads: its loops say how often, products how many.

    Fully connected layers read a weight once for each product, and so do depthwise convolutions,
    pixel by pixel; other convolutions once for two pixels.
    """
    return rows + pixels // 2 + depthwise


L4R5_MHZ = 120
L4R5_PAIRS = (
    Pair("AD", 6.43, 8.60, _weights_read(264_192, 0, 0)),
    Pair("KWS", 78.55, 99.8, _weights_read(768, 2_368_000, 288_000)),
    Pair("IC", 320.3, 389.6, _weights_read(640, 12_501_632 - 640, 0)),
    Pair("VWW", 251.0, 301.2, _weights_read(512, 6_690_816 - 512, 798_336)),
)
"""microTVM with CMSIS-NN on NUCLEO-L4R5ZI, MLPerf Tiny v1.0 closed division; estimated by the table
in m4.py for the same kernels, which cannot be had any more."""


def fit(pairs: Sequence[Pair], mhz: int) -> tuple[int, int]:
    """Waits a cycle and a byte, in thousandths, with the least squares of relative errors."""
    rows = []
    for pair in pairs:
        cycles, measured = (1000 * mhz * ms for ms in (pair.estimated_ms, pair.measured_ms))
        rows.append((cycles / measured, pair.flash_bytes / measured, 1 - cycles / measured))
    aa, ab, bb, ac, bc = (
        sum(row[i] * row[j] for row in rows) for i, j in ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))
    )
    determinant = aa * bb - ab * ab
    found = (ac * bb - bc * ab) / determinant, (aa * bc - ab * ac) / determinant
    return round(_THOUSANDTHS * found[0]), round(_THOUSANDTHS * found[1])


def with_waits(waits: Waits, cycles: int, flash_bytes: int) -> int:
    """Estimated cycles and the waits that go with them, rounded once."""
    thousandths = cycles * waits.per_cycle + flash_bytes * waits.per_flash_byte
    return cycles + (thousandths + _THOUSANDTHS // 2) // _THOUSANDTHS
