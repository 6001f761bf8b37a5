"""Axes along which operands are broadcast, as kernels count along them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.graph import Shape
from edge_runtime.kernels.kernel import Site
from edge_runtime.kernels.struct import Field, Struct

MOST_AXES = 4


@dataclass(frozen=True)
class Axes:
    """Sizes of the output's axes, outermost first, and the step of each operand along each.

    Axes of size 1 are left out, and those that follow on from each other in all operands are one.
    A step of 0 repeats an operand.
    """

    sizes: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(output: Shape, operands: Sequence[Shape]) -> Axes:
        """The axes of `output`, to whose shape the operands are broadcast."""
        sizes: list[int] = []
        steps: list[list[int]] = [[] for _ in operands]
        spans = [1] * len(operands)
        for axis in range(1, len(output) + 1):
            extents = [shape[-axis] if axis <= len(shape) else 1 for shape in operands]
            step = [span if n > 1 else 0 for span, n in zip(spans, extents, strict=True)]
            spans = [span * n for span, n in zip(spans, extents, strict=True)]
            if output[-axis] == 1:
                continue
            if sizes and all(
                there[0] * sizes[0] == new for there, new in zip(steps, step, strict=True)
            ):
                sizes[0] *= output[-axis]
                continue
            sizes.insert(0, output[-axis])
            for there, new in zip(steps, step, strict=True):
                there.insert(0, new)
        return Axes(tuple(sizes), tuple(map(tuple, steps)))

    @staticmethod
    def at(site: Site) -> Axes:
        """The axes of a node whose inputs are all broadcast."""
        return Axes.of(site.output.shape, [tensor.shape for tensor in site.inputs])

    def fields(self, *names: str) -> tuple[Field, ...]:
        """`shape`, and by these names the steps of each operand, with leading ones and zeros."""
        missing = MOST_AXES - len(self.sizes)
        padded = (
            (name, (0,) * missing + steps) for name, steps in zip(names, self.steps, strict=True)
        )
        return ("shape", (1,) * missing + self.sizes), *padded


def pairs(site: Site) -> Field:
    """The axes of two operands as the field `pairs` of their parameters."""
    return "pairs", Struct("er_pairs", Axes.at(site).fields("stride_a", "stride_b"))


def too_many_axes(site: Site) -> str | None:
    """More axes than kernels count along."""
    axes = len(Axes.at(site).sizes)
    if axes <= MOST_AXES:
        return None
    return f"{axes} axes that do not follow on from each other (at most {MOST_AXES})"
