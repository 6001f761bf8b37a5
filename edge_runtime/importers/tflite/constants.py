"""Constants that a file stores in another type than they are used in."""

from __future__ import annotations

import numpy as np

from edge_runtime.graph import DType, Tensor
from edge_runtime.importers.tflite.site import Site
from edge_runtime.importers.tflite.unsigned import WEIGHTS


def fold_dequantize(site: Site) -> bool:
    """Whether the operator is a DEQUANTIZE of a constant; if so, its result becomes a constant.

    float16 and int8 that only serve as weights stay so: kernels read them. All others become
    float32.
    """
    operator, build = site.operator, site.build
    if operator.operation != "DEQUANTIZE" or site.input(0).raw is None:
        return False
    made = operator.outputs[0]
    if made in build.file.outputs:
        return False
    stored = site.read(0)
    if not _serves(site, stored):
        values = stored.values.astype(np.float32)
        if not stored.dtype.is_float:
            values = stored.quant.dequantize(stored.values)
        stored = Tensor.constant(build.names[made], values)
    build.define(made, stored)
    return True


def _serves(site: Site, stored: Tensor) -> bool:
    """Whether all that read it can read the stored values as weights."""
    made = site.operator.outputs[0]
    readers = [
        (operator.operation, position)
        for operator in site.build.file.operators
        for position, index in enumerate(operator.inputs)
        if index == made
    ]
    if not all(name in WEIGHTS and position == 1 for name, position in readers):
        return False
    if stored.dtype is not DType.INT8:
        return stored.dtype is DType.FLOAT16
    grid = stored.quant
    axes = {WEIGHTS[name] for name, _ in readers}
    return not any(grid.zero_points) and (grid.axis is None or axes == {grid.axis})
