"""What moves elements and computes nothing."""

from __future__ import annotations

from edge_runtime.graph import Op
from edge_runtime.importers.tflite.file import FileTensor
from edge_runtime.importers.tflite.site import Converter, Site, plain
from edge_runtime.importers.tflite.tensors import constant_values
from edge_runtime.importers.unsupported import UnsupportedError
from edge_runtime.ops import Pad, Reshape, Transpose


def _pad(site: Site) -> Op:
    """PAD fills with the zero point, PADV2 with a constant."""
    if len(site.inputs) > 2:
        value = _single(site.input(2))
    else:
        value = next(iter(site.input(0).zero_points), 0)
    widths = site.constant(1)
    if any(width < 0 for width in widths):
        raise UnsupportedError(f"paddings {widths} are negative")
    return Pad(widths[0::2], widths[1::2], value)


def _single(tensor: FileTensor) -> float:
    values = constant_values(tensor)
    if values.size != 1:
        raise UnsupportedError(f"{tensor.name} is no single number")
    return float(values.reshape(-1)[0])


def _reshape(site: Site) -> Op:
    if len(site.inputs) > 1:
        site.constant(1)
    return Reshape(site.output.shape)


OPERATIONS: dict[str, Converter] = {
    "EXPAND_DIMS": plain(1, _reshape),
    "PAD": plain(1, _pad),
    "PADV2": plain(1, _pad),
    "RESHAPE": plain(1, _reshape),
    "SQUEEZE": plain(1, lambda site: Reshape(site.output.shape)),
    "TRANSPOSE": plain(1, lambda site: Transpose(site.constant(1))),
}
