import subprocess
import sys

import numpy as np
import pytest
from samples import dataset
from stand_in import StandIn

from edge_runtime.errors import BudgetError
from edge_runtime.graph.dump import dump
from edge_runtime.nas import Budget, Space
from edge_runtime.nas.checkpoint import Checkpoints
from edge_runtime.nas.costs import CostTable
from edge_runtime.nas.selection import untrained

torch = pytest.importorskip("torch")

from edge_runtime.nas import BudgetNotMet, search  # noqa: E402
from edge_runtime.nas.expected import ExpectedCost  # noqa: E402
from edge_runtime.nas.explore import Explorer  # noqa: E402
from edge_runtime.nas.pipeline import reproducible  # noqa: E402
from edge_runtime.nas.prepare import Augmentation, Preparation  # noqa: E402

BUDGET = Budget(4000, 20_000, 4.0)


def tiny(device=None, budget=BUDGET, **options):
    settings = {"epochs": 2, "training_epochs": 3} | options
    return search(dataset(), budget, device or StandIn(), **settings)


class StopError(Exception):
    pass


def stop_after(stage, step):
    def progress(now, done, total, text):
        if (now, done) == (stage, step):
            raise StopError

    return progress


@pytest.fixture(scope="module")
def uninterrupted():
    return tiny()


def test_all_budgets_are_met_by_the_measured_network(uninterrupted):
    found = uninterrupted
    assert not found.measured.overruns(BUDGET)
    assert found.measured == StandIn().measure(found.int8_graph)
    assert found.macs == found.architecture.macs
    assert set(found.figures()) == {
        "accuracy_float",
        "accuracy_int8",
        "ram_bytes",
        "flash_bytes",
        "estimated_ms",
        "macs",
        "parameters",
        "search_seconds",
    }
    assert all(candidate.estimated_ms <= BUDGET.latency_ms for candidate in found.candidates)


def test_limits_are_lowered_when_networks_take_more_than_predicted():
    # Predictions know nothing of code, nor that this device is slower on whole networks.
    device = StandIn(code_bytes=15_000, slower=2.5)
    budget = Budget(4000, 18_000, 1.2)
    found = tiny(device, budget)
    assert not found.measured.overruns(budget)
    over = [device.measure(graph).overruns(budget) for graph in device.measured[:1]]
    assert over[0], "the first candidate already fits: nothing is tested here"


def test_an_impossible_budget_names_the_limit_and_gives_the_closest():
    with pytest.raises(BudgetNotMet, match=r"latency: .* ms, the limit is .* % too much") as error:
        tiny(budget=Budget(4000, 20_000, 0.01))
    assert isinstance(error.value, BudgetError)
    assert "RAM" not in str(error.value)
    assert "flash" not in str(error.value)
    found = error.value.result
    smallest = StandIn().measure(untrained(Space((32, 3), 3).smallest()))
    assert found.measured.estimated_ms <= smallest.estimated_ms * 1.01
    assert 0 <= found.accuracy_int8 <= 1


@pytest.mark.parametrize("stop", [("search", 1), ("train", 1), ("train", 3)])
def test_an_interrupted_search_resumes_to_the_same_result(tmp_path, uninterrupted, stop):
    kept = tmp_path / "mine.txt"
    kept.write_text("mine")
    with pytest.raises(StopError):
        tiny(out=tmp_path, progress=stop_after(*stop))
    seen = []
    found = tiny(out=tmp_path, progress=lambda *step: seen.append(step[:2]))
    assert (stop[0], stop[1]) not in seen, "it began anew"
    assert dump(found.int8_graph) == dump(uninterrupted.int8_graph)
    assert found.candidates == uninterrupted.candidates
    assert kept.read_text() == "mine"
    assert not list(tmp_path.rglob("tmp*"))


def test_other_settings_do_not_resume_from_each_other(tmp_path):
    first, again = tiny(out=tmp_path, seed=1), tiny(out=tmp_path, seed=2)
    assert dump(first.float_graph) != dump(again.float_graph)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_checkpoint_is_not_used(tmp_path):
    store = Checkpoints(tmp_path, "key")
    store.save("train", {"epoch": 3})
    assert store.load("train") == {"epoch": 3}
    (path,) = tmp_path.rglob("train.pt")
    path.write_bytes(path.read_bytes()[:100])
    assert store.load("train") == {}
    assert Checkpoints(None, "key").load("train") == {}


def test_the_callers_random_numbers_and_threads_are_left_alone():
    torch.manual_seed(5)
    expected, threads = torch.randn(3), torch.get_num_threads()
    torch.manual_seed(5)
    tiny(epochs=1, training_epochs=1)
    assert torch.equal(torch.randn(3), expected)
    assert torch.get_num_threads() == threads


def test_choices_move_by_the_loss_on_validation_windows():
    data = dataset()
    space = Space(data.window, data.classes)
    cost = ExpectedCost(space, CostTable.measure(space, StandIn()), StandIn.clock_hz)
    with reproducible():
        explorer = Explorer(data, space, cost, BUDGET, seed=0)
        before = [logits.detach().clone() for logits in explorer.choices.parameters()]
        explorer.run(4, Checkpoints(None), lambda *step: None)
    moved = [
        not torch.equal(old, new)
        for old, new in zip(before, explorer.choices.parameters(), strict=True)
        if new.requires_grad
    ]
    assert all(moved)


def test_augmented_windows_are_near_the_plain_ones():
    data = dataset()
    windows = torch.from_numpy(data.train.windows)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        varied = Preparation(data).augmented(windows)
        unvaried = Preparation(data, Augmentation(0, 0, 0, 0, 0)).augmented(windows)
    plain = Preparation(data).plain(windows)
    assert torch.allclose(unvaried, plain, atol=1e-5)
    assert 0.05 < float((varied - plain).std()) < 1.0
    expected = data.normalisation.apply(data.train.windows)
    assert np.allclose(plain[:, 0].numpy(), expected, atol=1e-5)


def test_rotation_keeps_lengths_and_other_channels():
    from edge_runtime.nas.prepare import _rotate

    windows = torch.randn(8, 5, 4)
    turned = _rotate(windows, (0, 1, 2), 0.5)
    assert torch.allclose(turned[:, :, :3].norm(dim=2), windows[:, :, :3].norm(dim=2), atol=1e-4)
    assert torch.equal(turned[:, :, 3], windows[:, :, 3])
    assert not torch.allclose(turned, windows)


def test_importing_the_package_does_not_import_pytorch():
    code = "import sys, edge_runtime.nas; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
