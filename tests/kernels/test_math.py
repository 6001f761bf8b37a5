"""The elementary functions of er_math.h against double precision, in units in the last place."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edge_runtime.cache import cached, digest
from edge_runtime.kernels import kernel_folder

HERE = Path(__file__).parent
Singles = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
COUNT = 40_000


def dense(low: float, high: float) -> Singles:
    """Equal steps, with their neighbours."""
    steps = np.linspace(low, high, COUNT).astype(np.float32)
    return np.concatenate([steps, np.nextafter(steps, np.float32(np.inf))])


def every_size(negative: bool = True) -> Singles:
    """All bit patterns in equal steps, infinities and no numbers among them; and small wholes."""
    patterns = np.linspace(0, (1 << 32) - 1 if negative else 0x7F800000, 3 * COUNT)
    small = np.arange(-300 if negative else 0, 301) / 4
    ends = [np.inf, 0.0, 1e-45, 1.1754944e-38, 3.4028235e38, *([-np.inf, -1.0] * negative)]
    return np.concatenate(
        [patterns.astype(np.uint32).view(np.float32), small, ends], dtype=np.float32
    )


def erf(x: Doubles) -> Doubles:
    return np.array([math.erf(float(v)) for v in x])


def logistic(x: Doubles) -> Doubles:
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))


@dataclass(frozen=True)
class Function:
    """The exact function, where it is tried, and the error in units in the last place."""

    exact: Callable[[Doubles], Doubles]
    ranges: tuple[Singles, ...]
    ulp: float


FUNCTIONS = {
    "ceil": Function(np.ceil, (every_size(), dense(-40, 40)), 0),
    "cos": Function(np.cos, (every_size(), dense(-40, 40)), 2.5),
    "erf": Function(erf, (every_size(), dense(-5, 5)), 2.5),
    "exp": Function(np.exp, (every_size(), dense(-105, 90)), 1.5),
    "expm1": Function(np.expm1, (every_size(), dense(-20, 20), dense(-1, 1)), 2),
    "floor": Function(np.floor, (every_size(), dense(-40, 40)), 0),
    "log": Function(np.log, (every_size(), dense(0, 3)), 1),
    "log1p": Function(np.log1p, (every_size(), dense(-1, 3)), 1.5),
    "logistic": Function(logistic, (every_size(), dense(-105, 20)), 2.5),
    "round": Function(np.rint, (every_size(), dense(-40, 40)), 0),
    "sin": Function(np.sin, (every_size(), dense(-40, 40)), 2.5),
    "softplus": Function(lambda x: np.logaddexp(0.0, x), (every_size(), dense(-105, 20)), 1.5),
    "sqrt": Function(np.sqrt, (every_size(), dense(0, 5)), 0.5),
    "tanh": Function(np.tanh, (every_size(), dense(-12, 12)), 2.5),
}


@pytest.fixture(scope="module")
def driver() -> Path:
    """The program that applies the functions, under sanitizers where there is a compiler."""
    source, header = HERE / "math_driver.c", kernel_folder() / "include/er_math.h"
    key = digest(source.read_bytes(), header.read_bytes())
    return cached("kernel-tests", key, "math", _build)


def _build(program: Path) -> None:
    compiler = shutil.which("cc")
    command = [compiler] if compiler else [sys.executable, "-m", "ziglang", "cc"]
    checks = "address,undefined" if compiler else "undefined"
    flags = [f"-fsanitize={checks}", "-fno-sanitize-recover=all", "-std=c99", "-O1", "-Wall"]
    flags += ["-Wextra", "-Werror", "-Wconversion", "-ffp-contract=off"]
    include = ["-I", str(kernel_folder() / "include")]
    source = str(HERE / "math_driver.c")
    subprocess.run([*command, *flags, *include, source, "-o", str(program)], check=True)


def apply(driver: Path, name: str, x: Singles, y: Singles) -> Singles:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "in", Path(folder) / "out"
        given.write_bytes(np.stack([x, y], axis=1).tobytes())
        subprocess.run([driver, name, given, made], check=True)
        return np.fromfile(made, np.float32)


def errors(made: Singles, exact: Doubles) -> Doubles:
    """Distances in units in the last place; infinite where one is special and the other not."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        unit = np.abs(np.spacing(np.where(np.isfinite(rounded), rounded, np.float32(3e38))))
        # Results just below the largest float may become infinite.
        distance = np.abs(made.astype(np.float64) - exact) / unit
    special = ~np.isfinite(made) | ~np.isfinite(rounded)
    agree = (made == rounded) | (np.isnan(made) & np.isnan(rounded))
    return np.where(special, np.where(agree, 0.0, np.inf), distance)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_argument(name: str, driver: Path) -> None:
    function = FUNCTIONS[name]
    for x in function.ranges:
        with np.errstate(all="ignore"):
            exact = function.exact(x.astype(np.float64))
        found = errors(apply(driver, name, x, x), exact)
        worst = int(np.argmax(found))
        assert found[worst] <= function.ulp, f"{name}({x[worst]!r}) is off by {found[worst]} ulp"


def pairs(low: float, high: float, spread: float) -> tuple[Singles, Singles]:
    """Random pairs, the second of normal distribution, and every pair of special numbers."""
    random = np.random.default_rng(0)
    ends = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 1e30, -1e30, 3e-42, np.inf, -np.inf]
    x, y = np.meshgrid([*ends, np.nan, 16777217.0], [*ends, np.nan, 16777217.0])
    one = random.uniform(low, high, COUNT)
    two = random.normal(0, spread, COUNT)
    first = np.concatenate([x.ravel(), one, np.rint(one)])
    return first.astype(np.float32), np.concatenate(
        [y.ravel(), two, np.rint(two)], dtype=np.float32, casting="unsafe"
    )


@pytest.mark.parametrize("bounds", [(-3, 3, 3), (0.9, 1.1, 500), (0, 1e6, 6), (0, 1e-37, 0.9)])
def test_pow(bounds: tuple[float, float, float], driver: Path) -> None:
    x, y = pairs(*bounds)
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64))
    found = errors(apply(driver, "pow", x, y), exact)
    worst = int(np.argmax(found))
    assert found[worst] <= 2, f"pow({x[worst]!r}, {y[worst]!r}) is off by {found[worst]} ulp"


@pytest.mark.parametrize("bounds", [(-100, 100, 3), (-1e6, 1e6, 1e-3), (-1e-40, 1e-40, 1e-41)])
def test_fmod_is_exact(bounds: tuple[float, float, float], driver: Path) -> None:
    x, y = pairs(*bounds)
    with np.errstate(all="ignore"):
        exact = np.fmod(x, y)
    np.testing.assert_array_equal(apply(driver, "fmod", x, y), exact)
