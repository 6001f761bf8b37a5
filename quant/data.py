"""Arrays of an .npz file as a graph takes them: samples of each input, and labels."""

from __future__ import annotations

from collections.abc import Mapping

from edge_runtime.errors import DataError
from edge_runtime.graph import Array, Graph
from edge_runtime.quant.post_training import Labelled

LABELS = ("y", "labels")
KEYS = "in0, in1, … or the inputs' own names, or x for a single one"


def samples_of(graph: Graph, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The samples by the inputs' names; labels are left out.

    Arrays may be called in0, in1, …, by the inputs' own names, or x where there is one input.
    """
    names = {f"in{index}": name for index, name in enumerate(graph.inputs)}
    if len(graph.inputs) == 1:
        names["x"] = graph.inputs[0]
    found = {}
    for key, array in arrays.items():
        if key in graph.inputs or key not in LABELS:
            found[key if key in graph.inputs else names.get(key, key)] = array
    return found


def labelled_of(graph: Graph, arrays: Mapping[str, Array]) -> Labelled:
    """The samples, and their labels: y or labels. DataError where there are none."""
    labels = [arrays[key] for key in LABELS if key in arrays and key not in graph.inputs]
    if not labels:
        raise DataError(
            f"there are no labels; found: {', '.join(arrays) or 'nothing'}",
            hint=f"an archive to score on holds y (or labels), and {KEYS}",
        )
    return Labelled(samples_of(graph, arrays), labels[0].reshape(-1))
