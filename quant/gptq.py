"""Rounding weights so that a layer's outputs, not its weights, change least.

Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers"
(2022): weights are rounded one input at a time, and the error of each is made up for by those not
rounded yet, as the layer's Hessian says. Inputs come in falling order of their power, and the
Hessian is damped by 1 % of its mean diagonal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import DType
from edge_runtime.quant.weights import Floats, as_single, bounds, largest_step

DAMPING = 0.01
SHRINKS = (1.0, 0.93, 0.86, 0.79, 0.72, 0.65)
"""Shares of a channel's largest weight that the end of the grid is tried at."""


def hessian(columns: npt.NDArray[np.float32]) -> Floats:
    """Half the Hessian of squared output error: (groups, inputs, inputs).

    `columns` is (groups, observations, inputs): what each group of output channels is fed.
    """
    return np.stack([(group.T @ group).astype(np.float64) for group in columns])


def damped(matrix: Floats) -> Floats:
    """`matrix` plus 1 % of its mean diagonal; inputs that are always 0 get a diagonal of 1."""
    diagonal = np.einsum("gii->gi", matrix)
    added = DAMPING * diagonal.mean(1, keepdims=True) + np.where(diagonal > 0, 0.0, 1.0)
    result: Floats = matrix + added[:, :, None] * np.eye(matrix.shape[1])
    return result


def error(rows: Floats, held: Floats, matrix: Floats) -> Floats:
    """Squared output error of each output channel: (groups, channels of each)."""
    off = rows - held
    result: Floats = np.einsum("gri,gij,grj->gr", off, matrix, off, optimize=True)
    return result


def round_rows(rows: Floats, matrix: Floats, dtype: DType, least: Floats) -> tuple[Floats, Floats]:
    """Weights on the grid of integers, and the scale of each output channel.

    `rows` is (groups, channels of each, inputs), `matrix` the Hessian, `least` the smallest scale
    allowed for each channel, (groups, channels of each). Of several scales, each channel takes the
    one with the least error. The first result is integers.
    """
    ends = np.abs(rows).max(2)
    ends = np.where(ends > 0, ends, ends.max() or 1.0) / largest_step(dtype)
    solver = _Solver(damped(matrix), dtype)
    best = np.full(ends.shape, np.inf)
    stored, scales = np.zeros_like(rows), ends
    for share in SHRINKS:
        tried = as_single(np.maximum(ends * share, least))
        whole = solver.round(rows, tried)
        errors = error(rows, whole * tried[:, :, None], matrix)
        better = errors < best
        best = np.where(better, errors, best)
        scales = np.where(better, tried, scales)
        stored = np.where(better[:, :, None], whole, stored)
    return stored, scales


class _Solver:
    """GPTQ's loop for one Hessian."""

    def __init__(self, matrix: Floats, dtype: DType) -> None:
        power = np.einsum("gii->gi", matrix)
        self._order = np.argsort(-power, axis=1, kind="stable")
        places = self._order
        sorted_matrix = np.take_along_axis(matrix, places[:, :, None], 1)
        sorted_matrix = np.take_along_axis(sorted_matrix, places[:, None, :], 2)
        lower = np.linalg.cholesky(np.linalg.inv(sorted_matrix))
        self._upper: Floats = lower.swapaxes(1, 2)
        self._bounds = bounds(dtype)

    def round(self, rows: Floats, scales: Floats) -> Floats:
        """The integer of each weight, for a scale of each channel."""
        order = np.broadcast_to(self._order[:, None, :], rows.shape)
        left = np.take_along_axis(rows, order, 2)
        whole = np.empty_like(left)
        for i in range(left.shape[2]):
            whole[:, :, i] = np.clip(np.rint(left[:, :, i] / scales), *self._bounds)
            off = left[:, :, i] - whole[:, :, i] * scales
            off /= self._upper[:, i, i, None]
            left[:, :, i + 1 :] -= off[:, :, None] * self._upper[:, i, None, i + 1 :]
        result = np.empty_like(whole)
        np.put_along_axis(result, order, whole, 2)
        return result
