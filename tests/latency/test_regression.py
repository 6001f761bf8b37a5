"""Fits are the least squares that no other parameters beat, and find parameters that are true."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.latency.regression import fit, nonnegative


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 30))
def test_the_solution_meets_the_conditions_of_an_optimum(seed: int, count: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    matrix, target = random.normal(size=(rows, count)), random.normal(size=rows)
    solution = nonnegative(matrix, target)
    gradient = matrix.T @ (target - matrix @ solution)
    assert (solution >= 0).all()
    assert (gradient <= 1e-6).all()  # no parameter at zero would help
    assert np.allclose(gradient[solution > 0], 0, atol=1e-6)  # no other one could be better


def samples(
    parameters: dict[str, float], count: int, seed: int = 0
) -> list[tuple[dict[str, float], float]]:
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        terms = {name: float(random.integers(1, 1000)) for name in (*parameters, "idle")}
        drawn.append((terms, sum(parameters[name] * terms[name] for name in parameters)))
    return drawn


def test_true_parameters_are_found_and_idle_terms_count_for_nothing() -> None:
    truth = {"calls": 90.0, "outputs": 12.5, "products": 1.25}
    found = fit(samples(truth, 40))
    for name, value in truth.items():
        assert abs(found[name] / value - 1) < 0.01
    assert found.get("idle", 0.0) < 0.05


def test_a_prior_makes_up_for_samples_and_follows_another_clock() -> None:
    truth = {"calls": 90.0, "outputs": 12.5, "products": 1.25}
    slower = {name: 1.3 * value for name, value in truth.items()}
    found = fit(samples(slower, 2), prior=truth)
    for terms, cycles in samples(slower, 20, seed=1):
        assert abs(sum(found[name] * terms[name] for name in truth) / cycles - 1) < 0.01
