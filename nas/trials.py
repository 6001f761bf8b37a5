"""Short trainings of the best networks: shared weights rank networks only roughly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_runtime.nas.checkpoint import Checkpoints
from edge_runtime.nas.data import Dataset
from edge_runtime.nas.device import Progress, silent
from edge_runtime.nas.space import Architecture
from edge_runtime.nas.train import Trainer

TRIED = 5
TIE, TRIED_TIE = 2.0, 1.0
"""Standard errors of the validation accuracy within which networks count as equally good, by the
supernet's shared weights and by a trial's own."""


class Trials:
    """Trains networks for a few epochs on the training people, and scores the validation people."""

    def __init__(self, data: Dataset, seed: int, epochs: int, store: Checkpoints) -> None:
        self._data, self._seed, self._epochs, self._store = data, seed, epochs, store
        self._known: dict[str, float] = store.load("trials")

    def rank(
        self, networks: Sequence[tuple[Architecture, float, float]], progress: Progress = silent
    ) -> list[Architecture]:
        """The networks, the best first; each comes with its accuracy in the supernet and its cost.

        Of those that are as good as the best one up to chance, the TRIED costliest are trained, and
        of those that are then as good as the best, the costliest is first: the budget is there to
        be used, and capacity pays off only when fully trained.
        """
        least = self._least([accuracy for _, accuracy, _ in networks], TIE)
        tied = [network for network in networks if network[1] >= least]
        tried = sorted(tied, key=lambda network: -network[2])[:TRIED]
        scores = {}
        for number, (arch, _, _) in enumerate(tried):
            scores[arch] = self._score(arch)
            progress("try", number + 1, len(tried), f"validation accuracy {scores[arch]:.3f}")
        others = [network for network in networks if network[0] not in scores]
        others.sort(key=lambda network: -network[1])
        least = self._least(list(scores.values()), TRIED_TIE)
        # Sorting is stable, and `scores` has the costliest first.
        order = sorted(scores, key=lambda arch: -min(scores[arch], least))
        return order + [arch for arch, _, _ in others]

    def _least(self, accuracies: Sequence[float], errors: float) -> float:
        """The accuracy that is no worse than the best up to this many standard errors."""
        best = max(accuracies)
        return best - errors * math.sqrt(best * (1 - best) / len(self._data.validation))

    def _score(self, arch: Architecture) -> float:
        key = repr(arch)
        if key not in self._known:
            trainer = Trainer(arch, self._data, self._seed, (self._data.train,))
            trainer.run(self._epochs, Checkpoints(None), silent)
            self._known[key] = trainer.accuracy(self._data.validation)
            self._store.save("trials", dict(self._known))
        return self._known[key]
