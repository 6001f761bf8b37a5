"""Terms count what kernels do: as many turns of a loop as there are, in whole and in parts."""

from __future__ import annotations

import pytest

from edge_runtime.graph import Graph
from edge_runtime.kernels import Choice, Site, choose_one
from edge_runtime.latency.draw import Draw, Limits
from edge_runtime.latency.networks import network
from edge_runtime.latency.samples import operations
from edge_runtime.latency.terms import terms_of
from edge_runtime.ops import Conv2D, Linear

ISAS = ("dsp", "ref")


@pytest.fixture(scope="module")
def drawn() -> list[tuple[str, Graph]]:
    return operations(ISAS, 0, Limits())


def choice_of(graph: Graph, isas: tuple[str, ...] = ISAS) -> tuple[Site, Choice]:
    site = Site.of(graph, graph.nodes[0])
    choice = choose_one(site, isas)
    assert isinstance(choice, Choice)
    return site, choice


def test_each_drawn_operation_is_served_by_the_kernel_that_it_was_drawn_for(
    drawn: list[tuple[str, Graph]],
) -> None:
    assert len({name for name, _ in drawn}) > 100
    for name, graph in drawn:
        site, choice = choice_of(graph)
        terms = terms_of(site, choice)
        assert choice.kernel.name == name
        assert min(terms.values()) > 0 and terms["calls"] == choice.demand.images


def test_draws_are_repeatable_and_within_limits(drawn: list[tuple[str, Graph]]) -> None:
    again = operations(ISAS, 0, Limits())
    assert [name for name, _ in again] == [name for name, _ in drawn]
    for (_, graph), (_, other) in zip(drawn[:50], again[:50], strict=True):
        assert graph.nodes == other.nodes
        if isinstance(graph.nodes[0].op, Linear):
            assert graph.node_inputs(graph.nodes[0])[1].elements <= Limits().weights
    assert Draw(1, Limits()).image(999) == Draw(1, Limits()).image(999)


def test_loops_of_convolutions_add_up_to_their_products(drawn: list[tuple[str, Graph]]) -> None:
    for _, graph in drawn:
        (node,) = graph.nodes
        if isinstance(node.op, Conv2D):
            terms = terms_of(*choice_of(graph, ("ref",)))
            assert terms["products"] == graph.macs(node)
            fours, rest = (terms.get(f"products, {part}", 0.0) for part in ("fours", "rest"))
            assert 4 * fours + rest == terms["products"]


@pytest.mark.parametrize("seed", range(5))
def test_random_networks_are_legal_and_each_has_a_kernel(seed: int) -> None:
    graph = network(seed)
    for node in graph.nodes:
        site = Site.of(graph, node)
        assert not node.op.problems(site.inputs, site.output)
        assert isinstance(choose_one(site, ISAS), Choice)
