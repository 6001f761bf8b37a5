"""Non-negative least squares of relative errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.latency.terms import Terms

Vector = npt.NDArray[np.float64]

HOLD = 0.1
"""To double or to drop a known parameter costs as much as one operation that is off by 10 %."""
_TOLERANCE = 1e-10
_ROUNDS_A_PARAMETER = 10


def fit(
    samples: Sequence[tuple[Terms, float]], prior: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Parameters, none negative, by which terms give measured cycles with the least relative error.

    The sum of ((predicted - measured) / measured)^2 is least, but for what holds parameters: each
    is held near to nothing by a little, so that terms which few samples tell apart share what they
    explain. With `prior`, parameters that are known of the same kernel elsewhere, each is held near
    a multiple of those instead, and there are no others. Terms that nothing depends on have no
    parameter in the result.
    """
    known = prior or {}
    names = sorted(known or {name for terms, _ in samples for name in terms})
    columns = np.array([[terms.get(name, 0.0) for name in names] for terms, _ in samples])
    measured = np.array([cycles for _, cycles in samples])
    start = np.array([known.get(name, 0.0) for name in names])
    if prior:
        start *= float(np.median(measured / np.maximum(columns @ start, 1.0)))
    matrix, target = _held(columns / measured[:, None], np.ones(len(samples)), start)
    sizes = np.sqrt((matrix**2).sum(0))
    sizes[sizes == 0] = 1.0
    solution = nonnegative(matrix / sizes, target) / sizes
    return {name: float(value) for name, value in zip(names, solution, strict=True) if value > 0}


def _held(matrix: Vector, target: Vector, start: Vector) -> tuple[Vector, Vector]:
    """The problem with one row more a parameter, which holds it near its start.

    A parameter that starts at 0 is held by the share of the cycles that it adds.
    """
    shares = matrix.mean(0)
    weights = np.where(start > 0, 1 / np.where(start > 0, start, 1.0), shares)
    rows = HOLD * np.diag(weights)
    return np.vstack([matrix, rows]), np.concatenate([target, HOLD * (start > 0)])


def nonnegative(matrix: Vector, target: Vector) -> Vector:
    """The x >= 0 with the least |matrix x - target|.

    Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23: of the parameters at zero
    the one that helps most is let go, and those that would turn negative are put back to zero.
    """
    count = matrix.shape[1]
    solution = np.zeros(count)
    free = np.zeros(count, bool)
    for _ in range(_ROUNDS_A_PARAMETER * count):
        gradient = matrix.T @ (target - matrix @ solution)
        gradient[free] = 0
        if gradient.max(initial=0) <= _TOLERANCE:
            break
        free[int(gradient.argmax())] = True
        solution = _settle(matrix, target, solution, free)
    return solution


def _settle(
    matrix: Vector, target: Vector, solution: Vector, free: npt.NDArray[np.bool_]
) -> Vector:
    """The best values of the `free` parameters, none negative; `free` shrinks where it must."""
    while True:
        trial = np.zeros_like(solution)
        trial[free] = np.linalg.lstsq(matrix[:, free], target, rcond=None)[0]
        falling = free & (trial <= 0)
        if not falling.any():
            return trial
        gap = np.maximum(solution[falling] - trial[falling], np.finfo(float).tiny)
        steps = solution[falling] / gap
        solution = solution + min(1.0, float(steps.min(initial=1.0))) * (trial - solution)
        free &= solution > _TOLERANCE
        solution[~free] = 0
