"""What treats each element by itself."""

from __future__ import annotations

from edge_runtime.graph import Op
from edge_runtime.importers.tflite.site import Converter, Site, activation, plain
from edge_runtime.ops import Add, Dequantize, Quantize


def _add(site: Site) -> Op:
    return Add(activation(site.options("AddOptions")))


OPERATIONS: dict[str, Converter] = {
    "ADD": plain(2, _add),
    "DEQUANTIZE": plain(1, lambda site: Dequantize()),
    "QUANTIZE": plain(1, lambda site: Quantize()),
}
