import dataclasses

import numpy as np
import pytest
from stand_in import StandIn

from edge_runtime.interpreter import Interpreter
from edge_runtime.nas import Architecture, Budget, FusionCell, Space, TimeCell
from edge_runtime.nas.costs import CostTable, families
from edge_runtime.nas.items import Convolution, int8_graph

torch = pytest.importorskip("torch")

from edge_runtime.nas.expected import ExpectedCost  # noqa: E402
from edge_runtime.nas.network import Network  # noqa: E402
from edge_runtime.nas.supernet import Choices, Picks, Supernet  # noqa: E402

CELLS = (
    FusionCell(True, 16, 32, (3, 7), True),
    FusionCell(False, 16, 24, (), True),
    FusionCell(False, 8, 40, (5,), False),
)
ARCH = Architecture((70, 7), 4, (TimeCell(3, 8), TimeCell(5, 12)), CELLS)
SPACE = Space(ARCH.window, ARCH.classes)


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="module")
def table():
    return CostTable.measure(SPACE, StandIn())


def trained_looking(arch):
    network = Network(arch)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
    return network.eval()


@pytest.mark.parametrize("arch", [ARCH, SPACE.smallest(), Space((5, 1), 2).smallest()])
def test_the_graph_computes_what_pytorch_does(arch):
    network = trained_looking(arch)
    windows = torch.randn(1, 1, *arch.window)
    with torch.no_grad():
        expected = network(windows).softmax(1).numpy()
    given = windows.permute(0, 2, 3, 1).contiguous().numpy()
    result = Interpreter(network.graph()).run({"window": given})["probabilities"]
    assert np.abs(result - expected).max() < 1e-4


def test_macs_and_parameters_are_those_of_the_graph():
    graph = Network(ARCH).eval().graph()
    constants = [t for t in graph.tensors.values() if t.data is not None]
    assert graph.total_macs == ARCH.macs
    assert sum(tensor.elements for tensor in constants) == ARCH.parameters


def narrow_copy(supernet, arch):
    """`arch` alone, with the supernet's weights cut to its channels and kernels."""
    network = Network(arch)
    for name, layer in network.layers.items():
        if name == "head":
            wide, norm = supernet.head, None
        else:
            cell, _, part = name.partition("_")
            group = supernet.time if cell.startswith("time") else supernet.fusion
            dynamic = getattr(group[int(cell[-1])], part or "layer")
            wide, norm = dynamic.convolution, dynamic.norm
        small = layer.convolution.weight
        cut = (wide.weight.shape[2] - small.shape[2]) // 2
        taps = wide.weight[:, :, cut : cut + small.shape[2]]
        small.data = taps[: small.shape[0], : small.shape[1]].clone()
        if norm is None:
            layer.convolution.bias.data = wide.bias.data.clone()
        else:
            layer.norm = torch.nn.BatchNorm2d(small.shape[0], track_running_stats=False)
            layer.norm.weight.data = norm.weight[: small.shape[0]].clone()
            layer.norm.bias.data = norm.bias[: small.shape[0]].clone()
    return network.eval()


@pytest.mark.parametrize(
    "arch",
    [
        ARCH,
        dataclasses.replace(ARCH, fusion=(*CELLS[:2], dataclasses.replace(CELLS[2], kept=False))),
    ],
)
def test_hard_picks_make_the_supernet_compute_that_network(arch):
    supernet = Supernet(SPACE).eval()
    for module in supernet.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
    windows = torch.randn(16, 1, *arch.window)
    with torch.no_grad():
        whole = supernet(windows, Picks.of(arch))
        alone = narrow_copy(supernet, arch)(windows)
    assert torch.allclose(whole, alone, atol=1e-4)


