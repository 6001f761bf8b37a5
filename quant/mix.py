"""Which layers get how many bits, by how much noise each makes when it alone is changed."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_runtime.errors import BudgetError
from edge_runtime.evaluate import stored
from edge_runtime.graph import Array, DType, Graph, Node, Op
from edge_runtime.ops import DepthwiseConv2D
from edge_runtime.quant.build import Built, Calibration, build, layer_bytes
from edge_runtime.quant.convert import quantize_graph
from edge_runtime.quant.flash import node_bytes
from edge_runtime.quant.precision import Forms, Precision, has_weights, refused
from edge_runtime.quant.refine import round_layer
from edge_runtime.quant.samples import disturbed, noise, values_of
from edge_runtime.quant.scaling import Origin, origins

SPARED = 0.1
"""The share of all weights that `w4a8` may leave at 8 bits."""
UNFAIR = 2.0
"""It does so with layers of this many times as much noise as the bytes they save would allow."""
SENSITIVE = 0.05
"""A tensor is sensitive if it makes, in int8 alone, this share of the network's noise."""
WORTH = 1.0
"""16 bits are worth it where the share of noise is this many times that of the MACs they slow."""

PROBED = 64
"""Held-out samples that single changes are judged by."""


class Recipe(enum.Enum):
    """What `quantize` aims for. The value is the name of the option."""

    INT8 = "int8"
    """int8 weights and activations."""
    INT8X16 = "int8x16"
    """The same, with int16 activations where int8 costs most."""
    W4A8 = "w4a8"
    """int4 weights, but for the few layers that bear it worst."""
    AUTO = "auto"
    """As many bits as a flash budget allows, where they do most."""


@dataclass(frozen=True)
class LayerChoice:
    """The precision of one layer, and why.

    `noise` is that of the network if this layer alone is at `w4`, over that of int8 throughout;
    None where that was not tried.
    """

    node: str
    op: str
    precision: str
    weight_bytes: int
    noise: float | None
    reason: str


@dataclass(frozen=True, eq=False)
class Mixed:
    """The integer graph of a recipe, and the choices that led there."""

    built: Built
    choices: tuple[LayerChoice, ...]


Drop = Callable[[Graph], float | None]
"""The points that an integer graph loses; None where that means nothing."""


def mix(
    given: Calibration,
    recipe: Recipe,
    *,
    flash: int | None,
    most_drop: float | None,
    drop: Drop | None = None,
) -> Mixed:
    """The graph of a recipe.

    `flash` is the budget of `auto` for `flash_bytes`, `most_drop` the points that it may lose
    before it spends int16 activations. `drop` tells them; by default it is the agreement with float
    on held-out samples that is lost. BudgetError: no mix fits; it names the smallest.
    """
    work = _Work(given)
    match recipe:
        case Recipe.INT8:
            pass
        case Recipe.INT8X16:
            work.widen()
        case Recipe.W4A8:
            work.narrow_all()
        case Recipe.AUTO:
            if flash is not None:
                work.narrow_to(flash)
            if most_drop is not None:
                work.widen_until(most_drop, drop or given.drop, flash)
    return Mixed(work.built, work.choices())


@dataclass(frozen=True)
class _Wide:
    """A tensor, the nodes that make and read it, and the share of noise that it makes in int8."""

    tensor: str
    nodes: tuple[str, ...]
    share: float


