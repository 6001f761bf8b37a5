"""How many rows of each tensor are alive while a stage runs."""

from __future__ import annotations

from edge_runtime.kernels.kernel import RowWindow
from edge_runtime.memory.rows import RowOp, RowRun, RowTensor, run_rows

BYTES = 8


def chain(*windows: RowWindow, rows: int = 20, step: int = 1) -> RowRun:
    """Nodes one behind the other; tensor i is made by node i - 1, the first and last are whole."""
    tensors = {"t0": RowTensor(rows, BYTES, True)}
    ops = []
    for index, window in enumerate(windows, 1):
        reach = (window.kernel - 1) * window.dilation + 1
        rows = (rows + 2 * window.pad - reach) // window.stride + 1
        tensors[f"t{index}"] = RowTensor(rows, BYTES, index == len(windows))
        ops.append(RowOp(f"n{index}", (f"t{index - 1}",), f"t{index}", window))
    return run_rows(ops, tensors, step)


THREE = RowWindow(3, 1, 1, 1)


def test_a_kernel_of_three_rows_keeps_three() -> None:
    assert chain(THREE, THREE, THREE).held == {"t1": 3, "t2": 3}


def test_a_kernel_of_one_row_keeps_one() -> None:
    assert chain(THREE, RowWindow(), THREE).held == {"t1": 1, "t2": 3}


def test_dilation_and_stride_count() -> None:
    assert chain(THREE, RowWindow(3, 2, 1, 1)).held == {"t1": 3}
    assert chain(THREE, RowWindow(3, 1, 2, 2)).held == {"t1": 5}
    assert chain(THREE, RowWindow(2, 2)).held == {"t1": 2}


def test_more_rows_at_a_time_keep_more_and_need_fewer_calls() -> None:
    one, four = chain(THREE, THREE), chain(THREE, THREE, step=4)
    assert one.calls == {"n1": 20, "n2": 20}
    assert four.calls == {"n1": 5, "n2": 5}
    assert one.held["t1"] < four.held["t1"] <= 4 + 2 + 3


def test_rows_that_nobody_asks_for_are_not_made() -> None:
    assert chain(RowWindow(), RowWindow(1, 4), rows=18).calls == {"n1": 17, "n2": 5}


def test_a_shortcut_waits_for_the_way_round() -> None:
    tensors = {
        "t0": RowTensor(16, BYTES, True),
        **{f"t{i}": RowTensor(16, BYTES, False) for i in (1, 2, 3, 4)},
        "t5": RowTensor(16, BYTES, True),
    }
    ways = [RowOp(f"n{i}", (f"t{i - 1}",), f"t{i}", THREE) for i in (1, 2, 3, 4)]
    ops = [*ways, RowOp("sum", ("t4", "t1"), "t5", RowWindow())]
    # Row 0 of t4 needs rows 0 and 1 of t3, those need 0 to 2 of t2, and those 0 to 3 of t1.
    assert run_rows(ops, tensors, 1).held == {"t1": 4, "t2": 3, "t3": 3, "t4": 1}


def test_an_output_may_overwrite_what_was_consumed() -> None:
    assert chain(THREE).behind == {("t1", "t0"): False}
    assert chain(THREE, THREE).behind == {("t2", "t0"): True}


def test_an_output_in_the_middle_is_finished_too() -> None:
    tensors = {
        "t0": RowTensor(9, BYTES, True),
        "t1": RowTensor(9, BYTES, True),
        "t2": RowTensor(2, BYTES, True),
    }
    ops = [RowOp("a", ("t0",), "t1", THREE), RowOp("b", ("t1",), "t2", RowWindow(2, 4))]
    assert run_rows(ops, tensors, 1).calls == {"a": 9, "b": 2}