def test_the_expected_cost_of_hard_picks_is_that_of_the_network(table):
    device = StandIn()
    for arch in (ARCH, SPACE.smallest()):
        expected = ExpectedCost(SPACE, table, device.clock_hz)(Picks.of(arch))
        cycles = sum(
            cost.estimated_cycles
            for cost in device.measure_ops([int8_graph(step.item) for step in arch.steps()])
        )
        convolutions = [s.item for s in arch.steps() if isinstance(s.item, Convolution)]
        assert float(expected.milliseconds) == pytest.approx(cycles / device.clock_hz * 1e3, 1e-4)
        assert table.cycles(arch) == pytest.approx(cycles, 1e-6)
        assert float(expected.flash_bytes) == sum(item.flash_bytes for item in convolutions)


def test_expected_ram_is_the_most_that_is_live(table):
    # The residual's 4 x 32 stays while bottleneck and mix run; the widest point is there.
    arch = dataclasses.replace(
        ARCH, fusion=(CELLS[0], *(dataclasses.replace(c, kept=False) for c in CELLS[1:]))
    )
    expected = ExpectedCost(SPACE, table, 1)(Picks.of(arch))
    places = 18 * 4
    assert float(expected.ram_bytes) == places * (16 + 32 + 32) + 16


def test_few_operations_of_a_layer_are_measured(table):
    device = StandIn()
    CostTable.measure(SPACE, device)
    members = sum(len(f.inputs) * len(f.outputs) for f in families(SPACE))
    assert len(device.asked) < members / 2
    assert len({graph_key(graph) for graph in device.asked}) == len(device.asked)


def graph_key(graph):
    (node,) = graph.nodes
    return node.op, tuple(tensor.shape for tensor in graph.node_inputs(node))


def test_the_architecture_loss_reaches_every_choice(table):
    choices, supernet = Choices(SPACE), Supernet(SPACE)
    picks = choices.sample(1.0)
    windows, labels = torch.randn(16, 1, *SPACE.window), torch.arange(16) % SPACE.classes
    torch.nn.functional.cross_entropy(supernet(windows, picks), labels).backward()
    for name, logits in choices.named_parameters():
        if logits.requires_grad:
            assert logits.grad is not None and float(logits.grad.abs().sum()) > 0, name


def test_the_penalty_alone_makes_networks_cheaper(table):
    choices = Choices(SPACE)
    cost = ExpectedCost(SPACE, table, StandIn.clock_hz)
    budget = Budget(10_000, 10_000, table.cycles(ARCH) / StandIn.clock_hz * 1e3 / 4)
    optimizer = torch.optim.SGD(choices.parameters(), 0.3)
    before = table.cycles(choices.likeliest())
    with torch.no_grad():
        choices.fusion[0].channels[-1] = choices.fusion[1].channels[-1] = 1.0
        before = float(cost(choices.sample(1.0)).milliseconds)
    for _ in range(60):
        optimizer.zero_grad()
        cost(choices.sample(1.0)).penalty(budget).backward()
        optimizer.step()
    after = float(cost(choices.sample(1.0)).milliseconds.detach())
    assert after < before / 1.5


def test_over_a_limit_the_penalty_is_steep(table):
    cost = ExpectedCost(SPACE, table, StandIn.clock_hz)(Picks.of(ARCH))
    milliseconds = float(cost.milliseconds)
    wide = Budget(10**6, 10**6, milliseconds * 2)
    tight = Budget(10**6, 10**6, milliseconds / 2)
    assert float(cost.penalty(tight)) == pytest.approx(4 * np.log(2), abs=0.05)
    assert -0.05 < float(cost.penalty(wide)) < 0


def test_the_likeliest_network_follows_the_logits():
    choices = Choices(SPACE)
    with torch.no_grad():
        choices.time[1].kernel[2] = 1.0
        choices.fusion[0].kernels[:, 0] = 5.0
        choices.fusion[0].residual[0] = 6.0
        choices.fusion[2].kept[0] = 1.0
    arch = choices.likeliest()
    assert arch.time[1].kernel == 7
    assert arch.fusion[0].kernels == (3,), "with all parts off, the least unlikely is on"
    assert not arch.fusion[2].kept
    assert choices.preference(arch) > choices.preference(SPACE.smallest())