class _Work:
    """The choice so far: a precision for each node that is not plain int8."""

    def __init__(self, given: Calibration) -> None:
        self.given = given
        self.graph = given.graph
        self.base = build(given, Forms.of(self.graph))
        self.built = self.base
        self.plain = self._converted({})
        """Int8 as it is without refinement: what single changes are compared with."""
        self.plain_noise = given.noise(self.plain, PROBED)
        self._wanted: dict[str, Precision] = {}
        self._saving: dict[str, int] = {}
        self._noise: dict[str, float] = {}
        self._reasons: dict[str, str] = {}

    def _layers(self) -> list[Node]:
        return [node for node in self.graph.nodes if has_weights(self.graph, node)]

    def _names(self, kind: type[Op]) -> list[str]:
        return [node.name for node in self.graph.nodes if isinstance(node.op, kind)]

    def _rebuild(self) -> None:
        if self._wanted:
            self.built = build(self.given, Forms.of(self.graph, self._wanted))

    def _able(self, precision: Precision, nodes: Iterable[Node]) -> list[str]:
        """The nodes that can have a precision, and are integers."""
        able = [node.name for node in nodes if refused(self.graph, node, precision) is None]
        return [name for name in able if name in self.base.forms.precisions]

    def _converted(self, wanted: Mapping[str, Precision]) -> Graph:
        forms = Forms.of(self.graph, wanted)
        return quantize_graph(self.base.source, self.base.ranges, forms=forms)

    def _narrowed(self) -> list[str]:
        """The layers that can have int4 weights; what each alone costs and saves is measured."""
        able = self._able(Precision.W4, self._layers())
        samples = self.given.samples
        inputs = {n: stored(self.plain.tensors[n], array) for n, array in samples.both.items()}
        values = values_of(self.plain, inputs) if able else {}
        for name in able:
            narrow = self._converted({name: Precision.W4})
            self._saving[name] = node_bytes(self.plain, name) - node_bytes(narrow, name)
            narrow = round_layer(self.base.source, narrow, name, samples, values)
            self._noise[name] = self.given.noise(narrow, PROBED)
        return able

    def _cost(self, name: str) -> float:
        """Noise that int4 weights add, for each byte they save."""
        return max(0.0, self._added(name)) / max(1, self._saved(name))

    def _added(self, name: str) -> float:
        return self._noise[name] - self.plain_noise

    def _saved(self, name: str) -> int:
        return self._saving[name]

    def narrow_all(self) -> None:
        """int4 for all layers but depthwise ones, and those of most noise a byte."""
        able = self._narrowed()
        for name in self._names(DepthwiseConv2D):
            self._reasons[name] = (
                "kept at int8: few weights, and 4 bits cost most there for each byte"
            )
        able = [name for name in able if name not in self._reasons]
        total = sum(self._saved(name) for name in able)
        fair = sum(max(0.0, self._added(name)) for name in able) / max(1, total)
        spared = 0
        self._wanted = dict.fromkeys(able, Precision.W4)
        for name in sorted(able, key=self._cost, reverse=True):
            unfair = self._cost(name) / fair if fair else 0.0
            if unfair < UNFAIR or spared + self._saved(name) > SPARED * total:
                self._reasons[name] = "int4: halves its weights"
                continue
            spared += self._saved(name)
            del self._wanted[name]
            self._reasons[name] = f"kept at int8: {unfair:.1f} times its share of the noise"
        self._rebuild()

    def narrow_to(self, flash: int) -> None:
        """int4 for as many layers as the budget asks for, those of least noise a byte first."""
        needed = self.base.flash_bytes - flash
        if needed <= 0:
            return
        able = sorted(self._narrowed(), key=self._cost)
        smallest = self.base.flash_bytes - sum(self._saved(name) for name in able)
        if smallest > flash:
            raise BudgetError(
                f"with int4 weights wherever they can be, the constants of {self.graph.name} take"
                f" {smallest:,} bytes; the budget is {flash:,}",
                hint=f"allow --flash {smallest}, or give a smaller model",
            )
        chosen: list[str] = []
        for name in able:
            if needed > 0:
                chosen.append(name)
                needed -= self._saved(name)
        # What the last one saved too much may let earlier ones off.
        for name in sorted(chosen, key=self._added, reverse=True):
            if needed + self._saved(name) <= 0:
                chosen.remove(name)
                needed += self._saved(name)
        for name in able:
            told = f"{self._cost(name) * 1024:.2g} noise a KiB saved"
            kept = "int4 to fit the flash budget" if name in chosen else "int8 fits"
            self._reasons[name] = f"{kept}: {told}"
        self._wanted |= dict.fromkeys(chosen, Precision.W4)
        self._rebuild()

    def _sensitive(self) -> list[_Wide]:
        """Nodes to widen together, those of most noise first.

        They are those that make or read one tensor: its values pass in 16 bits only where both do.
        """
        able = set(self._able(Precision.A16, self.graph.nodes)) - self._wanted.keys()
        source, samples = self.base.source, self.given.samples
        exact = values_of(source, samples.both) if self.base.equalized else self.given.exact
        values = {n: array[samples.count :][:PROBED] for n, array in exact.items()}
        found = []
        for tensor, names in self._around():
            nodes = tuple(name for name in names if name in able)
            share = self._noise_by(tensor, values) / (self.plain_noise or 1.0)
            if len(nodes) > 1 and share >= SENSITIVE:
                found.append(_Wide(tensor, nodes, share))
        return sorted(found, key=lambda each: each.share, reverse=True)

    def _slowed(self, nodes: Iterable[str]) -> float:
        """The share of all MACs that is in those of `nodes` which are not widened yet."""
        graph = self.graph
        macs = {n.name: n.op.macs(graph.node_inputs(n), graph.node_output(n)) for n in graph.nodes}
        fresh = [macs[name] for name in nodes if self._wanted.get(name) is not Precision.A16]
        return sum(fresh) / max(1, sum(macs.values()))

    def _is_worth(self, wide: _Wide) -> bool:
        return wide.share >= WORTH * self._slowed(wide.nodes)

    def _widen(self, wide: _Wide) -> None:
        told = f"sensitive: {wide.tensor} in int8 makes {wide.share:.0%} of the noise"
        self._reasons |= dict.fromkeys(wide.nodes, told)
        self._wanted |= dict.fromkeys(wide.nodes, Precision.A16)

    def _noise_by(self, tensor: str, values: Mapping[str, Array]) -> float:
        """The noise of the float network, of these exact `values`, with one tensor in int8.

        What has its scale is in int8 too, such as averages of it.
        """
        source = self.base.source
        found = origins(source, self.base.forms)
        grid = found[tensor].quantization(self.base.ranges, DType.INT8)
        alike = {name: grid for name, origin in found.items() if origin == found[tensor]}
        made = disturbed(source, values, alike)
        return float(np.mean([noise(values[n], made[n]) for n in self.given.judged]))

    def _around(self) -> list[tuple[str, Sequence[str]]]:
        """Tensors inside the network, and the nodes that make and read what has their scale.

        Inputs are int8 in any case.
        """
        found: dict[Origin, tuple[str, list[str]]] = {}
        for name, origin in origins(self.graph, self.base.forms).items():
            maker = self.graph.producer(name)
            nodes = [*([maker] if maker else []), *self.graph.consumers(name)]
            _, names = found.setdefault(origin, (name, []))
            names += [node.name for node in nodes if node.name not in names]
        return [(name, nodes) for name, nodes in found.values() if name not in self.graph.inputs]

    def widen(self) -> None:
        """int16 for the sensitive tensors that are worth it."""
        for wide in self._sensitive():
            if self._is_worth(wide):
                self._widen(wide)
                continue
            told = (
                f"int8: {wide.tensor} makes {wide.share:.0%} of the noise,"
                f" with {self._slowed(wide.nodes):.0%} of all MACs"
            )
            self._reasons |= {name: told for name in wide.nodes if name not in self._wanted}
        self._rebuild()

    def widen_until(self, most_drop: float, drop: Drop, flash: int | None) -> None:
        """int16 for the most sensitive tensor, and the next, until the drop will do.

        Those that are worth it come first. What no longer fits `flash`, as biases of int16 layers
        are longer, is not done.
        """
        waiting = sorted(self._sensitive(), key=self._is_worth, reverse=True)
        while (lost := drop(self.built.graph)) is not None and lost > most_drop and waiting:
            before, built = dict(self._wanted), self.built
            self._widen(waiting.pop(0))
            self._rebuild()
            if flash is not None and self.built.flash_bytes > flash:
                self._wanted, self.built = before, built

    def choices(self) -> tuple[LayerChoice, ...]:
        """What was chosen for each layer with weights, and each other node that is not int8."""
        weighted = {node.name for node in self._layers()}
        forms = self.built.forms
        found = []
        for node in self.graph.nodes:
            precision = forms.precisions.get(node.name)
            if node.name not in weighted and precision in {None, Precision.W8}:
                continue
            found.append(self._choice(node, precision, node.name in weighted))
        return tuple(found)

    def _choice(self, node: Node, precision: Precision | None, weighted: bool) -> LayerChoice:
        tried = self._noise.get(node.name)
        size = layer_bytes(self.graph, node.name, precision or Precision.W8) if weighted else 0
        return LayerChoice(
            node.name,
            node.op.NAME,
            "float32" if precision is None else precision.value,
            4 * size if precision is None else size,
            tried / self.plain_noise if tried is not None and self.plain_noise else None,
            self._reasons.get(node.name, self.built.forms.floats.get(node.name, "int8")),
        )
